"""The work of exports: one statement read to its end, into a file that counts only when it is whole."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Self

from crm_api.kit.crud.plain import columns_of
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import Invalid
from crm_api.kit.files.store import Place, new_place
from crm_api.kit.jobs import JobContext, LeaseLost, runs
from crm_api.kit.query.columns import Column, table_rows
from crm_api.kit.query.page import count
from crm_api.kit.query.watching import exported
from crm_api.platform.exports.downloads import SHELF
from crm_api.platform.exports.events import RemoveExport, RunExport
from crm_api.platform.exports.models import Export
from crm_api.platform.exports.service import KEPT, ExportService
from crm_api.platform.exports.sheets import MAX_SHEET_ROWS, XlsxWriter
from crm_api.platform.exports.sources import Source
from crm_api.platform.exports.writers import CsvWriter, LineWriter, NdjsonWriter, Writer

_TOLD_EVERY_S = 0.5


@runs(RunExport)
async def run_export(context: JobContext, message: RunExport) -> dict[str, Any]:
    """Write the file under a name of this try alone; the export learns of it when it is whole."""
    place = new_place(SHELF, context.actor.organization_id)
    async with context.files.draft() as path:
        rows = await _write(context, message, path)
        size = (await asyncio.to_thread(path.stat)).st_size
        try:
            await context.files.put_file(place, path)
            return await _finish(context, message, place.name, rows, size)
        except BaseException:
            await asyncio.shield(context.files.remove(place))
            raise


@runs(RemoveExport)
async def remove_export(context: JobContext, message: RemoveExport) -> None:
    """Remove a file whose export is in the bin."""
    await context.files.remove(Place(SHELF, context.actor.organization_id, message.stored_as))


async def _write(context: JobContext, message: RunExport, path: Path) -> int:
    # The events of this transaction are none: it holds a snapshot, and nobody up.
    async with unit_of_work(context.tx(read_only=True)) as tx:
        service = ExportService(tx)
        record: Export = await service.records.get(message.export_id)
        if record.job_id != context.job.id or record.finished_at is not None:
            raise LeaseLost
        source = service.sources.get(record.target)
        if source is not None:
            return await _write_lines(context, source, record, path, tx)
        with tx.learned.reopened() if message.switched_off else nullcontext():
            listing = service.listing_of(record.target)
            columns, query = service.read(record.target, columns_of(record), record.created_at)
        total = await count(tx, listing, query, None)
        if record.format == "xlsx" and total > MAX_SHEET_ROWS:
            text = f"A sheet has {MAX_SHEET_ROWS:,} rows at most; export CSV, or fewer."
            raise Invalid(text, code="too_many_rows")
        writer = await asyncio.to_thread(_writer, record, path, columns)
        async with _Writing(context, writer, total) as writing:
            await writing.all(table_rows(tx, listing, columns, query, text=writer.text))
        with tx.caused_by(record.id):
            exported(tx, listing, [column.name for column in columns], writing.done)
        return writing.done


async def _write_lines(
    context: JobContext, source: Source, record: Export, path: Path, tx: Tx
) -> int:
    for verb in ("read", "export"):
        tx.actor.require(f"{source.area}:{verb}")
    (asked,) = record.filters
    writer = await asyncio.to_thread(LineWriter, path)
    with tx.caused_by(record.id):
        async with _Writing(context, writer, await source.count(tx, asked)) as writing:
            await writing.all(source.lines(tx, asked))
    return writing.done


class _Writing:
    """A writer in a thread of its own, so that the next rows come while these are written."""

    def __init__(self, context: JobContext, writer: Writer, total: int) -> None:
        self.context, self.writer, self.total = context, writer, total
        self.done = 0
        self._told = 0.0
        self._busy: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._tell()
        return self

    async def __aexit__(self, reason: object, *_: object) -> None:
        if self._busy is not None:
            await asyncio.wait([self._busy])
        await asyncio.to_thread(self.writer.discard if reason else self.writer.close)

    async def all(self, stretches: AsyncIterator[list[Any]]) -> None:
        """Every row there is."""
        async for rows in stretches:
            await self._free()
            self._busy = asyncio.create_task(asyncio.to_thread(self.writer.write, rows))
            self.done += len(rows)
            if time.monotonic() - self._told > _TOLD_EVERY_S:
                await self._tell()
        await self._free()

    async def _free(self) -> None:
        busy, self._busy = self._busy, None
        if busy is not None:
            await busy

    async def _tell(self) -> None:
        """Say how far it is, and learn whether to go on."""
        self._told = time.monotonic()
        async with unit_of_work(self.context.tx()) as tx:
            await self.context.job.advance(tx, self.done, max(self.total, self.done))


def _writer(record: Export, path: Path, columns: Sequence[Column]) -> Writer:
    if record.format == "csv":
        return CsvWriter(path, columns, delimiter=record.delimiter, bom=record.bom)
    return NdjsonWriter(path, columns) if record.format == "ndjson" else XlsxWriter(path, columns)


async def _finish(
    context: JobContext, message: RunExport, stored_as: str, rows: int, size: int
) -> dict[str, Any]:
    async with unit_of_work(context.tx()) as tx:
        service = ExportService(tx)
        record = await service.records.get(message.export_id, lock=True)
        await context.job.advance(tx, rows, rows)
        done = {"rows": rows, "size_bytes": size, "finished_at": tx.now}
        await service.change(
            record,
            {**done, "stored_as": stored_as, "expires_at": tx.now + KEPT},
            verb="completed",
        )
    return {"export_id": str(message.export_id), "rows": rows, "size_bytes": size}
