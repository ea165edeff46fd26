"""From rows of a file to records: the same path for the dry run and for the real one."""

import asyncio
from collections import Counter
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Duplicate, Erased, Fault
from crm_api.kit.ids import new_id
from crm_api.kit.query.kinds import missing, referred
from crm_api.kit.query.visibility import among, sight_of
from crm_api.platform.transfer.importer import Draft, Importer, Plan, RowFault
from crm_api.platform.transfer.ledger import Ledger
from crm_api.platform.transfer.preparing import PreparedImporter
from crm_api.platform.transfer.reading.detect import FileFormat
from crm_api.platform.transfer.reading.rows import Row, read_rows
from crm_api.platform.transfer.reading.workbook import Unread

CHUNK = 1_000
BLOCKING_CHUNK = 100
"""The same where each new record is looked for first: others who write wait until it is stored."""
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
    closed: set[Any] = field(default_factory=set[Any])
    """Those of them that whoever imports may see and not change."""

    @property
    def records(self) -> set[Any]:
        """All of them."""
        return set[Any]().union(*self.found.values())

    def of(self, draft: Draft, plan: Plan) -> set[Any]:
        """The records that a row means: by the first kind of key that finds any.

        A phone number alone says little, because people share them: it only counts for a row
        that has nothing better, unless whoever imports says by what to match.
        """
        if plan.on_duplicate == "create":
            taken = (self.found.get(key, set[Any]()) for key in draft.keys if key[0] == "external")
            return set[Any]().union(*taken)
        better = not plan.chosen and any(kind in {"external", "email"} for kind, _ in draft.keys)
        for wanted in plan.match:
            kind = "external" if wanted == "external_id" else wanted
            if kind == "phone" and better:
                continue
            hits = [self.found[key] for key in draft.keys if key[0] == kind and key in self.found]
            if hits:
                return self._open(draft, set().union(*hits), plan)
        return set()

    def _open(self, draft: Draft, matched: set[Any], plan: Plan) -> set[Any]:
        if plan.on_duplicate == "update" and not self.closed.isdisjoint(matched):
            message = "The row means a record that you may not change."
            draft.faults.append(RowFault("missing_right", message))
        return matched


async def match(tx: Tx, importer: Importer, drafts: Iterable[Draft], plan: Plan) -> Matches:
    """Look all keys of some rows up at once; what is not seen is not found."""
    drafts = list(drafts)
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
        rows = [*map(tuple, rows), *await importer.holders(tx, drafts)]
        listing, ids = importer.service.repository.listing, [row[2] for row in rows]
        visible = await among(tx, listing, sight_of(tx.actor, listing), ids)
        for kind, value, record_id in rows:
            if record_id in visible:
                found.found.setdefault((kind, value), set()).add(record_id)
        changeable = sight_of(tx.actor, listing, "update")
        found.closed = set(visible - await among(tx, listing, changeable, list(visible)))
    records = list(found.records)
    if records and any(kind == "external" for kind, _ in keys):
        rows = await tx.fetch(_SOURCED, tx.organization_id, records, f"{plan.source}:")
        found.sourced = {row["record_id"] for row in rows}
    return found


async def refer(tx: Tx, importer: Importer, drafts: Sequence[Draft], plan: Plan) -> None:
    """Look up what some rows refer to, custom fields too; what is not there is a mistake."""
    await importer.refer(tx, [draft for draft in drafts if not draft.faults], plan)
    relations = importer.service(tx).fields.relations
    good = [draft for draft in drafts if not draft.faults] if relations else []
    kinds = await referred(tx, relations, [draft.values["custom"] for draft in good])
    for draft in good:
        for fault in missing(relations, draft.values["custom"], kinds):
            draft.faults.append(importer.located(fault, draft, plan))


def action_of(draft: Draft, matched: int, plan: Plan) -> Action:
    """What a row does, given how many records it matches."""
    if draft.faults:
        return "error"
    if matched == 0:
        draft.faults += plan.lacking(draft)
        return "error" if draft.faults else "create"
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
    source: Source, *, start_row: int, size: int = CHUNK
) -> AsyncGenerator[list[Draft]]:
    """Drafts in chunks; the next chunk is read while this one is worked on."""
    rows = read_rows(source.path, source.format, start_row=start_row)
    ahead = asyncio.create_task(_read(source, rows, size))
    try:
        while drafts := await ahead:
            ahead = asyncio.create_task(_read(source, rows, size))
            yield drafts
    finally:
        ahead.cancel()
        await asyncio.wait([ahead])


async def _read(source: Source, rows: Iterator[Row], size: int) -> list[Draft]:
    """The drafts of the next rows; none at the end of the file."""
    # Files are opened and rows skipped at the first one, which may take a while.
    found = await asyncio.to_thread(_next_rows, rows, size)
    drafts: list[Draft] = []
    for row in found:
        drafts.append(_draft(row, source))
        if len(drafts) % BREATH == 0:
            await asyncio.sleep(0)
    return drafts


def _next_rows(rows: Iterator[Row], size: int) -> list[Row]:
    found: list[Row] = []
    characters = 0
    # Rows may be long: a chunk is bounded by what it holds as well as by how many they are.
    while len(found) < size and characters < CHUNK_CHARACTERS:
        row = next(rows, None)
        if row is None:
            break
        characters += sum(map(len, filter(None, row.values)))
        found.append(row)
    return found


