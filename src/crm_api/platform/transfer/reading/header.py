"""Decides whether the first row names the columns, and gives every column a name of its own."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from statistics import median_high
from typing import Final

from crm_api.platform.transfer.reading.aliases import COMPANY_FIELDS, CONTACT_FIELDS
from crm_api.platform.transfer.reading.errors import UnreadableFile
from crm_api.platform.transfer.reading.limits import MAX_COLUMNS
from crm_api.platform.transfer.reading.names import folded

Cells = Sequence[str | None]
MOST_ABOVE: Final = 10
"""Rows that may stand above the names of the columns."""

_DATA: Final = re.compile(
    r"""
    \S+@\S+\.\S+                          # an e-mail address
    | (?:https?://|www\.)\S+              # an address on the web
    | [+(]?[\d][\d\s().,/:\-+T]*Z?        # a number, a date, a telephone number
    | true | false
    """,
    re.IGNORECASE | re.VERBOSE,
)


def rows_above(rows: Sequence[Cells]) -> int:
    """How many of the sample rows stand above the names of the columns, such as a title.

    They fill few of the columns that the table has; what follows them has to be names for sure.
    """
    usual = median_high([_used_width(row) for row in rows])
    filled = [sum(1 for cell in row if cell) for row in rows[: MOST_ABOVE + 1]]
    place = next((at for at, cells in enumerate(filled) if cells > max(1, usual // 3)), 0)
    if place == 0 or usual < 3 or not has_header(rows[place:]):
        return 0
    is_title = max(filled[:place]) == 1 and not any(map(_known_in, rows[:place]))
    named = filled[place] >= usual and is_title
    return place if named or _known_in(rows[place]) > 1 else 0


def has_header(rows: Sequence[Cells]) -> bool:
    """Whether the first of the sample rows holds names, not data."""
    first = [cell for cell in rows[0] if cell]
    data = sum(1 for cell in first if _DATA.fullmatch(cell))
    known = _known_in(first)
    if known:
        return known >= data
    if data or any(len(cell) > 200 for cell in first):
        return False
    return not _repeats_below(rows)


def _known_in(row: Cells) -> int:
    return sum(1 for cell in row if cell and folded(cell) in _known_names())


def _repeats_below(rows: Sequence[Cells]) -> bool:
    """A value of the first row that stands below in its own column is data."""
    for column, cell in enumerate(rows[0]):
        if cell and any(column < len(row) and row[column] == cell for row in rows[1:]):
            return True
    return False


@cache
def _known_names() -> frozenset[str]:
    hints = [*CONTACT_FIELDS.items(), *COMPANY_FIELDS.items()]
    return frozenset(
        folded(name) for field, hint in hints for name in (field, hint.label, *hint.aliases)
    )


def named_columns(rows: Sequence[Cells], *, header: bool) -> tuple[str, ...]:
    """One name per column: unique, never empty, `column_N` where the file gives none."""
    if header:
        names = [cell or "" for cell in rows[0]]
        used = max((_used_width(row) for row in rows), default=0)
        while names and not names[-1] and len(names) > used:
            names.pop()
    else:
        widths = Counter(_used_width(row) for row in rows)
        names = [""] * max(widths, key=lambda width: (widths[width], width))
    if len(names) > MAX_COLUMNS:
        raise UnreadableFile("too_many_columns", f"A table may have {MAX_COLUMNS} columns at most.")
    return tuple(_unique([name or f"column_{i}" for i, name in enumerate(names, 1)]))


def _used_width(row: Cells) -> int:
    return max((i for i, cell in enumerate(row, 1) if cell), default=0)


def _unique(names: list[str]) -> list[str]:
    taken = set(names)
    seen: set[str] = set()
    counts: Counter[str] = Counter()
    result: list[str] = []
    for original in names:
        name = original
        counts[original] += 1
        while name in seen or (name != original and name in taken):
            counts[original] += name != original
            name = f"{original} ({max(2, counts[original])})"
        seen.add(name)
        result.append(name)
    return result
