"""Finds out what a table file is: its kind, encoding, layout and columns."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal, cast

from crm_api.platform.transfer.reading.encodings import detect_encoding, open_text
from crm_api.platform.transfer.reading.errors import UnreadableFile
from crm_api.platform.transfer.reading.header import has_header, named_columns, rows_above
from crm_api.platform.transfer.reading.layout import SAMPLE_ROWS, find_layout
from crm_api.platform.transfer.reading.limits import (
    MAX_COLUMNS,
    MAX_FILE_BYTES,
    MAX_ROW_CHARS,
)
from crm_api.platform.transfer.reading.records import (
    NOT_TEXT,
    Cells,
    Record,
    csv_records,
    sheet_records,
)
from crm_api.platform.transfer.reading.workbook import Workbook

_SAMPLE_CHARS: Final = 256 * 1024
_SAMPLE_OBJECTS: Final = 1000
_NAME_CHARS: Final = 300

_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED: Final = "EncryptedPackage".encode("utf-16-le")
_FOREIGN: Final = {
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture",
    b"GIF8": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
    b"{\\rtf": "an RTF document",
    b"SQLite format 3": "a database",
    b"PAR1": "a Parquet file",
}
_JSON_ARRAY: Final = re.compile(r'\[\s*(?:[{\[\]"]|-?\d)')
_MARKUP: Final = re.compile(r"<(?:!doctype|html|head|body|table|\?xml|[a-z:]+[\s>])", re.IGNORECASE)


@dataclass(frozen=True)
class FileFormat:
    """All that is needed to read the rows of a file again and again in the same way."""

    kind: Literal["csv", "xlsx", "ndjson"]
    encoding: str
    delimiter: str
    quotechar: str
    header: bool
    sheet: str | None
    columns: tuple[str, ...]
    above: int = 0
    """Rows that stand above the header, such as a title."""

    @property
    def heading(self) -> int:
        """The rows before those of data."""
        return self.above + 1 if self.header else 0


def detect(
    path: Path, filename: str | None, *, encoding: str | None = None, delimiter: str | None = None
) -> FileFormat:
    """The format of a file by its content; its name only helps to explain a refusal."""
    size = path.stat().st_size
    if size == 0:
        raise UnreadableFile("empty_file", "The file is empty.")
    if size > MAX_FILE_BYTES:
        raise UnreadableFile("file_too_large", "The file is larger than 1 GiB.")
    with path.open("rb") as file:
        head = file.read(16)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _detect_workbook(path)
    _refuse_foreign(path, head)
    found = detect_encoding(path, encoding)
    with open_text(path, found) as text:
        sample = _sample(text.read(_SAMPLE_CHARS), at_end=size <= _SAMPLE_CHARS)
    start = sample.lstrip("\ufeff \t\r\n\0")
    if not start:
        raise UnreadableFile("empty_file", "The file holds nothing but blank lines.")
    if _JSON_ARRAY.match(start) and not _looks_delimited(start):
        raise UnreadableFile(
            "not_a_table", "The file is a JSON array; send NDJSON, one object on each line."
        )
    if start.startswith("{"):
        return _detect_ndjson(path, found)
    if _MARKUP.match(start):
        named = f"{filename!r}" if filename else "The file"
        raise UnreadableFile("not_a_table", f"{named} holds HTML or XML, not a table.")
    return _detect_csv(path, found, sample, delimiter)


def _refuse_foreign(path: Path, head: bytes) -> None:
    if head.startswith(_OLE):
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                if _ENCRYPTED in chunk:
                    raise UnreadableFile(
                        "encrypted_file", "The workbook has a password; send it without."
                    )
        raise UnreadableFile(
            "unsupported_format", "Old Excel workbooks (.xls) are not read; save as .xlsx or CSV."
        )
    for magic, name in _FOREIGN.items():
        if head.startswith(magic):
            raise UnreadableFile("unsupported_format", f"The file is {name}, not a table.")


def _sample(text: str, *, at_end: bool) -> str:
    """Whole lines only, as a cut line would count as a ragged one."""
    end = max(text.rfind("\n"), text.rfind("\r"))
    return text if at_end or end < 0 else text[: end + 1]


def _looks_delimited(start: str) -> bool:
    """`["a"],["b"]` names no JSON array when the line does not read as JSON."""
    line = start.partition("\n")[0].strip()
    try:
        json.loads(line)
    except ValueError:
        return re.fullmatch(r"\[[^\]{}]*\](?:\s*[,;\t|]\s*\[[^\]{}]*\])+", line) is not None
    except RecursionError:
        return False
    return False


def _detect_csv(path: Path, encoding: str, sample: str, delimiter: str | None) -> FileFormat:
    layout = find_layout(sample, delimiter=delimiter)
    draft = FileFormat("csv", encoding, layout.delimiter, layout.quotechar, False, None, ())
    records = csv_records(path, encoding, layout.delimiter, layout.quotechar)
    return _with_columns(draft, *_sampled(records))


def _sampled(records: Iterator[Record]) -> tuple[list[Cells], int]:
    """The first good rows, cut so that they stay small, and the number of spoiled ones."""
    good: list[Cells] = []
    spoiled = 0
    for cells, mistake in records:
        if mistake is not None:
            spoiled += 1
        elif any(cells):
            good.append([cell[:_NAME_CHARS] if cell else None for cell in cells])
        if len(good) + spoiled >= SAMPLE_ROWS:
            break
    return good, spoiled


def _with_columns(draft: FileFormat, rows: list[Cells], spoiled: int) -> FileFormat:
    if not rows:
        raise UnreadableFile("no_rows", "The file holds no readable row of data.")
    above = rows_above(rows)
    table = rows[above:]
    header = has_header(table)
    columns = named_columns(table, header=header)
    if header and len(table) + spoiled == 1:
        raise UnreadableFile("no_rows", "The file names its columns but holds no row of data.")
    return replace(draft, header=header, columns=columns, above=above)


def _detect_workbook(path: Path) -> FileFormat:
    draft = FileFormat("xlsx", "utf-8", "", "", False, None, ())
    with Workbook(path) as workbook:
        for name in workbook.sheet_names:
            rows, spoiled = _sampled(sheet_records(workbook, name))
            if rows:
                return _with_columns(replace(draft, sheet=name), rows, spoiled)
    raise UnreadableFile("no_rows", "The workbook holds no readable row of data.")


def _detect_ndjson(path: Path, encoding: str) -> FileFormat:
    columns: dict[str, None] = {}
    with open_text(path, encoding) as text:
        lines = (text.readline(MAX_ROW_CHARS) for _ in range(_SAMPLE_OBJECTS))
        for line in lines:
            columns.update(dict.fromkeys(key for key in _keys(line) if key.strip()))
    if any(NOT_TEXT.search(name) or "\0" in name for name in columns):
        raise UnreadableFile("invalid_column", "The name of a column is not text.")
    if not columns:
        raise UnreadableFile(
            "not_a_table", "The file looks like JSON, but no line holds one whole object."
        )
    if len(columns) > MAX_COLUMNS:
        raise UnreadableFile("too_many_columns", f"A table may have {MAX_COLUMNS} columns at most.")
    header = True
    return FileFormat("ndjson", encoding, "", "", header, None, tuple(columns))


def _keys(line: str) -> list[str]:
    try:
        value: object = json.loads(line.lstrip("\ufeff"))
    except (ValueError, RecursionError):
        return []
    return list(cast("dict[str, object]", value)) if isinstance(value, dict) else []
