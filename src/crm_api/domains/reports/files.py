"""Results as files, by the writers of exports."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import msgspec
from sqlalchemy import literal_column

from crm_api.domains.reports.results import said_total
from crm_api.kit.db.json import encode
from crm_api.kit.query.columns import Column
from crm_api.platform.exports.sheets import XlsxWriter
from crm_api.platform.exports.writers import CsvWriter, NdjsonWriter, Writer

FileFormat = Literal["csv", "xlsx", "ndjson"]
TYPES: Mapping[FileFormat, str] = {
    "csv": "text/csv; charset=utf-8",
    "ndjson": "application/x-ndjson",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_WRITERS: Mapping[FileFormat, Any] = {
    "csv": CsvWriter,
    "ndjson": NdjsonWriter,
    "xlsx": XlsxWriter,
}
_TOTAL = "Total"


async def written(
    format: FileFormat,
    columns: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    totals: Sequence[Mapping[str, Any]],
) -> bytes:
    """The file of a result; a sheet has typed cells, and its totals below the rows."""
    return await asyncio.to_thread(_write, format, columns, rows, totals)


def _write(
    format: FileFormat,
    columns: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    totals: Sequence[Mapping[str, Any]],
) -> bytes:
    known = [Column(c["name"], _kind(c), literal_column("NULL")) for c in columns]
    cells = [[_cell(row["values"].get(c.name), c.kind, format) for c in known] for row in rows]
    if format == "xlsx":
        for total in totals:
            values = said_total(total, columns, _TOTAL)
            cells.append([_cell(values.get(c.name), c.kind, format) for c in known])
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"report.{format}"
        writer: Writer = _WRITERS[format](path, known)
        try:
            if cells:
                writer.write(cells)
        except BaseException:
            writer.discard()
            raise
        writer.close()
        return path.read_bytes()


def _kind(column: Mapping[str, Any]) -> str:
    return "number" if column["kind"] == "ratio" else str(column["kind"])


def _cell(value: Any, kind: str, format: FileFormat) -> Any:
    if value is None or value == _TOTAL:
        return value
    if kind == "json" and format != "ndjson":
        return msgspec.Raw(encode(value))
    if format == "csv":
        return str(value).lower() if isinstance(value, bool) else value
    return date.fromisoformat(value) if kind == "day" and format == "xlsx" else value
