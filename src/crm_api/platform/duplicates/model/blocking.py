"""Which pairs of records are worth a comparison: those that share a cheap key."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from crm_api.platform.duplicates.model.records import Places, Table

LARGEST = 200
"""Records that may share a key; a more common one tells too little for what it costs."""
CHUNK = 200_000
"""Pairs that are handed out together."""

Pairs = tuple[Places, Places]
Keys = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Part:
    """A field's value, or how it begins or ends, as a part of a key."""

    field: str
    first: int = 0
    last: int = 0

    def of(self, value: str) -> str:
        """The part of a value."""
        if self.first:
            return value[: self.first]
        return value[-self.last :] if self.last else value


Rule = tuple[Part, ...]
"""Records are a pair to compare when all these parts are equal."""


def part(text: str) -> Part:
    """`last_name`, `last_name:4` for how it begins, `phone:-7` for how it ends."""
    field, _, length = text.partition(":")
    number = int(length or 0)
    return Part(field, first=max(number, 0), last=max(-number, 0))


def rule(*parts: str) -> Rule:
    """A rule of parts as `part` reads them."""
    return tuple(part(text) for text in parts)


class Blocks:
    """The keys of a table's records by rule, and the pairs that they make."""

    def __init__(
        self, table: Table, rules: Sequence[Rule], *, largest: int = LARGEST, chunk: int = CHUNK
    ) -> None:
        self._table, self._largest, self._chunk = table, largest, chunk
        self._parts: dict[Part, Keys] = {}
        self._keys = [self._small(self._keys_of(rule)) for rule in rules]
        # Of no use any more, and as large as the table.
        self._parts.clear()
        self.rules = len(rules)

    def _coded(self, part: Part) -> Keys:
        """A number per record and value for the part of it."""
        if part not in self._parts:
            column = self._table.columns[part.field]
            places: dict[str, int] = {}
            # Of an empty part nothing follows.
            found = [
                places.setdefault(text, len(places)) if (text := part.of(value)) else -1
                for value in column.values
            ]
            self._parts[part] = np.array([*found, -1], np.int64)[column.codes]
        return self._parts[part]

    def _keys_of(self, rule: Rule) -> Keys:
        """The keys of each record: all combinations of its values, -1 where one is missing."""
        keys = self._coded(rule[0])
        for part in rule[1:]:
            more = self._coded(part)
            wide = np.repeat(keys, len(more.T), axis=1)
            other = np.tile(more, (1, len(keys.T)))
            joined = np.where(
                (wide < 0) | (other < 0), -1, wide * (more.max(initial=0) + 1) + other
            )
            # Counted anew, so that no number of parts makes the keys overflow.
            distinct, again = np.unique(joined, return_inverse=True)
            keys = again.reshape(joined.shape) - int(distinct.size > 0 and distinct[0] < 0)
        return keys

    def _small(self, keys: Keys) -> Keys:
        """The keys that two records share, but not too many."""
        keys = np.sort(keys, axis=1)
        repeated = keys[:, 1:] == keys[:, :-1]
        keys[:, 1:][repeated] = -1
        counts = np.bincount(keys[keys >= 0], minlength=1)
        fits = (counts > 1) & (counts <= self._largest)
        # There are no more keys than places, and most records share few.
        small = np.where((keys >= 0) & fits[keys], keys, -1).astype(np.int32)
        small.sort(axis=1)
        return small[:, (small >= 0).any(axis=0)]

    def pairs(self, number: int) -> Iterator[Pairs]:
        """The pairs of one rule that no rule before it has, in chunks, always in the same order."""
        waiting: list[Pairs] = []
        count = 0
        own = self._keys[number]
        for left, right, key in self._of_rule(number):
            # Of several keys that two records share the first one makes the pair.
            fresh = _shared(own, left, right) == key
            for earlier in self._keys[:number]:
                fresh &= _shared(earlier, left, right) == _NONE
            ends = left[fresh], right[fresh]
            waiting.append((np.minimum(*ends), np.maximum(*ends)))
            count += len(ends[0])
            if count >= self._chunk:
                yield _joined(waiting)
                waiting, count = [], 0
        if count:
            yield _joined(waiting)

    def _of_rule(self, number: int) -> Iterator[tuple[Places, Places, Keys]]:
        keys = self._keys[number]
        rows, ranks = np.nonzero(keys >= 0)
        found = keys[rows, ranks]
        order = np.argsort(found, kind="stable")
        found, rows = found[order], rows[order]
        at = np.arange(len(found))
        for step in range(1, self._largest):
            at = at[at + step < len(found)]
            at = at[found[at] == found[at + step]]
            for begin in range(0, len(at), self._chunk):
                some = at[begin : begin + self._chunk]
                yield rows[some], rows[some + step], found[some]


_NONE = np.iinfo(np.int64).max


def _shared(keys: Keys, left: Places, right: Places) -> Keys:
    """The first key that both records of each pair have, or `_NONE`."""
    mine, theirs = keys[left], keys[right]
    first = np.full(len(left), _NONE)
    for one in mine.T:
        for other in theirs.T:
            both = (one >= 0) & (one == other) & (one < first)
            first[both] = one[both]
    return first


def _joined(parts: Sequence[Pairs]) -> Pairs:
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
