"""Undoing an import from the events that it caused."""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.base import Entity
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.platform.transfer.importer import Importer

_CAUSED = (
    "SELECT record_id, version, previous FROM events WHERE organization_id = $1 "
    "AND cause_id = $2 AND record_id = ANY($3) ORDER BY seq DESC"
)


async def revert_batch(
    tx: Tx, importer: Importer, import_id: UUID, batch: Sequence[tuple[UUID, str, int]]
) -> Counter[str]:
    """Put some records back; returns how many were removed, restored, or kept.

    A record that somebody changed since is kept as it is: their work counts more.
    """
    services = {s.repository.listing.entity: s for s in importer.touched}
    rows = await tx.fetch(_CAUSED, tx.organization_id, import_id, [id for id, _, _ in batch])
    events: dict[UUID, list[Any]] = {}
    for row in rows:
        events.setdefault(row["record_id"], []).append(row)
    counts: Counter[str] = Counter()
    for entity, kind in services.items():
        ids = [id for id, of, _ in batch if of == entity]
        service = kind(tx)
        found = {record.id: record for record in await service.records.locked(ids)}
        needed = await importer.in_use(tx, entity, list(found))
        for id in ids:
            kept = id in needed
            counts["kept" if kept else await _put_back(service, found.get(id), events[id])] += 1
    return counts


async def _put_back(service: CrudService[Any], record: Entity | None, caused: Sequence[Any]) -> str:
    if record is None:
        return "removed"
    if record.version != caused[0]["version"]:
        return "kept"
    tx = service.tx
    if caused[-1]["previous"] is None:
        await service.change(
            record, {"deleted_at": tx.now, "deleted_by": tx.actor.id}, verb="deleted"
        )
        # One by one: what takes a unique place must see it free.
        await tx.flush()
        return "removed"
    before: dict[str, Any] = {}
    for event in caused:
        before |= decode(event["previous"])
    await service.change(record, service.unshown(before, record))
    await tx.flush()
    return "restored"
