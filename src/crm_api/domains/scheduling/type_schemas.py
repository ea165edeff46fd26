"""What pools of resources and the types of bookings look like from outside."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from crm_api.domains.scheduling.models import ResourceKind
from crm_api.domains.scheduling.schemas import (
    MOST_RESOURCES,
    Capacity,
    Minutes,
    ResourceSkill,
    SkillFields,
)
from crm_api.domains.scheduling.type_models import Assignment, BookingTypeStatus
from crm_api.kit.schema import (
    Amount,
    AmountOut,
    Create,
    Currency,
    Name,
    Out,
    Prose,
    Schema,
    Shape,
    TimeZone,
    patch_of,
)

MOST_CANDIDATES = 500
MOST_DAYS_AHEAD = 3660
YEAR = 366 * 24 * 60


class PoolMemberFields(Schema):
    """A resource of a pool."""

    resource_id: UUID
    weight: Annotated[int, Field(ge=1, le=100)] = Field(
        1, description="Its share, where they take turns: 2 has twice as many as 1."
    )


class ResourcePoolCreate(Create):
    """A new pool."""

    name: Name = Field(examples=["Consultants"])
    description: Prose | None = None
    members: Annotated[list[PoolMemberFields], Field(max_length=MOST_CANDIDATES)] = Field(
        default_factory=list, description="Each resource once."
    )


ResourcePoolUpdate = patch_of("ResourcePoolUpdate", ResourcePoolCreate)


class PoolMember(Shape):
    """A resource of a pool."""

    resource_id: UUID
    weight: int


class ResourcePoolOut(Out):
    """Resources of which one is as good as the other."""

    name: str
    description: str | None
    members: list[PoolMember]


_QUANTITY = "So many different resources."
_UNITS = "So much of the capacity of each."
_SKILLS = "What each of them can do, at this level at least."


class RequirementFields(Schema):
    """What is needed: resources of a kind, of a pool, or some that are named."""

    kind: ResourceKind | None = Field(
        None, description="Any resource of this kind.", examples=["person"]
    )
    pool_id: UUID | None = Field(None, description="Any resource of this pool.")
    resource_ids: Annotated[list[UUID], Field(min_length=1, max_length=MOST_CANDIDATES)] | None = (
        Field(None, description="Any of these.")
    )
    quantity: Annotated[int, Field(ge=1, le=MOST_RESOURCES)] = Field(1, description=_QUANTITY)
    units: Capacity = Field(1, description=_UNITS)
    skills: Annotated[list[SkillFields], Field(max_length=20)] = Field(
        default_factory=list, description=_SKILLS
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = (self.kind, self.pool_id, self.resource_ids)
        if sum(one is not None for one in given) != 1:
            raise ValueError("one of kind, pool_id and resource_ids says what is needed")
        return self


def _few_enough(found: list[RequirementFields]) -> list[RequirementFields]:
    if sum(one.quantity for one in found) > MOST_RESOURCES:
        raise ValueError(f"a booking has {MOST_RESOURCES} resources at the most")
    return found


Requirements = Annotated[
    list[RequirementFields], Field(min_length=1, max_length=10), AfterValidator(_few_enough)
]


def _in_order(minutes: list[int]) -> list[int]:
    return list(dict.fromkeys(minutes))


Duration = Annotated[int, Field(ge=1, le=YEAR)]
_DURATIONS = "Minutes that it may last; the first is what is meant where none is named."
_STEP = "Minutes from one start to the next, from midnight on by the clock of `time_zone`."
_ZONE = "Whose clock and days count; by default that of the organization."
_CALENDAR = "When it is offered, beside the calendars of its resources; without one, always."
_NOTICE = "Minutes from booking to its start at the least."
_HORIZON = "It starts so many days ahead at the most."
_MOST = "So many start on one day at the most."
_REQUIREMENTS = "Fulfilled together, by different resources."
_ASSIGNMENT = (
    "Who has it of those who are free: `round_robin` whoever has had the fewest of the month by "
    "weight, `least_loaded` whoever is booked least on that day, `collective` all of them "
    "together, `specific` those whom the booking names."
)
_CANCELLATION = (
    "Customers may cancel and reschedule until so many minutes before the start; without it, "
    "always."
)
_HELD = "New bookings are held so many minutes, to be confirmed; without it, confirmed at once."


class BookingTypeCreate(Create):
    """What can be booked from now on."""

    name: Name = Field(examples=["Consultation"])
    key: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9\-]{0,62}$")] = Field(
        examples=["consultation"], description="Once in the organization, for addresses."
    )
    status: BookingTypeStatus = Field("active", description="Only what is active is booked.")
    description: Prose | None = None
    durations: Annotated[
        list[Duration], Field(min_length=1, max_length=20), AfterValidator(_in_order)
    ] = Field([30], description=_DURATIONS)
    buffer_before: Minutes = 0
    buffer_after: Minutes = 0
    slot_step: Annotated[int, Field(ge=5, le=1440)] = Field(30, description=_STEP)
    time_zone: TimeZone | None = Field(None, description=_ZONE)
    calendar_id: UUID | None = Field(None, description=_CALENDAR)
    minimum_notice: Annotated[int, Field(ge=0, le=YEAR)] = Field(0, description=_NOTICE)
    horizon_days: Annotated[int, Field(ge=1, le=MOST_DAYS_AHEAD)] = Field(366, description=_HORIZON)
    most_per_day: Annotated[int, Field(ge=1, le=10_000)] | None = Field(None, description=_MOST)
    requirements: Requirements = Field(description=_REQUIREMENTS)
    assignment: Assignment = Field("round_robin", description=_ASSIGNMENT)
    price: Amount | None = Field(None, description="In `currency`.")
    currency: Currency | None = None
    cancellation_notice: Annotated[int, Field(ge=0, le=YEAR)] | None = Field(
        None, description=_CANCELLATION
    )
    hold_minutes: Annotated[int, Field(ge=1, le=10_080)] | None = Field(None, description=_HELD)


BookingTypeUpdate = patch_of(
    "BookingTypeUpdate",
    BookingTypeCreate,
    required=(
        *("status", "durations", "buffer_before", "buffer_after", "slot_step", "time_zone"),
        *("minimum_notice", "horizon_days", "assignment"),
    ),
)


class Requirement(Shape):
    """What is needed: resources of a kind, of a pool, or some that are named."""

    kind: ResourceKind | None
    pool_id: UUID | None
    resource_ids: list[UUID] | None
    quantity: int = Field(description=_QUANTITY)
    units: int = Field(description=_UNITS)
    skills: list[ResourceSkill] = Field(description=_SKILLS)


class BookingTypeOut(Out):
    """What can be booked by name: how long, when, and what it takes."""

    name: str
    key: str
    status: BookingTypeStatus
    description: str | None
    durations: list[int] = Field(description=_DURATIONS)
    buffer_before: int
    buffer_after: int
    slot_step: int = Field(description=_STEP)
    time_zone: str = Field(description=_ZONE)
    calendar_id: UUID | None = Field(description=_CALENDAR)
    minimum_notice: int = Field(description=_NOTICE)
    horizon_days: int = Field(description=_HORIZON)
    most_per_day: int | None = Field(description=_MOST)
    requirements: list[Requirement] = Field(description=_REQUIREMENTS)
    assignment: Assignment = Field(description=_ASSIGNMENT)
    price: AmountOut | None
    currency: str | None
    cancellation_notice: int | None = Field(description=_CANCELLATION)
    hold_minutes: int | None = Field(description=_HELD)
