"""The tables of the calendar feeds of resources, and of what these are busy with elsewhere."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import KeyText, TenantRow


def _one_of_each(table: str) -> Index:
    columns = ("organization_id", "resource_id")
    return Index(f"uq_{table}_organization_id_resource_id", *columns, unique=True)


class ResourceFeed(TenantRow):
    """The address at which the bookings of a resource are read; there is one of each."""

    __tablename__ = "resource_feeds"
    __table_args__ = (_one_of_each("resource_feeds"),)

    resource_id: Mapped[UUID]
    secret_hash: Mapped[str] = mapped_column(KeyText)
    tells_titles: Mapped[bool]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]


class BusyCalendar(TenantRow):
    """That a resource is busy elsewhere, as a calendar file has told; there is one of each."""

    __tablename__ = "busy_calendars"
    __table_args__ = (_one_of_each("busy_calendars"),)

    resource_id: Mapped[UUID]
    imported_at: Mapped[datetime]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    events: Mapped[int]
    spans: Mapped[int]


class BusySpanRow(TenantRow):
    """Time in which a resource is busy elsewhere; those of one neither overlap nor touch."""

    __tablename__ = "busy_spans"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        Index("ix_busy_spans_resource", "organization_id", "resource_id", "ends_at"),
    )

    resource_id: Mapped[UUID]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
