"""Reads the rows of a table file, one at a time, each with its own mistake if it has one."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple, cast

from crm_api.platform.transfer.reading import limits
from crm_api.platform.transfer.reading.detect import FileFormat
from crm_api.platform.transfer.reading.encodings import bad_character, open_text
from crm_api.platform.transfer.reading.layout import SEP_LINE
from crm_api.platform.transfer.reading.records import (
    BAD_BYTES,
    NOT_TEXT,
    TOO_LARGE,
    Cells,
    Mistake,
    Record,
    csv_records,
    mistake_in,
    sheet_records,
)
from crm_api.platform.transfer.reading.workbook import Workbook

_BLOCK_CHARS: Final = 1 << 20
_SPACES: Final = "".join(c for c in map(chr, range(0x3001)) if c.isspace() and c != "\n")


class Row(NamedTuple):
    """A row of data, numbered from 1 without the header and without blank rows."""

    number: int
    values: list[str | None]
    error: Mistake | None


def read_rows(path: Path, fmt: FileFormat, *, start_row: int = 1) -> Iterator[Row]:
    """The rows from `start_row` on, their values in the order of `fmt.columns`."""
    width = len(fmt.columns)
    number = 0
    for cells, mistake in _data(path, fmt):
        number += 1
        if number < start_row:
            continue
        if mistake is None and len(cells) == width:
            yield Row(number, cells, None)
        else:
            yield _fitted(number, cells, mistake, width)


def count_rows(path: Path, fmt: FileFormat) -> int:
    """How many rows `read_rows` yields; of a large sheet its blank rows count, too."""
    if fmt.kind == "xlsx" and path.stat().st_size > limits.EXACT_SHEET_BYTES:
        with Workbook(path) as workbook:
            return workbook.rows_at_most(fmt.sheet or "") - fmt.heading
    if fmt.kind == "csv":
        counted = _count_unquoted(path, fmt)
        if counted is not None:
            return counted
    if fmt.kind == "ndjson":
        return sum(1 for _ in _object_lines(path, fmt))
    return sum(1 for _ in _data(path, fmt))


def _fitted(number: int, cells: Cells, mistake: Mistake | None, width: int) -> Row:
    if mistake is None and any(cells[width:]):
        filled = max(i for i, cell in enumerate(cells, 1) if cell)
        mistake = ("ragged_row", f"The row has {filled} cells; the table has {width} columns.")
    values = [*cells[:width], *[None] * (width - len(cells))]
    if mistake is not None:
        values = [_shown(value) for value in values]
    return Row(number, values, mistake)


def _shown(value: str | None) -> str | None:
    """A value that any database or JSON writer takes."""
    if value is None:
        return None
    return NOT_TEXT.sub("\ufffd", value[: limits.MAX_FIELD_CHARS]).replace("\0", "\ufffd")


def _data(path: Path, fmt: FileFormat) -> Iterator[Record]:
    """The records that count: neither blank nor the header."""
    if fmt.kind == "ndjson":
        return _objects(path, fmt)
    return _table(path, fmt)


def _table(path: Path, fmt: FileFormat) -> Iterator[Record]:
    if fmt.kind == "xlsx":
        records = _sheet(path, fmt)
    else:
        records = csv_records(path, fmt.encoding, fmt.delimiter, fmt.quotechar)
    filled = (
        record
        for record in records
        if record.mistake is not None or (record.cells and (record.cells[0] or any(record.cells)))
    )
    good = (record for record in filled if record.mistake is None)
    for _ in islice(good, fmt.heading):
        pass
    yield from filled


def _sheet(path: Path, fmt: FileFormat) -> Iterator[Record]:
    with Workbook(path) as workbook:
        yield from sheet_records(workbook, fmt.sheet or "")


def _objects(path: Path, fmt: FileFormat) -> Iterator[Record]:
    places = {name: place for place, name in enumerate(fmt.columns)}
    find_bad = bad_character(fmt.encoding).search
    for line in _object_lines(path, fmt):
        if len(line) > limits.MAX_ROW_CHARS:
            yield Record([], TOO_LARGE)
        elif not line.isascii() and find_bad(line):
            yield Record([], BAD_BYTES)
        else:
            yield _object(line, places)


def _object_lines(path: Path, fmt: FileFormat) -> Iterator[str]:
    """The lines that are not blank, the longest ones cut just beyond what is allowed."""
    with open_text(path, fmt.encoding) as text:
        readline = partial(text.readline, limits.MAX_ROW_CHARS + 1)
        for line in iter(readline, ""):
            rest = line
            while len(rest) > limits.MAX_ROW_CHARS and not rest.endswith(("\n", "\r")):
                rest = readline()
            if line.strip():
                yield line


def _object(line: str, places: dict[str, int]) -> Record:
    try:
        value: object = json.loads(line, parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError, ArithmeticError):
        return Record([], ("invalid_json", "The line is not valid JSON."))
    if not isinstance(value, dict):
        return Record([], ("invalid_json", "The line is not one JSON object."))
    try:
        return _placed(cast("dict[str, object]", value), places)
    except RecursionError:
        return Record([], ("invalid_json", "The line is nested too deeply."))


def _placed(value: dict[str, object], places: dict[str, int]) -> Record:
    cells: Cells = [None] * len(places)
    unknown: list[str] = []
    for key, item in value.items():
        place = places.get(key)
        if place is None:
            unknown.append(key)
        else:
            cells[place] = _json_text(item)
    if unknown:
        names = _shown(", ".join(sorted(unknown))[:200])
        return Record(cells, ("unknown_key", f"The table has no column named so: {names}."))
    return Record(cells, mistake_in(cells))


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _json_text(item: object) -> str | None:
    match item:
        case None:
            return None
        case str():
            return item.strip() or None
        case bool():
            return "true" if item else "false"
        case int() | Decimal():
            return str(item)
        case _:
            return json.dumps(item, ensure_ascii=False, separators=(",", ":"), default=float)


def _count_unquoted(path: Path, fmt: FileFormat) -> int | None:
    """The rows of a file without quotes, where each line is one; None where it has any."""
    blank = re.compile(rf"\n(?=[{re.escape(_SPACES + fmt.delimiter)}]*\n)")
    find_bad = bad_character(fmt.encoding).search
    lines = 0
    with open_text(path, fmt.encoding) as text:
        text.reconfigure(newline=None)
        start = text.read(_BLOCK_CHARS)
        first, _, rest = start.lstrip().partition("\n")
        if find_bad(start) or "\0" in start:
            return None
        block = f"\n{rest if SEP_LINE.fullmatch(first) else start}"
        while block:
            more = text.read(_BLOCK_CHARS)
            end = block.rfind("\n") if more else len(block)
            if fmt.quotechar in block or len(block) - end > limits.MAX_ROW_CHARS:
                return None
            whole = block[: end + 1] if more else f"{block}\n"
            lines += whole.count("\n") - 1 - len(blank.findall(whole))
            block = block[end:] + more
    return max(0, lines - fmt.heading)
