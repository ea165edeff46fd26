"""The dry run: what a run would do, counted without storing anything."""

import asyncio
import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict
from crm_api.platform.transfer.engine import Matches, action_of, match, refer
from crm_api.platform.transfer.importer import Draft, Importer, Plan
from crm_api.platform.transfer.ledger import Ledger, RecordId, Span

CACHE_KIB = 32_768
# One transaction that never ends: what exceeds the cache goes to the file, nothing else does.
_BEGIN = f"""
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA cache_size = -{CACHE_KIB};
    BEGIN EXCLUSIVE;
    CREATE TABLE holders (key INTEGER, record, PRIMARY KEY (key, record)) WITHOUT ROWID;
    CREATE TABLE spans (record PRIMARY KEY, same TEXT, first INTEGER, last INTEGER, row INTEGER)
        WITHOUT ROWID;
    CREATE INDEX spans_same ON spans (same);
    CREATE TABLE records (record PRIMARY KEY, sourced INTEGER, said INTEGER) WITHOUT ROWID;
"""
_HOLDERS = "SELECT key, record FROM holders WHERE key IN (SELECT value FROM json_each(?))"
_RECORDS = """
    SELECT record, sourced, said FROM records WHERE record IN (SELECT value FROM json_each(?))
"""
_SPANS = """
    SELECT record, same, first, last, row FROM spans
    WHERE same IN (SELECT value FROM json_each(?1)) OR record IN (SELECT value FROM json_each(?2))
"""


class Rehearsal:
    """Counts what a run would do; the keys it would have made by then wait in a file.

    So its memory does not grow with the rows; `path` is a new place on a disk that has room for
    them, and is free again at once: the file lives while it is open.
    """

    def __init__(self, importer: Importer, plan: Plan, path: Path) -> None:
        self._importer, self._plan, self._path = importer, plan, path
        # One thread: a connection is not for several, and closing waits for its turn.
        self._thread = ThreadPoolExecutor(1, "rehearsal")
        self._notes: _Notes | None = None
        self._made = 0
        self.counts: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        self._notes = await self._apart(_Notes, self._path)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._notes is not None:
            self._thread.submit(self._notes.close)
        self._thread.shutdown(wait=False)

    async def take(self, tx: Tx, drafts: Sequence[Draft]) -> list[Draft]:
        """Count a chunk; returns the drafts with mistakes. Ends `tx`, which only reads."""
        await refer(tx, self._importer, drafts, self._plan)
        good = [draft for draft in drafts if not draft.faults]
        known = await match(tx, self._importer, good, self._plan)
        ledger = await self._importer.ledger(tx, good, known.records)
        stored = await self._stored(tx, good, known)
        return await self._apart(self._count, drafts, known, ledger, stored, tx.actor.country)

    async def _apart(self, work: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)

    async def _stored(
        self, tx: Tx, drafts: Iterable[Draft], known: Matches
    ) -> Mapping[RecordId, Any]:
        """The stored records that rows mean, with these rows related to what they name."""
        meant: list[Draft] = []
        if self._plan.on_duplicate == "update":
            for draft in drafts:
                records = known.of(draft, self._plan)
                if len(records) == 1:
                    draft.record_id = next(iter(records))
                    meant.append(draft)
        if not meant:
            return {}
        ids = {draft.record_id for draft in meant if draft.record_id}
        found = await self._importer.service(tx).records.some(list(ids))
        try:
            await self._importer.relate(tx, meant)
        except Conflict:
            # Parents in a circle; which row is at fault only the run can say.
            return {}
        finally:
            # What relating would have made is not made.
            await tx.abandon()
        return {record.id: record for record in found}

    def _count(
        self,
        drafts: Sequence[Draft],
        known: Matches,
        ledger: Ledger | None,
        stored: Mapping[RecordId, Any],
        country: str | None,
    ) -> list[Draft]:
        assert self._notes is not None
        page = self._notes.about(drafts, known)
        if ledger is not None:
            self._notes.recall(ledger, page)
        for draft in drafts:
            matched = set[RecordId]() if draft.faults else self._matched(draft, known, page)
            action: str = action_of(draft, len(matched), self._plan)
            record = next(iter(matched), self._made + 1)
            if action in {"create", "update"} and not self._claims(ledger, draft, record):
                action = "error"
            if action == "create":
                self._made += 1
                page.hold(draft, record, self._said(draft))
            elif action == "update":
                said = self._said(draft)
                if self._is_same(draft, stored.get(record), page.said.get(record), said, country):
                    action, said = "unchanged", None
                page.hold(draft, record, said)
            self.counts[action] += 1
        self._notes.keep(page)
        if ledger is not None:
            self._notes.write_down(ledger)
        return [draft for draft in drafts if draft.faults]

    def _claims(self, ledger: Ledger | None, draft: Draft, record: RecordId) -> bool:
        return ledger is None or self._importer.claim(ledger, draft, record, self._plan)

    def _matched(self, draft: Draft, known: Matches, page: "_Page") -> set[RecordId]:
        both: dict[tuple[str, str], set[Any]] = {}
        for key in draft.keys:
            stored, made = known.found.get(key), page.holders.get(hash(key))
            if stored or made:
                both[key] = (stored or set()) | (made or set())
        return Matches(both).of(draft, self._plan) if both else set()

    def _said(self, draft: Draft) -> int:
        return hash(tuple(draft.cells[column.index] for column in self._plan.columns))

    def _is_same(
        self, draft: Draft, stored: Any, said_last: int | None, said: int, country: str | None
    ) -> bool:
        """Whether a row says nothing new.

        Of a record that an earlier row of the file makes or changes only that row is known, so
        there it must say the very same.
        """
        if said_last is not None:
            return said_last == said
        return stored is not None and not self._importer.adds_to(stored, draft, country)


