"""What was read of fields that an organization has watched, and how that is written down."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from crm_api.kit.db import inserts
from crm_api.kit.db.events import event_row
from crm_api.kit.db.tables import EventRow
from crm_api.kit.ids import new_id

ENTITY = "read"
"""What the events are about: not the record, whose history and feed they would fill."""
_Key = tuple[str, tuple[str, ...], UUID | None]


class Readings:
    """The readings of one unit of work; each kind of them becomes one event."""

    def __init__(self) -> None:
        self._ids: dict[_Key, dict[UUID, None]] = {}
        self._counts: dict[_Key, int] = {}

    def __bool__(self) -> bool:
        return bool(self._ids or self._counts)

    def add(
        self, entity: str, fields: Iterable[str], ids: Iterable[UUID], cause_id: UUID | None
    ) -> None:
        """Fields of some records were read."""
        key = entity, tuple(sorted(fields)), cause_id
        self._ids.setdefault(key, {}).update(dict.fromkeys(ids))

    def add_many(
        self, entity: str, fields: Iterable[str], count: int, cause_id: UUID | None
    ) -> None:
        """Fields of too many records to name them were read."""
        key = entity, tuple(sorted(fields)), cause_id
        self._counts[key] = self._counts.get(key, 0) + count

    async def tell(self, tx: Any) -> None:
        """Write it down at once, whatever becomes of the unit of work: the reader has seen it."""
        events = [_event(tx, key, list(ids), len(ids)) for key, ids in self._ids.items()]
        events += [_event(tx, key, [], count) for key, count in self._counts.items()]
        self._ids.clear()
        self._counts.clear()
        args = [inserts.encoded(EventRow, events, tx.organization_id)]
        await tx.database.fetch(tx.organization_id, inserts.statement((EventRow,)), args)


def _event(tx: Any, key: _Key, ids: list[UUID], count: int) -> dict[str, Any]:
    entity, fields, cause_id = key
    data = {"entity": entity, "fields": fields, "ids": ids, "count": count}
    row = event_row(tx, f"{entity}.read", entity=ENTITY, record_id=new_id(), version=1, data=data)
    return {**row, "cause_id": cause_id}
