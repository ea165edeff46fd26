"""What resources are busy with elsewhere, as calendar files tell: kept, replaced, taken away.

Whoever replaces it holds the lock of the resource, as whoever books does; what is booked already
stays, and is among the conflicts.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_api.domains.scheduling.busy_reading import busy_in
from crm_api.domains.scheduling.messages import find_conflicts_later
from crm_api.domains.scheduling.resources import ResourceService
from crm_api.domains.scheduling.times_models import BusyCalendar, BusySpanRow
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import NotFound
from crm_api.kit.ids import new_id

PAST, AHEAD = timedelta(days=31), timedelta(days=548)
_OF = """
    SELECT resource_id, imported_at, starts_at, ends_at, events, spans FROM busy_calendars
    WHERE organization_id = $1 AND resource_id = $2
"""
_ZONE = """
    SELECT coalesce(r.time_zone, c.time_zone, o.time_zone) AS zone FROM organizations o
    JOIN resources r ON r.organization_id = o.id AND r.id = $2
    LEFT JOIN working_calendars c ON c.organization_id = o.id AND c.id = r.calendar_id
    WHERE o.id = $1
"""
_FORGET = """
    WITH spans AS (DELETE FROM busy_spans WHERE organization_id = $1 AND resource_id = ANY($2))
    DELETE FROM busy_calendars WHERE organization_id = $1 AND resource_id = ANY($2) RETURNING id
"""


class BusyCalendars:
    """The calendars of resources that others keep; each has one at the most."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.resources = ResourceService(tx)

    async def get(self, id: UUID) -> dict[str, Any]:
        """What was taken from the file that was sent last; raises `NotFound`."""
        self.resources.need("read")
        await self.resources.records.row(id)
        rows = await self.tx.fetch(_OF, self.tx.organization_id, id)
        if not rows:
            raise NotFound("It has no busy calendar.", code="no_busy_calendar")
        return dict(rows[0])

    async def replace(self, id: UUID, content: bytes) -> dict[str, Any]:
        """Have a resource be busy as a file says, and no more as one before did.

        Raises `Invalid` where it cannot be read, `TooLarge`.
        """
        self.resources.need("update")
        await self.resources.records.row(id)
        tx, own = self.tx, self.tx.organization_id
        (row,) = await tx.fetch(_ZONE, own, id)
        start, end = tx.now - PAST, tx.now + AHEAD
        # Reading takes seconds at its worst, in which others are answered.
        read = await asyncio.to_thread(busy_in, content, ZoneInfo(row["zone"]), start, end)
        await self._forget(id)
        told = {
            "resource_id": id,
            "imported_at": tx.now,
            "starts_at": start,
            "ends_at": end,
            "events": read.events,
            "spans": len(read.spans),
        }
        tx.insert(BusyCalendar, {"id": new_id(), **told})
        for opens, closes in read.spans:
            span = {"resource_id": id, "starts_at": opens, "ends_at": closes}
            tx.insert(BusySpanRow, {"id": new_id(), **span})
        return told

    async def remove(self, id: UUID) -> None:
        """Have a resource be busy nowhere else; without a calendar nothing happens."""
        self.resources.need("update")
        await self._forget(id)

    async def _forget(self, id: UUID) -> None:
        await self.resources.records.get(id, lock=True)
        await self.tx.write(_FORGET, self.tx.organization_id, [id])
        find_conflicts_later(self.tx)


async def forget_busy_calendars(tx: Tx, entity: str, ids: Sequence[UUID]) -> None:
    """Forget what resources were busy with that were destroyed."""
    if entity == "resource":
        await tx.write(_FORGET, tx.organization_id, list(ids))
