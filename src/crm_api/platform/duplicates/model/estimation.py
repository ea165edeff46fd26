"""How much each level of agreement tells, learnt from the records themselves without supervision.

Fellegi and Sunter (1969); expectation-maximisation after Winkler (1988). What unlike records have
in common by chance is counted over random pairs and then kept, so that the pairs that blocking
picks do not distort it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from crm_api.platform.duplicates.model.comparing import LEVELS, MISSING, Levels, compare
from crm_api.platform.duplicates.model.records import Field, Table

Shares = tuple[float, ...]

RANDOM_PAIRS = 400_000
ROUNDS = 100
_LEAST = 1e-6
_LEAST_PARTLY = 1e-4
"""How seldom unlike values are taken to be partly equal: what is typed for one name looks alike."""
# What is believed before anything is seen, and how many pairs of evidence weigh as much.
_PRIOR: dict[int, Shares] = {
    2: (0.1, 0.9),
    3: (0.07, 0.08, 0.85),
    4: (0.05, 0.05, 0.1, 0.8),
}
_PRIOR_PAIRS = 20.0
_EXPECTED = 0.05
"""Duplicates per record, before any were seen."""
_FEWEST, _MOST = 0.002, 5.0
"""Duplicates per record that are believed."""


@dataclass(frozen=True)
class Weights:
    """What is known of one field: how often each level comes, of duplicates and of others."""

    alike: Shares
    """Of pairs that are one (m)."""
    unlike: Shares
    """Of pairs that are two (u)."""


@dataclass(frozen=True)
class Knowledge:
    """What the records of a collection tell about telling them apart."""

    fields: Mapping[str, Weights]
    rate: float
    """Pairs that are one, per record."""


def unseen(fields: Sequence[Field]) -> Knowledge:
    """What is assumed of records before any were seen."""
    return Knowledge({f.name: Weights(_prior(f), _UNLIKE[f.kind]) for f in fields}, _EXPECTED)


# Of pairs of unlike people and companies, as files of a hundred thousand show them.
_UNLIKE: dict[str, Shares] = {
    "exact": (0.999, 0.001),
    "name": (0.975, 0.015, 0.005, 0.005),
    "text": (0.97, 0.02, 0.006, 0.004),
    "number": (0.993, 0.006, 0.001),
    "date": (0.9946, 0.005, 0.00035, 0.00005),
    "email": (0.9978, 0.002, 0.0001, 0.0001),
    "phone": (0.9997, 0.0001, 0.0001, 0.0001),
}


def random_levels(
    table: Table, fields: Sequence[Field], *, pairs: int = RANDOM_PAIRS
) -> list[Levels]:
    """The levels of random pairs, always the same of the same records."""
    random = np.random.default_rng(20261124)
    left = random.integers(0, len(table), pairs)
    right = random.integers(0, len(table), pairs)
    kept = left != right
    return [compare(table, field, left[kept], right[kept])[0] for field in fields]


class Patterns:
    """How often each combination of levels comes among the pairs that are worth a comparison."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._bases = [len(LEVELS[field.kind]) + 1 for field in fields]
        self._counts: dict[int, int] = {}

    def add(self, levels: Iterable[Levels]) -> None:
        """Count the pairs of a chunk."""
        code: npt.NDArray[np.int64] | None = None
        for base, found in zip(self._bases, levels, strict=True):
            digit = found.astype(np.int64) - MISSING
            code = digit if code is None else code * base + digit
        assert code is not None
        for pattern, count in zip(*np.unique(code, return_counts=True), strict=True):
            self._counts[int(pattern)] = self._counts.get(int(pattern), 0) + int(count)

    def table(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """The levels of each combination, a row each, and its number of pairs."""
        codes = np.fromiter(self._counts, np.int64, len(self._counts))
        counts = np.fromiter(self._counts.values(), np.float64, len(self._counts))
        rows = np.empty((len(codes), len(self._bases)), np.int64)
        for place in range(len(self._bases) - 1, -1, -1):
            codes, rows[:, place] = np.divmod(codes, self._bases[place])
        return rows + MISSING, counts


def learn(
    fields: Sequence[Field], records: int, chance: Sequence[Levels], patterns: Patterns
) -> Knowledge:
    """The knowledge under which what was counted is most likely."""
    rows, counts = patterns.table()
    unlike = [_shares(levels, _UNLIKE[f.kind]) for f, levels in zip(fields, chance, strict=True)]
    alike = [np.array(_prior(field)) for field in fields]
    rate = _EXPECTED
    for _ in range(ROUNDS):
        odds = np.full(len(rows), np.log(_odds(rate, records)))
        for place in range(len(fields)):
            told = np.log(alike[place]) - np.log(unlike[place])
            odds += np.append(told, 0.0)[rows[:, place]]  # the last one is for what is missing
        found = counts / (1 + np.exp(-odds))
        before = rate
        rate = float(np.clip(found.sum() / records, _FEWEST, _MOST))
        alike = [
            _blended(rows[:, place], found, len(unlike[place]), _prior(field))
            for place, field in enumerate(fields)
        ]
        if abs(rate - before) < rate * 1e-6:
            break
    weights = {
        field.name: Weights(tuple(map(float, m)), tuple(map(float, u)))
        for field, m, u in zip(fields, alike, unlike, strict=True)
    }
    return Knowledge(weights, rate)


def _odds(rate: float, records: int) -> float:
    """How likely a random pair is one rather than two."""
    return 2 * rate / max(records - 1, 1)


def prior_bits(rate: float, records: int) -> float:
    """The weight with which every pair begins, in bits."""
    return float(np.log2(_odds(rate, records)))


def _prior(field: Field) -> Shares:
    return _PRIOR[len(LEVELS[field.kind])]


def _shares(levels: Levels, prior: Shares) -> npt.NDArray[np.float64]:
    counts = np.bincount(levels[levels >= 0], minlength=len(prior)).astype(np.float64)
    counts = counts + np.array(prior) * _PRIOR_PAIRS
    least = np.full(len(prior), _LEAST_PARTLY)
    least[-1] = _LEAST
    return np.maximum(counts / counts.sum(), least)


def _blended(
    levels: npt.NDArray[np.int64], found: npt.NDArray[np.float64], size: int, prior: Shares
) -> npt.NDArray[np.float64]:
    known = levels >= 0
    counts = np.bincount(levels[known], found[known], minlength=size)
    counts = counts + np.array(prior) * _PRIOR_PAIRS
    return np.maximum(counts / counts.sum(), _LEAST)
