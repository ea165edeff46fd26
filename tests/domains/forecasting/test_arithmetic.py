"""The arithmetic of forecasts: published definitions and figures."""

from datetime import date
from decimal import Decimal
from itertools import product
from math import isclose, prod

from hypothesis import given
from hypothesis import strategies as st

from crm_api.domains.forecasting.arithmetic import chances, coverage, cumulative, errors, wins
from crm_api.domains.forecasting.periods import period_named, period_of, periods_between


def amounts(*values):
    return [Decimal(value) for value in values]


def test_categories_add_up_as_the_reference_says():
    """The cumulative roll-ups of Salesforce's `ForecastingSubmissionItem`."""
    names = ("pipeline", "best_case", "most_likely", "commit", "closed", "omitted")
    single = dict(zip(names, amounts(1, 10, 100, 1_000, 10_000, 100_000), strict=True))
    found = cumulative(single)
    assert (found.open_pipeline, found.best_case) == (1_111, 11_110)
    assert (found.most_likely, found.commit) == (11_100, 11_000)


def test_errors_are_the_worked_example():
    found = errors(amounts(100, 200, 50), amounts(110, 180, 60))
    assert (found.mape, found.wape, found.bias) == (
        Decimal("0.1333"),
        Decimal("0.1143"),
        Decimal(0),
    )
    assert errors(amounts(0, 10), amounts(5, 10)).mape == 0
    assert errors([], []).wape is None


def test_chances_are_the_worked_example():
    found = chances({50: 2, 20: 1})
    wanted = (0.2, 0.45, 0.3, 0.05)
    assert all(isclose(a, b) for a, b in zip(found, wanted, strict=True))
    assert wins({50: 2, 20: 1}) == wins({20: 1, 50: 2})
    assert (wins({50: 2, 20: 1}).low, wins({50: 2, 20: 1}).high) == (0, 2)
    assert (wins({}).low, wins({}).high, wins({}).expected) == (0, 0, 0)
    assert (wins({100: 3, 0: 4}).low, wins({100: 3, 0: 4}).high) == (3, 3)


@given(st.lists(st.integers(0, 100), max_size=7))
def test_chances_are_those_of_all_ways(percents):
    counted = {percent: percents.count(percent) for percent in set(percents)}
    wanted = [0.0] * (len(percents) + 1)
    for way in product((0, 1), repeat=len(percents)):
        pairs = zip(way, percents, strict=True)
        wanted[sum(way)] += prod(p / 100 if won else 1 - p / 100 for won, p in pairs)
    found = chances(counted)
    assert all(isclose(a, b, abs_tol=1e-9) for a, b in zip(found, wanted, strict=True))
    some = wins(counted)
    assert sum(wanted[some.low : some.high + 1]) >= 0.8 - 1e-9


def test_many_deals_come_close_to_a_few():
    few, many = wins({30: 2_000}), wins({30: 2_001})
    assert abs(few.low - many.low) <= 1
    assert abs(few.high - many.high) <= 1


def test_a_gap_is_covered():
    assert coverage(Decimal(300), Decimal(250), Decimal(100)) == (150, 2)
    assert coverage(Decimal(300), Decimal(250), Decimal(300)) == (0, None)
    assert coverage(Decimal(300), None, Decimal(0)) == (None, None)


def test_quarters_are_those_of_the_fiscal_year():
    found = period_named("2026-Q4", 4)
    assert (found.starts_on, found.ends_on) == (date(2027, 1, 1), date(2027, 3, 31))
    assert period_of(date(2027, 2, 14), "quarter", 4) == found
    assert period_named("2026-Q1").days == 90
    assert period_named("2024-02").days == 29
    assert period_named("2026-13") is None
    assert period_named("2026-Q5") is None
    keys = [p.key for p in periods_between(date(2026, 2, 1), date(2026, 12, 31), "quarter")]
    assert keys == ["2026-Q2", "2026-Q3", "2026-Q4"]


@given(st.dates(date(1901, 1, 1), date(2198, 1, 1)), st.integers(1, 12))
def test_each_day_is_in_the_period_that_is_named_so(day, month):
    for kind in ("month", "quarter"):
        found = period_of(day, kind, month)
        assert found.starts_on <= day <= found.ends_on
        assert period_named(found.key, month) == found
