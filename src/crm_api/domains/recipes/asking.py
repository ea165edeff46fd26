"""What is asked of automatic proposals, and what is answered."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from crm_api.domains.quotes.schemas import QuoteCalculation
from crm_api.domains.recipes.models import Tier
from crm_api.domains.recipes.schemas import Parameter
from crm_api.kit.schema import (
    Amount,
    AmountOut,
    Code,
    Country,
    Currency,
    Day,
    Instant,
    Language,
    Name,
    Quantity,
    QuantityOut,
    Schema,
    Shape,
    Tag,
    Unique,
)

ReasonKind = Literal[
    "asked_for",
    "past_order",
    "past_quote",
    "recipe",
    "need",
    "required",
    "cross_sell",
    "up_sell",
    "affinity",
    "substitute",
]
LeftOutCode = Literal[
    "gone",
    "not_sold",
    "not_available",
    "no_price",
    "no_rate",
    "not_possible",
    "excluded",
    "required_missing",
    "over_budget",
    "no_parameter",
    "no_product",
    "nothing_found",
    "repeated",
    "too_many",
    "too_many_decimals",
]
MOST_DAYS = 62
"""So long is the window in which services begin, at the most."""
_PER = "For the quantities of recipes: by `seats`, say, an item is multiplied."


class AskedProduct(Schema):
    """A product that is to be offered."""

    product_id: UUID | None = None
    variant_id: UUID | None = None
    quantity: Quantity = Field(Decimal(1), gt=0)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.product_id is None and self.variant_id is None:
            raise ValueError("it is of a product or of a variant")
        return self


class ProposalRequest(Schema):
    """What a customer needs, and what the prices depend on."""

    needs: Annotated[list[Tag], Field(max_length=20), Unique] = Field(
        default_factory=list, description="Answered by recipes and by products."
    )
    products: Annotated[list[AskedProduct], Field(max_length=50)] = Field(
        default_factory=list[AskedProduct], description="What every draft is to have."
    )
    past_quote_id: UUID | None = Field(None, description="Its products, by today's prices.")
    past_order_id: UUID | None = Field(None, description="Its products, likewise.")
    repeat_last: bool = Field(
        False,
        description="The products of the last order of the customer that was confirmed, likewise; "
        "of the quote that they accepted last where there is none, or orders are off.",
    )
    budget: Annotated[Amount, Field(gt=0)] | None = Field(
        None, description="No draft is above it; what there is no room for is left out."
    )
    budget_of: Literal["net", "gross"] = Field(
        "net", description="Which value of the quote: what falls due again counts once."
    )
    allow_over_budget: bool = Field(
        False, description="Whether drafts above it are shown, marked as `over_budget`."
    )
    parameters: Annotated[dict[Parameter, Quantity], Field(max_length=20)] = Field(
        default_factory=dict, description=_PER, examples=[{"seats": "12"}]
    )
    labels: Annotated[list[Tier], Field(max_length=3)] = Field(
        default_factory=list[Tier], description="Which of the drafts; all, when it is empty."
    )
    name: Name | None = Field(None, description="What the quotes are about.", examples=["Office"])
    currency: Currency
    price_list_id: UUID | None = Field(
        None, description="Asked before the other lists that are for this customer."
    )
    priced_on: Day | None = Field(None, description="Whose prices count: today's without it.")
    valid_until: Day | None = Field(None, description="Without it, as long as recipes say.")
    language: Language | None = Field(None, description="Without it, that of the recipe.")
    country: Country | None = Field(None, description="Whose taxes are due: the customer's.")
    region: Code | None = None
    channel: Code | None = None
    segments: Annotated[list[Code], Field(max_length=100)] = Field(default_factory=list)
    services_from: Instant | None = Field(
        None, description="Services are to begin then or later; without it, now."
    )
    services_until: Instant | None = Field(
        None,
        description="They are to begin before it: 30 days later without it, "
        f"{MOST_DAYS} at the most. What cannot be rendered by then is left out.",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        start, end = self.services_from, self.services_until
        if start is not None and end is not None:
            if not start < end:
                raise ValueError("services_until is after services_from")
            if end - start > timedelta(days=MOST_DAYS):
                raise ValueError(f"a window has {MOST_DAYS} days at the most")
        return self


class ProposalReason(Shape):
    """Why a line is there; beside `text` what it is about, for a text of one's own."""

    kind: ReasonKind
    text: str
    recipe_id: UUID | None = None
    need: str | None = None
    product_id: UUID | None = Field(
        None, description="That requires it, suggests it, or that it takes the place of."
    )
    quote_id: UUID | None = Field(None, description="The past quote that it is of.")
    order_id: UUID | None = Field(None, description="The past order that it is of.")
    together: int | None = Field(None, description="In so many past quotes both were offered.")
    confidence: QuantityOut | None = Field(
        None, description="The share of the quotes with that product that had this one as well."
    )
    lift: QuantityOut | None = Field(
        None, description="How much more often than this one is offered at all."
    )
    earliest: datetime | None = Field(
        None,
        description="Of a service: when those whom it takes, and what, are free first; of a bundle "
        "that of the last service in it. Null where it takes none, or it was not checked.",
    )


class ProposalLine(Shape):
    """Why a line of the draft is there."""

    place: int = Field(description="Where it stands in `content.lines`.")
    product_id: UUID
    variant_id: UUID | None
    name: str
    quantity: QuantityOut
    is_optional: bool
    net: AmountOut
    reason: ProposalReason


class ProposalOmission(Shape):
    """What a draft does not have, and why."""

    code: LeftOutCode
    text: str
    product_id: UUID | None
    variant_id: UUID | None
    name: str | None
    by: UUID | None = Field(description="The product that excludes it, or that it would take.")


class ProposalFactor(Shape):
    """A part of the score; costs and margins are none."""

    name: Literal["needs", "wishes", "budget", "suggestions"]
    weight: QuantityOut
    value: QuantityOut = Field(description="From 0 to 1.")
    text: str


class ProposalDraft(Shape):
    """A draft of a quote."""

    label: Tier
    rank: int
    score: QuantityOut = Field(description="Of 100: the sum of the factors by their weights.")
    factors: list[ProposalFactor]
    over_budget: bool
    over_by: AmountOut | None
    recipe_ids: list[UUID]
    content: dict[str, Any] = Field(description="What `POST /v1/quotes` takes.")
    calculation: QuoteCalculation
    lines: list[ProposalLine]
    left_out: list[ProposalOmission]
    quote_id: UUID | None = Field(description="The quote that was made of it, by `commit`.")


class ProposalWithheld(Shape):
    """A draft that is not there, and why."""

    label: Tier
    code: Literal["nothing_to_offer", "over_budget", "same_draft"]
    text: str
    amount: AmountOut | None = Field(description="What it would come to.")
    left_out: list[ProposalOmission]


class ProposalLearning(Shape):
    """Which past quotes said what is offered together."""

    quotes: int
    since: date
    is_enough: bool = Field(description="Of too few nothing is learned.")


class Proposals(Shape):
    """Up to three drafts, the best first."""

    drafts: list[ProposalDraft]
    withheld: list[ProposalWithheld]
    learned_from: ProposalLearning
    availability_checked: bool = Field(
        description="Whether it was asked when people and resources are free: not where scheduling "
        "is off, or resources are hidden from whoever asks."
    )
