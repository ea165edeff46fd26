"""The tables of pages on which customers book, and of links of bookings."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import foreign_key, ordered, referring


class BookingPage(Entity):
    """An address at which whoever has it books something of a type."""

    __tablename__ = "booking_pages"
    __table_args__ = (
        foreign_key("booking_type_id", "booking_types"),
        foreign_key("contact_id", "contacts"),
        *ordered("booking_pages", "created_at", "updated_at", "expires_at"),
        referring("booking_pages", "booking_type_id"),
        referring("booking_pages", "contact_id", optional=True),
        referring("booking_pages", "owner_id", optional=True),
    )
    entity = "booking_page"

    booking_type_id: Mapped[UUID]
    contact_id: Mapped[UUID | None]
    label: Mapped[str | None] = mapped_column(KeyText)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    first_viewed_at: Mapped[datetime | None]
    secret_hash: Mapped[str] = mapped_column(KeyText)


class BookingLink(Entity):
    """A secret address at which a customer moves or cancels a booking."""

    __tablename__ = "booking_links"
    __table_args__ = (
        foreign_key("booking_id", "bookings"),
        foreign_key("contact_id", "contacts"),
        *ordered("booking_links", "created_at", "updated_at", "expires_at"),
        referring("booking_links", "booking_id"),
        referring("booking_links", "contact_id", optional=True),
        referring("booking_links", "owner_id", optional=True),
    )
    entity = "booking_link"

    booking_id: Mapped[UUID]
    contact_id: Mapped[UUID | None]
    label: Mapped[str | None] = mapped_column(KeyText)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    first_viewed_at: Mapped[datetime | None]
    secret_hash: Mapped[str] = mapped_column(KeyText)
