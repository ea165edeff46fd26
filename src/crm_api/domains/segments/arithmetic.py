"""Scores and clusters of customers by what they buy; needs no database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
BINS = 5
RESTARTS, ROUNDS, BOOTSTRAPS, SAMPLED = 10, 100, 5, 1_000
FITTED = 10_000
"""By so many clusters are found; the others belong where they are nearest."""
SEED = 20_270_201
FEATURES = ("recency_days", "frequency", "monetary")

# The first that fits; r, f and m are from 1 to 5, and 1 and 2 are seldom: whoever bought once shares
# the ranks of all who did, who are the most of many shops.
GROUPS: Sequence[tuple[str, Mapping[str, tuple[int, int]]]] = (
    ("champions", {"r": (4, 5), "f": (4, 5), "m": (4, 5)}),
    ("loyal", {"r": (3, 5), "f": (4, 5)}),
    ("new", {"r": (4, 5), "f": (1, 2)}),
    ("promising", {"r": (4, 5), "f": (3, 3)}),
    ("at_risk", {"r": (1, 2), "f": (3, 5)}),
    ("needs_attention", {"r": (3, 3), "f": (1, 3)}),
    ("lost", {"r": (1, 2), "f": (1, 2)}),
    ("others", {}),
)


def scores(values: Floats) -> Ints:
    """From 1 to 5 by the share of those that are less, half of the equal ones among them.

    `1 + ⌊5 (less + equal / 2) / n⌋`: quintiles of mean ranks at Hazen's plotting positions
    (Hazen 1914), as `PROC RANK GROUPS=` of SAS and `RANK /NTILES` of SPSS share ranks out among
    ties. Equal values have one score, unlike those of `ntile`, and where all are equal it is the
    middle one; bins may be empty (ADR-0126).
    """
    if not len(values):
        return np.zeros(0, dtype=np.int64)
    ordered = np.sort(values)
    less = np.searchsorted(ordered, values, side="left")
    not_more = np.searchsorted(ordered, values, side="right")
    # Their sum is twice the mean rank, less one.
    return 1 + (BINS * (less + not_more)) // (2 * len(values))


def group_of(r: int, f: int, m: int) -> str:
    """What customers with such scores are called."""
    held = {"r": r, "f": f, "m": m}
    return next(
        name
        for name, wanted in GROUPS
        if all(low <= held[key] <= high for key, (low, high) in wanted.items())
    )


def prepared(features: Floats) -> Floats:
    """Features that compare: logarithms, by their medians and quartiles."""
    logs = np.log1p(np.maximum(features, 0))
    low, middle, high = np.percentile(logs, [25, 50, 75], axis=0)
    spread = np.where(high > low, high - low, np.where(logs.std(axis=0) > 0, logs.std(axis=0), 1))
    return (logs - middle) / spread


@dataclass(frozen=True)
class Clusters:
    """Who belongs where, and how much that is worth."""

    labels: Ints
    silhouette: float
    """From -1 to 1: how much nearer they are to their own than to the next."""
    stability: float
    """The mean adjusted Rand index with what resampled customers give: 1 is the same again."""


def clusters(features: Floats, number: int, seed: int = SEED) -> Clusters:
    """k-means++ (D. Arthur, S. Vassilvitskii, SODA 2007), the best of ten beginnings."""
    points, chance = prepared(features), np.random.default_rng(seed)
    fitted = points
    if len(points) > FITTED:
        fitted = points[chance.choice(len(points), FITTED, replace=False)]
    centres = _best(fitted, number, chance)
    labels = _nearest(points, centres)
    again: list[float] = []
    for _ in range(BOOTSTRAPS):
        drawn = fitted[chance.integers(0, len(fitted), len(fitted))]
        other = _best(drawn, number, chance, restarts=2)
        again.append(rand_index(labels, _nearest(points, other)))
    return Clusters(labels, silhouette(points, labels, chance), float(np.mean(again)))


def _best(
    points: Floats, number: int, chance: np.random.Generator, restarts: int = RESTARTS
) -> Floats:
    found: tuple[float, Floats] | None = None
    for _ in range(restarts):
        centres = _begin(points, number, chance)
        for _ in range(ROUNDS):
            labels = _nearest(points, centres)
            moved = _middles(points, labels, centres)
            if np.allclose(moved, centres):
                break
            centres = moved
        labels = _nearest(points, centres)
        cost = float(((points - centres[labels]) ** 2).sum())
        if found is None or cost < found[0]:
            found = cost, centres
    assert found is not None
    return found[1]


def _middles(points: Floats, labels: Ints, centres: Floats) -> Floats:
    number = len(centres)
    held = np.bincount(labels, minlength=number)[:, None]
    sums = [np.bincount(labels, weights=column, minlength=number) for column in points.T]
    return np.where(held > 0, np.column_stack(sums) / np.maximum(held, 1), centres)


def _begin(points: Floats, number: int, chance: np.random.Generator) -> Floats:
    centres = [points[chance.integers(0, len(points))]]
    while len(centres) < number:
        far = np.min([((points - centre) ** 2).sum(axis=1) for centre in centres], axis=0)
        if not far.sum():
            break
        centres.append(points[chance.choice(len(points), p=far / far.sum())])
    return np.array(centres)


def _nearest(points: Floats, centres: Floats) -> Ints:
    # The square of the point itself is in each distance, and tells nothing apart.
    apart = (centres**2).sum(axis=1) - 2 * (points @ centres.T)
    return apart.argmin(axis=1).astype(np.int64)


def silhouette(points: Floats, labels: Ints, chance: np.random.Generator) -> float:
    """The mean silhouette (P. Rousseeuw, J. Comput. Appl. Math. 20, 1987) of 1,000 at most."""
    if len(points) > SAMPLED:
        chosen = chance.choice(len(points), SAMPLED, replace=False)
        points, labels = points[chosen], labels[chosen]
    known = np.unique(labels)
    if len(known) < 2:
        return 0.0
    apart = np.sqrt(((points[:, None, :] - points[None, :, :]) ** 2).sum(axis=2))
    sums = np.array([apart[:, labels == one].sum(axis=1) for one in known])
    counts = np.array([(labels == one).sum() for one in known])
    own = np.searchsorted(known, labels)
    place = np.arange(len(points))
    alone = counts[own] == 1
    inside = sums[own, place] / np.maximum(counts[own] - 1, 1)
    means = sums / counts[:, None]
    means[own, place] = np.inf
    outside = means.min(axis=0)
    widest = np.maximum(inside, outside)
    worth = np.where(widest > 0, (outside - inside) / np.where(widest > 0, widest, 1), 0)
    return float(np.where(alone, 0, worth).mean())


def rand_index(one: Ints, other: Ints) -> float:
    """The adjusted Rand index (L. Hubert, P. Arabie, J. of Classification 2, 1985)."""
    table = np.zeros((one.max() + 1, other.max() + 1))
    np.add.at(table, (one, other), 1)

    def pairs(counts: Any) -> float:
        return float((counts * (counts - 1) / 2).sum())

    both, of_one, of_other = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    whole = len(one) * (len(one) - 1) / 2
    chance = of_one * of_other / whole if whole else 0.0
    most = (of_one + of_other) / 2
    return 1.0 if most == chance else (both - chance) / (most - chance)


@dataclass(frozen=True)
class Rule:
    """What tells a cluster: a feature is at most, or at least, so much."""

    feature: int
    at_least: bool
    bound: float

    def holds(self, features: Floats) -> npt.NDArray[np.bool_]:
        """For whom it does."""
        column = features[:, self.feature]
        return column >= self.bound if self.at_least else column <= self.bound


def explained(features: Floats, inside: npt.NDArray[np.bool_]) -> tuple[list[Rule], float, float]:
    """Up to three rules that tell a cluster from all others, with their precision and recall.

    Each is the one that raises F1 the most; bounds are values that members have.
    """
    rules: list[Rule] = []
    held = np.ones(len(features), dtype=bool)
    best = _f1(held, inside)
    while len(rules) < 3:
        found: tuple[float, Rule] | None = None
        for rule in _candidates(features, inside):
            worth = _f1(held & rule.holds(features), inside)
            if worth > best + 1e-9 and (found is None or worth > found[0]):
                found = worth, rule
        if found is None:
            break
        best, rule = found
        rules.append(rule)
        held &= rule.holds(features)
    hits = int((held & inside).sum())
    return rules, hits / max(int(held.sum()), 1), hits / max(int(inside.sum()), 1)


def _candidates(features: Floats, inside: npt.NDArray[np.bool_]) -> list[Rule]:
    found: list[Rule] = []
    for feature in range(features.shape[1]):
        own = features[inside, feature]
        for share in (0, 2, 5, 10, 90, 95, 98, 100):
            bound = float(np.percentile(own, share, method="nearest"))
            found.append(Rule(feature, share < 50, bound))
    return found


def _f1(held: npt.NDArray[np.bool_], inside: npt.NDArray[np.bool_]) -> float:
    both = int((held & inside).sum())
    return 2 * both / max(int(held.sum()) + int(inside.sum()), 1)
