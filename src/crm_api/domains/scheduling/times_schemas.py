"""What the times of resources look like from outside: utilisation, conflicts, free/busy, feeds."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from crm_api.kit.schema import AmountOut, Day, QuantityOut, Schema

By = Literal["day", "week", "month"]
"""Weeks begin on Mondays."""


class UtilisationAsked(Schema):
    """Which days are looked at, both included, and how they are told apart."""

    since: Day
    until: Day
    by: By = "week"


class UtilisationFigures(BaseModel):
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


class UtilisationOf(BaseModel):
    """How much of a resource was booked, in all and by period."""

    resource_id: UUID
    name: str
    capacity: int
    total: UtilisationFigures
    periods: list[UtilisationPeriod]


class Utilisation(BaseModel):
    """How much of some resources was booked."""

    time_zone: str = Field(description="That of the organization, in which the days are.")
    currency: str
    data: list[UtilisationOf]
    next_cursor: str | None = Field(description="Leads to further resources.")
