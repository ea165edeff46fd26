"""What those who wait look like from outside."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from crm_api.domains.scheduling.schemas import MOST_RESOURCES, BookedFields, BookedResource
from crm_api.domains.scheduling.waitlist_models import Match, WaitlistStatus
from crm_api.kit.crud.transitions import Blocker
from crm_api.kit.schema import Create, Instant, Line, Out, Prose, Shape, patch_of

WaitlistVerb = Literal["accept", "cancel", "reopen"]
MOST_DAYS = 92
_MATCH = (
    "Whether all of the resources are wanted, or any one of them, the earlier in the list first."
)
_WINDOW = f"The time wanted lies within the window, which has {MOST_DAYS} days at the most."
_OFFER = "How long what is offered is held."
_PRIORITY = "The higher come first, and of equal ones those who have waited longer."


class WaitlistEntryCreate(Create):
    """Somebody new who waits until resources are free."""

    title: Line = Field(examples=["Site visit"])
    description: Prose | None = None
    match: Match = Field("all", description=_MATCH)
    resources: Annotated[list[BookedFields], Field(min_length=1, max_length=MOST_RESOURCES)]
    window_starts_at: Instant
    window_ends_at: Instant = Field(description=_WINDOW)
    duration_minutes: Annotated[int, Field(ge=1, le=MOST_DAYS * 1440)]
    priority: Annotated[int, Field(ge=0, le=1000)] = Field(0, description=_PRIORITY)
    offer_minutes: Annotated[int, Field(ge=1, le=10_080)] = Field(60, description=_OFFER)
    company_id: UUID | None = None
    contact_id: UUID | None = None
    deal_id: UUID | None = None


WaitlistEntryUpdate = patch_of(
    "WaitlistEntryUpdate",
    WaitlistEntryCreate,
    required=("match", "priority", "offer_minutes"),
)


class WaitlistEntryOut(Out):
    """Somebody who waits until resources are free for a while, or waited."""

    title: str
    description: str | None
    status: WaitlistStatus = Field(
        description="`offered`: a booking is held; confirmed it is `booked`, let go by `expired`."
    )
    match: Match = Field(description=_MATCH)
    resources: list[BookedResource]
    window_starts_at: datetime
    window_ends_at: datetime = Field(description=_WINDOW)
    duration_minutes: int
    priority: int = Field(description=_PRIORITY)
    offer_minutes: int = Field(description=_OFFER)
    company_id: UUID | None
    contact_id: UUID | None
    deal_id: UUID | None
    booking_id: UUID | None = Field(description="What was offered last.")
    offered_at: datetime | None
    decided_at: datetime | None = Field(description="When it came to its status, after the first.")


class WaitlistBlocker(Blocker):
    """What stands in the way of an action."""


class WaitlistTransition(Shape):
    """An action that is for this status."""

    verb: str
    status: WaitlistStatus = Field(description="What it becomes.")
    blockers: list[WaitlistBlocker] = Field(description="Empty: it may be done.")


class WaitlistTransitions(Shape):
    """Where somebody who waits stands, and what may be done."""

    status: WaitlistStatus
    allowed: list[WaitlistTransition]
