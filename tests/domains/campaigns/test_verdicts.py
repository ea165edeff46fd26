"""When an experiment ends by its rule, and when clocks show a time."""

from datetime import UTC, date, datetime

import pytest
from scipy import stats

from crm_api.domains.campaigns.actions import instant_of
from crm_api.domains.campaigns.deciding import looks, verdict
from crm_api.domains.campaigns.schemas import ScheduleInput, StopRule
from crm_api.kit.errors import Invalid

RULE = StopRule(event="bought", min_per_arm=100, min_days=3, max_days=7)
EVEN = {"A": 1, "B": 1}


def test_a_difference_is_shown_below_its_part_of_the_level():
    assert looks(RULE) == 5
    arms = {"A": (100, 1_000), "B": (160, 1_000)}
    found = verdict(RULE, EVEN, arms, is_last=False)
    assert found is not None
    assert (found["variant"], found["reason"]) == ("B", "significant")
    assert found["statistics"]["level"] == 0.01
    # Pearson's test of the table without a correction is the square of the pooled z.
    table = [[100, 900], [160, 840]]
    expected = stats.chi2_contingency(table, correction=False).pvalue
    assert found["statistics"]["comparisons"][0]["p"] == pytest.approx(expected, rel=1e-9)


def test_what_would_do_for_one_look_does_not_for_five():
    arms = {"A": (100, 1_000), "B": (130, 1_000)}
    assert stats.chi2_contingency([[100, 900], [130, 870]], correction=False).pvalue < 0.05
    assert verdict(RULE, EVEN, arms, is_last=False) is None
    last = verdict(RULE, EVEN, arms, is_last=True)
    assert last is not None
    assert (last["variant"], last["reason"]) == ("A", "futility")
    once = RULE.model_copy(update={"max_days": 3})
    found = verdict(once, EVEN, arms, is_last=True)
    assert found is not None
    assert (found["variant"], found["reason"]) == ("B", "significant")


def test_neither_too_few_nor_other_shares_show_anything():
    few = {"A": (0, 99), "B": (99, 99)}
    assert verdict(RULE, EVEN, few, is_last=False) is None
    skewed = {"A": (100, 1_000), "B": (500, 2_000)}
    found = verdict(RULE, EVEN, skewed, is_last=True)
    assert found is not None
    assert (found["variant"], found["reason"]) == ("A", "futility")
    assert found["statistics"]["sample_ratio_p"] < 0.001
    assert verdict(RULE, {"A": 1, "B": 2}, skewed, is_last=False) is not None


def test_of_several_the_best_wins_and_worse_ones_keep_the_first():
    weights = {"A": 1, "B": 1, "C": 1}
    arms = {"A": (100, 1_000), "B": (160, 1_000), "C": (180, 1_000)}
    found = verdict(RULE, weights, arms, is_last=False)
    assert found is not None
    assert found["variant"] == "C"
    worse = {"A": (180, 1_000), "B": (100, 1_000), "C": (90, 1_000)}
    found = verdict(RULE, weights, worse, is_last=False)
    assert found is not None
    assert (found["variant"], found["reason"]) == ("A", "significant")


def test_times_are_those_that_clocks_show():
    def at(day, time):
        return instant_of(ScheduleInput(day=day, time=time), "Europe/Berlin")

    assert at(date(2027, 1, 4), "09:00") == datetime(2027, 1, 4, 8, tzinfo=UTC)
    assert at(date(2027, 7, 5), "09:00") == datetime(2027, 7, 5, 7, tzinfo=UTC)
    # The first of two, when they are put back.
    assert at(date(2027, 10, 31), "02:30") == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    with pytest.raises(Invalid) as refused:
        at(date(2027, 3, 28), "02:30")
    assert refused.value.faults[0].code == "no_such_time"
