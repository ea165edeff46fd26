"""Rows as the lines of a CSV or NDJSON file; none of them keeps what is written."""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, cast

import msgspec

from crm_api.kit.db.json import decode, encode
from crm_api.kit.query.columns import Column
from crm_api.kit.values.formulas import SUSPICIOUS, harmless

_EMPTY = frozenset((b"[]", b"{}"))
Convert = Callable[[Sequence[Any]], Sequence[Any]]
"""What a column's values become, all at once."""


class Writer(Protocol):
    """A file in the making."""

    text: ClassVar[bool]
    """Whether it wants values as PostgreSQL writes them, or else as Python values."""

    def write(self, rows: Sequence[Any]) -> None:
        """Add rows."""
        ...

    def close(self) -> None:
        """Finish the file, so that it is on the disk."""
        ...

    def discard(self) -> None:
        """Let go of a file that nobody wants any more."""
        ...


class CsvWriter:
    """RFC 4180, in UTF-8; no cell is a formula, and imports read the cells as they were."""

    text: ClassVar[bool] = True

    def __init__(
        self, path: Path, columns: Sequence[Column], *, delimiter: str = ",", bom: bool = False
    ) -> None:
        encoding = "utf-8-sig" if bom else "utf-8"
        self._file = path.open("w", encoding=encoding, newline="", buffering=1 << 20)
        self._delimiter = delimiter
        self._quoted = re.compile(f'["\r\n{re.escape(delimiter)}]')
        self._convert = _converters(columns, {"text": _harmless, "json": _listed})
        self._write([[column.name] for column in columns])

    def write(self, rows: Sequence[Any]) -> None:
        """Column by column, since most of them need nothing."""
        columns: list[Any] = list(zip(*rows, strict=True))
        for place, convert in self._convert:
            columns[place] = convert(columns[place])
        self._write(columns)

    def _write(self, columns: Sequence[Sequence[Any]]) -> None:
        # `csv` looks at every character of every cell; most columns have nothing to be quoted.
        cells = map(self._alone if len(columns) == 1 else self._cells, columns)
        lines = map(self._delimiter.join, zip(*cells, strict=True))
        self._file.write("\r\n".join([*lines, ""]))

    def _cells(self, values: Sequence[Any]) -> Sequence[str]:
        found = ["" if v is None else v if v.__class__ is str else str(v) for v in values]
        if self._quoted.search("".join(found)) is None:
            return found
        return [_quoted(cell) if self._quoted.search(cell) else cell for cell in found]

    def _alone(self, values: Sequence[Any]) -> Sequence[str]:
        # A line without anything would be no row.
        return [cell or '""' for cell in self._cells(values)]

    def close(self) -> None:
        """Flush and sync."""
        _sync_and_close(self._file)

    def discard(self) -> None:
        """Close it as it is."""
        self._file.close()


class NdjsonWriter:
    """One JSON object per line, with the values that REST shows."""

    text: ClassVar[bool] = False

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        self._file = path.open("wb", buffering=1 << 20)
        names = [f"f{n}" for n in range(len(columns))]
        self._shape = msgspec.defstruct(
            "Line",
            [(name, Any) for name in names],
            rename=dict(zip(names, (column.name for column in columns), strict=True)),
            gc=False,
        )

    def write(self, rows: Sequence[Any]) -> None:
        """A line for each row."""
        make = self._shape
        self._file.write(b"".join([encode(make(*row)) + b"\n" for row in rows]))

    def close(self) -> None:
        """Flush and sync."""
        _sync_and_close(self._file)

    def discard(self) -> None:
        """Close it as it is."""
        self._file.close()


class LineWriter:
    """Lines that are made elsewhere."""

    text: ClassVar[bool] = False

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=1 << 20)

    def write(self, rows: Sequence[Any]) -> None:
        """These lines."""
        self._file.writelines(rows)

    def close(self) -> None:
        """Flush and sync."""
        _sync_and_close(self._file)

    def discard(self) -> None:
        """Close it as it is."""
        self._file.close()


def _converters(
    columns: Sequence[Column], by_kind: dict[str, Convert]
) -> list[tuple[int, Convert]]:
    return [
        (place, by_kind[column.kind])
        for place, column in enumerate(columns)
        if column.kind in by_kind
    ]


def _harmless(values: Sequence[str | None]) -> Sequence[str | None]:
    if {value[:1] for value in values if value}.isdisjoint(SUSPICIOUS):
        return values
    return [value if value is None else harmless(value) for value in values]


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


class _Item(msgspec.Struct, gc=False):
    """An item of a list, of which one value may be what it says."""

    value: str | None = None


class _Object(msgspec.Struct, gc=False):
    """Something that is no list."""


_lists = msgspec.json.Decoder(list[list[str | _Item] | _Object | None])
_NOTHING = msgspec.Raw(b"null")


def _listed(values: Sequence[msgspec.Raw | None]) -> Sequence[str | None]:
    """Lists as texts, read all at once where all of them are plain enough."""
    joined = b",".join([_NOTHING if value is None else value for value in values])
    try:
        found = _lists.decode(b"[" + joined + b"]")
    except msgspec.ValidationError:
        return _harmless([None if value is None else listed_text(value) for value in values])
    pairs = zip(values, found, strict=True)
    return _harmless(["" if read == [] else _text_of(raw, read) for raw, read in pairs])


def _text_of(raw: msgspec.Raw | None, read: list[str | _Item] | _Object | None) -> str | None:
    """A list as its values, one after the other, where they are plain or have one; else JSON."""
    if raw is None:
        return None
    if isinstance(read, list):
        texts = [item if isinstance(item, str) else item.value for item in read]
        if None not in texts:
            return "; ".join(cast("list[str]", texts))
    stored = bytes(raw)
    return "" if stored in _EMPTY else encode(decode(stored)).decode()


def listed_text(raw: msgspec.Raw) -> str:
    """A list as text, as people read it."""
    try:
        (found,) = _lists.decode(b"[" + bytes(raw) + b"]")
    except msgspec.ValidationError:
        found = None
    return _text_of(raw, found) or ""


def _sync_and_close(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())
    file.close()
