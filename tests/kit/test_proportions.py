"""Shares, against figures of others."""

import pytest

from crm_api.kit.proportions import holm, newcombe, two_proportions, wilson


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


def test_two_shares_agree_with_r():
    # R: prop.test(c(15, 25), c(50, 50), correct = FALSE): X-squared = 4.1667, p-value = 0.04123.
    z, p = two_proportions((15, 50), (25, 50))
    assert z * z == pytest.approx(4.1667, abs=5e-5)
    assert p == pytest.approx(0.04123, abs=5e-6)
    assert z < 0


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
