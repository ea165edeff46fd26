"""What preferences and expectations look like from outside."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from crm_api.domains.customers.models import (
    ExpectationSource,
    ExpectationStatus,
    Importance,
    Origin,
    PreferenceKey,
)
from crm_api.kit.schema import Create, Day, Instant, Line, Out, Prose, Schema, Shape, patch_of

Entity = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", examples=["deal"])]


class RecordRef(Schema):
    """A record of any kind."""

    target: Entity = Field(description="The kind of record, such as `deal`.")
    record_id: UUID


class RecordRefOut(Shape):
    """A record of any kind."""

    target: str
    record_id: UUID


class _Liked(Create):
    key: PreferenceKey = Field(description="What it is about.")
    value: Line = Field(description="What they prefer.", examples=["phone"])
    origin: Origin = Field(
        "stated",
        description="Whether they said so, did so, or it is a guess. Of several what was "
        "said stands before what was observed, and that before a guess.",
    )
    confidence: int = Field(100, ge=0, le=100, description="How sure it is, in per cent.")
    evidence: Annotated[list[RecordRef], Field(max_length=20)] = Field(
        default_factory=list, description="Where it was said or seen."
    )
    valid_to: Day | None = Field(None, description="The last day on which it counts.")


class PreferenceCreate(_Liked):
    """Something that a contact or a company prefers."""

    contact_id: UUID | None = None
    company_id: UUID | None = Field(None, description="One of them, not both.")


PreferenceUpdate = patch_of("PreferenceUpdate", _Liked, required=("origin", "confidence"))


class PreferenceOut(Out):
    """Something that a contact or a company prefers."""

    contact_id: UUID | None
    company_id: UUID | None
    key: PreferenceKey
    value: str
    origin: Origin
    confidence: int
    evidence: list[RecordRefOut]
    valid_to: date | None


class EffectivePreference(Shape):
    """What counts of all that is known of a preference."""

    key: PreferenceKey
    value: str
    origin: Origin
    confidence: int
    sample: int | None = Field(
        description="Of how many observations, where it was counted and not written down."
    )
    preference_id: UUID | None = Field(
        description="The record that says so; null for what was counted."
    )
    overruled: int = Field(description="How many others say something about the same.")


class ObservedPreference(Shape):
    """What was counted of what a customer does."""

    aspect: Literal["channel", "part_of_day", "weekday", "product"]
    key: PreferenceKey = Field(description="The preference that it speaks of.")
    status: Literal["known", "undecided", "insufficient_data"] = Field(
        description="`undecided` where two values are as frequent."
    )
    value: str | None
    confidence: int | None = Field(
        description="In per cent: the lower bound of the Wilson score interval of its share at "
        "95 %."
    )
    sample: int = Field(description="How many observations there are.")
    least: int = Field(description="How many it takes.")


class ObservedPreferences(Shape):
    """What was counted of what a contact or a company does, in a year."""

    data: list[ObservedPreference]


class EffectivePreferences(Shape):
    """What a contact or a company prefers."""

    data: list[EffectivePreference]


class _Counted(Create):
    what: Line = Field(description="What they count on.", examples=["Delivery before the fair"])
    about: RecordRef | None = Field(None, description="The record that it is about.")
    source: ExpectationSource = Field("said", description="Where it comes from.")
    due_at: Instant | None = Field(None, description="By when.")
    importance: Importance = Field("normal", description="How much depends on it.")


class ExpectationCreate(_Counted):
    """Something that a customer counts on; it is open."""

    contact_id: UUID | None = None
    company_id: UUID | None = Field(None, description="Of whom: one of them, or both.")


ExpectationUpdate = patch_of("ExpectationUpdate", _Counted, required=("source", "importance"))


class ExpectationOut(Out):
    """Something that a customer counts on."""

    contact_id: UUID | None
    company_id: UUID | None
    what: str
    about: RecordRefOut | None
    source: ExpectationSource
    due_at: datetime | None
    importance: Importance
    status: ExpectationStatus
    resolved_at: datetime | None
    comment: str | None = Field(description="What was said when it was met or missed.")


ExpectationVerb = Literal["meet", "exceed", "miss"]


class ExpectationResult(Schema):
    """How an expectation came out."""

    comment: Prose | None = None


class ExpectationsAtRisk(Shape):
    """Open expectations that are due soon or over, the most pressing first."""

    data: list[ExpectationOut]
