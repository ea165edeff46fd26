"""What an attendee is told next of a booking. Needs no database and no clock.

The rules are those of RFC 5546: a new time counts `SEQUENCE` up (2.1.4), what changes beside it
does not, and a cancellation is a version of its own, also where one attendee alone is uninvited
(3.2.5). The numbers are those that this attendee was told, so that they never fall.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from crm_api.domains.attendees.models import Method

_TAKES_PLACE = frozenset({"confirmed", "checked_in"})


@dataclass(frozen=True)
class Version:
    """A booking as an attendee was told of it."""

    method: Method
    sequence: int
    starts_at: datetime
    ends_at: datetime
    title: str
    location: str | None
    uninvites: bool = False
    """Whether it is off for this attendee alone."""


@dataclass(frozen=True)
class Standing:
    """A booking as it stands."""

    status: str
    is_off: bool
    """Whether it does not take place."""
    sequence: int
    starts_at: datetime
    ends_at: datetime
    title: str
    location: str | None


def next_version(
    booking: Standing, last: Version | None, now: datetime, *, is_invited: bool
) -> Version | None:
    """What is to be told to somebody who was told `last`; None where there is nothing.

    Nothing is told of what is over, nor of what is held until it is confirmed.
    """
    if booking.ends_at <= now:
        return None
    if booking.is_off or not is_invited:
        if last is None or last.method == "CANCEL":
            return None
        sequence = max(booking.sequence, last.sequence) + 1
        uninvites = not booking.is_off
        return replace(last, method="CANCEL", sequence=sequence, uninvites=uninvites)
    if booking.status not in _TAKES_PLACE:
        return None
    said = (booking.starts_at, booking.ends_at, booking.title, booking.location)
    if last is None:
        return Version("REQUEST", booking.sequence, *said)
    is_moved = (last.starts_at, last.ends_at) != said[:2] or booking.sequence > last.sequence
    if last.method == "CANCEL" or is_moved:
        return Version("REQUEST", max(booking.sequence, last.sequence + 1), *said)
    if (last.title, last.location) != said[2:]:
        return Version("REQUEST", last.sequence, *said)
    return None
