"""From rows of a file to records: the same path for the dry run and for the real one."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from crm_api.kit.db.tx import Tx
from crm_api.kit.ids import new_id
from crm_api.platform.transfer.importer import Draft, Importer, Plan, RowFault
from crm_api.platform.transfer.reading.detect import FileFormat
from crm_api.platform.transfer.reading.rows import Row, read_rows

CHUNK = 1_000
PART = 200
"""New records that leave together while the next ones are made."""
CHUNK_CHARACTERS = 4_000_000
Action = Literal["create", "update", "skip", "error"]

# The limit keeps each key a look-up of its own: in a table that was filled since it was last
# analysed the planner would rather compare every key with every row.
_MATCH = """
    SELECT k.kind, k.value, r.record_id
    FROM unnest($3::text[], $4::text[]) AS k(kind, value)
    CROSS JOIN LATERAL (
        SELECT record_id FROM record_keys
        WHERE organization_id = $1 AND entity = $2
            AND kind = k.kind COLLATE "C" AND value = k.value COLLATE "C"
        LIMIT 1000
    ) r
"""
_SOURCED = """
    SELECT record_id FROM record_keys WHERE organization_id = $1 AND record_id = ANY($2)
        AND kind = 'external' AND starts_with(value, $3)
"""


@dataclass
class Matches:
    """Which records hold which look-up keys."""

    found: dict[tuple[str, str], set[Any]] = field(default_factory=dict[tuple[str, str], set[Any]])
    sourced: set[Any] = field(default_factory=set[Any])
    """Those of them that have an id in the file's system already; it stays theirs."""

    def of(self, draft: Draft, plan: Plan) -> set[Any]:
        """The records that a row means: by the first kind of key that finds any.

        A phone number alone says little, because people share them: it only counts for a row
        that has nothing better.
        """
        if plan.on_duplicate == "create":
            taken = (self.found.get(key, set[Any]()) for key in draft.keys if key[0] == "external")
            return set[Any]().union(*taken)
        has_better = any(kind in {"external", "email"} for kind, _ in draft.keys)
        for wanted in plan.match:
            kind = "external" if wanted == "external_id" else wanted
            if kind == "phone" and has_better:
                continue
            hits = [self.found[key] for key in draft.keys if key[0] == kind and key in self.found]
            if hits:
                return set().union(*hits)
        return set()


async def match(tx: Tx, importer: Importer, drafts: Iterable[Draft], plan: Plan) -> Matches:
    """Look all keys of some rows up at once."""
    keys = list({key for draft in drafts for key in draft.keys})
    found = Matches()
    if keys:
        rows = await tx.fetch(
            _MATCH,
            tx.organization_id,
            importer.service.repository.listing.entity,
            [kind for kind, _ in keys],
            [value for _, value in keys],
        )
        for kind, value, record_id in rows:
            found.found.setdefault((kind, value), set()).add(record_id)
    records = list(set[UUID]().union(*found.found.values()))
    if records and any(kind == "external" for kind, _ in keys):
        rows = await tx.fetch(_SOURCED, tx.organization_id, records, f"{plan.source}:")
        found.sourced = {row["record_id"] for row in rows}
    return found


def action_of(draft: Draft, matched: int, plan: Plan) -> Action:
    """What a row does, given how many records it matches."""
    if draft.faults:
        return "error"
    if matched == 0:
        return "create"
    if plan.on_duplicate == "create":
        draft.faults.append(RowFault("duplicate", "Another record has this external id."))
        return "error"
    if matched > 1:
        draft.faults.append(
            RowFault("ambiguous_match", f"The row matches {matched} records; say which one.")
        )
        return "error"
    return "update" if plan.on_duplicate == "update" else "skip"


@dataclass(frozen=True)
class Source:
    """A file, how it is read, and what its rows become."""

    path: Path
    format: FileFormat
    importer: Importer
    plan: Plan


async def chunks(
    source: Source, readers: Executor | None, *, start_row: int
) -> AsyncIterator[list[Draft]]:
    """Drafts in chunks; the next chunk is read while this one is worked on.

    Reading and checking a row costs about as much as storing it, so the chunks of a large file
    are read by another process; `readers` None means a thread.
    """
    loop = asyncio.get_running_loop()
    ahead = loop.run_in_executor(readers, read_chunk, source, start_row)
    try:
        while drafts := await ahead:
            ahead = loop.run_in_executor(readers, read_chunk, source, drafts[-1].number + 1)
            yield drafts
    finally:
        if not ahead.cancel():
            await asyncio.wait([ahead])


