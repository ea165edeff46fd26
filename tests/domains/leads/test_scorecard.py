"""The arithmetic of points: half-lives, caps, bands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_api.domains.leads.scorecard import band_of, capped, derived, grade_of, total, weight

AGES = st.floats(0, 10_000, allow_nan=False)
HALF_LIVES = st.integers(1, 3_650)


@pytest.mark.parametrize(
    ("age", "half_life", "left"),
    [(0, 30, 1), (30, 30, 0.5), (60, 30, 0.25), (15, 30, 0.5**0.5), (-3, 30, 1), (10**9, 1, 0)],
)
def test_half_of_the_points_is_left_after_each_half_life(age, half_life, left):
    assert weight(age, half_life) == pytest.approx(left, abs=1e-12)


def test_without_a_half_life_nothing_fades():
    assert weight(10_000, None) == 1


@given(AGES, AGES, HALF_LIVES)
def test_fading_goes_on_from_where_it_was(first, second, half_life):
    # Exponential decay has no memory: it is all the same when somebody looked at it.
    at_once = weight(first + second, half_life)
    assert weight(first, half_life) * weight(second, half_life) == pytest.approx(at_once, abs=1e-12)


@given(st.floats(-10_000, 10_000), st.integers(1, 100))
def test_a_cap_bounds_both_sides(points, cap):
    found = capped(points, cap)
    assert -cap <= found <= cap
    assert found == points or abs(found) == cap


def test_categories_are_bounded_and_rounded_half_up():
    assert total("fit", 130) == 100
    assert total("fit", -5) == 0
    assert total("engagement", 12.5) == 13
    assert total("engagement", 60, 40) == 40
    assert total("negative", -130) == -100
    assert total("negative", 7) == 0
    assert total("negative", -60, 30) == -30


@pytest.mark.parametrize(
    ("score", "band"),
    [
        (None, None),
        (0, "cold"),
        (24, "cold"),
        (25, "cool"),
        (50, "warm"),
        (74, "warm"),
        (75, "hot"),
    ],
)
def test_bands(score, band):
    assert band_of(score) == band


def test_the_grid_of_fit_and_engagement():
    assert grade_of(100, 75) == "A1"
    assert grade_of(74, 49) == "B3"
    assert grade_of(0, 0) == "D4"
    assert grade_of(None, 50) is None


def test_what_speaks_against_a_lead_is_taken_off_the_mean():
    scores = {"fit_score": 80, "engagement_score": 60, "negative_score": -30}
    assert derived(scores) == {"score": 40, "band": "cool", "grade": "A2"}
    assert derived({"fit_score": 20, "negative_score": -30})["score"] == 0
    assert derived({"negative_score": -30})["score"] is None
