"""Whether what an experiment shows may be believed; needs no database."""

from collections.abc import Sequence
from math import ceil, sqrt
from statistics import NormalDist
from typing import Any, cast

MISMATCH = 0.001
"""Below this p the shares are not those that were meant, and nothing is decided."""


def sample_ratio(counts: Sequence[int], weights: Sequence[int]) -> float:
    """The p of Pearson's chi-square test that samples are as large as their weights say."""
    from scipy import special  # pyright: ignore[reportMissingTypeStubs]

    number, whole = sum(counts), sum(weights)
    if not number or len(counts) < 2:
        return 1.0
    expected = [number * weight / whole for weight in weights]
    square = sum((had - want) ** 2 / want for had, want in zip(counts, expected, strict=True))
    tail = cast("Any", special).gammaincc
    return float(tail((len(counts) - 1) / 2, square / 2))


def needed(base: float, lift: float, alpha: float = 0.05, power: float = 0.8) -> int:
    """How many each of two samples takes for a share to be told from one that is `lift` more.

    Two-sided, unpooled under the alternative (J. L. Fleiss, B. Levin, M. C. Paik, Statistical
    Methods for Rates and Proportions, 3rd ed. 2003, (4.14), without continuity correction).
    """
    other = base + lift
    mean = (base + other) / 2
    normal = NormalDist()
    one = normal.inv_cdf(1 - alpha / 2) * sqrt(2 * mean * (1 - mean))
    two = normal.inv_cdf(power) * sqrt(base * (1 - base) + other * (1 - other))
    return ceil(((one + two) / lift) ** 2)
