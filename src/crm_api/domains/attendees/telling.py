"""What attendees are told by mail: each version of their booking once, whoever asks how often.

What was told is a row beside the message that tells it, written under the lock of the attendee;
whoever looks again finds nothing that is new.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.attendees.composing import letter_text
from crm_api.domains.attendees.models import AttendeeInvitation
from crm_api.domains.attendees.service import is_off
from crm_api.domains.attendees.versions import Standing, Version, next_version
from crm_api.domains.conversations.models import Channel
from crm_api.domains.conversations.schemas import SERVICE
from crm_api.domains.conversations.service import MessageService, Outgoing
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError, Unavailable

_PEOPLE = """
    SELECT a.id, a.contact_id, a.role, a.reply, a.is_booker, a.deleted_at,
        coalesce(a.email, u.email) AS address, c.emails,
        coalesce(u.language, c.language, o.language) AS language, o.name AS organization
    FROM booking_attendees a
    JOIN organizations o ON o.id = a.organization_id
    LEFT JOIN contacts c ON c.organization_id = $1 AND c.id = a.contact_id
        AND c.deleted_at IS NULL
    LEFT JOIN users u ON u.organization_id = $1 AND u.id = a.user_id AND u.deleted_at IS NULL
        AND u.status <> 'suspended'
    WHERE a.organization_id = $1 AND a.booking_id = $2
    ORDER BY a.id FOR NO KEY UPDATE OF a
"""
_BOOKING = """
    SELECT b.status, b.deleted_at, b.sequence, b.starts_at, b.ends_at, b.title,
        coalesce(t.time_zone, o.time_zone) AS time_zone,
        (SELECT string_agg(r.name, ', ' ORDER BY r.name, r.id) FROM resources r
         WHERE r.organization_id = $1 AND r.kind = 'room' AND r.id IN (
            SELECT (one ->> 'resource_id')::uuid FROM jsonb_array_elements(b.resources) one)
        ) AS location
    FROM bookings b JOIN organizations o ON o.id = $1
    LEFT JOIN booking_types t ON t.organization_id = $1 AND t.id = b.booking_type_id
    WHERE b.organization_id = $1 AND b.id = $2
"""
_TOLD = """
    SELECT attendee_id, number, method, sequence, starts_at, ends_at, title, location, uninvites,
        refused, (SELECT c.id FROM conversations c WHERE c.organization_id = $1
            AND c.id = i.conversation_id AND c.deleted_at IS NULL) AS conversation_id
    FROM attendee_invitations i
    WHERE organization_id = $1 AND attendee_id = ANY($2) ORDER BY attendee_id, number
"""
_FORGET = "DELETE FROM attendee_invitations WHERE organization_id = $1 AND attendee_id = ANY($2)"
_SAID = ("method", "sequence", "starts_at", "ends_at", "title", "location", "uninvites")


class Telling:
    """Tells the attendees of bookings what is new, by a channel of mail."""

    def __init__(self, tx: Tx, channel: Channel) -> None:
        self.tx, self.channel = tx, channel

    async def tell(self, booking_id: UUID) -> int:
        """Have what is new of a booking leave; returns to how many."""
        tx = self.tx
        people = await tx.write(_PEOPLE, tx.organization_id, booking_id)
        rows = await tx.fetch(_BOOKING, tx.organization_id, booking_id)
        if not people or not rows:
            return 0
        booking = _standing(rows[0])
        ids = [one["id"] for one in people]
        told: dict[UUID, list[Any]] = {id: [] for id in ids}
        for row in await tx.fetch(_TOLD, tx.organization_id, ids):
            told[row["attendee_id"]].append(row)
        number = 0
        for one in people:
            before = told[one["id"]]
            arrived = [row for row in before if row["refused"] is None]
            last = _version(arrived[-1]) if arrived else None
            is_invited = one["deleted_at"] is None
            new = next_version(booking, last, tx.now, is_invited=is_invited)
            if new is None or (before and before[-1]["refused"] and _version(before[-1]) == new):
                continue
            number += await self._tell(one, rows[0]["time_zone"], new, before)
        return number

    async def _tell(self, one: Any, zone: str, new: Version, before: Sequence[Any]) -> bool:
        address = one["address"] or _primary(one["emails"])
        if address is None:
            return False
        was = next((row for row in reversed(before) if row["refused"] is None), None)
        subject, body = letter_text(one, zone, new, None if was is None else _version(was))
        thread = None if was is None else was["conversation_id"]
        outgoing = Outgoing(
            self.channel.id,
            body,
            SERVICE,
            contact_id=one["contact_id"],
            subject=subject,
            conversation_id=thread,
            to=address,
            # Whoever is to come somewhere is told so; what they refuse holds all the same.
            is_answer=True,
            is_automatic=True,
        )
        sent, refused = None, None
        try:
            async with self.tx.atomic():
                sent = await MessageService(self.tx).send(outgoing)
        except Unavailable:
            raise
        except CrmError as error:
            refused = error.own_code or error.code
        self._write_down(one["id"], len(before) + 1, new, sent, refused)
        return sent is not None

    def _write_down(
        self, attendee_id: UUID, number: int, new: Version, sent: Any, refused: str | None
    ) -> None:
        row = {
            "attendee_id": attendee_id,
            "number": number,
            **{name: getattr(new, name) for name in _SAID},
            "told_at": self.tx.now,
            "message_id": None if sent is None else sent.id,
            "conversation_id": None if sent is None else sent.conversation_id,
            "refused": refused,
        }
        self.tx.insert(AttendeeInvitation, row)


def _standing(row: Any) -> Standing:
    names = ("status", "sequence", "starts_at", "ends_at", "title", "location")
    return Standing(is_off=is_off(row), **{name: row[name] for name in names})


def _version(row: Any) -> Version:
    return Version(**{name: row[name] for name in _SAID})


def _primary(emails: Any) -> str | None:
    points: list[dict[str, Any]] = decode(emails) if emails else []
    return next((one["value"] for one in points if one["primary"]), None)


async def forget_invitations(tx: Tx, entity: str, ids: Sequence[UUID]) -> None:
    """Destroy what attendees were told who were destroyed."""
    if entity == "booking_attendee":
        await tx.write(_FORGET, tx.organization_id, list(ids))
