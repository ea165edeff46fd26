"""Replies that calendars send by mail, as the inbox hands them on.

A reply counts for the attendee it names, if the mail is from that address or says who sends for it.
What was overtaken and what strangers say is told, and changes nothing.
"""

import asyncio
from datetime import datetime
from typing import Any

from crm_api.domains.attendees.models import BookingAttendee
from crm_api.domains.attendees.replies import BadReply, CalendarReply, read_reply
from crm_api.domains.attendees.repository import AREA
from crm_api.domains.attendees.service import AttendeeService, is_off
from crm_api.domains.conversations.heard import Heard
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.points import email_key
from crm_api.kit.values.errors import BadValue

# In the bin, too: whoever was uninvited is told apart from who never was.
_ATTENDEES = """
    SELECT a.id, a.email_key, a.deleted_at, u.email AS user_email, c.emails,
        coalesce((SELECT max(sequence) FROM attendee_invitations i WHERE i.organization_id = $1
            AND i.attendee_id = a.id AND i.refused IS NULL), b.sequence) AS told,
        b.sequence, b.status, b.deleted_at AS booking_deleted_at
    FROM booking_attendees a
    JOIN bookings b ON b.organization_id = $1 AND b.id = a.booking_id
    LEFT JOIN users u ON u.organization_id = $1 AND u.id = a.user_id
    LEFT JOIN contacts c ON c.organization_id = $1 AND c.id = a.contact_id
    WHERE a.organization_id = $1 AND a.booking_id = $2 ORDER BY a.id
"""


async def heed_reply(tx: Tx, document: bytes, sender: str | None) -> Heard | None:
    """What becomes of a calendar file in a mail from an address; None where it is no reply."""
    if AREA in tx.actor.closed:
        return None
    try:
        reply = await asyncio.to_thread(read_reply, document)
    except BadReply as error:
        return Heard("reply_broken", f"Its calendar file answers nothing: {error}")
    if reply is None:
        return None
    if sender is None or sender not in {reply.attendee, reply.sent_by}:
        message = "It answers an invitation of somebody else than whom it is from; nothing changes."
        return Heard("reply_not_theirs", message)
    rows: list[Any] = []
    if reply.booking_id is not None:
        rows = list(await tx.fetch(_ATTENDEES, tx.organization_id, reply.booking_id))
    if not rows:
        message = "It answers an invitation that is not from here; nothing changes."
        return Heard("reply_unknown_event", message)
    matching = [row for row in rows if reply.attendee in _addresses(row)]
    living = [row for row in matching if row["deleted_at"] is None]
    if not living:
        message = "It is of somebody who is not invited; nothing changes."
        if matching:
            message = "It is of somebody who is not invited any more; nothing changes."
        return Heard("reply_not_invited", message)
    return await _heed(tx, living[0], reply)


async def _heed(tx: Tx, row: Any, reply: CalendarReply) -> Heard:
    service = AttendeeService(tx)
    found = await service.records.locked([row["id"]], everywhere=True)
    booking = await service.records.booking(found[0].booking_id) if found else None
    if booking is None or is_off(booking):
        return Heard("reply_outdated", "The booking does not take place; nothing changes.", True)
    attendee = found[0]
    # Moved and not told of yet, it is not the one that they answer.
    if reason := _overtaken(attendee, reply, max(row["told"], booking["sequence"])):
        return Heard("reply_outdated", f"{reason}; nothing changes.", True)
    at: datetime = min(reply.at, tx.now)
    await service.answered(
        attendee, reply.reply, via="email", at=at, comment=reply.comment, booking=booking
    )
    return Heard("reply_taken", f"It answers an invitation: {reply.reply}.", True)


def _overtaken(attendee: BookingAttendee, reply: CalendarReply, latest: int) -> str | None:
    """Why a reply counts no more, by the rules of RFC 5546, 2.1.5."""
    if reply.sequence < latest:
        return "It answers a version of the booking that is not the last one"
    if reply.sequence > latest:
        return "It answers a version of the booking that there is not"
    if attendee.replied_at is not None and reply.at <= attendee.replied_at:
        return "They have replied later than that"
    return None


def _addresses(row: Any) -> set[str]:
    points: list[dict[str, Any]] = decode(row["emails"]) if row["emails"] else []
    given = [row["email_key"], row["user_email"], *(one["value"] for one in points)]
    return {key for one in given if one and (key := _key(one))}


def _key(address: str) -> str | None:
    try:
        return email_key(address)
    except BadValue:
        return None
