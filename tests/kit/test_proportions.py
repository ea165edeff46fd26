"""Shares, against figures of others."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from crm_api.kit.proportions import holm, newcombe, two_proportions, wilson

SIDES = st.integers(1, 100_000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


@given(SIDES)
def test_wilson_agrees_with_scipy(side):
    expected = stats.binomtest(*side).proportion_ci(method="wilson")
    assert wilson(*side) == pytest.approx((expected.low, expected.high), abs=1e-12)


@given(SIDES, SIDES)
def test_two_shares_agree_with_scipy(first, second):
    # Pearson's test of the table without a correction is the square of the pooled z.
    table = [[had, of - had] for had, of in (first, second)]
    assume(all(map(sum, zip(*table, strict=True))))
    expected = stats.chi2_contingency(table, correction=False)
    z, p = two_proportions(first, second)
    assert z * z == pytest.approx(expected.statistic, rel=1e-9, abs=1e-12)
    assert p == pytest.approx(expected.pvalue, rel=1e-9, abs=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_rejects_what_its_steps_reject(values):
    # At each level: the least first, each against its part of what is left, until one stays.
    adjusted = holm(values)
    for level in (0.01, 0.05, 0.2):
        rejected = 0
        for left, value in zip(range(len(values), 0, -1), sorted(values), strict=True):
            if value * left > level:
                break
            rejected += 1
        assert sum(one <= level for one in adjusted) == rejected


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # R: prop.test(15, 50, correct = FALSE) and the like; Newcombe 1998, Statistics in
        # Medicine 17, 857-872, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_agrees_with_newcombe(successes, trials, low, high):
    found = wilson(successes, trials)
    assert found == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_wilson_is_exact_where_none_or_all_succeed():
    for trials in range(1, 200):
        assert wilson(0, trials)[0] == 0.0
        assert wilson(trials, trials)[1] == 1.0


def test_two_shares_agree_with_r():
    # R: prop.test(c(15, 25), c(50, 50), correct = FALSE): X-squared = 4.1667, p-value = 0.04123.
    z, p = two_proportions((15, 50), (25, 50))
    assert z * z == pytest.approx(4.1667, abs=5e-5)
    assert p == pytest.approx(0.04123, abs=5e-6)
    assert z < 0


def test_two_shares_agree_with_statsmodels():
    # The example of its documentation of `proportions_ztest`, to the digits of its own tests.
    z, p = two_proportions((5, 83), (12, 99))
    assert z == pytest.approx(-1.4078304151258787, abs=1e-12)
    assert p == pytest.approx(0.15918129181156992, abs=1e-12)


def test_where_nothing_tells_them_apart():
    assert two_proportions((0, 0), (1, 2)) == (0.0, 1.0)
    assert two_proportions((3, 3), (5, 5)) == (0.0, 1.0)
    assert wilson(0, 0) == (0.0, 1.0)


def test_holm_agrees_with_r():
    # R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm").
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        # R. G. Newcombe, Statistics in Medicine 17, 1998, 873-890, table II, method 10.
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_the_difference_of_two_shares_agrees_with_newcombe(first, second, low, high):
    assert newcombe(first, second) == pytest.approx((low, high), abs=5e-5)


def test_of_no_trials_no_difference_is_known():
    assert newcombe((0, 0), (1, 2)) == (-1.0, 1.0)
