"""Bookings to come that do not fit any more, since a calendar or a resource has changed.

Whoever books keeps to what holds then; what changes afterwards moves nobody's booking, but is told:
in the booking, and once per booking, resource and cause as `resource.conflict`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_api.domains.scheduling.busy import busy_between
from crm_api.domains.scheduling.messages import FindConflicts
from crm_api.domains.scheduling.models import Booking
from crm_api.domains.scheduling.service import BookingService
from crm_api.kit.calendar import Calendar
from crm_api.kit.db.states import await_knowledge
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.jobs import JobContext, runs
from crm_api.platform.calendars.service import calendars_at

CONFLICT = "resource.conflict"
SLICE = 200
_LATER = """
    SELECT EXISTS (SELECT FROM jobs WHERE organization_id = $1 AND kind = $2 AND id > $3
        AND status = 'queued') AS there
"""
_NEXT = """
    SELECT id FROM bookings
    WHERE organization_id = $1 AND id > $2 AND ends_at > $3 AND deleted_at IS NULL
        AND status IN ('held', 'confirmed', 'checked_in')
    ORDER BY id LIMIT $4
"""
_RESOURCES = """
    SELECT id, name, status, calendar_id, version, deleted_at FROM resources
    WHERE organization_id = $1 AND id = ANY($2)
"""
_NOBODY = UUID(int=0)
_MOVING = frozenset({"held", "confirmed", "checked_in"})
Conflict = dict[str, Any]


class Conflicts:
    """Compares bookings with what holds for their resources now."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.service = BookingService(tx)

    async def look(self, after: UUID) -> list[UUID]:
        """Write down the conflicts of the next bookings that are not over; returns their ids."""
        tx = self.tx
        self.service.need("update")
        rows = await tx.fetch(_NEXT, tx.organization_id, after, tx.now, SLICE)
        ids = [row["id"] for row in rows]
        bookings = await self.service.records.locked(ids, everywhere=True)
        bookings = [b for b in bookings if b.status in _MOVING and b.ends_at > tx.now]
        if bookings:
            await self._compare(bookings)
        return ids

    async def _compare(self, bookings: Sequence[Booking]) -> None:
        wanted = {id for booking in bookings for id in _resources(booking)}
        rows = await self.tx.fetch(_RESOURCES, self.tx.organization_id, list(wanted))
        resources = {row["id"]: row for row in rows}
        ids = {row["calendar_id"] for row in rows} - {None}
        calendars = await calendars_at(self.tx, ids, self.tx.now)
        first = min(booking.starts_at for booking in bookings)
        last = max(booking.ends_at for booking in bookings)
        busy = await busy_between(self.tx, list(wanted), first, last)
        for booking in bookings:
            found = list(_conflicts(booking, resources, calendars, busy))
            if found != booking.conflicts:
                await self._write_down(booking, found, resources)

    async def _write_down(
        self, booking: Booking, found: Sequence[Conflict], resources: Mapping[UUID, Any]
    ) -> None:
        new = [one for one in found if one not in booking.conflicts]
        since = (booking.conflicted_at or self.tx.now) if found else None
        values = {"conflicts": list(found), "conflicted_at": since}
        await self.service.change(booking, values)
        for one in new:
            resource = resources[UUID(one["resource_id"])]
            self.tx.record(
                CONFLICT,
                entity="resource",
                record_id=resource["id"],
                version=resource["version"],
                data={
                    "booking_id": str(booking.id),
                    "cause": one["cause"],
                    "starts_at": booking.starts_at.isoformat(),
                    "ends_at": booking.ends_at.isoformat(),
                },
            )


def _resources(booking: Booking) -> list[UUID]:
    return [UUID(str(one["resource_id"])) for one in booking.resources]


def _conflicts(
    booking: Booking,
    resources: Mapping[UUID, Any],
    calendars: Mapping[Any, Calendar],
    busy: Mapping[UUID, Sequence[tuple[datetime, datetime]]],
) -> Iterator[Conflict]:
    """What of a booking does not fit, in the order of its resources."""
    for id in _resources(booking):
        for cause in _causes(booking, resources[id], calendars, busy.get(id, ())):
            yield {"resource_id": str(id), "cause": cause}


def _causes(
    booking: Booking,
    resource: Any,
    calendars: Mapping[Any, Calendar],
    busy: Collection[tuple[datetime, datetime]],
) -> Iterator[str]:
    start, end = booking.starts_at, booking.ends_at
    if resource["deleted_at"] is not None:
        yield "resource_deleted"
    elif resource["status"] != "active":
        yield "resource_inactive"
    if booking.ignores_calendars:
        return
    calendar = calendars.get(resource["calendar_id"])
    if calendar is not None and list(calendar.spans(start, end)) != [(start, end)]:
        yield "outside_working_time"
    if any(opens < end and closes > start for opens, closes in busy):
        yield "busy_elsewhere"


@runs(FindConflicts)
async def find_conflicts(context: JobContext, _message: FindConflicts) -> dict[str, Any]:
    """Go through the bookings to come of an organization, a slice at a time.

    Where another such job waits, it is left to that.
    """
    async with unit_of_work(context.tx(read_only=True)) as tx:
        # Who reserves right now may have looked at the calendar as it was.
        await await_knowledge(tx)
    after = UUID(context.job.state.get("after") or str(_NOBODY))
    done = int(context.job.state.get("done", 0))
    while True:
        async with unit_of_work(context.tx()) as tx:
            args = (tx.organization_id, FindConflicts.kind, context.job.id)
            if (await tx.fetch(_LATER, *args))[0]["there"]:
                return {"records": done}
            ids = await Conflicts(tx).look(after)
            done += len(ids)
            after = ids[-1] if ids else after
            await context.job.advance(tx, done, state={"after": str(after), "done": done})
        if len(ids) < SLICE:
            return {"records": done}
