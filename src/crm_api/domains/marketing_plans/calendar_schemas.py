"""What the calendar of marketing looks like from outside."""

from datetime import date
from uuid import UUID

from pydantic import Field

from crm_api.kit.schema import Shape


class CalendarItem(Shape):
    """What goes on for some days."""

    kind: str = Field(description="`programme`, `campaign`, `tactic`, `journey`.")
    id: UUID
    name: str
    status: str
    channel: str | None
    starts_on: date
    ends_on: date | None = Field(description="Null where no end is known.")


class CalendarDay(Shape):
    """What goes on on a day."""

    day: date
    ids: list[UUID]


class MarketingCalendar(Shape):
    """What goes on between two days, of what the actor sees."""

    items: list[CalendarItem]
    days: list[CalendarDay]


class PressureCount(Shape):
    """How many are reached so often."""

    times: int
    contacts: int


class PressureWeek(Shape):
    """How often people are reached in a week: once by each campaign that begins in it."""

    week: date = Field(description="Its Monday.")
    contacts: int
    counts: list[PressureCount]


class AudienceOverlap(Shape):
    """How many are in the audiences of two campaigns that have days in common."""

    campaign_id: UUID
    other_id: UUID
    contacts: int


class FrequencyExcess(Shape):
    """How many would be reached more often than a guard of outreach lets them be."""

    guard_rule_id: UUID
    name: str
    most: int
    days: int
    contacts: int | None = Field(description="Null of a guard for some people alone.")


class MarketingPressure(Shape):
    """How often the audiences of campaigns are reached, of the contacts whom the actor sees."""

    weeks: list[PressureWeek]
    overlaps: list[AudienceOverlap]
    above: list[FrequencyExcess]