def _draft(row: Row, source: Source) -> Draft:
    draft = Draft(row.number, row.values)
    if source.format.kind == "xlsx":
        _note_unread(draft, source.plan)
    if row.error is not None:
        draft.faults.append(RowFault(*row.error))
    elif not draft.faults:
        source.importer.read(draft, source.plan)
    return draft


def _note_unread(draft: Draft, plan: Plan) -> None:
    """Cells of a sheet that have no value are mistakes where their columns are mapped."""
    unread = {n: str(cell) for n, cell in enumerate(draft.cells) if isinstance(cell, Unread)}
    for place, text in unread.items():
        draft.cells[place] = text
    for column in plan.columns if unread else ():
        if (text := unread.get(column.index)) is not None:
            draft.faults.append(_unread(column.name, text))


def _unread(column: str, text: str) -> RowFault:
    if text == "=":
        message = "The formula of the cell was never worked out; save the file once more."
        return RowFault("formula_without_value", message, column)
    return RowFault("cell_error", "The cell shows an error.", column, text[:500])


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
        self._blocks = importer.service(tx).blocks

    async def store(self, drafts: Sequence[Draft]) -> None:
        """Store a chunk; a row that matches one earlier in it waits until that one is stored."""
        await refer(self._tx, self._importer, drafts, self._plan)
        await self._importer.hold(self._tx, [draft for draft in drafts if not draft.faults])
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
        good = [draft for draft in drafts if not draft.faults]
        known = await match(self._tx, self._importer, good, self._plan)
        ledger = await self._importer.ledger(self._tx, good, known.records)
        barred = await self._barred(good)
        new: list[Draft] = []
        old: dict[UUID, Draft] = {}
        waiting: list[Draft] = []
        for draft in drafts:
            matched = set[UUID]() if draft.faults else known.of(draft, self._plan)
            action = action_of(draft, len(matched), self._plan)
            if action == "update" and matched <= old.keys():
                waiting.append(draft)
                continue
            if action in {"create", "update"}:
                draft.record_id = matched.pop() if matched else new_id()
                action = self._allowed(action, draft, barred, ledger)
            self.counts[action] += 1
            if action == "error":
                self.bad.append(draft)
            elif action == "create":
                new.append(draft)
            elif action == "update" and draft.record_id is not None:
                old[draft.record_id] = draft
        await self._importer.relate(self._tx, [*new, *old.values()])
        await self._create(new)
        if old:
            await self._turn
            await self._change(old)
        return waiting

    def _allowed(
        self, action: Action, draft: Draft, barred: Collection[int], ledger: Ledger | None
    ) -> Action:
        """What a row does after all, where it would make or change its record."""
        if action == "create" and draft.number in barred:
            fault = Fault(Erased.code, Erased().detail)
            draft.faults.append(self._importer.located(fault, draft, self._plan))
        elif ledger is not None and draft.record_id is not None:
            self._importer.claim(ledger, draft, draft.record_id, self._plan)
        return "error" if draft.faults else action

    async def _barred(self, drafts: Sequence[Draft]) -> set[int]:
        """The numbers of those rows that would bring back somebody who was erased."""
        service = self._importer.service(self._tx)
        places = await service.barred([draft.values for draft in drafts])
        return {drafts[place].number for place in places}

    async def _create(self, drafts: Sequence[Draft]) -> None:
        importer = self._importer
        if drafts and (self._blocks or isinstance(importer, PreparedImporter)):
            # What is there already includes what the chunk before has stored.
            await self._turn
        for number, draft in enumerate(drafts, 1):
            if self._blocks and not await self._admits(draft):
                continue
            if isinstance(importer, PreparedImporter):
                await importer.make(self._tx, draft)
            else:
                importer.add(self._tx, draft)
            if number % BREATH == 0:
                await asyncio.sleep(0)

    async def _admits(self, draft: Draft) -> bool:
        """Whether no guard refuses a new record, which may be one of this chunk's once more."""
        service = self._importer.service(self._tx)
        try:
            await service.admit({**draft.values, "id": draft.record_id}, None)
        except Duplicate as error:
            fault = Fault(error.own_code, error.detail)
            draft.faults.append(self._importer.located(fault, draft, self._plan))
            self.counts.update({"create": -1, "error": 1})
            self.bad.append(draft)
            return False
        return True

    async def _change(self, drafts: Mapping[UUID, Draft]) -> None:
        gone = set(drafts)
        for record in await self._importer.service(self._tx).records.locked(list(drafts)):
            gone.discard(record.id)
            version = record.version
            await self._importer.absorb(self._tx, record, drafts[record.id])
            if record.version == version:
                self.counts.update({"update": -1, "unchanged": 1})
        for draft in (drafts[id] for id in gone):
            # Between the look and the lock somebody has put it in the bin.
            message = "The record that the row means was removed meanwhile."
            draft.faults.append(RowFault("record_gone", message))
            self.counts.update({"update": -1, "error": 1})
            self.bad.append(draft)


def _independent(drafts: list[Draft]) -> tuple[list[Draft], list[Draft]]:
    seen: set[tuple[str, str]] = set()
    waited_for: set[str | None] = set()
    now: list[Draft] = []
    later: list[Draft] = []
    for draft in drafts:
        if not seen.isdisjoint(draft.keys) or draft.queue in waited_for:
            later.append(draft)
            if draft.queue is not None:
                waited_for.add(draft.queue)
        else:
            now.append(draft)
        seen.update(draft.keys)
    return now, later
