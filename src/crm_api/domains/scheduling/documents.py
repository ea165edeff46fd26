"""Bookings and busy times as iCalendar documents (RFC 5545, 5546). Needs no database and no clock.

All times are told in UTC, so that no `VTIMEZONE` has to come along. Whoever has no address of
e-mail is named by a `urn:uuid`, which is a URI as a `CAL-ADDRESS` has to be.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast
from uuid import UUID

from icalendar import Event, FreeBusy, vCalAddress

from crm_api.kit.ics import add, clean, new_calendar

PRODUCT = "-//crm-api//scheduling//EN"
REFRESH = timedelta(minutes=15)
_STATUS = {"held": "TENTATIVE", "cancelled": "CANCELLED", "expired": "CANCELLED"}
# What tells that a booking is off is itself one more version of it (RFC 5546, 2.1.4).
OFF = frozenset({"cancelled", "expired"})
UserType = Literal["INDIVIDUAL", "ROOM", "RESOURCE"]
Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Person:
    """Somebody, or something that is booked, with an address if there is one."""

    id: UUID
    name: str
    email: str | None = None
    kind: UserType = "INDIVIDUAL"
    accepted: bool = False
    is_optional: bool = False
    asks: bool = False
    """Whether a reply is asked for."""


@dataclass(frozen=True)
class Meeting:
    """A booking as a calendar knows it."""

    id: UUID
    title: str
    status: str
    starts_at: datetime
    ends_at: datetime
    sequence: int
    created_at: datetime
    updated_at: datetime
    description: str | None = None
    location: str | None = None
    organizer: Person | None = None
    attendees: Sequence[Person] = ()
    uninvites: bool = False
    """Whether it is off for these attendees alone (RFC 5546, 3.2.5)."""


def invitation(meeting: Meeting) -> bytes:
    """One booking: `REQUEST`, or `CANCEL` once it is off; equal bookings make equal bytes."""
    off = meeting.status in OFF
    calendar = new_calendar(PRODUCT, "CANCEL" if off else "REQUEST")
    calendar.add_component(_event(meeting))
    return calendar.to_ical(sorted=False)


def feed(name: str, meetings: Iterable[Meeting]) -> bytes:
    """The bookings of a resource, for calendars that read them again and again."""
    calendar = new_calendar(PRODUCT, "PUBLISH")
    add(calendar, "x-wr-calname", clean(name))
    add(calendar, "refresh-interval", REFRESH, VALUE="DURATION")
    add(calendar, "x-published-ttl", REFRESH)
    for meeting in meetings:
        calendar.add_component(_event(meeting))
    return calendar.to_ical(sorted=False)


def free_busy(
    told: Iterable[tuple[Person, Sequence[Span]]], start: datetime, end: datetime, now: datetime
) -> bytes:
    """When each of some is busy in a window, as one `VFREEBUSY` each."""
    calendar = new_calendar(PRODUCT, "PUBLISH")
    for person, busy in told:
        found = FreeBusy()
        add(found, "uid", f"{person.id}.{_stamp(start):%Y%m%d}.{_stamp(end):%Y%m%d}@crm-api")
        add(found, "dtstamp", _stamp(now))
        add(found, "organizer", _address(person))
        add(found, "dtstart", _stamp(start))
        add(found, "dtend", _stamp(end))
        for span in busy:
            add(found, "freebusy", [_whole(span)], FBTYPE="BUSY")
        for told_span in _many(found.get("FREEBUSY", [])):
            # It is a period by itself, and has no such parameter (RFC 5545, 3.8.2.6).
            told_span.params.pop("VALUE", None)
        calendar.add_component(found)
    return calendar.to_ical(sorted=False)


def _many(found: Any) -> list[Any]:
    return cast("list[Any]", found) if isinstance(found, list) else [found]


def _event(meeting: Meeting) -> Event:
    found = Event()
    add(found, "uid", f"{meeting.id}@crm-api")
    # Of a document that is made of what is stored: when that was written (RFC 5545, 3.8.7.2).
    add(found, "dtstamp", _stamp(meeting.updated_at))
    add(found, "created", _stamp(meeting.created_at))
    add(found, "last-modified", _stamp(meeting.updated_at))
    add(found, "sequence", meeting.sequence + (meeting.status in OFF))
    start, end = _whole((meeting.starts_at, meeting.ends_at))
    add(found, "dtstart", start)
    add(found, "dtend", end)
    add(found, "summary", clean(meeting.title))
    if meeting.description:
        add(found, "description", clean(meeting.description))
    if meeting.location:
        add(found, "location", clean(meeting.location))
    if not meeting.uninvites:
        add(found, "status", _STATUS.get(meeting.status, "CONFIRMED"))
    add(found, "transp", "TRANSPARENT" if meeting.status in OFF else "OPAQUE")
    if meeting.organizer is not None:
        add(found, "organizer", _address(meeting.organizer))
    for person in meeting.attendees:
        add(found, "attendee", _attendee(person))
    return found


def _attendee(person: Person) -> vCalAddress:
    found = _address(person)
    found.params["CUTYPE"] = person.kind
    role = "OPT-PARTICIPANT" if person.is_optional else "REQ-PARTICIPANT"
    found.params["ROLE"] = role if person.kind == "INDIVIDUAL" else "NON-PARTICIPANT"
    found.params["PARTSTAT"] = "ACCEPTED" if person.accepted else "NEEDS-ACTION"
    if person.asks:
        found.params["RSVP"] = "TRUE"
    return found


def _address(person: Person) -> vCalAddress:
    uri = f"urn:uuid:{person.id}" if person.email is None else f"mailto:{person.email}"
    found = vCalAddress(uri)
    # A parameter's value has no double quotes at all (RFC 5545, 3.2), nor line breaks.
    found.params["CN"] = " ".join(clean(person.name).replace('"', "'").split())
    return found


def _whole(span: Span) -> Span:
    """In whole seconds, of which there is one at least."""
    start = _stamp(span[0])
    return start, max(_stamp(span[1]), start + timedelta(seconds=1))


def _stamp(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)
