"""The tables of resources, of bookings, and of the time that bookings take of resources."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, column, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText, TenantRow
from crm_api.kit.db.columns import Named, foreign_key, one_of, ordered, referring
from crm_api.kit.money import AmountType

ResourceKind = Literal["person", "room", "equipment", "vehicle", "licence"]
ResourceStatus = Literal["active", "inactive"]
BookingStatus = Literal[
    "held", "confirmed", "checked_in", "completed", "cancelled", "no_show", "expired"
]


class Resource(Named, Entity):
    """Somebody or something whose time can be booked."""

    __tablename__ = "resources"
    __table_args__ = (
        foreign_key("calendar_id", "working_calendars"),
        foreign_key("user_id", "users"),
        one_of("kind", ResourceKind),
        one_of("status", ResourceStatus),
        CheckConstraint("capacity > 0", name="capacity"),
        CheckConstraint("user_id IS NULL OR kind = 'person'", name="user_id"),
        *ordered("resources", "created_at", "updated_at", "sort_name"),
        referring("resources", "calendar_id", optional=True),
        referring("resources", "owner_id", optional=True),
        # Nobody is booked twice as two resources.
        Index(
            "uq_resources_organization_id_user_id",
            "organization_id",
            "user_id",
            unique=True,
            postgresql_where=text("user_id IS NOT NULL AND deleted_at IS NULL"),
        ),
    )
    entity = "resource"

    kind: Mapped[str] = mapped_column(KeyText)
    status: Mapped[str] = mapped_column(KeyText)
    capacity: Mapped[int]
    attributes: Mapped[dict[str, Any]]
    skills: Mapped[list[dict[str, Any]]]
    location: Mapped[str | None] = mapped_column(KeyText)
    time_zone: Mapped[str | None] = mapped_column(KeyText)
    calendar_id: Mapped[UUID | None]
    cost_per_hour: Mapped[Decimal | None] = mapped_column(AmountType)
    user_id: Mapped[UUID | None]
    description: Mapped[str | None]


class Booking(Entity):
    """Time of resources that somebody has, or is about to have."""

    __tablename__ = "bookings"
    __table_args__ = (
        foreign_key("company_id", "companies"),
        foreign_key("contact_id", "contacts"),
        foreign_key("deal_id", "deals"),
        foreign_key("project_id", "projects"),
        foreign_key("booking_type_id", "booking_types"),
        foreign_key("series_id", "booking_series"),
        one_of("status", BookingStatus),
        CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        CheckConstraint("buffer_before >= 0 AND buffer_after >= 0", name="buffers"),
        CheckConstraint("status <> 'held' OR hold_expires_at IS NOT NULL", name="hold_expires_at"),
        *ordered("bookings", "created_at", "updated_at", "starts_at"),
        *(
            referring("bookings", name, optional=True)
            for name in (
                *("company_id", "contact_id", "deal_id", "project_id", "owner_id"),
                "series_id",
            )
        ),
        referring("bookings", "booking_type_id", optional=True),
        Index(
            "ix_bookings_type_start",
            "organization_id",
            "booking_type_id",
            "starts_at",
            postgresql_where=text("booking_type_id IS NOT NULL"),
        ),
        Index("ix_bookings_status", "organization_id", "status", "id"),
        CheckConstraint("series_id IS NULL OR occurrence IS NOT NULL", name="occurrence"),
        Index(
            "ix_bookings_conflicted",
            "organization_id",
            "conflicted_at",
            "id",
            postgresql_where=text("conflicted_at IS NOT NULL"),
        ),
        Index(
            "ix_bookings_held",
            "hold_expires_at",
            postgresql_where=text("status = 'held' AND deleted_at IS NULL"),
        ),
    )
    entity = "booking"

    title: Mapped[str] = mapped_column(KeyText)
    description: Mapped[str | None]
    status: Mapped[str] = mapped_column(KeyText)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    buffer_before: Mapped[int]
    buffer_after: Mapped[int]
    resources: Mapped[list[dict[str, Any]]]
    ignores_calendars: Mapped[bool]
    hold_expires_at: Mapped[datetime | None]
    company_id: Mapped[UUID | None]
    contact_id: Mapped[UUID | None]
    deal_id: Mapped[UUID | None]
    project_id: Mapped[UUID | None]
    booking_type_id: Mapped[UUID | None]
    sequence: Mapped[int]
    cancel_reason: Mapped[str | None] = mapped_column(KeyText)
    decided_at: Mapped[datetime | None]
    series_id: Mapped[UUID | None]
    occurrence: Mapped[str | None] = mapped_column(KeyText)
    is_detached: Mapped[bool]
    conflicts: Mapped[list[dict[str, Any]]]
    conflicted_at: Mapped[datetime | None]


def _apart() -> ExcludeConstraint:
    same: list[tuple[Any, str]] = [
        (column(name), "=") for name in ("organization_id", "resource_id")
    ]
    return ExcludeConstraint(
        *same,
        (text("tstzrange(starts_at, ends_at)"), "&&"),
        name="ex_booking_allocations_overlap",
        using="gist",
        where=text("is_active AND is_exclusive"),
    )


class BookingAllocation(TenantRow):
    """The time that a booking takes of a resource, its buffers included.

    Without foreign keys: it goes with its booking (`allocating.forget_allocations`), and a resource
    that has any is not purged.
    """

    __tablename__ = "booking_allocations"
    __table_args__ = (
        CheckConstraint("ends_at > starts_at", name="ends_after_start"),
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("NOT is_exclusive OR quantity = 1", name="is_exclusive"),
        Index("ix_booking_allocations_booking", "organization_id", "booking_id"),
        Index("ix_booking_allocations_resource", "organization_id", "resource_id", "ends_at"),
        # What is taken in a window, of however many resources.
        Index(
            "ix_booking_allocations_during",
            "organization_id",
            text("tstzrange(starts_at, ends_at)"),
            postgresql_using="gist",
            postgresql_where=text("is_active"),
        ),
        _apart(),
    )

    booking_id: Mapped[UUID]
    resource_id: Mapped[UUID]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    quantity: Mapped[int]
    is_exclusive: Mapped[bool]
    is_active: Mapped[bool]
    hold_expires_at: Mapped[datetime | None]
