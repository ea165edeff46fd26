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

PAGE = 500
_BEYOND = 2**63 - 1

# A page of the import's events, the last first. A record is dealt with at its last event. The
# limit inside keeps each look for a later event a look-up of its own, whatever the planner
# believes of a table that was filled since it was last analysed.
_PAGE = """
    SELECT record_id, entity, seq, (
        SELECT true FROM events later
        WHERE later.organization_id = $1 AND later.record_id = e.record_id AND later.seq > e.seq
            AND later.cause_id IS NOT DISTINCT FROM $2
        LIMIT 1
    ) AS again
    FROM events e
    WHERE organization_id = $1 AND cause_id = $2 AND seq < $3
    ORDER BY seq DESC LIMIT $4
"""
# `IS NOT DISTINCT FROM`, so that the index of records is used, never that of causes: it would
# walk all events of the import for each page.
_CAUSED = """
    SELECT record_id, version, previous FROM events WHERE organization_id = $1
        AND record_id = ANY($3) AND cause_id IS NOT DISTINCT FROM $2
    ORDER BY seq DESC
"""


async def revert_page(
    tx: Tx, importer: Importer, import_id: UUID, before: int | None
) -> tuple[int, Counter[str]] | None:
    """Put the records of the next events back; None when there are none.

    Returns from which event on all are dealt with, and how many records were removed, restored,
    or kept: one that somebody changed since is left as it is, because their work counts more.
    """
    start = _BEYOND if before is None else before
    rows = await tx.fetch(_PAGE, tx.organization_id, import_id, start, PAGE)
    if not rows:
        return None
    last = [(row["record_id"], row["entity"]) for row in rows if not row["again"]]
    return rows[-1]["seq"], await _revert_records(tx, importer, import_id, last)


async def _revert_records(
    tx: Tx, importer: Importer, import_id: UUID, batch: Sequence[tuple[UUID, str]]
) -> Counter[str]:
    services = {s.repository.listing.entity: s for s in importer.touched}
    rows = await tx.fetch(_CAUSED, tx.organization_id, import_id, [id for id, _ in batch])
    events: dict[UUID, list[Any]] = {}
    for row in rows:
        events.setdefault(row["record_id"], []).append(row)
    counts: Counter[str] = Counter()
    for entity, kind in services.items():
        ids = [id for id, of in batch if of == entity]
        counts += await _put_back(kind(tx), importer, {id: events[id] for id in ids})
    return counts


async def _put_back(
    service: CrudService[Any], importer: Importer, caused: dict[UUID, list[Any]]
) -> Counter[str]:
    tx = service.tx
    found: list[Entity] = await service.records.locked(list(caused))
    needed = await importer.in_use(tx, service.model.entity, [record.id for record in found])
    ours = [r for r in found if r.id not in needed and r.version == caused[r.id][0]["version"]]
    made = [record for record in ours if caused[record.id][-1]["previous"] is None]
    staying = await importer.leant_on(tx, service.model.entity, [record.id for record in made])
    made = [record for record in made if record.id not in staying]
    ours = [record for record in ours if record.id not in staying]
    await service.remove(made)
    for record in ours:
        if caused[record.id][-1]["previous"] is not None:
            before: dict[str, Any] = {}
            for event in caused[record.id]:
                # What was only told changed nothing.
                if event["previous"] is not None:
                    before |= decode(event["previous"])
            # One by one: what takes a unique place must see it free.
            await tx.flush()
            await service.put_back(record, service.unshown(before, record))
    await tx.flush()
    return Counter(
        # What is not found was removed by somebody else.
        removed=len(caused) - len(found) + len(made),
        restored=len(ours) - len(made),
        kept=len(found) - len(ours),
    )
