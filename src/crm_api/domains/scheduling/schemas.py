"""What resources and bookings look like from outside."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from crm_api.domains.scheduling.models import (
    BookingStatus,
    ReservedFor,
    ResourceKind,
    ResourceStatus,
)
from crm_api.kit.crud.transitions import Blocker
from crm_api.kit.schema import (
    Amount,
    AmountOut,
    Create,
    Instant,
    Line,
    Name,
    Out,
    Prose,
    Schema,
    Shape,
    Short,
    Tag,
    TimeZone,
    patch_of,
)

ConflictCause = Literal[
    "outside_working_time", "busy_elsewhere", "resource_inactive", "resource_deleted"
]
BookingVerb = Literal["confirm", "check_in", "complete", "cancel", "no_show"]
MOST_RESOURCES = 50
Capacity = Annotated[int, Field(ge=1, le=10_000)]
Minutes = Annotated[int, Field(ge=0, le=1440)]


class SkillFields(Schema):
    """What somebody or something can do, and how well."""

    skill: Short = Field(examples=["Welding"])
    level: Annotated[int, Field(ge=1, le=5)] = Field(1, description="1 is the lowest, 5 the best.")


def _once(skills: list[SkillFields]) -> list[SkillFields]:
    if len({one.skill.casefold() for one in skills}) < len(skills):
        raise ValueError("each skill is named once")
    return skills


_CAPACITY = (
    "How much of it can be booked at one instant; of what has 1, PostgreSQL itself lets no two "
    "bookings overlap."
)
_CALENDAR = "When it can be booked; without one, at any time."


class ResourceCreate(Create):
    """Somebody or something new whose time can be booked."""

    name: Name = Field(examples=["Meeting room"])
    kind: ResourceKind
    status: ResourceStatus = Field("active", description="Only what is active takes new bookings.")
    capacity: Capacity = Field(1, description=_CAPACITY)
    attributes: Annotated[dict[Tag, Line], Field(max_length=50)] = Field(
        default_factory=dict, examples=[{"floor": "3"}]
    )
    skills: Annotated[list[SkillFields], Field(max_length=50), AfterValidator(_once)] = Field(
        default_factory=list
    )
    location: Name | None = None
    time_zone: TimeZone | None = Field(None, description="Where it is, for those who show times.")
    calendar_id: UUID | None = Field(None, description=_CALENDAR)
    cost_per_hour: Amount | None = Field(
        None, description="In the currency of the organization.", examples=["60.00"]
    )
    user_id: UUID | None = Field(None, description="The user that a person is; one resource each.")
    description: Prose | None = None


ResourceUpdate = patch_of(
    "ResourceUpdate", ResourceCreate, required=("kind", "status", "capacity", "attributes")
)


class ResourceSkill(Shape):
    """What somebody or something can do, and how well."""

    skill: str
    level: int


class ResourceOut(Out):
    """Somebody or something whose time can be booked."""

    name: str
    kind: ResourceKind
    status: ResourceStatus
    capacity: int = Field(description=_CAPACITY)
    attributes: dict[str, str]
    skills: list[ResourceSkill]
    location: str | None
    time_zone: str | None
    calendar_id: UUID | None = Field(description=_CALENDAR)
    cost_per_hour: AmountOut | None
    user_id: UUID | None
    description: str | None


class BookedFields(Schema):
    """How much of a resource is booked."""

    resource_id: UUID
    quantity: Capacity = 1


Booked = Annotated[list[BookedFields], Field(min_length=1, max_length=MOST_RESOURCES)]
_RESOURCES = "Booked together: all of them or none."
_BUFFER = "Minutes that its resources are taken besides."
_IGNORES = (
    "Whether it may be outside the working time of its resources, which takes the permission "
    "`book_outside_hours`."
)
_TYPE = "Through which type it was booked."
_TYPED = "Needed where there is no `booking_type_id`."
_HOLD = (
    "Until then it is held: if it is not confirmed before, its time is free again. Without it a "
    "new booking is confirmed at once."
)
_RESERVED = (
    "Whose fate it shares. While that deal is open, or that project planned, it is held, without an "
    "end unless `hold_expires_at` says one; won or started it is confirmed; lost, cancelled or in "
    "the bin it is cancelled, unless it has begun."
)
_CASE = "The case that it is about."


class _BookingLinks(Create):
    description: Prose | None = None
    company_id: UUID | None = None
    contact_id: UUID | None = None
    deal_id: UUID | None = None
    project_id: UUID | None = None
    case_id: UUID | None = Field(None, description=_CASE)


class _BookingFields(_BookingLinks):
    title: Line = Field(examples=["Site visit"])


class BookingCreate(_BookingLinks):
    """Time of resources that is to be had.

    Through a type, that says what is left out: the title, the end, the buffers, the hold, and the
    resources, of which those that are named are among the chosen.
    """

    title: Line | None = Field(None, description=_TYPED, examples=["Site visit"])
    booking_type_id: UUID | None = Field(None, description=_TYPE)
    starts_at: Instant
    ends_at: Instant | None = Field(
        None, description=f"After its start, 366 days at the most. {_TYPED}"
    )
    duration: Annotated[int, Field(ge=1, le=527_040)] | None = Field(
        None, description="Minutes from its start to its end, instead of `ends_at`."
    )
    buffer_before: Minutes | None = Field(None, description=_BUFFER)
    buffer_after: Minutes | None = Field(None, description=_BUFFER)
    resources: Booked | None = Field(None, description=f"{_RESOURCES} {_TYPED}")
    ignores_calendars: bool = Field(False, description=_IGNORES)
    hold_expires_at: Instant | None = Field(None, description=_HOLD)
    reserved_for: ReservedFor | None = Field(None, description=_RESERVED)


BookingUpdate = patch_of("BookingUpdate", _BookingFields)


class BookedResource(Shape):
    """How much of a resource is booked."""

    resource_id: UUID
    quantity: int


class BookingConflict(Shape):
    """Why a booking does not fit any more."""

    resource_id: UUID
    cause: ConflictCause


class BookingOut(Out):
    """Time of resources that somebody has, or had."""

    title: str
    description: str | None
    status: BookingStatus = Field(
        description="`held` and past `hold_expires_at` is as free as `expired`."
    )
    starts_at: datetime
    ends_at: datetime
    buffer_before: int = Field(description=_BUFFER)
    buffer_after: int = Field(description=_BUFFER)
    resources: list[BookedResource] = Field(description=_RESOURCES)
    ignores_calendars: bool = Field(description=_IGNORES)
    hold_expires_at: datetime | None = Field(description=_HOLD)
    company_id: UUID | None
    contact_id: UUID | None
    deal_id: UUID | None
    project_id: UUID | None
    case_id: UUID | None = Field(description=_CASE)
    booking_type_id: UUID | None = Field(description=_TYPE)
    reserved_for: ReservedFor | None = Field(description=_RESERVED)
    sequence: int = Field(description="How often it was rescheduled.")
    cancel_reason: str | None
    decided_at: datetime | None = Field(description="When it came to its status, after the first.")
    series_id: UUID | None = Field(description="The recurring booking that it is one of.")
    occurrence: str | None = Field(description="Which one: its local start by the rule.")
    is_detached: bool = Field(
        description="Changed on its own; the series no longer moves or cancels it."
    )
    conflicts: list[BookingConflict] = Field(
        description="What has changed since it was booked, so that it does not fit any more."
    )
    conflicted_at: datetime | None = Field(
        description="Since when; `filter[conflicted_at][is_null]=false` finds what has conflicts."
    )


class BookingDecision(Schema):
    """What is said of why a booking is cancelled."""

    reason: Line | None = None


class BookingReschedule(Schema):
    """When it is instead; what is left out stays as it is."""

    starts_at: Instant
    ends_at: Instant
    buffer_before: Minutes | None = Field(None, description=_BUFFER)
    buffer_after: Minutes | None = Field(None, description=_BUFFER)
    resources: Booked | None = Field(None, description=_RESOURCES)
    ignores_calendars: bool | None = Field(None, description=_IGNORES)


class BookingBlocker(Blocker):
    """What stands in the way of an action."""


class BookingTransition(Shape):
    """An action that is for this status."""

    verb: str
    status: BookingStatus = Field(description="What it becomes.")
    blockers: list[BookingBlocker] = Field(description="Empty: it may be done.")


class BookingTransitions(Shape):
    """Where a booking stands, and what may be done with it."""

    status: BookingStatus
    allowed: list[BookingTransition]


class FreeSpan(Shape):
    """Time in which so much of a resource is free throughout."""

    start: datetime
    end: datetime
    quantity: int


class BusySpan(Shape):
    """Time that is taken of a resource, buffers included."""

    start: datetime
    end: datetime
    quantity: int
    booking_id: UUID | None = Field(
        description="Null, where the booking is not for you to see, or it is busy elsewhere."
    )


class Availability(Shape):
    """What is free of a resource in a window, and what is taken."""

    capacity: int
    free: list[FreeSpan] = Field(description="In its working time, where it has a calendar.")
    busy: list[BusySpan]
