"""What is asked of free slots, and what the answer looks like."""

from datetime import date, datetime, timedelta
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from crm_api.domains.scheduling.schemas import MOST_RESOURCES, Minutes
from crm_api.domains.scheduling.type_models import Assignment
from crm_api.domains.scheduling.type_schemas import Duration, Requirements
from crm_api.kit.schema import Instant, Schema, Shape, TimeZone

MOST_DAYS = 62
MOST_SLOTS = 2000
MOST_RANKED_DAYS = 31
Rank = Literal["earliest", "fragmentation"]
Reason = Literal["too_soon", "too_far_ahead", "closed", "day_full", "no_candidates", "booked"]
_AD_HOC = "Where there is no type, which says it otherwise."


class SlotSearch(Schema):
    """When something could be booked: through a type, or what the requirements here say."""

    booking_type_id: UUID | None = None
    requirements: Requirements | None = Field(None, description=_AD_HOC)
    start: Instant
    end: Instant = Field(
        description=f"Slots start before it, {MOST_DAYS} days after `start` at the most."
    )
    duration: Duration | None = Field(
        None, description="Minutes; one of those of the type, of which the first is the default."
    )
    time_zone: TimeZone | None = Field(
        None, description=f"Whose clock and days count; by default the organization's. {_AD_HOC}"
    )
    slot_step: Annotated[int, Field(ge=5, le=1440)] | None = Field(
        None, description=f"Minutes from one start to the next; by default 30. {_AD_HOC}"
    )
    buffer_before: Minutes | None = Field(None, description=_AD_HOC)
    buffer_after: Minutes | None = Field(None, description=_AD_HOC)
    assignment: Assignment | None = Field(None, description=f"By default `round_robin`. {_AD_HOC}")
    resource_ids: Annotated[list[UUID], Field(max_length=MOST_RESOURCES)] = Field(
        default_factory=list, description="Which have to be among the resources."
    )
    user_ids: Annotated[list[UUID], Field(max_length=MOST_RESOURCES)] = Field(
        default_factory=list, description="The same, as the users that they are."
    )
    contact_id: UUID | None = Field(None, description="Whose owner comes first.")
    company_id: UUID | None = Field(None, description="Whose owner comes first.")
    rank: Rank = Field(
        "earliest",
        description="`fragmentation`: the slots first that leave the fewest free stretches of their "
        "resources' days, where they would be, then those that leave the least free time of these, "
        f"then the earliest. All of the window is looked at, so it has {MOST_RANKED_DAYS} days at "
        "the most.",
    )
    limit: Annotated[int, Field(ge=1, le=MOST_SLOTS)] = 500

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.booking_type_id is None) == (self.requirements is None):
            raise ValueError("either a booking type or requirements")
        own = (self.time_zone, self.slot_step, self.buffer_before, self.buffer_after)
        if self.booking_type_id is not None and {*own, self.assignment} != {None}:
            raise ValueError("zone, step, buffers and assignment are those of the type")
        if self.booking_type_id is None and self.duration is None:
            raise ValueError("without a type it says the duration")
        if not self.start < self.end:
            raise ValueError("the end is after the start")
        if self.end - self.start > timedelta(days=MOST_DAYS):
            raise ValueError(f"a window has {MOST_DAYS} days at the most")
        if self.rank != "earliest" and self.end - self.start > timedelta(days=MOST_RANKED_DAYS):
            raise ValueError(f"a ranked window has {MOST_RANKED_DAYS} days at the most")
        return self


class SlotResource(Shape):
    """What a slot would take of a resource."""

    resource_id: UUID
    quantity: int
    requirement: int = Field(description="Which of the requirements it fulfils, counted from 0.")


class Slot(Shape):
    """When something could be booked, and of what."""

    start: datetime
    end: datetime
    resources: list[SlotResource] = Field(description="Whose turn it would be now.")
    free_stretches: int | None = Field(
        description="Where slots are ranked by it: how many free stretches it leaves of those that "
        "it is in, of each resource 0 where it fills one, 1 beside something, 2 in the midst."
    )
    free_minutes: int | None = Field(description="How long these are together.")


class EmptyDay(Shape):
    """A day without slots."""

    day: date
    reason: Reason = Field(description="The first that leaves nothing of the day.")
    requirement: int | None = Field(
        description="Which requirement cannot be fulfilled, counted from 0; null, where it is the "
        "calendar of the type, or all of them together."
    )
    message: str


class Slots(Shape):
    """When something could be booked, and why on some days it cannot be."""

    time_zone: str = Field(description="Whose days are meant.")
    slots: list[Slot] = Field(description="In the order of time, or of `rank`.")
    empty_days: list[EmptyDay]
    next_start: datetime | None = Field(
        description="`start` of the request for what is beyond `limit`; null, where that is all, and "
        "where they are ranked."
    )
