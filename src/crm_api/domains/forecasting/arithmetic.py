"""The arithmetic of forecasts and measures; needs no database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import accumulate
from math import ceil, floor

import numpy as np

OPEN_CATEGORIES = ("pipeline", "best_case", "most_likely", "commit")
_RATIO = Decimal("0.0001")
_TAIL = 0.1
_DUST = 1e-12
# The ninth decile of the normal distribution, which many deals come close to.
_DECILE = 1.2815515655446004
_EXACT = 2_000


@dataclass(frozen=True, slots=True)
class Rollup:
    """Sums of several categories at once, as forecasting goes by them.

    The categories and what they add up to are those of Salesforce's `ForecastingSubmissionItem`;
    what is omitted is in none of them.
    """

    open_pipeline: Decimal
    best_case: Decimal
    most_likely: Decimal
    commit: Decimal


def cumulative(single: Mapping[str, Decimal]) -> Rollup:
    """What the sums of single categories add up to; a category that is missing is nothing."""
    pipeline, best_case, likely, commit, closed = (
        single.get(name, Decimal(0)) for name in (*OPEN_CATEGORIES, "closed")
    )
    return Rollup(
        open_pipeline=pipeline + best_case + likely + commit,
        best_case=best_case + likely + commit + closed,
        most_likely=likely + commit + closed,
        commit=commit + closed,
    )


def ratio(part: Decimal | int, whole: Decimal | int) -> Decimal | None:
    """A share to four decimals; None of nothing."""
    if not whole:
        return None
    return (Decimal(part) / Decimal(whole)).quantize(_RATIO, ROUND_HALF_UP)


def velocity(
    open_deals: int, won_amount: Decimal | None, win_rate: Decimal | None, days: Decimal | None
) -> Decimal | None:
    """What a pipeline brings a day: deals × average amount won × win rate / days of a cycle."""
    if won_amount is None or win_rate is None or not days:
        return None
    return (open_deals * won_amount * win_rate / days).quantize(Decimal("0.01"), ROUND_HALF_UP)


def coverage(
    open_amount: Decimal, quota: Decimal | None, won_amount: Decimal
) -> tuple[Decimal | None, Decimal | None]:
    """The gap to a quota, and how many times what is open covers it.

    Without a quota there is neither; without a gap nothing is to be covered.
    """
    if quota is None:
        return None, None
    gap = max(quota - won_amount, Decimal(0))
    return gap, ratio(open_amount, gap)


@dataclass(frozen=True, slots=True)
class Errors:
    """How far forecasts were from what came true."""

    wape: Decimal | None
    """Σ|actual − forecast| / Σ|actual|."""
    bias: Decimal | None
    """Σ(forecast − actual) / Σ|actual|: above zero where too much was expected."""
    mape: Decimal | None
    """The mean of |actual − forecast| / |actual|, without periods in which nothing came."""


def errors(actual: Sequence[Decimal], forecast: Sequence[Decimal]) -> Errors:
    """The errors of pairs; None where nothing came true at all."""
    pairs = list(zip(actual, forecast, strict=True))
    total = sum((abs(a) for a, _ in pairs), Decimal(0))
    missed = sum((abs(a - f) for a, f in pairs), Decimal(0))
    over = sum((f - a for a, f in pairs), Decimal(0))
    shares = [abs(a - f) / abs(a) for a, f in pairs if a]
    mean = ratio(sum(shares, Decimal(0)), len(shares)) if shares else None
    return Errors(ratio(missed, total), ratio(over, total), mean)


@dataclass(frozen=True, slots=True)
class Wins:
    """How many of some deals are won."""

    expected: Decimal
    low: int
    high: int
    """With four chances in five it is at least `low` and at most `high`."""


def chances(percents: Mapping[int, int]) -> list[float]:
    """By number of wins how probable it is, given how many deals there are of each percent.

    Each is won or lost on its own: the Poisson-binomial distribution, exactly.
    """
    found = np.array([1.0])
    for percent, count in percents.items():
        factor = np.array([1 - percent / 100, percent / 100])
        while count:
            if count & 1:
                found = np.convolve(found, factor)
            factor, count = np.convolve(factor, factor), count >> 1  # noqa: PLW2901 - by halves
    return [float(chance) for chance in found]


def wins(percents: Mapping[int, int]) -> Wins:
    """How many of some deals are won with four chances in five, equal tails on both sides."""
    expected = Decimal(sum(percent * count for percent, count in percents.items())) / 100
    rounded = expected.quantize(Decimal("0.01"), ROUND_HALF_UP)
    if sum(percents.values()) > _EXACT:
        spread = sum(p * (100 - p) * count for p, count in percents.items()) ** 0.5 / 100
        width = _DECILE * spread
        low, high = float(expected) - width, float(expected) + width
        return Wins(rounded, max(0, floor(low)), min(sum(percents.values()), ceil(high)))
    found = list(accumulate(chances(percents)))
    low = next(number for number, below in enumerate(found) if below > _TAIL)
    most = len(found) - 1
    high = next((n for n, below in enumerate(found) if below >= 1 - _TAIL - _DUST), most)
    return Wins(rounded, low, high)
