"""How attendees of bookings are listed and found."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.attendees.models import BookingAttendee
from crm_api.domains.attendees.schemas import BookingAttendeeOut
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.scheduling.repository import BOOKINGS
from crm_api.kit.crud.repository import Repository
from crm_api.kit.query.listing import Listing, Relation
from crm_api.platform.identity.repository import USERS

AREA = "booking_attendees"
_BACK = "attendees"
ATTENDEES: Listing = Listing(
    model=BookingAttendee,
    out=BookingAttendeeOut,
    area=AREA,
    relations=(
        Relation(
            "booking", lambda: BOOKINGS, BookingAttendee.booking_id, BOOKINGS.model.id, back=_BACK
        ),
        Relation("contact", lambda: CONTACTS, BookingAttendee.contact_id, CONTACTS.model.id),
        Relation("user", lambda: USERS, BookingAttendee.user_id, USERS.model.id),
    ),
    within="booking",
)
_SAME = """
    SELECT id FROM booking_attendees
    WHERE organization_id = $1 AND booking_id = $2 AND deleted_at IS NULL
        AND (contact_id = $3 OR user_id = $4 OR email_key = $5) LIMIT 1
"""
# Whoever has changed an attendee or a booking had it locked, so this sees what they made of it.
_BOOKING = """
    SELECT status, sequence, deleted_at FROM bookings WHERE organization_id = $1 AND id = $2
"""
_MOVED = """
    SELECT a.id FROM booking_attendees a
    JOIN bookings b ON b.organization_id = $1 AND b.id = a.booking_id
    WHERE a.organization_id = $1 AND a.booking_id = ANY($2) AND a.deleted_at IS NULL
        AND a.reply <> 'needs_action' AND NOT a.is_booker AND a.replied_sequence < b.sequence
"""
_BOOKINGS_OF = """
    SELECT DISTINCT booking_id AS id FROM booking_attendees
    WHERE organization_id = $1 AND {column} = ANY($2) ORDER BY 1
"""
_AHEAD = """
    SELECT DISTINCT a.booking_id AS id FROM booking_attendees a
    JOIN bookings b ON b.organization_id = $1 AND b.id = a.booking_id
    WHERE a.organization_id = $1 AND b.ends_at > $2 ORDER BY 1
"""
_AT_ADDRESSES = """
    SELECT id FROM booking_attendees WHERE organization_id = $1 AND email_key = ANY($2)
    AND contact_id IS NULL AND user_id IS NULL ORDER BY id FOR UPDATE
"""
_INVITATIONS = """
    SELECT method, sequence, title, location, starts_at, ends_at, told_at, message_id, refused
    FROM attendee_invitations WHERE organization_id = $1 AND attendee_id = $2
    ORDER BY number DESC
"""


class Attendees(Repository[BookingAttendee]):
    """The attendees of an organization's bookings."""

    model = BookingAttendee
    listing = ATTENDEES

    async def same(self, record: Any) -> UUID | None:
        """One of the same booking that is the same contact, user or address, whoever asks."""
        tx, whom = self.tx, (record["contact_id"], record["user_id"], record["email_key"])
        rows = await tx.fetch(_SAME, tx.organization_id, record["booking_id"], *whom)
        return rows[0]["id"] if rows else None

    async def booking(self, id: UUID) -> Any:
        """How a booking stands, whoever asks: its status, sequence, and whether it is in the bin."""
        return (await self.tx.fetch(_BOOKING, self.tx.organization_id, id))[0]

    async def moved(self, bookings: Collection[UUID]) -> list[UUID]:
        """Those who replied to a time that some bookings have no more."""
        rows = await self.tx.fetch(_MOVED, self.tx.organization_id, list(bookings))
        return [row["id"] for row in rows]

    async def bookings_of(self, column: str, ids: Collection[UUID]) -> list[UUID]:
        """The bookings of attendees by their own `id` or `booking_id`, in the bin or not."""
        sql = _BOOKINGS_OF.format(column=column)
        rows = await self.tx.fetch(sql, self.tx.organization_id, list(ids))
        return [row["id"] for row in rows]

    async def bookings_ahead(self) -> list[UUID]:
        """All bookings that are not over and have attendees."""
        rows = await self.tx.fetch(_AHEAD, self.tx.organization_id, self.tx.now)
        return [row["id"] for row in rows]

    async def invitations(self, id: UUID) -> list[dict[str, Any]]:
        """What an attendee was told, the last one first."""
        rows = await self.tx.fetch(_INVITATIONS, self.tx.organization_id, id)
        return [dict(row) for row in rows]

    async def at_addresses(self, keys: Sequence[str]) -> list[UUID]:
        """Those known by one of some addresses alone, locked, in the bin or not."""
        rows = await self.tx.write(_AT_ADDRESSES, self.tx.organization_id, list(keys))
        return [row["id"] for row in rows]
