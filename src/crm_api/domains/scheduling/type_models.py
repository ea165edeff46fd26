"""The tables of pools of resources and of the types of bookings."""

from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, Json, KeyText
from crm_api.kit.db.columns import Named, foreign_key, one_of, ordered, referring
from crm_api.kit.money import AmountType

Assignment = Literal["round_robin", "least_loaded", "collective", "specific"]
BookingTypeStatus = Literal["active", "inactive"]


class ResourcePool(Named, Entity):
    """Resources of which one is as good as the other."""

    __tablename__ = "resource_pools"
    __table_args__ = (
        *ordered("resource_pools", "created_at", "updated_at", "sort_name"),
        referring("resource_pools", "owner_id", optional=True),
    )
    entity = "resource_pool"

    description: Mapped[str | None]
    members: Mapped[list[dict[str, Any]]]


class BookingType(Named, Entity):
    """What can be booked by name: how long, when, and what it takes."""

    __tablename__ = "booking_types"
    __table_args__ = (
        foreign_key("calendar_id", "working_calendars"),
        one_of("status", BookingTypeStatus),
        one_of("assignment", Assignment),
        CheckConstraint("buffer_before >= 0 AND buffer_after >= 0", name="buffers"),
        CheckConstraint("slot_step > 0", name="slot_step"),
        CheckConstraint("most_per_day > 0", name="most_per_day"),
        CheckConstraint("price IS NULL OR currency IS NOT NULL", name="currency"),
        *ordered("booking_types", "created_at", "updated_at", "sort_name"),
        referring("booking_types", "calendar_id", optional=True),
        referring("booking_types", "owner_id", optional=True),
        Index(
            "uq_booking_types_organization_id_key",
            "organization_id",
            "key",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )
    entity = "booking_type"

    key: Mapped[str] = mapped_column(KeyText)
    status: Mapped[str] = mapped_column(KeyText)
    description: Mapped[str | None]
    durations: Mapped[list[int]] = mapped_column(Json)
    buffer_before: Mapped[int]
    buffer_after: Mapped[int]
    slot_step: Mapped[int]
    time_zone: Mapped[str] = mapped_column(KeyText)
    calendar_id: Mapped[UUID | None]
    minimum_notice: Mapped[int]
    horizon_days: Mapped[int]
    most_per_day: Mapped[int | None]
    requirements: Mapped[list[dict[str, Any]]]
    assignment: Mapped[str] = mapped_column(KeyText)
    price: Mapped[Decimal | None] = mapped_column(AmountType)
    currency: Mapped[str | None] = mapped_column(KeyText)
    cancellation_notice: Mapped[int | None]
    hold_minutes: Mapped[int | None]
