"""What campaigns look like from outside."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from crm_api.domains.campaigns.models import Kind, Level, Status
from crm_api.kit.schema import Code, Create, Currency, Day, Name, Out, Prose, Schema, patch_of
from crm_api.platform.outreach.models import Channel

MOST_SEGMENTS = 20
MOST_VARIANTS = 10
Segments = Annotated[list[UUID], Field(max_length=MOST_SEGMENTS)]


class Variant(Schema):
    """One of the variants that an audience is split over."""

    key: Code = Field(examples=["A"])
    weight: int = Field(1, ge=1, le=1_000, description="Its part, against those of the others.")


class _CampaignFields(Create):
    name: Name = Field(examples=["Spring offers"])
    kind: Kind = "email"
    parent_id: UUID | None = Field(
        None, description="Of a campaign its programme, of a tactic its campaign."
    )
    objective: Prose | None = Field(None, description="What it is to reach.")
    hypothesis: Prose | None = Field(None, description="Why it should.")
    description: Prose | None = None
    starts_on: Day | None = None
    ends_on: Day | None = None
    currency: Currency | None = None
    channel: Channel | None = Field(
        None, description="By what people are reached; the gate of outreach is asked for it."
    )
    purpose: Code | None = Field(
        None, description="For what, as consents name it.", examples=["newsletter"]
    )
    include_segment_ids: Segments = Field(
        default_factory=list, description="Segments of contacts: whoever is in any of them."
    )
    exclude_segment_ids: Segments = Field(default_factory=list, description="But nobody of these.")
    holdout_percent: int = Field(
        0, ge=0, le=90, description="How many of a hundred are never reached, to compare with."
    )
    variants: Annotated[list[Variant], Field(max_length=MOST_VARIANTS)] = Field(
        default_factory=list, description="What the others are split over; none or two at least."
    )


class CampaignCreate(_CampaignFields):
    """A new campaign, which is a draft."""

    level: Level = Field("campaign", description="Where in the tree it stands; it stays there.")


CampaignUpdate = patch_of(
    "CampaignUpdate", _CampaignFields, required=("name", "kind", "holdout_percent")
)


class CampaignOut(Out):
    """A programme, a campaign of it, or a tactic of that."""

    name: str
    level: Level
    kind: Kind
    status: Status
    parent_id: UUID | None
    objective: str | None
    hypothesis: str | None
    description: str | None
    starts_on: date | None
    ends_on: date | None
    currency: str | None
    channel: Channel | None
    purpose: str | None
    include_segment_ids: list[UUID]
    exclude_segment_ids: list[UUID]
    holdout_percent: int
    variants: list[dict[str, Any]] = Field(description="Each with `key` and `weight`.")
    frozen_at: datetime | None = Field(description="Since when the audience is what it is.")
    launched_at: datetime | None
    ended_at: datetime | None
    member_count: int = Field(description="Of the frozen audience those who are to be reached.")
    holdout_count: int
    excluded_count: int
