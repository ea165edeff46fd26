"""What a calendar answers by mail: `METHOD:REPLY` of iTIP (RFC 5546). Needs no database."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast
from uuid import UUID

from icalendar import Calendar

from crm_api.kit.points import email_key
from crm_api.kit.values.errors import BadValue

LONGEST = 65_536
"""Bytes: what answers one invitation is short."""
_DOMAIN = "@crm-api"
_STATES: dict[str, Literal["accepted", "declined", "tentative"]] = {
    "ACCEPTED": "accepted",
    "DECLINED": "declined",
    "TENTATIVE": "tentative",
}
_LONGEST_COMMENT = 500


class BadReply(Exception):
    """What is said to be an answer to an invitation, and cannot be read as one."""


@dataclass(frozen=True)
class CalendarReply:
    """What one attendee answers."""

    booking_id: UUID | None
    """None for an event that is not from here."""
    attendee: str
    """Their address as it is compared."""
    sent_by: str | None
    """Who answers in their name."""
    reply: Literal["accepted", "declined", "tentative"]
    sequence: int
    at: datetime
    comment: str | None


def read_reply(document: bytes) -> CalendarReply | None:
    """The answer that a document is; None for what is none. Raises `BadReply`."""
    if b"METHOD" not in document[:LONGEST].upper():
        return None
    if len(document) > LONGEST:
        raise BadReply("It is longer than answers are.")
    try:
        calendar: Any = Calendar.from_ical(document)
        if str(calendar.get("METHOD", "")).strip().upper() != "REPLY":
            return None
        events = list(calendar.walk("VEVENT"))
        if len(events) != 1:
            raise BadReply("It does not answer one event.")
        return _reply(events[0])
    except BadReply:
        raise
    except Exception as error:  # noqa: BLE001 - see below
        # The library raises all sorts of errors for what is broken enough.
        raise BadReply(f"It is no iCalendar document ({type(error).__name__}).") from None


def _reply(event: Any) -> CalendarReply:
    if "RECURRENCE-ID" in event:
        raise BadReply("It answers one occurrence of a series; invitations are to single events.")
    attendees = list(_many(event.get("ATTENDEE")))
    if len(attendees) != 1:
        raise BadReply("It is not of one attendee.")
    (attendee,) = attendees
    status = str(attendee.params.get("PARTSTAT", "NEEDS-ACTION")).upper()
    if status not in _STATES:
        raise BadReply(f"It says neither yes, no nor perhaps: {status[:40]}.")
    sent_by = attendee.params.get("SENT-BY")
    return CalendarReply(
        booking_id=_booking_id(str(event.get("UID", ""))),
        attendee=_address(str(attendee)),
        sent_by=None if sent_by is None else _address(str(sent_by)),
        reply=_STATES[status],
        sequence=max(int(event.get("SEQUENCE", 0)), 0),
        at=_stamp(event),
        comment=_comment(event),
    )


def _many(found: Any) -> Iterable[Any]:
    if found is None:
        return []
    return cast("list[Any]", found) if isinstance(found, list) else [found]


def _booking_id(uid: str) -> UUID | None:
    id, _, domain = uid.strip().partition("@")
    try:
        return UUID(id) if f"@{domain}" == _DOMAIN else None
    except ValueError:
        return None


def _address(uri: str) -> str:
    scheme, _, address = uri.partition(":")
    try:
        return email_key(address if scheme.lower() == "mailto" else uri)
    except BadValue:
        raise BadReply("Its attendee has no address of e-mail.") from None


def _stamp(event: Any) -> datetime:
    found = event.get("DTSTAMP")
    at = None if found is None else found.dt
    if not isinstance(at, datetime) or at.tzinfo is None:
        raise BadReply("It has no DTSTAMP.")
    return at.astimezone(UTC)


def _comment(event: Any) -> str | None:
    said = " ".join(" ".join(str(one) for one in _many(event.get("COMMENT"))).split())
    kept = "".join(letter for letter in said if letter.isprintable())[:_LONGEST_COMMENT]
    return kept or None
