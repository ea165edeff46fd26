"""The tables of those who wait for a time, and of how far the feed has been read for them."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.crud.places import Place
from crm_api.kit.db.base import Base, Entity, KeyText
from crm_api.kit.db.columns import foreign_key, one_of, ordered, referring

WaitlistStatus = Literal["waiting", "offered", "booked", "expired", "cancelled"]
Match = Literal["all", "any"]


class WaitlistEntry(Entity):
    """Somebody who waits until resources are free for a while."""

    __tablename__ = "waitlist_entries"
    __table_args__ = (
        foreign_key("company_id", "companies"),
        foreign_key("contact_id", "contacts"),
        foreign_key("deal_id", "deals"),
        foreign_key("booking_id", "bookings"),
        one_of("status", WaitlistStatus),
        one_of("match", Match),
        CheckConstraint("window_ends_at > window_starts_at", name="ends_after_start"),
        CheckConstraint("duration_minutes > 0 AND offer_minutes > 0", name="minutes"),
        CheckConstraint("status <> 'offered' OR booking_id IS NOT NULL", name="booking_id"),
        *ordered("waitlist_entries", "created_at", "updated_at", "window_starts_at"),
        *(
            referring("waitlist_entries", name, optional=True)
            for name in ("company_id", "contact_id", "deal_id", "booking_id", "owner_id")
        ),
        Index(
            "ix_waitlist_entries_waiting",
            "organization_id",
            text("priority DESC"),
            "created_at",
            "id",
            postgresql_where=text("status = 'waiting' AND deleted_at IS NULL"),
        ),
    )
    entity = "waitlist_entry"

    title: Mapped[str] = mapped_column(KeyText)
    description: Mapped[str | None]
    status: Mapped[str] = mapped_column(KeyText)
    match: Mapped[str] = mapped_column(KeyText)
    resources: Mapped[list[dict[str, Any]]]
    window_starts_at: Mapped[datetime]
    window_ends_at: Mapped[datetime]
    duration_minutes: Mapped[int]
    priority: Mapped[int]
    offer_minutes: Mapped[int]
    company_id: Mapped[UUID | None]
    contact_id: Mapped[UUID | None]
    deal_id: Mapped[UUID | None]
    booking_id: Mapped[UUID | None]
    offered_at: Mapped[datetime | None]
    decided_at: Mapped[datetime | None]


class WaitlistState(Place, Base):
    """How far the feed has been read for those of an organization who wait."""

    __tablename__ = "waitlist_states"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
