"""Whether a value is one to raise an alarm about; needs no database.

The robust z-score is 0.6745 · (x − median) / MAD (Iglewicz and Hoaglin, How to Detect and Handle
Outliers, 1993, 3.3). Where more than half of the history is the same, the MAD is zero and the mean
absolute deviation stands in: (x − median) / (1.253314 · mean), as they advise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Literal

LEAST_HISTORY = 8
_MAD, _MEAN = 0.6745, 1.253314
Comparison = Literal["gt", "lt"]


def robust_z(value: float, history: Sequence[float]) -> float | None:
    """How far a value lies from its history; None of too short a history."""
    if len(history) < LEAST_HISTORY:
        return None
    middle = median(history)
    away = [abs(one - middle) for one in history]
    spread = median(away)
    if spread > 0:
        return _MAD * (value - middle) / spread
    mean = fmean(away)
    if mean > 0:
        return (value - middle) / (_MEAN * mean)
    return 0.0 if value == middle else float("inf") if value > middle else float("-inf")


@dataclass(frozen=True, slots=True)
class Bound:
    """A threshold; once raised it is cleared at another value only, so that it does not flutter."""

    comparison: Comparison
    threshold: float
    clear_at: float

    def judge(self, value: float, *, raised: bool) -> bool:
        """Whether it is raised at a value."""
        at = self.clear_at if raised else self.threshold
        return value > at if self.comparison == "gt" else value < at
