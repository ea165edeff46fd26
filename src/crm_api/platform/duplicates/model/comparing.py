"""How alike the values of pairs are, in a few levels each."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import OSA, JaroWinkler
from rapidfuzz.process import cpdist

from crm_api.platform.duplicates.model.records import Codes, Column, Field, Kind, Places, Table

Levels = npt.NDArray[np.int8]
Scores = npt.NDArray[np.float32]

MISSING = -1
"""One of the two has no value, which tells nothing."""
LEVELS: dict[Kind, tuple[str, ...]] = {
    "exact": ("different", "equal"),
    "name": ("different", "similar", "close", "equal"),
    "text": ("different", "similar", "close", "equal"),
    "number": ("different", "one_off", "equal"),
    "date": ("different", "two_off", "one_off", "equal"),
    "email": ("different", "same_user", "one_off", "equal"),
    "phone": ("different", "one_off", "same_line", "equal"),
}
"""The outcomes of each kind of comparison, the best last."""

# Christen, Data Matching (2012), and the reference figures: above the first two names are most
# often one with a typing mistake, below the second they are most often two.
_CLOSE, _SIMILAR = 0.94, 0.82
_LINE_DIGITS = 7
_Measure = Callable[[Sequence[str], Sequence[str]], Levels]


def compare(table: Table, field: Field, left: Places, right: Places) -> tuple[Levels, Codes]:
    """The level of each pair, and the place of the value that both have, or -1."""
    column = table.columns[field.name]
    levels, shared = _straight(column, field.kind, left, right)
    if field.crossed is not None:
        levels = _crossed(table, field, left, right, levels)
    return levels, shared


def _straight(
    column: Column, kind: Kind, left: Places, right: Places
) -> tuple[Levels, npt.NDArray[np.int32]]:
    best = len(LEVELS[kind]) - 1
    mine, theirs = column.codes[left], column.codes[right]
    levels = np.full(len(left), MISSING, np.int8)
    shared = np.full(len(left), -1, np.int32)
    for one in mine.T:
        for other in theirs.T:
            both = (one >= 0) & (other >= 0)
            equal = both & (one == other)
            shared[equal] = one[equal]
            levels[equal] = best
            unequal = np.nonzero(both & ~equal & (levels < best))[0]
            if len(unequal):
                found = _graded(column, column, kind, one[unequal], other[unequal])
                levels[unequal] = np.maximum(levels[unequal], found)
    return levels, shared


def _crossed(table: Table, field: Field, left: Places, right: Places, levels: Levels) -> Levels:
    """Also take the two fields for each other, where that fits both ways and nothing else does."""
    assert field.crossed is not None
    mine, other = table.columns[field.name], table.columns[field.crossed]
    places = np.nonzero(levels == 0)[0]
    ways: list[Levels] = []
    for one, two in ((left, right), (right, left)):
        here, there = mine.codes[one[places], 0], other.codes[two[places], 0]
        found = np.full(len(places), MISSING, np.int8)
        both = np.nonzero((here >= 0) & (there >= 0))[0]
        found[both] = _graded(mine, other, field.kind, here[both], there[both])
        ways.append(found)
    fit = np.minimum(*ways)
    crossed = levels.copy()
    crossed[places] = np.where(fit >= len(LEVELS[field.kind]) - 2, fit, 0)
    return crossed


def _graded(one: Column, other: Column, kind: Kind, left: Codes, right: Codes) -> Levels:
    """The levels of values by their places; each pair of values is measured once."""
    if kind == "exact" and one is other:
        return np.zeros(len(left), np.int8)
    width = len(other.values)
    distinct, again = np.unique(left.astype(np.int64) * width + right, return_inverse=True)
    places: list[list[int]] = [(distinct // width).tolist(), (distinct % width).tolist()]
    here = [one.values[place] for place in places[0]]
    there = [other.values[place] for place in places[1]]
    return _MEASURES[kind](here, there)[again]


def _names(left: Sequence[str], right: Sequence[str]) -> Levels:
    alike = _jaro_winkler(left, right)
    equal = np.fromiter(map(str.__eq__, left, right), np.bool_, len(left))
    return ((alike >= _SIMILAR) + (alike >= _CLOSE).astype(np.int8) + equal).astype(np.int8)


def _exact(left: Sequence[str], right: Sequence[str]) -> Levels:
    return np.fromiter(map(str.__eq__, left, right), np.int8, len(left))


def _numbers(left: Sequence[str], right: Sequence[str]) -> Levels:
    return (_edits(left, right, 1) <= 1).astype(np.int8)


def _dates(left: Sequence[str], right: Sequence[str]) -> Levels:
    edits = _edits(left, right, 2)
    swapped = np.fromiter(
        (one == f"{two[:4]}{two[6:]}{two[4:6]}" for one, two in zip(left, right, strict=True)),
        np.bool_,
        len(left),
    )
    return np.where(swapped | (edits <= 1), 2, edits <= 2).astype(np.int8)


def _emails(left: Sequence[str], right: Sequence[str]) -> Levels:
    mine = [value.partition("@")[0] for value in left]
    theirs = [value.partition("@")[0] for value in right]
    same = np.fromiter(map(str.__eq__, mine, theirs), np.bool_, len(left))
    return np.where(_edits(left, right, 1) <= 1, 2, same).astype(np.int8)


def _phones(left: Sequence[str], right: Sequence[str]) -> Levels:
    same = np.fromiter(
        (a[-_LINE_DIGITS:] == b[-_LINE_DIGITS:] for a, b in zip(left, right, strict=True)),
        np.bool_,
        len(left),
    )
    return np.where(same, 2, _edits(left, right, 1) <= 1).astype(np.int8)


def _jaro_winkler(left: Sequence[str], right: Sequence[str]) -> Scores:
    return cpdist(left, right, scorer=JaroWinkler.similarity, dtype=np.float32)


def _edits(left: Sequence[str], right: Sequence[str], most: int) -> npt.NDArray[np.int32]:
    return cpdist(left, right, scorer=OSA.distance, score_cutoff=most, dtype=np.int32)


_MEASURES: dict[Kind, _Measure] = {
    "exact": _exact,
    "name": _names,
    "text": _names,
    "number": _numbers,
    "date": _dates,
    "email": _emails,
    "phone": _phones,
}
