"""Divides delimited text into records of bounded size, whatever its quotes are like."""

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Final, NamedTuple

from crm_api.kit.values.formulas import original
from crm_api.platform.transfer.reading import limits
from crm_api.platform.transfer.reading.encodings import bad_character, open_text
from crm_api.platform.transfer.reading.layout import SEP_LINE
from crm_api.platform.transfer.reading.workbook import Workbook

Cells = list[str | None]
Mistake = tuple[str, str]

UNCLOSED_QUOTE: Final[Mistake] = (
    "unclosed_quote",
    "A quote opens in this row and is not closed as it should be.",
)
TOO_LARGE: Final[Mistake] = ("row_too_large", "The row or one of its fields is too large.")
BAD_BYTES: Final[Mistake] = ("invalid_encoding", "The row holds bytes that are not text.")
NUL: Final[Mistake] = ("control_character", "The row holds a NUL character.")

NOT_TEXT: Final = re.compile("[\ud800-\udfff]")
_READ_CHARS: Final = limits.MAX_ROW_CHARS + 1
_FEWEST_LINES: Final = 16


class Record(NamedTuple):
    """The cells of one record, stripped, None where empty."""

    cells: Cells
    mistake: Mistake | None


def csv_records(path: Path, encoding: str, delimiter: str, quotechar: str) -> Iterator[Record]:
    """Every record of the file, blank ones too, after any `sep=` line."""
    # The csv module's limit is global; a larger field is reported here, after it is read whole.
    csv.field_size_limit(max(csv.field_size_limit(), 2 * limits.MAX_ROW_CHARS))
    with open_text(path, encoding) as text:
        lines = _Lines(text, encoding)
        lines.skip_preamble()
        while True:
            try:
                yield from _well_formed(lines, delimiter, quotechar)
            except _Runaway:
                yield Record(_split(lines.give_back(), delimiter, quotechar), UNCLOSED_QUOTE)
            except _TooLong:
                yield Record([], TOO_LARGE)
            except csv.Error:
                yield _mended(lines, delimiter, quotechar)
            else:
                return
            lines.start_record()


def sheet_records(workbook: Workbook, sheet: str) -> Iterator[Record]:
    """Every record of a sheet that the file holds."""
    for cells, is_too_large in workbook.rows(sheet):
        yield Record(cells, TOO_LARGE if is_too_large else mistake_in(cells))


def mistake_in(cells: Sequence[str | None]) -> Mistake | None:
    """What is wrong with cells that did not come as bytes of a line."""
    joined = "".join(filter(None, cells))
    if len(joined) > limits.MAX_FIELD_CHARS and any(
        cell and len(cell) > limits.MAX_FIELD_CHARS for cell in cells
    ):
        return TOO_LARGE
    if not joined.isascii() and NOT_TEXT.search(joined):
        return BAD_BYTES
    return NUL if "\0" in joined else None


def _well_formed(lines: "_Lines", delimiter: str, quotechar: str) -> Iterator[Record]:
    reader = csv.reader(
        lines, delimiter=delimiter, quotechar=quotechar, skipinitialspace=True, strict=True
    )
    for row in reader:
        mistake = lines.mistake
        if lines.chars > limits.MAX_FIELD_CHARS and max(map(len, row)) > limits.MAX_FIELD_CHARS:
            mistake = TOO_LARGE
        yield Record([original(cell.strip()) or None for cell in row], mistake)
        lines.start_record()


def _mended(lines: "_Lines", delimiter: str, quotechar: str) -> Record:
    """A stray quote within one line is harmless; over several it means an unclosed one."""
    alone, mistake = len(lines.taken) == 1, lines.mistake
    cells = _split(lines.give_back(), delimiter, quotechar)
    return Record(cells, mistake if alone else UNCLOSED_QUOTE)


def _split(line: str, delimiter: str, quotechar: str) -> Cells:
    reader = csv.reader(
        [line], delimiter=delimiter, quotechar=quotechar, skipinitialspace=True, strict=False
    )
    return [original(cell.strip()) or None for row in reader for cell in row]


class _Runaway(Exception):
    """The record has gone on for too long, or the file ends in an open quote."""


class _TooLong(Exception):
    """A single line is longer than a row may be."""


class _Lines:
    """Feeds lines to the csv reader and remembers those of the record under way."""

    def __init__(self, text: TextIOWrapper, encoding: str) -> None:
        self._readline = text.readline
        self._find_bad = bad_character(encoding).search
        self._again: deque[str] = deque()
        self._runaways = 0
        self._most_lines = limits.MAX_LINES_IN_ROW
        self.chars = 0
        self.taken: list[str] = []
        self.mistake: Mistake | None = None

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._readline(_READ_CHARS)
        if not line:
            if self.taken:
                raise _Runaway
            raise StopIteration
        self.taken.append(line)
        self.chars += len(line)
        if self.chars > limits.MAX_ROW_CHARS:
            self._refuse(line)
        if len(self.taken) > self._most_lines:
            raise _Runaway
        if not line.isascii() and self._find_bad(line):
            self.mistake = BAD_BYTES
        if "\0" in line and self.mistake is None:
            self.mistake = NUL
        return line

    def _refuse(self, line: str) -> None:
        if len(self.taken) > 1:
            raise _Runaway
        while len(line) == _READ_CHARS and not line.endswith(("\n", "\r")):
            line = self._readline(_READ_CHARS)
        raise _TooLong

    def skip_preamble(self) -> None:
        """Pass leading blank lines and the line in which Excel names the delimiter."""
        while (line := self._readline(_READ_CHARS)) and not line.strip():
            pass
        if line and not SEP_LINE.fullmatch(line):
            self._again.append(line)

    def start_record(self) -> None:
        """Forget the lines of the record that has been read."""
        self.taken.clear()
        self.chars = 0
        self.mistake = None

    def give_back(self) -> str:
        """The first line of the record; the others are fed again as records of their own."""
        first, *rest = self.taken
        if rest:
            self._again.extendleft(reversed(rest))
            # A file made of open quotes must not take quadratic time.
            self._runaways += 1
            shrunk = limits.MAX_LINES_IN_ROW * 10 // (10 + self._runaways)
            self._most_lines = max(_FEWEST_LINES, shrunk)
        return first
