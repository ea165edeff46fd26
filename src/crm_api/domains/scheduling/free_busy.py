"""When nothing of resources is free, without what takes it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_api.domains.scheduling.busy import Span, busy_between
from crm_api.domains.scheduling.documents import Person, free_busy
from crm_api.domains.scheduling.repository import RESOURCES
from crm_api.domains.scheduling.resources import ResourceService
from crm_api.domains.scheduling.sweeping import Taken, levels
from crm_api.domains.scheduling.times_schemas import FreeBusyAsked
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.query.filters import parse
from crm_api.kit.query.page import PageQuery
from crm_api.kit.query.selection import Selection

_TAKEN = """
    SELECT resource_id, starts_at, ends_at, quantity FROM booking_allocations
    WHERE organization_id = $1 AND resource_id = ANY($2) AND is_active
        AND (hold_expires_at IS NULL OR hold_expires_at > $5)
        AND ends_at > $3 AND starts_at < $4
    ORDER BY resource_id, starts_at
"""


class FreeBusies:
    """Whoever may read resources may ask; bookings need not be theirs to see."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def of(self, asked: FreeBusyAsked) -> dict[str, Any]:
        """When nothing is free, by resource in the order asked for; raises `Invalid`."""
        found = await self._busy(asked)
        resources = [
            {"resource_id": row.id, "busy": [{"start": a, "end": b} for a, b in spans]}
            for row, spans in found
        ]
        return {"start": asked.start, "end": asked.end, "resources": resources}

    async def document(self, asked: FreeBusyAsked) -> bytes:
        """The same as an iCalendar document."""
        told = [(Person(row.id, row.name), spans) for row, spans in await self._busy(asked)]
        return free_busy(told, asked.start, asked.end, self.tx.now)

    async def _busy(self, asked: FreeBusyAsked) -> list[tuple[Any, list[Span]]]:
        ids = list(dict.fromkeys(asked.resource_ids))
        window = (asked.start, asked.end)
        async with at_one_moment(self.tx) as reader:
            service = ResourceService(reader)
            wanted = {"id": {"in": [str(id) for id in ids]}}
            query = PageQuery(
                Selection.of(RESOURCES, reader, "id,name,capacity"),
                filter=parse(wanted, RESOURCES, reader),
                limit=len(ids),
            )
            rows = {row.id: row for row in (await service.page(query)).data}
            _need_all(asked.resource_ids, rows)
            taken: dict[UUID, list[Taken]] = {}
            args = (reader.organization_id, ids, *window, reader.now)
            for row in await reader.fetch(_TAKEN, *args):
                one = Taken(row["starts_at"], row["ends_at"], row["quantity"])
                taken.setdefault(row["resource_id"], []).append(one)
            elsewhere = await busy_between(reader, ids, *window)
        return [
            (
                rows[id],
                full(taken.get(id, ()), elsewhere.get(id, ()), rows[id].capacity, window),
            )
            for id in ids
        ]


def full(
    taken: Sequence[Taken], elsewhere: Sequence[Span], capacity: int, window: Span
) -> list[Span]:
    """When nothing is left of a capacity in a window: in order, neither overlapping nor touching."""
    whole = [Taken(start, end, capacity) for start, end in elsewhere]
    return list(_merged(_full([*taken, *whole], capacity, window)))


def _full(taken: Sequence[Taken], capacity: int, window: Span) -> Iterator[Span]:
    for level in levels(taken, *window):
        if level.quantity >= capacity:
            yield level.starts_at, level.ends_at


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    pending: tuple[datetime, datetime] | None = None
    for start, end in spans:
        if pending is not None and start <= pending[1]:
            pending = pending[0], max(pending[1], end)
            continue
        if pending is not None:
            yield pending
        pending = start, end
    if pending is not None:
        yield pending


def _need_all(ids: Sequence[UUID], known: dict[UUID, Any]) -> None:
    faults = [
        Fault("unknown_reference", "There is no such resource.", f"/resource_ids/{place}")
        for place, id in enumerate(ids)
        if id not in known
    ]
    if faults:
        raise Invalid(faults[0].message, faults=faults)
