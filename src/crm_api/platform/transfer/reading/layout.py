"""Finds the delimiter and the quote of delimited text from its first lines."""

import csv
import re
from collections import Counter
from itertools import islice
from typing import Final, NamedTuple

from crm_api.platform.transfer.reading.errors import UnreadableFile

DELIMITERS: Final = (",", ";", "\t", "|")
SEP_LINE: Final = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
SAMPLE_ROWS: Final = 200

_SINGLE_QUOTED: Final = re.compile(r"(?:^|[,;\t|])\s?'[^'\r\n]*'(?=[,;\t|]|\r?$)", re.MULTILINE)


class Layout(NamedTuple):
    """How delimited text divides a line into cells."""

    delimiter: str
    quotechar: str


def find_layout(text: str, *, delimiter: str | None = None) -> Layout:
    """The layout under which the lines divide most evenly."""
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n\0'):
        raise UnreadableFile("not_a_table", f"{delimiter!r} cannot divide cells.")
    first, _, rest = text.lstrip("\r\n \ufeff").partition("\n")
    stated = SEP_LINE.fullmatch(first)
    body = rest if stated else text
    quotechar = _quotechar(body)
    if delimiter is None and stated:
        delimiter = stated[1]
    return Layout(delimiter or _delimiter(body, quotechar), quotechar)


def _quotechar(text: str) -> str:
    lines = text.count("\n") or 1
    single = len(_SINGLE_QUOTED.findall(text))
    return "'" if '"' not in text and single > lines / 2 else '"'


def _delimiter(text: str, quotechar: str) -> str:
    scores = [(_evenness(text, delimiter, quotechar), delimiter) for delimiter in DELIMITERS]
    best = max(score for score, _ in scores)
    return next(delimiter for score, delimiter in scores if score == best)


def _evenness(text: str, delimiter: str, quotechar: str) -> float:
    """The share of rows with the usual number of cells, lower where the first row differs."""
    lines = text.splitlines(keepends=True)
    reader = csv.reader(
        lines, delimiter=delimiter, quotechar=quotechar, skipinitialspace=delimiter != " "
    )
    try:
        widths = [len(row) for row in islice(reader, SAMPLE_ROWS) if any(map(str.strip, row))]
    except csv.Error:
        return 0
    counts = Counter(width for width in widths if width > 1)
    if not counts:
        return 0
    width, rows = max(counts.items(), key=lambda item: (item[1], item[0]))
    first_fits = 1 if widths[0] == width else 0.7
    return rows / len(widths) * first_fits * (1 + min(width, 30) / 100)
