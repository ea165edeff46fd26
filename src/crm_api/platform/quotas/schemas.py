"""Quotas on the wire."""

from pydantic import Field

from crm_api.kit.schema import Shape


class RateOut(Shape):
    """A rate, and what is left of it."""

    name: str = Field(description="`key`: of this credential; `organization`: of all together.")
    points: int = Field(description="So many within the window; a plain request costs one.")
    window_s: int
    left: int = Field(description="How many there are at this moment.")
    full_in_s: int = Field(description="Seconds until all are there again.")


class UsedOut(Shape):
    """How much of something there is."""

    limit: int | None = Field(description="Null: as many as you like.")
    used: int


class CountedOut(Shape):
    """How much of something there is, where it is counted."""

    limit: int | None = Field(description="Null: as many as you like.")
    used: int | None = Field(description="Null without a limit: nobody counts them then.")


class UsageOut(Shape):
    """What the organization may use, and what it does."""

    rates: list[RateOut]
    users: UsedOut
    records: CountedOut = Field(
        description="Of all collections together, custom objects too, but "
        "not their parts; those in the bin count."
    )
    file_bytes: UsedOut = Field(description="Of attachments, uploads and exports that are kept.")
