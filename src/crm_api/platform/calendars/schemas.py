"""What working calendars look like from outside."""

from datetime import date, datetime, timedelta
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from crm_api.kit.schema import (
    Country,
    Create,
    Day,
    Instant,
    Name,
    Out,
    Prose,
    Schema,
    Shape,
    TimeZone,
    patch_of,
)
from crm_api.platform.calendars.models import ExceptionSource

Clock = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$")]
MOST_DAYS = 366


class HoursFields(Schema):
    """A stretch of working time, in local time."""

    start: Clock = Field(examples=["09:00"])
    end: Clock = Field(
        description="Up to `24:00`; what is not after `start` is on the next day.",
        examples=["18:00"],
    )

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.start in (self.end, "24:00"):
            raise ValueError("hours begin before 24:00 and end at another time")
        return self


def _in_order(hours: list[HoursFields]) -> list[HoursFields]:
    return sorted(hours, key=lambda one: one.start)


DayHours = Annotated[list[HoursFields], Field(max_length=10), AfterValidator(_in_order)]
_OFFICE = [{"start": "09:00", "end": "18:00"}]


class Week(Schema):
    """The hours of each weekday; a day without any is closed."""

    monday: DayHours = Field(default_factory=list, examples=[_OFFICE])
    tuesday: DayHours = Field(default_factory=list)
    wednesday: DayHours = Field(default_factory=list)
    thursday: DayHours = Field(default_factory=list)
    friday: DayHours = Field(default_factory=list)
    saturday: DayHours = Field(default_factory=list)
    sunday: DayHours = Field(default_factory=list)


class WorkingCalendarCreate(Create):
    """A new calendar."""

    name: Name = Field(examples=["Office"])
    time_zone: TimeZone
    week: Week
    is_default: bool = Field(False, description="What counts where no calendar is named.")
    description: Prose | None = None


WorkingCalendarUpdate = patch_of(
    "WorkingCalendarUpdate", WorkingCalendarCreate, required=("is_default",)
)


class WorkingCalendarOut(Out):
    """When work is done."""

    name: str
    time_zone: str
    week: Week
    is_default: bool
    description: str | None


class _ExceptionFields(Create):
    hours: DayHours = Field(default_factory=list, description="None: the day is closed.")
    name: Name = Field(description="Why the day differs.", examples=["Company outing"])


class CalendarExceptionCreate(_ExceptionFields):
    """A day that differs."""

    calendar_id: UUID
    day: Day


CalendarExceptionUpdate = patch_of("CalendarExceptionUpdate", _ExceptionFields)


class CalendarExceptionOut(Out):
    """A day whose hours are not those of its weekday."""

    calendar_id: UUID
    day: date
    hours: list[HoursFields]
    name: str
    origin: ExceptionSource


class HolidaysInput(Schema):
    """Which public holidays become closed days."""

    country: Country
    subdivision: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,6}$")] | None = Field(
        None, description="The second half of an ISO 3166-2 code.", examples=["BY"]
    )
    first_year: Annotated[int, Field(ge=2000, le=2100)] = Field(examples=[2026])
    last_year: Annotated[int, Field(ge=2000, le=2100)] = Field(examples=[2027])

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not 0 <= self.last_year - self.first_year <= 10:
            raise ValueError("the years are in order, and eleven at the most")
        return self


class HolidaysAdded(Shape):
    """What became of the holidays."""

    added: int = Field(description="Days that are closed now.")
    kept: int = Field(description="Days that were exceptions already, which stay as they are.")


class Window(Schema):
    """A stretch of time, a year at the most."""

    start: Instant
    end: Instant

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end < self.start:
            raise ValueError("the end is not before the start")
        if self.end - self.start > timedelta(days=MOST_DAYS):
            raise ValueError(f"a window has {MOST_DAYS} days at the most")
        return self


class Span(Shape):
    """Working time without a break."""

    start: datetime
    end: datetime


class WorkingTime(Shape):
    """The working time in a window."""

    minutes: int = Field(description="Whole minutes of it.")
    spans: list[Span] = Field(description="When it is, in UTC.")


class Addition(Schema):
    """Working time to be added."""

    start: Instant
    minutes: Annotated[int, Field(ge=0, le=1_000_000)]


class Moment(Shape):
    """An instant."""

    at: datetime


Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
