"""Times by the clock of an organization, right through the changes to and from summer time."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from crm_api.platform.automations.timing import last_day, later, next_day, next_hour
from crm_api.platform.automations.triggers import DateTrigger, ScheduleTrigger

BERLIN = ZoneInfo("Europe/Berlin")


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def times(trigger, begin, count):
    found, moment = [], at(begin)
    for _ in range(count):
        moment = trigger.next_after(moment, BERLIN)
        found.append(moment.isoformat()[:16])
    return found


def test_a_day_keeps_its_hour():
    daily = ScheduleTrigger(type="schedule", every="day", at="09:00")
    assert times(daily, "2026-03-28T00:00", 3) == [
        "2026-03-28T08:00", "2026-03-29T07:00", "2026-03-30T07:00",
    ]  # fmt: skip


def test_what_is_left_out_in_spring_comes_after_the_gap():
    nightly = ScheduleTrigger(type="schedule", every="day", at="02:30")
    assert times(nightly, "2026-03-28T12:00", 2) == ["2026-03-29T01:30", "2026-03-30T00:30"]


def test_what_comes_twice_in_autumn_is_done_once():
    nightly = ScheduleTrigger(type="schedule", every="day", at="02:30")
    assert times(nightly, "2026-10-24T12:00", 2) == ["2026-10-25T00:30", "2026-10-26T01:30"]


def test_hours_are_all_an_hour_apart():
    hourly = ScheduleTrigger(type="schedule", every="hour", at="00:15")
    assert times(hourly, "2026-10-24T23:20", 3) == [
        "2026-10-25T00:15", "2026-10-25T01:15", "2026-10-25T02:15",
    ]  # fmt: skip
    assert next_hour(at("2026-01-01T00:15"), 15) == at("2026-01-01T01:15")


def test_weeks_and_months():
    weekly = ScheduleTrigger(
        type="schedule", every="week", at="08:00", weekdays=["monday", "friday"]
    )
    assert times(weekly, "2026-06-01T06:00", 2) == ["2026-06-05T06:00", "2026-06-08T06:00"]
    monthly = ScheduleTrigger(type="schedule", every="month", at="00:00", day_of_month=31)
    assert times(monthly, "2026-01-31T12:00", 3) == [
        "2026-02-27T23:00", "2026-03-30T22:00", "2026-04-29T22:00",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("span", "result"),
    [
        ("1d", "2026-03-29T07:00"),
        ("24h", "2026-03-29T08:00"),
        ("-1w", "2026-03-21T08:00"),
        ("90m", "2026-03-28T09:30"),
    ],
)
def test_days_keep_the_hour_and_hours_do_not(span, result):
    assert later(at("2026-03-28T08:00"), span, BERLIN) == at(result)


def test_a_day_counts_from_its_hour_on():
    assert last_day(at("2026-06-01T06:59"), "09:00", BERLIN) == date(2026, 5, 31)
    assert last_day(at("2026-06-01T07:00"), "09:00", BERLIN) == date(2026, 6, 1)
    assert next_day(at("2026-06-01T07:00"), "09:00", BERLIN) == at("2026-06-02T07:00")


def test_each_date_falls_into_one_window():
    """Whatever lies between two looks, no date is left out and none comes twice."""
    trigger = DateTrigger(type="date", entity="contact", field="birth_date", offset="-7d")
    windows = [
        trigger.passing(at(since), at(until), BERLIN, by_day=True)["birth_date"]
        for since, until in (
            ("2026-03-20T12:00", "2026-03-28T08:00"),
            ("2026-03-28T08:00", "2026-03-29T07:00"),
            ("2026-03-29T07:00", "2026-04-02T11:00"),
        )
    ]
    assert [window["lte"] for window in windows[:-1]] == [window["gt"] for window in windows[1:]]
    assert windows[1] == {"gt": "2026-04-04", "lte": "2026-04-05"}


def test_times_are_counted_to_the_minute():
    trigger = DateTrigger(type="date", entity="contact", field="created_at", offset="2h")
    window = trigger.passing(at("2026-01-01T10:00"), at("2026-01-01T10:01"), BERLIN)
    assert window["created_at"] == {
        "gt": "2026-01-01T08:00:00+00:00",
        "lte": "2026-01-01T08:01:00+00:00",
    }
