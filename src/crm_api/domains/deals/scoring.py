"""How probable a deal is to be won, learned from others: smoothed naive Bayes, and how well it fits.

Pure arithmetic. A fact is one of two kinds: a `choice`, of which a deal has one of several values
(its source), or a `reach`, of which it has come so far and perhaps further (its age): what counts
of others is then whether they came as far, since what is open has not come to its end.

For a fact of which `w` of the `W` won and `l` of the `L` lost deals have the same value, of `k`
different ones, its evidence is `ln((w + s) / (W + k·s)) - ln((l + s) / (L + k·s))`, where `s` is
the smoothing and `k` is 2 for a reach. Deals of which a fact is not known do not count for it.
The prior is `ln((W + s) / (L + s))` of all deals, and the probability the logistic function of
the sum.
"""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Literal

SMOOTHING = 1.0
LEAST = 20
"""So many deals that were won, and as many that were lost, it takes to learn from."""
BINS = 10
_HELD_OUT = 4
"""One of so many, the last ones, is held out to see how well the others tell of it."""
Kind = Literal["choice", "reach"]
Facts = Mapping[str, Sequence[Hashable]]
"""By the names of facts: of a choice its value, of a reach all steps that were taken, the furthest
one last. What is not known is left out."""


@dataclass(frozen=True)
class Example:
    """A deal that is decided."""

    facts: Facts
    is_won: bool


@dataclass(frozen=True)
class Counted:
    """Of how many deals a fact is known, and of how many it is the same."""

    won: int
    of_won: int
    lost: int
    of_lost: int
    values: int
    """How many different values there are."""


@dataclass(frozen=True)
class Factor:
    """What a fact does to the odds."""

    name: str
    value: Hashable
    evidence: float
    """What it adds to the logarithm of the odds: above 0 it speaks for the deal."""
    counted: Counted


@dataclass(frozen=True)
class Score:
    """How probable a deal is to be won, and why."""

    probability: float
    prior: float
    """The probability of a deal of which nothing is known."""
    factors: Sequence[Factor]
    """The strongest first."""


@dataclass(frozen=True)
class Bin:
    """Deals that were given about the same probability."""

    deals: int
    predicted: float
    won: float
    """The share of them that was won."""


@dataclass(frozen=True)
class Fit:
    """How well probabilities, made of earlier deals, agreed with what became of later ones."""

    deals: int
    brier: float
    """The mean square of what they were off; 0 is perfect."""
    baseline: float
    """The same of saying of each the share of the earlier ones that was won."""
    bins: Sequence[Bin]


def evidence(counted: Counted, smoothing: float = SMOOTHING) -> float:
    """What a fact adds to the logarithm of the odds."""
    more = smoothing * counted.values
    won = (counted.won + smoothing) / (counted.of_won + more)
    lost = (counted.lost + smoothing) / (counted.of_lost + more)
    return log(won) - log(lost)


def prior(won: int, lost: int, smoothing: float = SMOOTHING) -> float:
    """The logarithm of the odds of a deal of which nothing is known."""
    return log(won + smoothing) - log(lost + smoothing)


def logistic(odds: float) -> float:
    """The probability for a logarithm of odds; never quite 0 or 1 where that can be said."""
    return 1 / (1 + exp(-odds)) if odds >= 0 else exp(odds) / (1 + exp(odds))


def _none() -> list[int]:
    return [0, 0]


class Model:
    """What was learned from deals that are decided."""

    def __init__(self, kinds: Mapping[str, Kind], smoothing: float = SMOOTHING) -> None:
        self.kinds, self.smoothing = kinds, smoothing
        # How many were lost and won: of all, of those of which a fact is known, of each value.
        self.decided = _none()
        self._known: dict[str, list[int]] = defaultdict(_none)
        self._same: dict[tuple[str, Hashable], list[int]] = defaultdict(_none)
        self._values: dict[str, set[Hashable]] = defaultdict(set)

    @classmethod
    def of(cls, kinds: Mapping[str, Kind], examples: Sequence[Example]) -> "Model":
        """What some deals tell."""
        model = cls(kinds)
        for example in examples:
            model.learn(example)
        return model

    def learn(self, example: Example) -> None:
        """Take one more deal into account."""
        self.decided[example.is_won] += 1
        for name in self.kinds:
            steps = example.facts.get(name)
            if steps is None:
                continue
            self._known[name][example.is_won] += 1
            self._values[name].update(steps)
            for one in steps:
                self._same[name, one][example.is_won] += 1

    @property
    def suffices(self) -> bool:
        """Whether that is enough to say something."""
        return min(self.decided[True], self.decided[False]) >= LEAST

    def score(self, facts: Facts) -> Score:
        """How probable a deal of these facts is; of a reach the fact is the furthest step."""
        begun = prior(self.decided[True], self.decided[False], self.smoothing)
        factors: list[Factor] = []
        for name, kind in self.kinds.items():
            if name not in facts or name not in self._known:
                continue
            value = facts[name][-1]
            counted = self._counted(name, value, kind)
            factors.append(Factor(name, value, evidence(counted, self.smoothing), counted))
        factors.sort(key=lambda one: (-abs(one.evidence), one.name))
        odds = begun + sum(one.evidence for one in factors)
        return Score(logistic(odds), logistic(begun), factors)

    def _counted(self, name: str, value: Hashable, kind: Kind) -> Counted:
        known, same = self._known[name], self._same.get((name, value), (0, 0))
        # A value that nobody had before is one more.
        values = 2 if kind == "reach" else len(self._values[name] | {value})
        return Counted(same[True], known[True], same[False], known[False], values)


def learned(kinds: Mapping[str, Kind], examples: Sequence[Example]) -> tuple[Model, Fit | None]:
    """What some deals tell, which come in order, and how well the earlier ones tell of the later.

    That is of the last quarter; None where there are not enough of the earlier ones, or no others.
    """
    place = len(examples) - len(examples) // _HELD_OUT
    earlier, later = examples[:place], examples[place:]
    model = Model.of(kinds, earlier)
    found = _fit(model, later) if later and model.suffices else None
    for example in later:
        model.learn(example)
    return model, found


def _fit(model: Model, later: Sequence[Example]) -> Fit:
    usual = model.decided[True] / sum(model.decided)
    said = [(model.score(one.facts).probability, one.is_won) for one in later]
    baseline = brier([(usual, one.is_won) for one in later])
    return Fit(len(later), brier(said), baseline, binned(said))


def brier(said: Sequence[tuple[float, bool]]) -> float:
    """The mean square of what probabilities were off."""
    return sum((probability - won) ** 2 for probability, won in said) / len(said)


def binned(said: Sequence[tuple[float, bool]]) -> list[Bin]:
    """Up to ten groups of as many deals each, from the least probable on."""
    # By the probability alone: of those with the same one, none may come first for what it became.
    ordered, count = sorted(said, key=lambda one: one[0]), min(BINS, len(said))
    found: list[Bin] = []
    for n in range(count):
        part = ordered[len(ordered) * n // count : len(ordered) * (n + 1) // count]
        predicted = sum(probability for probability, _ in part) / len(part)
        found.append(Bin(len(part), predicted, sum(won for _, won in part) / len(part)))
    return found
