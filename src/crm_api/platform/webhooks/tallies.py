"""Attempts by the time they took, summed up where they are noted: nobody has to count them."""

from bisect import bisect_right
from collections.abc import Mapping

BOUNDS = (
    5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 400, 500, 750,
    1_000, 1_500, 2_000, 3_000, 5_000, 7_500, 10_000, 15_000, 30_000,
)  # fmt: skip
"""In milliseconds: an attempt is of the class with the number of bounds that it has reached."""
EVERY = "5 minutes"
KEPT = "25 hours"


def class_of(latency_ms: int) -> int:
    """The class of an attempt; PostgreSQL says the same by `width_bucket`."""
    return bisect_right(BOUNDS, latency_ms)


def percentile(counts: Mapping[int, int], share: float) -> int | None:
    """How long such a share of the attempts took at most, in milliseconds, to about a fifth."""
    wanted, passed = share * sum(counts.values()), 0
    for number in sorted(counts):
        inside = counts[number]
        if inside and passed + inside >= wanted:
            low = BOUNDS[number - 1] if number else 0
            high = BOUNDS[number] if number < len(BOUNDS) else low
            return round(low + (high - low) * (wanted - passed) / inside)
        passed += inside
    return None
