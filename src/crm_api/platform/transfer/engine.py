"""From rows of a file to records: the same path for the dry run and for the real one."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from crm_api.kit.db.tx import Tx
from crm_api.platform.transfer.importer import Draft, Importer, Plan, RowFault
from crm_api.platform.transfer.reading.detect import FileFormat
from crm_api.platform.transfer.reading.rows import Row, read_rows

CHUNK = 1_000
Action = Literal["create", "update", "skip", "error"]

_MATCH = """
    SELECT k.kind, k.value, r.record_id
    FROM unnest($3::text[], $4::text[]) AS k(kind, value)
    JOIN record_keys r ON r.organization_id = $1 AND r.entity = $2
        AND r.kind = k.kind COLLATE "C" AND r.value = k.value COLLATE "C"
"""


@dataclass
class Matches:
    """Which records hold which look-up keys."""

    found: dict[tuple[str, str], set[UUID]] = field(
        default_factory=dict[tuple[str, str], set[UUID]]
    )

    def of(self, draft: Draft, plan: Plan) -> set[UUID]:
        """The records that a row means: by the first kind of key that finds any.

        A phone number alone says little, because people share them: it only counts for a row
        that has nothing better.
        """
        has_better = any(kind in {"external", "email"} for kind, _ in draft.keys)
        for wanted in plan.match:
            kind = "external" if wanted == "external_id" else wanted
            if kind == "phone" and has_better:
                continue
            hits = [self.found[key] for key in draft.keys if key[0] == kind and key in self.found]
            if hits:
                return set().union(*hits)
        return set()


async def match(tx: Tx, importer: Importer, drafts: Iterable[Draft]) -> Matches:
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
    return found


def action_of(draft: Draft, matched: int, plan: Plan) -> Action:
    """What a row does, given how many records it matches."""
    if draft.faults:
        return "error"
    if plan.on_duplicate == "create" or matched == 0:
        return "create"
    if matched > 1:
        draft.faults.append(
            RowFault("ambiguous_match", f"The row matches {matched} records; say which one.")
        )
        return "error"
    return "update" if plan.on_duplicate == "update" else "skip"


async def chunks(
    path: Path, fmt: FileFormat, importer: Importer, plan: Plan, *, start_row: int
) -> AsyncIterator[list[Draft]]:
    """Drafts in chunks; the next chunk is read in a thread while this one is worked on."""
    rows = read_rows(path, fmt, start_row=start_row)
    ahead = asyncio.create_task(asyncio.to_thread(_read, rows, importer, plan))
    try:
        while drafts := await ahead:
            ahead = asyncio.create_task(asyncio.to_thread(_read, rows, importer, plan))
            yield drafts
    finally:
        if not ahead.done():
            await asyncio.wait([ahead])


def _read(rows: Iterable[Row], importer: Importer, plan: Plan) -> list[Draft]:
    drafts: list[Draft] = []
    for row in islice(rows, CHUNK):
        draft = Draft(row.number, row.values)
        if row.error is not None:
            draft.faults.append(RowFault(*row.error))
        else:
            importer.read(draft, plan)
        drafts.append(draft)
    return drafts


class Rehearsal:
    """Counts what a run would do, and remembers which keys it would have made by then."""

    def __init__(self, importer: Importer, plan: Plan) -> None:
        self._importer, self._plan = importer, plan
        # Hashes, so that a file of a million rows fits: 64 bits collide once in 10^7 such files.
        self._made: dict[int, int] = {}
        self._next = 0
        self.counts: Counter[str] = Counter()

    def take(self, drafts: Sequence[Draft], known: Matches) -> list[Draft]:
        """Count a chunk; returns the drafts with mistakes."""
        for draft in drafts:
            if draft.faults:
                self.counts["error"] += 1
                continue
            matched = self._matched(draft, known)
            action = action_of(draft, len(matched), self._plan)
            self.counts[action] += 1
            if action == "create":
                self._next += 1
                self._hold(draft, self._next)
            elif action == "update":
                (record,) = matched
                self._hold(draft, record)
        return [draft for draft in drafts if draft.faults]

    def _matched(self, draft: Draft, known: Matches) -> set[Any]:
        both = Matches({key: set(known.found.get(key, ())) for key in draft.keys})
        for key in draft.keys:
            made = self._made.get(hash(key))
            if made is not None:
                both.found[key].add(made)  # pyright: ignore[reportArgumentType]
        both.found = {key: records for key, records in both.found.items() if records}
        return both.of(draft, self._plan)

    def _hold(self, draft: Draft, record: Any) -> None:
        for key in draft.keys:
            self._made.setdefault(hash(key), record)


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
        left = [*await _store_wave(tx, importer, wave, plan, counts, bad), *later]
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
    known = await match(tx, importer, (draft for draft in drafts if not draft.faults))
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
            new.append(draft)
        elif action == "update":
            old[matched.pop()] = draft
    await importer.relate(tx, [*new, *old.values()])
    for draft in new:
        importer.add(tx, draft)
    if old:
        for record in await importer.service(tx).records.locked(list(old)):
            await importer.absorb(tx, record, old[record.id])
    return waiting
