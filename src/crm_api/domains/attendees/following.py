"""What follows from changes of bookings and attendees, before they are committed."""

from collections.abc import Collection
from uuid import UUID

from crm_api.domains.attendees.messages import TellAttendees
from crm_api.domains.attendees.repository import AREA
from crm_api.domains.attendees.service import AttendeeService
from crm_api.domains.attendees.settings import channel_id_of
from crm_api.kit.db.tx import Tx

_SLICE = 100
"""The bookings of one job."""


async def follow_bookings(tx: Tx, ids: Collection[UUID]) -> None:
    """Whoever replied to another time is asked again, and all are told."""
    if AREA in tx.actor.closed:
        return
    await tx.flush()
    service = AttendeeService(tx)
    bookings = await service.records.bookings_of("booking_id", ids)
    if bookings:
        await service.ask_again(bookings)
        _tell_later(tx, bookings)


async def follow_attendees(tx: Tx, ids: Collection[UUID]) -> None:
    """Who is invited, or not any more, is told."""
    if AREA in tx.actor.closed or channel_id_of(tx) is None:
        return
    await tx.flush()
    _tell_later(tx, await AttendeeService(tx).records.bookings_of("id", ids))


def _tell_later(tx: Tx, bookings: list[UUID]) -> None:
    if channel_id_of(tx) is None:
        return
    for start in range(0, len(bookings), _SLICE):
        tx.enqueue(TellAttendees(tuple(str(id) for id in bookings[start : start + _SLICE])))
