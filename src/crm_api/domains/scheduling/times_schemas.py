"""What the times of resources look like from outside: utilisation, conflicts, free/busy, feeds."""

from datetime import date, datetime, timedelta
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from crm_api.kit.schema import AmountOut, Day, Instant, QuantityOut, Schema, Shape

By = Literal["day", "week", "month"]
"""Weeks begin on Mondays."""


class UtilisationAsked(Schema):
    """Which days are looked at, both included, and how they are told apart."""

    since: Day
    until: Day
    by: By = "week"


class UtilisationFigures(Shape):
    """How much of a resource was booked; times count once for each unit that is taken."""

    capacity_minutes: int = Field(
        description="What could be booked: working time times capacity, all time without a calendar."
    )
    booked_minutes: int = Field(
        description="Confirmed, checked in or completed, in working time, without buffers."
    )
    outside_minutes: int = Field(description="The same outside working time.")
    buffer_minutes: int = Field(description="What was taken before and after these.")
    held_minutes: int = Field(description="Held, not confirmed yet, with buffers.")
    share: QuantityOut | None = Field(
        description="`booked_minutes` of `capacity_minutes`: 0.75 is three quarters. Null where "
        "nothing could be booked."
    )
    bookings: int = Field(description="Those that begin in it, without those that are held.")
    no_shows: int = Field(description="Those that begin in it, and to which nobody came.")
    cost: AmountOut | None = Field(
        description="What is booked, in working time and outside, at the cost per hour that the "
        "resource has now, in the currency of the organization."
    )


class UtilisationPeriod(UtilisationFigures):
    """A day, week or month; the first and the last are cut to the days that are looked at."""

    first_day: date
    last_day: date


class UtilisationOf(Shape):
    """How much of a resource was booked, in all and by period."""

    resource_id: UUID
    name: str
    capacity: int
    total: UtilisationFigures
    periods: list[UtilisationPeriod]


class Utilisation(Shape):
    """How much of some resources was booked."""

    time_zone: str = Field(description="That of the organization, in which the days are.")
    currency: str
    data: list[UtilisationOf]
    next_cursor: str | None = Field(description="Leads to further resources.")


class FreeBusyAsked(Schema):
    """Of which resources it is asked when they are taken."""

    resource_ids: Annotated[list[UUID], Field(min_length=1, max_length=50)]
    start: Instant
    end: Instant

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end <= self.start:
            raise ValueError("the end is after the start")
        if self.end - self.start > timedelta(days=62):
            raise ValueError("a window has 62 days at the most")
        return self


class BusyTime(Shape):
    """Time in which nothing is free."""

    start: datetime
    end: datetime


class FreeBusyOf(Shape):
    """When nothing of a resource is free."""

    resource_id: UUID
    busy: list[BusyTime] = Field(
        description="When all of its capacity is taken, or it is busy elsewhere, buffers included; "
        "in order, neither overlapping nor touching. Working time is no part of it."
    )


class FreeBusy(Shape):
    """When nothing of some resources is free."""

    start: datetime
    end: datetime
    resources: list[FreeBusyOf]


class ResourceFeedCreate(Schema):
    """What a calendar feed tells."""

    tells_titles: bool = Field(
        False,
        description="Whether bookings have their titles in it, which takes the right to read all "
        "of them; else each is called `Busy`.",
    )


class ResourceFeedOut(Shape):
    """The address at which the bookings of a resource are read."""

    created_at: datetime
    last_used_at: datetime | None = Field(description="To the hour.")
    tells_titles: bool


class ResourceFeedMade(ResourceFeedOut):
    """A new address; it is told this once."""

    token: str
    path: str = Field(description="`GET` it without a credential.")


class BusyCalendarOut(Shape):
    """What a resource is busy with elsewhere, as a calendar file has told."""

    resource_id: UUID
    imported_at: datetime
    starts_at: datetime = Field(description="Only what is from then on was taken from it.")
    ends_at: datetime = Field(description="What repeats was expanded up to then.")
    events: int = Field(description="The events of the file.")
    spans: int = Field(description="Stretches of busy time; those that touch are one.")