class _Page:
    """What is noted about the keys and records of one chunk, and what the chunk adds to it."""

    def __init__(self) -> None:
        # Hashes, so that a key of any length takes eight bytes: 64 bits collide once in 10^7
        # files of a million rows.
        self.holders: dict[int, set[RecordId]] = {}
        self.sourced: set[RecordId] = set()
        self.said: dict[RecordId, int] = {}
        self.new_holders: list[tuple[int, RecordId]] = []
        self.new_records: dict[RecordId, None] = {}

    def hold(self, draft: Draft, record: RecordId, said: int | None) -> None:
        """Note the keys that a record has after a row, and that the row has made or changed it."""
        for key in draft.keys:
            if key[0] == "external" and record in self.sourced:
                continue
            holders = self.holders.setdefault(hash(key), set())
            if record not in holders:
                holders.add(record)
                self.new_holders.append((hash(key), record))
        if any(kind == "external" for kind, _ in draft.keys):
            self.sourced.add(record)
        if said is not None:
            self.said[record] = said
        self.new_records[record] = None


class _Notes:
    """Which records hold which keys by now, in a file that has no name."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        try:
            self._connection.executescript(_BEGIN)
        finally:
            path.unlink(missing_ok=True)

    def about(self, drafts: Iterable[Draft], known: Matches) -> _Page:
        """What is noted about the keys of some rows, and about the records they may mean."""
        page = _Page()
        keys = {hash(key) for draft in drafts for key in draft.keys}
        for key, record in self._among(_HOLDERS, keys):
            page.holders.setdefault(key, set()).add(_id_of(record))
        records = set[RecordId]().union(*page.holders.values(), *known.found.values())
        for record, sourced, said in self._among(_RECORDS, map(_noted, records)):
            if sourced:
                page.sourced.add(_id_of(record))
            if said is not None:
                page.said[_id_of(record)] = said
        page.sourced |= known.sourced
        return page

    def keep(self, page: _Page) -> None:
        """Note what a chunk has added."""
        self._connection.executemany(
            "INSERT INTO holders VALUES (?, ?)",
            ((key, _noted(record)) for key, record in page.new_holders),
        )
        self._connection.executemany(
            "INSERT OR REPLACE INTO records VALUES (?, ?, ?)",
            (
                (_noted(record), record in page.sourced, page.said.get(record))
                for record in page.new_records
            ),
        )

    def recall(self, ledger: Ledger, page: _Page) -> None:
        """Have a ledger know what rows before have come to say, of what it has and a page means."""
        same = json.dumps([json.dumps(of) for of in ledger.wanted])
        means = {*ledger.records(), *set[RecordId]().union(*page.holders.values())}
        records = json.dumps(list(map(_noted, means)))
        for record, of, *rest in self._connection.execute(_SPANS, (same, records)).fetchall():
            ledger.hold(_id_of(record), Span(tuple(json.loads(of)), *rest))

    def write_down(self, ledger: Ledger) -> None:
        """Note what the rows of a chunk have come to say."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO spans VALUES (?, ?, ?, ?, ?)",
            (
                (_noted(record), json.dumps(span.same), span.first, span.last, span.row)
                for record, span in ledger.taken()
            ),
        )

    def close(self) -> None:
        """Give the file's room back."""
        self._connection.close()

    def _among(self, sql: str, values: Iterable[int | str]) -> sqlite3.Cursor:
        return self._connection.execute(sql, (json.dumps(list(values)),))


def _noted(record: RecordId) -> int | str:
    return record if isinstance(record, int) else record.hex


def _id_of(noted: int | str) -> RecordId:
    return noted if isinstance(noted, int) else UUID(noted)
