"""Undoing an import from the events that it caused."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.base import Entity
from crm_api.kit.db.json import decode
from crm_api.kit.db.references import references_to
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict
from crm_api.kit.query.targets import target_of
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
# Whatever refers to some records, but for what the import itself was the last to write and what is
# still to be put back: its last event comes before those that are dealt with.
_REFERRING = """
    SELECT r.id, r.{column} AS needed FROM {table} r
    WHERE r.organization_id = $1 AND r.{column} = ANY($2) AND r.deleted_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM events e WHERE e.organization_id = $1 AND e.record_id = r.id
            AND e.version = r.version AND e.cause_id IS NOT DISTINCT FROM $3 AND e.seq < $4)
"""
_RELATED = """
    SELECT r.id, v.reference AS needed FROM custom_values v
    JOIN {table} r ON r.organization_id = $1 AND r.id = v.record_id AND r.deleted_at IS NULL
    WHERE v.organization_id = $1 AND v.field_id = $5 AND v.reference = ANY($2) AND NOT EXISTS (
        SELECT 1 FROM events e WHERE e.organization_id = $1 AND e.record_id = r.id
            AND e.version = r.version AND e.cause_id IS NOT DISTINCT FROM $3 AND e.seq < $4)
"""


@dataclass(frozen=True, slots=True)
class _Undo:
    """An import that is undone, down to one of its events."""

    importer: Importer
    import_id: UUID
    down_to: int


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
    undo = _Undo(importer, import_id, rows[-1]["seq"])
    return undo.down_to, await _revert_records(tx, undo, last)


async def _revert_records(tx: Tx, undo: _Undo, batch: Sequence[tuple[UUID, str]]) -> Counter[str]:
    services = {s.repository.listing.entity: s for s in undo.importer.touched}
    rows = await tx.fetch(_CAUSED, tx.organization_id, undo.import_id, [id for id, _ in batch])
    events: dict[UUID, list[Any]] = {}
    for row in rows:
        events.setdefault(row["record_id"], []).append(row)
    counts: Counter[str] = Counter()
    for entity, kind in services.items():
        ids = [id for id, of in batch if of == entity]
        counts += await _put_back(kind(tx), undo, {id: events[id] for id in ids})
    return counts


async def _put_back(
    service: CrudService[Any], undo: _Undo, caused: dict[UUID, list[Any]]
) -> Counter[str]:
    tx, entity = service.tx, service.model.entity
    new = [id for id, events in caused.items() if events[-1]["previous"] is None]
    # Nobody begins to refer to what is about to go.
    await service.records.sealed(new)
    found: list[Entity] = await service.records.locked(list(caused))
    needed = await undo.importer.in_use(tx, entity, [record.id for record in found])
    ours = [r for r in found if r.id not in needed and r.version == caused[r.id][0]["version"]]
    made = {record.id for record in ours} & {*new}
    staying = await undo.importer.leant_on(tx, entity, sorted(made))
    staying |= await _referred_to(service, undo, made - staying)
    ours = [record for record in ours if record.id not in staying]
    await service.remove([record for record in ours if record.id in made])
    restored = 0
    for record in ours:
        if record.id not in made:
            restored += await _restored(service, record, caused[record.id])
    await tx.flush()
    removed = len(made - staying)
    return Counter(
        # What is not found was removed by somebody else.
        removed=len(caused) - len(found) + removed,
        restored=restored,
        kept=len(found) - removed - restored,
    )


async def _restored(service: CrudService[Any], record: Entity, events: Sequence[Any]) -> bool:
    """Have a record say what it said before; whether it could."""
    before: dict[str, Any] = {}
    for event in events:
        # What was only told changed nothing.
        if event["previous"] is not None:
            before |= decode(event["previous"])
    # One by one: what takes a unique place must see it free.
    await service.tx.flush()
    try:
        await service.put_back(record, service.unshown(before, record))
    except Conflict:
        # What others did since leaves no room for it, such as a hierarchy that would be a circle.
        return False
    return True


async def _referred_to(
    service: CrudService[Any], undo: _Undo, going: Collection[UUID]
) -> set[UUID]:
    """Those of some records that are to go to which something refers that stays."""
    tx, model = service.tx, service.model
    if not going:
        return set()
    args = (tx.organization_id, sorted(going), undo.import_id, undo.down_to)
    links: list[tuple[UUID, UUID]] = []
    relations = service.records.listing.relations
    # What is a part of a record goes with it.
    parts = {one.target().entity for one in relations if one.part}
    for reference in references_to(model):
        if reference.entity in parts:
            continue
        sql = _REFERRING.format(table=reference.table, column=reference.column)
        links += [(row["id"], row["needed"]) for row in await tx.fetch(sql, *args)]
    for field in tx.catalogue.relations_to(model.entity):
        target = target_of(field.target)
        assert target is not None
        sql = _RELATED.format(table=target.model.__tablename__)
        links += [(row["id"], row["needed"]) for row in await tx.fetch(sql, *args, field.id)]
    staying: set[UUID] = set()
    while more := {needed for id, needed in links if id not in going or id in staying} - staying:
        staying |= more
    return staying
