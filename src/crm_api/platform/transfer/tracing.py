"""People in the files of imports: found where they are erased, and wiped out."""

import asyncio
import re
from pathlib import Path
from typing import Any
from uuid import UUID

from crm_api.kit.crud.personal import Gone
from crm_api.kit.crud.purges import empty_events
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Unavailable
from crm_api.kit.files.store import Files
from crm_api.kit.values.names import fold
from crm_api.platform.transfer.events import RemoveUpload
from crm_api.platform.transfer.models import Import
from crm_api.platform.transfer.reading.errors import UnreadableFile
from crm_api.platform.transfer.reading.rows import read_rows
from crm_api.platform.transfer.service import ImportService, format_of
from crm_api.platform.transfer.uploads import file_of

ERASED = "(erased)"
AT_WORK = frozenset({"validating", "running", "reverting"})
SUFFIX = 8
"""Digits from the end by which a phone number is known, however it is written."""
_BY_IMPORT = """
    SELECT DISTINCT cause_id FROM events
    WHERE organization_id = $1 AND record_id = ANY($2) AND cause_id IS NOT NULL
"""
_FAULTS = """
    SELECT import_id, row, cells, value, message FROM import_faults
    WHERE organization_id = $1 ORDER BY import_id, row, number
"""
_WIPE = """
    UPDATE import_faults SET cells = NULL, value = NULL, message = code
    WHERE organization_id = $1 AND (import_id, row) IN (SELECT * FROM unnest($2::uuid[], $3::int[]))
"""


class Likeness:
    """Whether a row of a file is about somebody."""

    def __init__(self, gone: Gone) -> None:
        self._exact = {value.lower() for kind, value in gone.keys if kind in {"email", "mailbox"}}
        self._exact |= {v.partition(":")[2].lower() for kind, v in gone.keys if kind == "external"}
        self._digits = {value[-SUFFIX:] for value in gone.values("phone")}
        self._names = [
            frozenset(words) for name in gone.names if len(words := fold(name).split()) > 1
        ]

    def of(self, cells: Any) -> bool:
        """Whether any cell has what only they have, or the cells together their name."""
        texts = [cell for cell in cells if isinstance(cell, str) and cell]
        if any(self._tells(text) for text in texts):
            return True
        words = {word for text in texts for word in fold(text).split()} if self._names else set()
        return any(name <= words for name in self._names)

    def _tells(self, text: str) -> bool:
        lowered = text.lower().strip()
        if any(value in lowered if "@" in value else value == lowered for value in self._exact):
            return True
        digits = re.sub(r"\D", "", text)
        return len(digits) >= SUFFIX and any(end in digits for end in self._digits)


async def erase_from_imports(tx: Tx, gone: Gone) -> int:
    """Remove the files that hold a person, and what is told of their rows.

    Where only rehearsed, files are not looked into. Raises `Unavailable` while one is at work.
    """
    like = Likeness(gone)
    count = await _wipe_faults(tx, like)
    service = ImportService(tx)
    rows = await tx.fetch(_BY_IMPORT, tx.organization_id, list(gone.ids))
    causes = {row["cause_id"] for row in rows}
    named: list[UUID] = []
    for record in await service.records.all():
        told = _told(record, like)
        changes: dict[str, Any] = {}
        if told is not None:
            changes = {"filename": ERASED, "mapping": told}
        if record.file_removed_at is None and (
            record.id in causes or await _holds(gone.files, record, like)
        ):
            if record.status in AT_WORK and gone.files is not None:
                message = "An import that holds the person is at work."
                raise Unavailable(message, code="import_at_work")
            tx.enqueue(RemoveUpload(record.stored_as))
            changes["file_removed_at"] = tx.now
        if changes:
            await service.change(record, changes)
            named.append(record.id)
    if named:
        # The samples that the file's first rows gave stand in the events as well.
        await tx.flush()
        await empty_events(tx, named)
    return count + len(named)


def _told(record: Import, like: Likeness) -> list[dict[str, Any]] | None:
    """The mapping without its samples, where they or the file's name tell of somebody."""
    samples = [text for column in record.mapping for text in column["samples"]]
    if not like.of([*samples, record.filename]):
        return None
    return [{**column, "samples": []} for column in record.mapping]


async def _wipe_faults(tx: Tx, like: Likeness) -> int:
    found: set[tuple[Any, int]] = set()
    for row in await tx.fetch(_FAULTS, tx.organization_id):
        cells = decode(row["cells"]) if row["cells"] is not None else []
        if like.of([*cells, row["value"], row["message"]]):
            found.add((row["import_id"], row["row"]))
    if found:
        ids, numbers = zip(*sorted(found), strict=True)
        await tx.write(_WIPE, tx.organization_id, list(ids), list(numbers))
    return len(found)


async def _holds(files: Files | None, record: Import, like: Likeness) -> bool:
    if files is None:
        return False
    async with file_of(files, record) as path:
        return await asyncio.to_thread(_any_row, path, record, like)


def _any_row(path: Path, record: Import, like: Likeness) -> bool:
    try:
        return any(like.of(row.values) for row in read_rows(path, format_of(record), start_row=1))
    except UnreadableFile:
        # What cannot be read cannot be shown to hold nobody.
        return True
