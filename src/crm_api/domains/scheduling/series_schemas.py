"""What recurring bookings look like from outside."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from crm_api.domains.scheduling.schemas import (
    MOST_RESOURCES,
    BookedFields,
    BookedResource,
    Minutes,
)
from crm_api.domains.scheduling.series_models import OnConflict, SeriesStatus
from crm_api.kit.schema import Create, Line, Out, Prose, Schema, Shape, TimeZone, Unique, patch_of

Scope = Literal["this", "following", "all"]
MOST_OCCURRENCES = 730
_MINUTES_OF_YEAR = 366 * 1440
_RULE_LENGTH = 300


def _wall(value: str) -> str:
    at = datetime.fromisoformat(value)
    if not 1970 <= at.year < 2200:
        raise ValueError("a time lies between the years 1970 and 2200")
    return f"{at:%Y-%m-%dT%H:%M}"


LocalTime = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:00)?$"),
    AfterValidator(_wall),
]
Duration = Annotated[int, Field(ge=1, le=_MINUTES_OF_YEAR)]
Resources = Annotated[list[BookedFields], Field(min_length=1, max_length=MOST_RESOURCES)]
_START = (
    "When it is booked first, at the earliest, by the clocks of `time_zone`. Occurrences keep the "
    "hour when clocks change; one that they skip is by the offset before, so 02:30 is 03:30 there."
)
_RULE = (
    "A recurrence rule of RFC 5545, daily at the most often, that ends by COUNT or UNTIL after "
    f"{MOST_OCCURRENCES} occurrences and ten years at the latest."
)
_EXCEPTIONS = "Occurrences that are none, by their local start; in iCalendar, EXDATE."
_ON_CONFLICT = (
    "Whether all are refused where one cannot be had (`occurrences_taken`, which names them), or "
    "those are left out, which `skipped` then tells."
)


class _SeriesFields(Create):
    title: Line = Field(examples=["Weekly meeting"])
    description: Prose | None = None
    company_id: UUID | None = None
    contact_id: UUID | None = None
    deal_id: UUID | None = None
    project_id: UUID | None = None


class RecurringBookingCreate(_SeriesFields):
    """What is to be booked again and again."""

    rule: Annotated[str, StringConstraints(min_length=1, max_length=_RULE_LENGTH)] = Field(
        description=_RULE, examples=["FREQ=WEEKLY;BYDAY=MO;COUNT=10"]
    )
    starts_local: LocalTime = Field(description=_START, examples=["2031-03-03T09:00"])
    time_zone: TimeZone | None = Field(None, description="Else that of the organization.")
    duration_minutes: Duration
    buffer_before: Minutes = 0
    buffer_after: Minutes = 0
    exceptions: Annotated[list[LocalTime], Field(max_length=MOST_OCCURRENCES), Unique] = Field(
        default_factory=list, description=_EXCEPTIONS
    )
    resources: Resources
    ignores_calendars: bool = Field(
        False, description="Also outside working time; takes the permission `book_outside_hours`."
    )
    on_conflict: OnConflict = Field("refuse", description=_ON_CONFLICT)


RecurringBookingUpdate = patch_of("RecurringBookingUpdate", _SeriesFields)


class SkippedOccurrence(Shape):
    """An occurrence that is not booked, and why."""

    occurrence: str
    code: str


class RecurringBookingOut(Out):
    """A rule by which the same is booked; what it has booked are bookings with its `series_id`."""

    title: str
    description: str | None
    status: SeriesStatus
    rule: str = Field(description=_RULE)
    starts_local: str = Field(description=_START)
    time_zone: str
    duration_minutes: int
    buffer_before: int
    buffer_after: int
    exceptions: list[str] = Field(description=_EXCEPTIONS)
    resources: list[BookedResource]
    ignores_calendars: bool
    on_conflict: OnConflict = Field(description=_ON_CONFLICT)
    skipped: list[SkippedOccurrence] = Field(description="What could not be had.")
    company_id: UUID | None
    contact_id: UUID | None
    deal_id: UUID | None
    project_id: UUID | None
    parent_id: UUID | None = Field(description="The series that it was the later part of.")


class OccurrenceConflict(Shape):
    """What an occurrence would clash with."""

    resource_id: UUID
    start: datetime
    end: datetime
    quantity: int
    booking_id: UUID | None = Field(
        description="Null, where the booking is not for you to see, or is another occurrence."
    )


class PreviewedOccurrence(Shape):
    """An occurrence as it would be booked."""

    occurrence: str = Field(description="Its local start, by which it is known ever after.")
    starts_at: datetime
    ends_at: datetime
    code: str | None = Field(description="`resource_taken`, `outside_working_time`, or null.")
    conflicts: list[OccurrenceConflict]


class SeriesPreview(Shape):
    """What a rule would book; nothing is booked."""

    rule: str
    occurrences: list[PreviewedOccurrence]
    clashes: int = Field(description="How many of them cannot be had.")


class _Scoped(Schema):
    scope: Scope = Field(
        description="`this` one, this one and the `following`, or `all` that are still to come. "
        "What has begun stays as it was."
    )
    occurrence: LocalTime | None = Field(
        None, description="Which one, by its key; not for `all`, where it is the next one."
    )


class SeriesReschedule(_Scoped):
    """What is different from an occurrence on; what is left out stays as it is."""

    starts_local: LocalTime | None = Field(
        None, description="When that occurrence begins instead; those after it move with it."
    )
    duration_minutes: Duration | None = None
    resources: Resources | None = None


class SeriesCancel(_Scoped):
    """What is given up, and why."""

    reason: Line | None = None
    includes_detached: bool = Field(
        False, description="Also occurrences that were changed each on its own."
    )
