"""Arithmetic of points: how they fade, are capped and added up, and which band a score is in.

A rule gives its points once, or for each of certain events. With a half-life `h` in days, what is
`a` days old counts `points * 2 ** (-a / h)`: exponential decay, half of it after each `h`. What lies
ahead counts in full. Events of one rule are added up and go no further than its cap; rules of a
category are added up and go no further than the cap of the category, rounded half up at the end.
"""

from collections.abc import Mapping
from math import floor
from typing import Any

from crm_api.domains.leads.models import Band, ScoreCategory

COLUMNS: Mapping[ScoreCategory, str] = {
    "fit": "fit_score",
    "engagement": "engagement_score",
    "negative": "negative_score",
}
"""Where the points of each category stand in a lead."""
MOST = 100
FURTHEST = 1_000.0
"""More half-lives than these are as many: the power of 2 would be no number of the machine's."""
_BANDS: tuple[tuple[int, Band], ...] = ((75, "hot"), (50, "warm"), (25, "cool"), (0, "cold"))
_LETTERS, _DIGITS = "ABCD", "1234"


def weight(age_days: float, half_life_days: float | None) -> float:
    """How much of its points is left of what is so old."""
    if half_life_days is None:
        return 1.0
    return 2.0 ** -min(max(age_days, 0.0) / half_life_days, FURTHEST)


def capped(points: float, cap: int | None) -> float:
    """As far as a cap lets it go, on either side."""
    return points if cap is None else max(-float(cap), min(float(cap), points))


def total(category: ScoreCategory, points: float, cap: int = MOST) -> int:
    """The score of a category: from 0 up to its cap, of `negative` from minus its cap up to 0."""
    least, most = (-cap, 0) if category == "negative" else (0, cap)
    return max(least, min(most, floor(points + 0.5)))


def score_of(fit: int | None, engagement: int | None, negative: int | None) -> int | None:
    """The mean of fit and engagement, as far as they are known, less what speaks against it."""
    known = [one for one in (fit, engagement) if one is not None]
    if not known:
        return None
    return max(0, min(MOST, round(sum(known) / len(known)) + (negative or 0)))


def derived(scores: Mapping[str, Any]) -> dict[str, Any]:
    """What follows from the scores of the categories, by their columns."""
    fit, engagement, negative = (scores.get(column) for column in COLUMNS.values())
    score = score_of(fit, engagement, negative)
    return {"score": score, "band": band_of(score), "grade": grade_of(fit, engagement)}


def band_of(score: int | None) -> Band | None:
    """The band of a score."""
    return None if score is None else _BANDS[_place(score)][1]


def grade_of(fit: int | None, engagement: int | None) -> str | None:
    """Where a lead stands in the grid of fit (A to D) and engagement (1 to 4)."""
    if fit is None or engagement is None:
        return None
    return _LETTERS[_place(fit)] + _DIGITS[_place(engagement)]


def _place(score: int) -> int:
    return next(n for n, (least, _) in enumerate(_BANDS) if score >= least)
