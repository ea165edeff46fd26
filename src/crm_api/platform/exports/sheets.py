"""Rows as a sheet of a workbook, of which no row is kept once it is written."""

import os
import re
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from crm_api.kit.errors import Invalid
from crm_api.kit.ids import new_id
from crm_api.kit.query.columns import Column
from crm_api.platform.exports.writers import listed_text

MAX_SHEET_ROWS = 1_048_575
"""A sheet has one more, which is the header."""
_MAX_CELL = 32_767
_MAX_DIGITS = 15
_NUMBERS = frozenset({"integer", "amount", "number"})
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
# What XML or a sheet reads otherwise than it stands there.
_ODD = re.compile("[&<>_\x00-\x1f\ufffe\uffff]|^\\s|\\s$")
_ESCAPED = re.compile("_x[0-9a-fA-F]{4}_")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")
_DAY_ZERO = date(1899, 12, 30)
_DAY_FORMAT = 1
"""The place of the only format there is, behind that of all other cells."""


class XlsxWriter:
    """A workbook of one sheet; texts are texts, whatever they begin with.

    XlsxWriter makes the workbook. Rows are written as they are stored, column by column: cell by
    cell they take ten times as long, and a text that looks like markup of a sheet becomes that.
    """

    text: ClassVar[bool] = False

    def __init__(self, path: Path, columns: Sequence[Column]) -> None:
        from xlsxwriter import Workbook  # pyright: ignore[reportMissingTypeStubs]
        from xlsxwriter.utility import xl_col_to_name  # pyright: ignore[reportMissingTypeStubs]

        self._path = path
        # Beside the file, under a name that the chore knows if nobody comes to remove it.
        self._rows = path.with_name(new_id().hex)
        self._rows.mkdir()
        options = {"constant_memory": True, "tmpdir": str(self._rows)}
        self._book: Any = Workbook(str(path), options)
        self._sheet: Any = self._book.add_worksheet("Export")
        self._sheet.freeze_panes(1, 0)
        day = self._book.add_format({"num_format": "yyyy-mm-dd"})
        for place, column in enumerate(columns):
            # Which makes it the first format there is, too.
            self._sheet.set_column(place, place, None, day if column.kind == "day" else None)
        self._columns = [
            (xl_col_to_name(place), _cells_of(column)) for place, column in enumerate(columns)
        ]
        self._row = 0
        text = _text_of("header")
        self._write([[text(column.name)] for column in columns])

    def write(self, rows: Sequence[Any]) -> None:
        """Numbers, days and booleans as such where that loses nothing, all else as text."""
        values = zip(*rows, strict=True)
        made = zip(self._columns, values, strict=True)
        self._write([list(map(cell, column)) for (_, cell), column in made])

    def _write(self, columns: Sequence[Sequence[str]]) -> None:
        first = self._row + 1
        named = [
            [f'<c r="{letters}{row}{cell}' if cell else "" for row, cell in enumerate(cells, first)]
            for (letters, _), cells in zip(self._columns, columns, strict=True)
        ]
        lines = [
            f'<row r="{row}">{"".join(cells)}</row>'
            for row, cells in enumerate(zip(*named, strict=True), first)
        ]
        self._sheet.row_data_fh.write("".join(lines))
        self._row += len(lines)

    def close(self) -> None:
        """Put the sheet into its archive, and sync that."""
        sheet = self._sheet
        sheet.dim_rowmin, sheet.dim_rowmax = 0, self._row - 1
        sheet.dim_colmin, sheet.dim_colmax = 0, len(self._columns) - 1
        self._book.close()
        shutil.rmtree(self._rows)
        with self._path.open("rb+") as file:
            os.fsync(file.fileno())

    def discard(self) -> None:
        """Remove what was kept of it; to finish it would take long."""
        self._sheet.row_data_fh.close()
        shutil.rmtree(self._rows, ignore_errors=True)


def _cells_of(column: Column) -> Callable[[Any], str]:
    """What makes cells of the values of a column, all but their places."""
    text = _text_of(column.name)
    is_number = column.kind in _NUMBERS

    def cell(value: Any) -> str:
        if value is None:
            return ""
        if is_number and (number := _number(value)) is not None:
            return f'"><v>{number}</v></c>'
        if value.__class__ is str:
            return text(value)
        return _typed(value) or text(_told(value))

    return cell


def _typed(value: Any) -> str | None:
    """The cell of what is no text to a sheet."""
    if isinstance(value, bool):
        return f'" t="b"><v>{value:d}</v></c>'
    if isinstance(value, date) and not isinstance(value, datetime) and value.year > 1900:
        return f'" s="{_DAY_FORMAT}"><v>{(value - _DAY_ZERO).days}</v></c>'
    return None


def _told(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return listed_text(value) if isinstance(value, msgspec.Raw) else str(value)


def _number(value: Any) -> str | None:
    told = f"{value:f}" if isinstance(value, Decimal) else str(value)
    if _NUMBER.fullmatch(told) is None:
        return None
    # A cell holds a double: more digits than these would change on their way.
    if len(told) > _MAX_DIGITS and len(told.replace(".", "").lstrip("-0")) > _MAX_DIGITS:
        return None
    return told


def _text_of(name: str) -> Callable[[str], str]:
    def text(value: str) -> str:
        if len(value) > _MAX_CELL:
            message = f"A value of {name} is too long for a cell; export CSV or leave it out."
            raise Invalid(message, code="cell_too_long")
        if _ODD.search(value) is None:
            return f'" t="inlineStr"><is><t>{value}</t></is></c>'
        return f'" t="inlineStr"><is><t xml:space="preserve">{_escaped(value)}</t></is></c>'

    return text


def _escaped(value: str) -> str:
    """A text that reads as it is: what XML does not know is `_xHHHH_` there."""
    value = _ESCAPED.sub(lambda found: f"_x005F{found[0]}", value)
    value = _CONTROLS.sub(lambda found: f"_x{ord(found[0]):04X}_", value)
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