@dataclass
class _Reading:
    """Where the reading of a source stands; chunks are asked for one after the other."""

    source: Source
    rows: Iterator[Row]
    next_row: int


_open: dict[Path, _Reading] = {}
_MOST_OPEN = 16


def read_chunk(source: Source, start_row: int) -> list[Draft]:
    """The drafts of the next rows from `start_row` on; an empty list is the end of the file."""
    reading = _open.pop(source.path, None)
    if reading is None or reading.next_row != start_row or reading.source != source:
        rows = read_rows(source.path, source.format, start_row=start_row)
        reading = _Reading(source, rows, start_row)
    drafts: list[Draft] = []
    characters = 0
    # Rows may be long: a chunk is bounded by what it holds as well as by how many they are.
    while len(drafts) < CHUNK and characters < CHUNK_CHARACTERS:
        row = next(reading.rows, None)
        if row is None:
            break
        characters += sum(map(len, filter(None, row.values)))
        drafts.append(_draft(row, source))
    if drafts:
        reading.next_row = drafts[-1].number + 1
        while len(_open) >= _MOST_OPEN:
            del _open[next(iter(_open))]
        _open[source.path] = reading
    return drafts


def _draft(row: Row, source: Source) -> Draft:
    draft = Draft(row.number, row.values)
    if row.error is not None:
        draft.faults.append(RowFault(*row.error))
    else:
        source.importer.read(draft, source.plan)
    return draft


async def store(
    tx: Tx, importer: Importer, drafts: Sequence[Draft], plan: Plan
) -> tuple[Counter[str], list[Draft]]:
    """Commit-ready writes of a chunk; returns the counts and the drafts with mistakes.

    A row that matches one earlier in the chunk waits until that one is stored.
    """
    counts: Counter[str] = Counter()
    bad: list[Draft] = []
    left = list(drafts)
    while left:
        wave, later = _independent(left)
        waiting = await _store_wave(tx, importer, wave, plan, counts, bad)
        left = sorted([*waiting, *later], key=lambda draft: draft.number)
        if left:
            await tx.flush()
    return counts, bad


def _independent(drafts: list[Draft]) -> tuple[list[Draft], list[Draft]]:
    seen: set[tuple[str, str]] = set()
    now: list[Draft] = []
    later: list[Draft] = []
    for draft in drafts:
        (later if not seen.isdisjoint(draft.keys) else now).append(draft)
        seen.update(draft.keys)
    return now, later


async def _store_wave(
    tx: Tx,
    importer: Importer,
    drafts: list[Draft],
    plan: Plan,
    counts: Counter[str],
    bad: list[Draft],
) -> list[Draft]:
    """Store what can be stored now; returns the rows that mean a record already in hand."""
    known = await match(tx, importer, (d for d in drafts if not d.faults), plan)
    new: list[Draft] = []
    old: dict[UUID, Draft] = {}
    waiting: list[Draft] = []
    for draft in drafts:
        matched = set[UUID]() if draft.faults else known.of(draft, plan)
        action = action_of(draft, len(matched), plan)
        if action == "update" and matched <= old.keys():
            waiting.append(draft)
            continue
        counts[action] += 1
        if action == "error":
            bad.append(draft)
        elif action == "create":
            draft.record_id = new_id()
            new.append(draft)
        elif action == "update":
            record_id: UUID = matched.pop()
            draft.record_id = record_id
            old[record_id] = draft
    await importer.relate(tx, [*new, *old.values()])
    await _add(tx, importer, new)
    if old:
        for record in await importer.service(tx).records.locked(list(old)):
            version = record.version
            await importer.absorb(tx, record, old[record.id])
            if record.version == version:
                counts.update({"update": -1, "unchanged": 1})
    return waiting


async def _add(tx: Tx, importer: Importer, drafts: Sequence[Draft]) -> None:
    """Store new records: PostgreSQL writes one part while the next one is made."""
    sends: list[asyncio.Task[None]] = []
    for number, draft in enumerate(drafts, 1):
        importer.add(tx, draft)
        if number % PART == 0:
            sends.append(asyncio.create_task(tx.flush()))
        if number % 20 == 0:
            await asyncio.sleep(0)  # a part does not fit into the socket at once
    # Those behind one that fails fail as well, and only the first says why.
    ends = await asyncio.gather(*sends, return_exceptions=True)
    for failed in filter(None, ends):
        raise failed
