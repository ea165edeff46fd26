"""The tables of attendees of bookings, and of what each was told."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText, TenantRow
from crm_api.kit.db.columns import foreign_key, one_of, ordered, referring

Role = Literal["required", "optional"]
Reply = Literal["needs_action", "accepted", "declined", "tentative"]
Via = Literal["booking", "api", "email"]
Method = Literal["REQUEST", "CANCEL"]


class BookingAttendee(Entity):
    """Somebody who is to come to a booking."""

    __tablename__ = "booking_attendees"
    __table_args__ = (
        foreign_key("booking_id", "bookings"),
        foreign_key("contact_id", "contacts"),
        foreign_key("user_id", "users"),
        one_of("role", Role),
        one_of("reply", Reply),
        one_of("replied_via", Via),
        CheckConstraint("num_nonnulls(contact_id, user_id, email_key) > 0", name="somebody"),
        CheckConstraint("contact_id IS NULL OR user_id IS NULL", name="one_person"),
        *ordered("booking_attendees", "created_at", "updated_at"),
        referring("booking_attendees", "booking_id"),
        referring("booking_attendees", "contact_id", optional=True),
        referring("booking_attendees", "user_id", optional=True),
        referring("booking_attendees", "owner_id", optional=True),
        Index(
            "ix_booking_attendees_email_key",
            "organization_id",
            "email_key",
            postgresql_where=text("email_key IS NOT NULL"),
        ),
    )
    entity = "booking_attendee"

    booking_id: Mapped[UUID]
    contact_id: Mapped[UUID | None]
    user_id: Mapped[UUID | None]
    name: Mapped[str | None] = mapped_column(KeyText)
    email: Mapped[str | None] = mapped_column(KeyText)
    email_key: Mapped[str | None] = mapped_column(KeyText)
    """The address as it is compared."""
    role: Mapped[str] = mapped_column(KeyText)
    reply: Mapped[str] = mapped_column(KeyText)
    replied_at: Mapped[datetime | None]
    replied_via: Mapped[str | None] = mapped_column(KeyText)
    comment: Mapped[str | None] = mapped_column(KeyText)
    is_booker: Mapped[bool]
    replied_sequence: Mapped[int | None]
    """How often the booking had been rescheduled when they replied."""
    sealed_link: Mapped[str | None] = mapped_column(KeyText)
    """Where they move and cancel it: the path, which is a secret."""


class AttendeeInvitation(TenantRow):
    """What an attendee was told once: a version of the booking, which is written down only once.

    Without foreign keys: it goes with its attendee (`telling.forget_invitations`).
    """

    __tablename__ = "attendee_invitations"
    __table_args__ = (
        one_of("method", Method),
        Index(
            "uq_attendee_invitations_attendee_number",
            "organization_id",
            "attendee_id",
            "number",
            unique=True,
        ),
        Index(
            "ix_attendee_invitations_message",
            "organization_id",
            "message_id",
            postgresql_where=text("message_id IS NOT NULL"),
        ),
    )

    attendee_id: Mapped[UUID]
    number: Mapped[int]
    """The first is 1: of two that tell the same at once, one has it."""
    method: Mapped[str] = mapped_column(KeyText)
    sequence: Mapped[int]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    title: Mapped[str]
    location: Mapped[str | None]
    uninvites: Mapped[bool]
    """Whether it is off for this attendee alone."""
    told_at: Mapped[datetime]
    message_id: Mapped[UUID | None]
    conversation_id: Mapped[UUID | None]
    refused: Mapped[str | None] = mapped_column(KeyText)
    """Why nothing left, if that is so."""
