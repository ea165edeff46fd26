"""Statistics of experiments agree with SciPy and with published figures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from crm_api.domains.campaigns.arithmetic import needed, sample_ratio

COUNTS = st.lists(st.tuples(st.integers(1, 10_000), st.integers(1, 50)), min_size=2, max_size=6)


@given(COUNTS)
def test_the_sample_ratio_is_the_chi_square_test_of_scipy(pairs):
    counts, weights = [one for one, _ in pairs], [one for _, one in pairs]
    whole = sum(counts) / sum(weights)
    expected = stats.chisquare(counts, [weight * whole for weight in weights]).pvalue
    assert sample_ratio(counts, weights) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_nobody_and_one_sample_are_no_mismatch():
    assert sample_ratio([0, 0], [1, 1]) == 1.0
    assert sample_ratio([7], [1]) == 1.0


def test_known_sample_sizes():
    # R's documentation of `power.prop.test`: p1 = .50, p2 = .75, power = .90 takes n = 76.7.
    assert needed(0.50, 0.25, power=0.9) == 77
    # 10 % against 12 % at 5 % and 80 %: 3,841 in each sample, as tables have it.
    assert needed(0.10, 0.02) == 3_841
    # 50 % against 60 %: 388.
    assert needed(0.50, 0.10) == 388


@given(st.floats(0.01, 0.8), st.floats(0.01, 0.19))
def test_a_smaller_difference_takes_more(base, lift):
    assert needed(base, lift) >= needed(base, lift + 0.005) > 0
