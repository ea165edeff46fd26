"""What follows for a pair: how likely it is one, and which field tells how much."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crm_api.platform.duplicates.model.comparing import LEVELS, Levels, compare
from crm_api.platform.duplicates.model.estimation import Knowledge, prior_bits
from crm_api.platform.duplicates.model.records import Codes, Field, Places, Table

Bits = npt.NDArray[np.float64]
Frequencies = Mapping[str, Mapping[str, int]]
"""By field how many records have a value, of the values that are more common than others."""

FREQUENT = 500
"""Values of a field whose frequency is kept."""
_MOST_FOR_RARITY = 4.0
"""Bits that a rare value may tell beyond an ordinary one."""
_RARITY = frozenset({"name", "text", "email", "phone", "exact"})


@dataclass(frozen=True)
class Reason:
    """What one field tells about a pair."""

    field: str
    level: str
    bits: float


@dataclass(frozen=True)
class Scored:
    """Pairs with the likelihood that each is one."""

    left: Places
    right: Places
    likely: Bits
    levels: Sequence[Levels]
    told: Sequence[Bits]


class Scorer:
    """Scores pairs of a table by what is known of its collection."""

    def __init__(
        self,
        fields: Sequence[Field],
        knowledge: Knowledge,
        records: int,
        frequencies: Frequencies,
        *,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        """`records` is the size of the collection; `weights` makes fields tell more or less."""
        self.fields = [f for f in fields if (weights or {}).get(f.name, 1.0) > 0]
        self._factors = {f.name: (weights or {}).get(f.name, 1.0) for f in self.fields}
        self.prior = prior_bits(knowledge.rate, records)
        self._records = records
        self._frequencies = frequencies
        self._told = {
            field.name: np.append(
                np.log2(knowledge.fields[field.name].alike)
                - np.log2(knowledge.fields[field.name].unlike),
                0.0,
            )
            for field in self.fields
        }
        self._chance = {f.name: knowledge.fields[f.name].unlike[-1] for f in self.fields}

    def score(self, table: Table, left: Places, right: Places) -> Scored:
        """The pairs with the likelihood of each."""
        total = np.full(len(left), self.prior)
        every: list[Levels] = []
        told: list[Bits] = []
        for field in self.fields:
            levels, shared = compare(table, field, left, right)
            bits = self._told[field.name][levels]
            if field.kind in _RARITY:
                bits = bits + self._rarity(table, field, levels, shared)
            bits = bits * self._factors[field.name]
            every.append(levels)
            told.append(bits)
            total += bits
        return Scored(left, right, 1 / (1 + np.exp2(-total)), every, told)

    def reasons(self, scored: Scored, place: int) -> list[Reason]:
        """What each field tells about one of the pairs, the most telling first."""
        found = [
            Reason(f.name, LEVELS[f.kind][int(levels[place])], round(float(bits[place]), 2))
            for f, levels, bits in zip(self.fields, scored.levels, scored.told, strict=True)
            if levels[place] >= 0
        ]
        return sorted(found, key=lambda reason: -abs(reason.bits))

    def _rarity(self, table: Table, field: Field, levels: Levels, shared: Codes) -> Bits:
        """What a value tells that is rarer or more common than usual, where both have it."""
        values = table.columns[field.name].values
        known = self._frequencies.get(field.name)
        extra = np.zeros(len(levels))
        if known is None:
            return extra
        equal = np.nonzero((shared >= 0) & (levels == len(LEVELS[field.kind]) - 1))[0]
        distinct, again = np.unique(shared[equal], return_inverse=True)
        rest = min(known.values()) if len(known) >= FREQUENT else 1
        places: list[int] = distinct.tolist()
        counts = np.array([known.get(values[place], rest) for place in places], np.float64)
        bits = np.log2(self._chance[field.name]) - np.log2(np.maximum(counts, 1) / self._records)
        extra[equal] = np.minimum(bits, _MOST_FOR_RARITY)[again]
        return extra


def frequencies_of(table: Table, fields: Sequence[Field]) -> dict[str, dict[str, int]]:
    """How common the most common values of each field are."""
    found: dict[str, dict[str, int]] = {}
    for field in fields:
        if field.kind in _RARITY:
            column = table.columns[field.name]
            counts = column.counts()
            most = np.argsort(-counts, kind="stable")[:FREQUENT]
            found[field.name] = {
                column.values[place]: int(counts[place]) for place in most if counts[place] > 1
            }
    return found
