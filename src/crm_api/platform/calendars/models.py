"""The tables of working calendars and their exceptions."""

from datetime import date
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, Json, KeyText
from crm_api.kit.db.columns import Named, foreign_key, one_of, ordered

ExceptionSource = Literal["manual", "holidays"]


class WorkingCalendar(Named, Entity):
    """The hours in which work is done, by weekday."""

    __tablename__ = "working_calendars"
    __table_args__ = (
        *ordered("working_calendars", "created_at", "sort_name"),
        Index(
            "uq_working_calendars_default",
            "organization_id",
            unique=True,
            postgresql_where=text("is_default AND deleted_at IS NULL"),
        ),
    )
    entity = "working_calendar"

    time_zone: Mapped[str] = mapped_column(KeyText)
    week: Mapped[dict[str, Any]] = mapped_column(Json())
    is_default: Mapped[bool]
    description: Mapped[str | None]


class CalendarException(Entity):
    """A day whose hours are not those of its weekday."""

    __tablename__ = "calendar_exceptions"
    __table_args__ = (
        foreign_key("calendar_id", "working_calendars"),
        one_of("origin", ExceptionSource),
        *ordered("calendar_exceptions", "created_at"),
        Index(
            "uq_calendar_exceptions_day",
            "organization_id",
            "calendar_id",
            "day",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )
    entity = "calendar_exception"

    calendar_id: Mapped[UUID]
    day: Mapped[date]
    hours: Mapped[list[dict[str, Any]]]
    name: Mapped[str] = mapped_column(KeyText)
    origin: Mapped[str] = mapped_column(KeyText)
