"""What the score of a deal looks like from outside."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from crm_api.kit.schema import Shape

_PERCENT = "In percent, with one decimal."


class DealScoreFactor(Shape):
    """What a fact does to the odds of a deal."""

    name: str = Field(
        description="`stage`, `age`, `pushes`, `source`, `amount`, `has_contact`, `has_next_step`."
    )
    value: str = Field(
        description="A source, `true` or `false`, the name of the stage; of `age` how many days it "
        "is open at least, of `pushes` how often at least it was put off, of `amount` from where on "
        "up to ten times as much its `base_amount` is."
    )
    contribution: float = Field(
        description="What it adds to the natural logarithm of the odds: above 0 it speaks for it."
    )
    won: int = Field(description="Won deals with this value; of `stage`, `age`, `pushes` up to it.")
    of_won: int = Field(description="Won deals of which this is known.")
    lost: int
    of_lost: int


class DealScoreBin(Shape):
    """Deals that were given about the same probability."""

    deals: int
    predicted: float = Field(description=f"What was said of them. {_PERCENT}")
    won: float = Field(description=f"How many of them were won. {_PERCENT}")


class DealScoreFit(Shape):
    """How well the earlier three quarters of the sample told of the last one."""

    deals: int = Field(description="How many were held out, the last ones to be decided.")
    brier: float = Field(description="The mean square of what it was off by; 0 is perfect.")
    baseline: float = Field(description="The same of saying the same of all of them.")
    bins: list[DealScoreBin] = Field(
        description="Up to ten, of as many deals each: what is said of them, and what became of them."
    )


class DealScore(Shape):
    """How probable it is that a deal is won, learned from those that are decided, and why."""

    deal_id: UUID
    status: Literal["scored", "insufficient_data", "decided"] = Field(
        description="`insufficient_data`: fewer than `least` deals were won, or lost; `decided`: "
        "the deal is not open."
    )
    probability: float | None = Field(description=_PERCENT)
    prior: float | None = Field(
        description=f"The probability of a deal of which nothing is known. {_PERCENT}"
    )
    won: int = Field(description="How many won deals it is learned from.")
    lost: int
    least: int = Field(description="How many of each it takes.")
    factors: list[DealScoreFactor] = Field(description="The strongest first.")
    calibration: DealScoreFit | None = Field(
        description="Null where there are too few deals to hold some out."
    )
