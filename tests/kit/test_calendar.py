"""Working time: vectors of the design, and laws that hold for every calendar."""

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from crm_api.kit.calendar import Calendar, Hours
from crm_api.kit.errors import Conflict

MOSCOW, BERLIN, SAO_PAULO = map(ZoneInfo, ("Europe/Moscow", "Europe/Berlin", "America/Sao_Paulo"))
OFFICE = Hours(9 * 60, 18 * 60)


def weekdays(zone, *hours, **more):
    return Calendar(zone, (hours,) * 5 + ((), ()), **more)


def always(zone, *hours):
    return Calendar(zone, (hours,) * 7)


def at(zone, text):
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("start", "minutes", "end"),
    [
        ("2026-11-20 17:30", 240, "2026-11-23 12:30"),
        ("2026-11-21 12:00", 1, "2026-11-23 09:01"),
        ("2026-11-20 17:00", 60, "2026-11-20 18:00"),
        ("2026-11-21 12:00", 0, "2026-11-21 12:00"),
        ("2026-11-20 18:00", 1, "2026-11-23 09:01"),
    ],
)
def test_working_time_is_added(start, minutes, end):
    calendar = weekdays(MOSCOW, OFFICE)
    assert calendar.add(at(MOSCOW, start), timedelta(minutes=minutes)) == at(MOSCOW, end)


def test_working_time_between():
    calendar = weekdays(MOSCOW, OFFICE)
    friday, monday = at(MOSCOW, "2026-11-20 17:00"), at(MOSCOW, "2026-11-23 10:00")
    assert calendar.elapsed(friday, monday) == timedelta(hours=2)
    assert calendar.elapsed(monday, friday) == timedelta(hours=-2)


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-07-01", 24)]
)
def test_a_whole_day_is_as_long_as_it_is(day, hours):
    calendar = always(BERLIN, Hours(0, 1440))
    start = at(BERLIN, f"{day} 00:00")
    end = (start + timedelta(days=1)).astimezone(UTC)
    assert calendar.elapsed(start, end) == timedelta(hours=hours)


def test_hours_follow_the_clock_on_the_wall():
    calendar = always(BERLIN, Hours(9 * 60, 17 * 60))
    start, end = at(BERLIN, "2026-03-28 00:00"), at(BERLIN, "2026-03-31 00:00")
    spans = [(a.hour, b.hour) for a, b in calendar.spans(start, end)]
    assert spans == [(8, 16), (7, 15), (7, 15)]


def test_a_shift_over_the_change_to_summer_time_is_an_hour_shorter():
    calendar = always(BERLIN, Hours(22 * 60, 30 * 60))
    night = at(BERLIN, "2026-03-28 12:00"), at(BERLIN, "2026-03-29 12:00")
    assert calendar.elapsed(*night) == timedelta(hours=7)


def test_a_zone_without_summer_time_has_equal_days():
    calendar = always(SAO_PAULO, Hours(0, 1440))
    for day in ("2026-02-15", "2026-10-18"):
        start = at(SAO_PAULO, f"{day} 00:00")
        assert calendar.elapsed(start, start + timedelta(days=1)) == timedelta(hours=24)


def test_exceptions_close_and_open_days():
    calendar = weekdays(
        MOSCOW,
        OFFICE,
        exceptions={date(2026, 11, 23): (), date(2026, 11, 21): (Hours(600, 720),)},
    )
    start = at(MOSCOW, "2026-11-20 18:00")
    assert calendar.add(start, timedelta(hours=3)) == at(MOSCOW, "2026-11-24 10:00")


def test_touching_and_overlapping_hours_count_once():
    calendar = always(MOSCOW, Hours(540, 720), Hours(720, 780), Hours(700, 800))
    day = at(MOSCOW, "2026-11-20 00:00")
    assert list(calendar.spans(day, day + timedelta(days=1))) == [
        (at(MOSCOW, "2026-11-20 09:00"), at(MOSCOW, "2026-11-20 13:20"))
    ]


def test_a_calendar_without_hours_never_ends():
    with pytest.raises(Conflict):
        weekdays(MOSCOW).add(at(MOSCOW, "2026-11-20 10:00"), timedelta(minutes=1))


def test_open_or_not():
    calendar = weekdays(MOSCOW, OFFICE)
    assert calendar.is_open(at(MOSCOW, "2026-11-20 09:00"))
    assert not calendar.is_open(at(MOSCOW, "2026-11-20 18:00"))
    assert not calendar.is_open(at(MOSCOW, "2026-11-21 12:00"))


hours = st.tuples(st.integers(0, 1439), st.integers(1, 900)).map(
    lambda pair: Hours(pair[0], pair[0] + pair[1])
)
days = st.lists(hours, max_size=3).map(lambda found: tuple(sorted(found, key=lambda h: h.start)))
zones = st.sampled_from(
    [ZoneInfo(z) for z in ("Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "UTC")]
)
calendars = st.builds(
    Calendar,
    zones,
    st.tuples(*[days] * 7),
    st.dictionaries(st.dates(date(2026, 3, 20), date(2026, 4, 5)), days, max_size=4),
)
instants = st.datetimes(datetime(2026, 3, 20), datetime(2026, 4, 5), timezones=st.just(UTC)).map(
    lambda t: t.replace(microsecond=0)
)


@given(calendars, instants, st.integers(0, 10_000))
def test_what_was_added_has_elapsed(calendar, start, minutes):
    assume(any(calendar.week))
    duration = timedelta(minutes=minutes)
    assert calendar.elapsed(start, calendar.add(start, duration)) == duration


@given(calendars, instants, instants, instants)
def test_elapsed_time_adds_up(calendar, one, two, three):
    first, second, third = sorted((one, two, three))
    whole = calendar.elapsed(first, third)
    assert whole == calendar.elapsed(first, second) + calendar.elapsed(second, third)
    assert timedelta() <= whole <= third - first


@given(calendars, instants, instants)
def test_spans_are_in_order_and_apart(calendar, one, two):
    start, end = sorted((one, two))
    spans = list(calendar.spans(start, end))
    assert all(start <= opens < closes <= end for opens, closes in spans)
    assert all(a[1] < b[0] for a, b in itertools.pairwise(spans))
