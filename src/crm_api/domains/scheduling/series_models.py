"""The table of recurring bookings."""

from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import foreign_key, one_of, ordered, referring

SeriesStatus = Literal["active", "cancelled"]
OnConflict = Literal["refuse", "skip"]
_ABOUT = ("company_id", "contact_id", "deal_id", "project_id")


class RecurringBooking(Entity):
    """A rule by which the same is booked again and again."""

    __tablename__ = "booking_series"
    __table_args__ = (
        foreign_key("company_id", "companies"),
        foreign_key("contact_id", "contacts"),
        foreign_key("deal_id", "deals"),
        foreign_key("project_id", "projects"),
        foreign_key("parent_id", "booking_series"),
        one_of("status", SeriesStatus),
        one_of("on_conflict", OnConflict),
        CheckConstraint("duration_minutes > 0", name="duration_minutes"),
        CheckConstraint("buffer_before >= 0 AND buffer_after >= 0", name="buffers"),
        *ordered("booking_series", "created_at", "updated_at", "starts_local"),
        *(
            referring("booking_series", name, optional=True)
            for name in (*_ABOUT, "parent_id", "owner_id")
        ),
    )
    entity = "recurring_booking"

    title: Mapped[str] = mapped_column(KeyText)
    description: Mapped[str | None]
    status: Mapped[str] = mapped_column(KeyText)
    rule: Mapped[str] = mapped_column(KeyText)
    starts_local: Mapped[str] = mapped_column(KeyText)
    time_zone: Mapped[str] = mapped_column(KeyText)
    duration_minutes: Mapped[int]
    buffer_before: Mapped[int]
    buffer_after: Mapped[int]
    exceptions: Mapped[list[str]]
    resources: Mapped[list[dict[str, Any]]]
    ignores_calendars: Mapped[bool]
    on_conflict: Mapped[str] = mapped_column(KeyText)
    skipped: Mapped[list[dict[str, Any]]]
    company_id: Mapped[UUID | None]
    contact_id: Mapped[UUID | None]
    deal_id: Mapped[UUID | None]
    project_id: Mapped[UUID | None]
    parent_id: Mapped[UUID | None]
