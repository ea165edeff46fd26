"""What past leads tell of the next one: logistic regression and naive Bayes over facts.

Pure arithmetic, and the same each time. A fact of a lead is one of several values, or is not known.
Values that fewer than `LEAST_SEEN` leads have count as `OTHER`. Both kinds of model end in the same
table: the logarithm of the odds is `base` plus what the value of each fact adds.

`logistic`: a column of zeros and ones for each value, not known being one of them, ridge penalty
`RIDGE` on all but the intercept, fitted by Newton's method (iteratively reweighted least squares;
Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, 4.4.1). What a value adds is its
coefficient less the mean of the fact over the sample, so a value as good as the average adds 0.

`naive_bayes`: what a value adds is the logarithm of the ratio of its smoothed shares, as for deals
(`deals/scoring.py`); what is not known adds nothing.

Three quarters of the leads, the earlier ones, are learned from to be tried on the last quarter.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from crm_api.domains.deals.scoring import Bin, Counted, binned, brier, evidence, prior

Kind = Literal["logistic", "naive_bayes"]
Floats = NDArray[np.float64]
Facts = Sequence[str | None]
"""The values of the facts of one lead, in their order."""
LEAST: Mapping[Kind, int] = {"logistic": 50, "naive_bayes": 20}
"""So many leads of either outcome it takes among those that are learned from."""
LEAST_SEEN = 10
MOST_VALUES = 50
OTHER, UNKNOWN = "(other)", "(unknown)"
RIDGE = 1.0
_HELD_OUT = 4
_STEPS, _CLOSE = 50, 1e-9
_SURE = 1e-12


@dataclass(frozen=True)
class Weights:
    """What was learned: what each value of each fact adds to the logarithm of the odds."""

    base: float
    adds: Mapping[str, Mapping[str, float]]

    def factors(self, names: Sequence[str], facts: Facts) -> list[tuple[str, str, float]]:
        """The facts of a lead with their values and what they add, the strongest first."""
        found = [
            (name, value or UNKNOWN, self._added(name, value))
            for name, value in zip(names, facts, strict=True)
        ]
        return sorted(
            (one for one in found if one[2]), key=lambda one: (-abs(one[2]), one[0], one[1])
        )

    def odds(self, names: Sequence[str], facts: Facts) -> float:
        """The logarithm of the odds of a lead."""
        adds = (self._added(name, value) for name, value in zip(names, facts, strict=True))
        return self.base + sum(adds)

    def _added(self, name: str, value: str | None) -> float:
        known = self.adds.get(name, {})
        if value is None:
            return known.get(UNKNOWN, 0.0)
        return known[value] if value in known else known.get(OTHER, 0.0)


@dataclass(frozen=True)
class Fit:
    """How well what earlier leads told agreed with what became of later ones."""

    leads: int
    converted: int
    auc: float | None
    """How often a converted one was given more than one that was not; None without both."""
    brier: float
    brier_baseline: float
    log_loss: float
    log_loss_baseline: float
    """The same of saying of each the share of the earlier ones."""
    calibration_error: float
    """By how much, on the average over bins, what was said was off what became true."""
    bins: Sequence[Bin]


@dataclass(frozen=True)
class Trained:
    """A model of all leads, and how well one of the earlier ones did."""

    weights: Weights
    fit: Fit


class Sample:
    """Leads with their facts, as numbers of values, and what became of them."""

    def __init__(
        self, names: Sequence[str], rows: Sequence[Facts], outcomes: Sequence[bool]
    ) -> None:
        self.names = names
        self.outcomes = np.array(outcomes, np.float64)
        self.values: list[list[str]] = []
        columns: list[NDArray[np.int32]] = []
        for place in range(len(names)):
            values, codes = _coded([row[place] for row in rows])
            self.values.append(values)
            columns.append(codes)
        self.codes = np.stack(columns, axis=1)


def trained(
    kind: Kind, names: Sequence[str], rows: Sequence[Facts], outcomes: Sequence[bool]
) -> Trained | None:
    """What leads tell, the earliest first; None where there are too few of either outcome."""
    place = len(rows) - len(rows) // _HELD_OUT
    earlier = sum(outcomes[:place])
    if min(earlier, place - earlier) < LEAST[kind] or place == len(rows):
        return None
    learn = logistic if kind == "logistic" else naive_bayes
    first = learn(Sample(names, rows[:place], outcomes[:place]))
    later = outcomes[place:]
    said = _chances(np.array([first.odds(names, row) for row in rows[place:]], np.float64))
    fit = fit_of(said, np.array(later, np.float64), earlier / place)
    return Trained(learn(Sample(names, rows, outcomes)), fit)


def logistic(sample: Sample) -> Weights:
    """By logistic regression."""
    from scipy import sparse  # pyright: ignore[reportMissingTypeStubs]

    count = len(sample.outcomes)
    sizes = [1, *(len(values) for values in sample.values)]
    starts = np.cumsum([0, *sizes[:-1]], dtype=np.int32)
    places = np.zeros((count, len(sizes)), np.int32)
    places[:, 1:] = sample.codes + starts[1:]
    pointers = np.arange(count + 1, dtype=np.int32) * len(sizes)
    ones = np.ones(places.size)
    columns: Any = cast("Any", sparse).csr_array(
        (ones, places.ravel(), pointers), shape=(count, sum(sizes))
    )
    coefficients = regression(columns, sample.outcomes, RIDGE)
    base, adds = float(coefficients[0]), dict[str, dict[str, float]]()
    shares = np.bincount(places.ravel(), minlength=sum(sizes)) / count
    for name, values, start in zip(sample.names, sample.values, starts[1:], strict=True):
        own = coefficients[start : start + len(values)]
        mean = float(own @ shares[start : start + len(values)])
        base += mean
        adds[name] = {value: float(one) - mean for value, one in zip(values, own, strict=True)}
    return Weights(base, adds)


def regression(columns: Any, outcomes: Floats, ridge: float = 0.0) -> Floats:
    """The coefficients that make the outcomes the most probable; the first one is the intercept.

    `ridge` is half the price of the square of each of the others. Newton's steps are halved until
    they do not make it worse.
    """
    size = int(columns.shape[1])
    price = np.full(size, ridge)
    price[0] = 0.0
    found: Floats = np.zeros(size)
    worth = _worth(columns, outcomes, found, price)
    for _ in range(_STEPS):
        said = _chances(columns @ found)
        slope: Floats = columns.T @ (outcomes - said) - price * found
        curve = _curve(columns, said * (1 - said)) + np.diag(price)
        # What no lead tells apart has no curve: the least step that does it is taken.
        step = cast("Floats", np.linalg.lstsq(curve, slope, rcond=None)[0])
        while True:
            after: Floats = found + step
            now = _worth(columns, outcomes, after, price)
            if now >= worth or np.abs(step).max() < _CLOSE:
                break
            step = step / 2
        found, worth = after, now
        if np.abs(step).max() < _CLOSE:
            break
    return found


def _chances(odds: Floats) -> Floats:
    """What odds, of which these are the logarithms, come to; exact at both ends."""
    return np.exp(-np.logaddexp(0, -odds))


def _worth(columns: Any, outcomes: Floats, found: Floats, price: Floats) -> float:
    odds: Floats = columns @ found
    likelihood = outcomes @ odds - np.logaddexp(0, odds).sum()
    return float(likelihood - (price * found) @ found / 2)


def _curve(columns: Any, weights: Floats) -> Floats:
    if isinstance(columns, np.ndarray):
        plain = cast("Floats", columns)
        return (plain.T * weights) @ plain
    each = np.repeat(weights, np.diff(columns.indptr))
    weighted = type(columns)((each, columns.indices, columns.indptr), shape=columns.shape)
    return (columns.T @ weighted).toarray()


def naive_bayes(sample: Sample) -> Weights:
    """By the shares of values among those that were converted and those that were not."""
    won = sample.outcomes > 0
    base = prior(int(won.sum()), int((~won).sum()))
    adds: dict[str, dict[str, float]] = {}
    for place, (name, values) in enumerate(zip(sample.names, sample.values, strict=True)):
        codes = sample.codes[:, place]
        size = len(values)
        of_won = np.bincount(codes[won], minlength=size)
        of_lost = np.bincount(codes[~won], minlength=size)
        known = [n for n, value in enumerate(values) if value != UNKNOWN]
        all_won, all_lost = (int(counts[known].sum()) for counts in (of_won, of_lost))
        adds[name] = {
            values[n]: evidence(
                Counted(int(of_won[n]), all_won, int(of_lost[n]), all_lost, len(known))
            )
            for n in known
        }
    return Weights(base, adds)


def fit_of(said: Floats, outcomes: Floats, usual: float) -> Fit:
    """How well probabilities agree with what became true; `usual` is what was known of all."""
    pairs = [(float(one), bool(true)) for one, true in zip(said, outcomes, strict=True)]
    bins = binned(pairs)
    off = sum(abs(one.predicted - one.won) * one.deals for one in bins) / len(pairs)
    same = np.full(len(said), usual)
    return Fit(
        leads=len(pairs),
        converted=int(outcomes.sum()),
        auc=auc(said, outcomes),
        brier=brier(pairs),
        brier_baseline=brier([(usual, true) for _, true in pairs]),
        log_loss=log_loss(said, outcomes),
        log_loss_baseline=log_loss(same, outcomes),
        calibration_error=off,
        bins=bins,
    )


def auc(said: Floats, outcomes: Floats) -> float | None:
    """The area under the ROC curve, by ranks: ties count half (the Mann-Whitney statistic)."""
    won = outcomes > 0
    positive, negative = int(won.sum()), int((~won).sum())
    if not positive or not negative:
        return None
    _, places, counts = np.unique(said, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return float((ranks[won].sum() - positive * (positive + 1) / 2) / (positive * negative))


def log_loss(said: Floats, outcomes: Floats) -> float:
    """The mean negative logarithm of what was given to what became true."""
    sure = np.clip(said, _SURE, 1 - _SURE)
    return float(-np.mean(outcomes * np.log(sure) + (1 - outcomes) * np.log1p(-sure)))


def _coded(column: Sequence[str | None]) -> tuple[list[str], NDArray[np.int32]]:
    """The values of a fact, and which of them each lead has."""
    plain = [UNKNOWN if value is None else value for value in column]
    counts = Counter(plain)
    often = [value for value, number in counts.items() if number >= LEAST_SEEN]
    kept = sorted(often, key=lambda value: (-counts[value], value))[:MOST_VALUES]
    values = sorted(kept)
    places = {value: place for place, value in enumerate(values)}
    if len(kept) < len(counts):
        values.append(OTHER)
    last = len(values) - 1
    return values, np.array([places.get(value, last) for value in plain], np.int32)
