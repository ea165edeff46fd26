"""Shares of samples: how sure they are, whether two differ, and what of many tests is left."""

from collections.abc import Sequence
from math import erfc, sqrt

Z95 = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""


def wilson(successes: int, trials: int, z: float = Z95) -> tuple[float, float]:
    """The score interval of a share (E. B. Wilson, Probable inference, JASA 22, 1927, 209-212).

    Of no trials nothing is known: from 0 to 1.
    """
    if trials == 0:
        return 0.0, 1.0
    share, square = successes / trials, z * z
    centre = (share + square / (2 * trials)) / (1 + square / trials)
    half = z / (1 + square / trials)
    half *= sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
    # Where none or all succeed the two are equal, but for how they are rounded.
    low = 0.0 if not successes else max(0.0, centre - half)
    return low, 1.0 if successes == trials else min(1.0, centre + half)


def two_proportions(first: tuple[int, int], second: tuple[int, int]) -> tuple[float, float]:
    """The pooled z of two shares, each as successes of trials, and its two-sided p.

    Without trials, or where all or none succeed, nothing tells them apart: z is 0 and p is 1.
    """
    (one, of_one), (other, of_other) = first, second
    if not of_one or not of_other:
        return 0.0, 1.0
    pooled = (one + other) / (of_one + of_other)
    error = sqrt(pooled * (1 - pooled) * (1 / of_one + 1 / of_other))
    if not error:
        return 0.0, 1.0
    z = (one / of_one - other / of_other) / error
    return z, erfc(abs(z) / sqrt(2))


def holm(values: Sequence[float]) -> list[float]:
    """The p of several tests, adjusted for how many they are, in their order.

    Step-down (S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian
    Journal of Statistics 6, 1979, 65-70).
    """
    order = sorted(range(len(values)), key=values.__getitem__)
    adjusted = [1.0] * len(values)
    least = 0.0
    for place, index in enumerate(order):
        least = max(least, min(1.0, (len(values) - place) * values[index]))
        adjusted[index] = least
    return adjusted


def newcombe(
    first: tuple[int, int], second: tuple[int, int], z: float = Z95
) -> tuple[float, float]:
    """The interval of the first share less the second one, each as successes of trials.

    From the two score intervals (R. G. Newcombe, Interval estimation for the difference between
    independent proportions, Statistics in Medicine 17, 1998, 873-890, method 10). Of no trials
    nothing is known: from -1 to 1.
    """
    if not first[1] or not second[1]:
        return -1.0, 1.0
    (one, other) = (had / of for had, of in (first, second))
    (low, high), (below, above) = wilson(*first, z), wilson(*second, z)
    return (
        one - other - sqrt((one - low) ** 2 + (above - other) ** 2),
        one - other + sqrt((high - one) ** 2 + (other - below) ** 2),
    )
