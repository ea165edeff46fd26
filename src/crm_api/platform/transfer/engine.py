"""From rows of a file to records: the same path for the dry run and for the real one."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Iterable, Iterator, Mapping, Sequence
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
BREATH = 10
"""Rows after which others have their turn: above all the socket on which rows leave."""
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


async def chunks(source: Source, *, start_row: int) -> AsyncGenerator[list[Draft]]:
    """Drafts in chunks; the next chunk is read while this one is worked on."""
    rows = read_rows(source.path, source.format, start_row=start_row)
    ahead = asyncio.create_task(_read(source, rows))
    try:
        while drafts := await ahead:
            ahead = asyncio.create_task(_read(source, rows))
            yield drafts
    finally:
        ahead.cancel()
        await asyncio.wait([ahead])


async def _read(source: Source, rows: Iterator[Row]) -> list[Draft]:
    """The drafts of the next rows; none at the end of the file."""
    # Files are opened and rows skipped at the first one, which may take a while.
    found = await asyncio.to_thread(_next_rows, rows)
    drafts: list[Draft] = []
    for row in found:
        drafts.append(_draft(row, source))
        if len(drafts) % BREATH == 0:
            await asyncio.sleep(0)
    return drafts


def _next_rows(rows: Iterator[Row]) -> list[Row]:
    found: list[Row] = []
    characters = 0
    # Rows may be long: a chunk is bounded by what it holds as well as by how many they are.
    while len(found) < CHUNK and characters < CHUNK_CHARACTERS:
        row = next(rows, None)
        if row is None:
            break
        characters += sum(map(len, filter(None, row.values)))
        found.append(row)
    return found


def _draft(row: Row, source: Source) -> Draft:
    draft = Draft(row.number, row.values)
    if row.error is not None:
        draft.faults.append(RowFault(*row.error))
    else:
        source.importer.read(draft, source.plan)
    return draft


class Storing:
    """Turns the drafts of a chunk into writes of a unit of work.

    New records are only kept back. Before anything else is asked of the transaction, `turn` is
    awaited: until then the chunk before may hold, or still want, what this one would lock.
    """

    def __init__(self, tx: Tx, importer: Importer, plan: Plan, turn: Awaitable[Any]) -> None:
        self.counts: Counter[str] = Counter()
        self.bad: list[Draft] = []
        """The drafts with mistakes."""
        self._tx, self._importer, self._plan, self._turn = tx, importer, plan, turn

    async def store(self, drafts: Sequence[Draft]) -> None:
        """Store a chunk; a row that matches one earlier in it waits until that one is stored."""
        left = list(drafts)
        while left:
            wave, later = _independent(left)
            waiting = await self._store_wave(wave)
            left = sorted([*waiting, *later], key=lambda draft: draft.number)
            if left:
                await self._turn
                await self._tx.flush()

    async def _store_wave(self, drafts: list[Draft]) -> list[Draft]:
        """Store what can be stored now; returns the rows that mean a record already in hand."""
        good = (draft for draft in drafts if not draft.faults)
        known = await match(self._tx, self._importer, good, self._plan)
        new: list[Draft] = []
        old: dict[UUID, Draft] = {}
        waiting: list[Draft] = []
        for draft in drafts:
            matched = set[UUID]() if draft.faults else known.of(draft, self._plan)
            action = action_of(draft, len(matched), self._plan)
            if action == "update" and matched <= old.keys():
                waiting.append(draft)
                continue
            self.counts[action] += 1
            if action == "error":
                self.bad.append(draft)
            elif action == "create":
                draft.record_id = new_id()
                new.append(draft)
            elif action == "update":
                record_id: UUID = matched.pop()
                draft.record_id = record_id
                old[record_id] = draft
        await self._importer.relate(self._tx, [*new, *old.values()])
        for number, draft in enumerate(new, 1):
            self._importer.add(self._tx, draft)
            if number % BREATH == 0:
                await asyncio.sleep(0)
        if old:
            await self._turn
            await self._change(old)
        return waiting

    async def _change(self, drafts: Mapping[UUID, Draft]) -> None:
        for record in await self._importer.service(self._tx).records.locked(list(drafts)):
            version = record.version
            await self._importer.absorb(self._tx, record, drafts[record.id])
            if record.version == version:
                self.counts.update({"update": -1, "unchanged": 1})


def _independent(drafts: list[Draft]) -> tuple[list[Draft], list[Draft]]:
    seen: set[tuple[str, str]] = set()
    now: list[Draft] = []
    later: list[Draft] = []
    for draft in drafts:
        (later if not seen.isdisjoint(draft.keys) else now).append(draft)
        seen.update(draft.keys)
    return now, later
