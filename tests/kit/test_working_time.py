"""The index of working time answers as the calendar does."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from crm_api.kit.calendar import Calendar, Hours
from crm_api.kit.errors import Conflict
from crm_api.kit.working_time import MINUTE, WorkingTime, instant_of, ticks_of

ORIGIN = datetime(2026, 3, 27, 12, tzinfo=UTC)
hours = st.tuples(st.integers(0, 1439), st.integers(1, 900)).map(
    lambda pair: Hours(pair[0], pair[0] + pair[1])
)
days = st.lists(hours, max_size=3).map(lambda found: tuple(sorted(found, key=lambda h: h.start)))
calendars = st.builds(
    Calendar,
    st.sampled_from([ZoneInfo(z) for z in ("Europe/Berlin", "America/Sao_Paulo", "UTC")]),
    st.tuples(*[days] * 7),
    st.dictionaries(st.dates(date(2026, 3, 20), date(2026, 4, 5)), days, max_size=4),
)
instants = st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1)).map(
    lambda at: at.replace(microsecond=0, tzinfo=UTC)
)


@given(calendars, instants, instants, st.integers(0, 20_000))
def test_it_counts_as_the_calendar_does(calendar, one, two, minutes):
    assume(any(calendar.week))
    time, duration = WorkingTime(calendar, ORIGIN), timedelta(minutes=minutes)
    assert time.elapsed(one, two) == calendar.elapsed(one, two)
    assert time.add(one, duration) == calendar.add(one, duration)


@given(calendars, instants, st.integers(1, 20_000))
def test_what_begins_and_ends_at_a_position_lies_at_it(calendar, at, minutes):
    assume(any(calendar.week))
    time, ticks, length = WorkingTime(calendar, ORIGIN), ticks_of(at), minutes * MINUTE
    position = time.position(ticks)
    opens, closes = time.opening(position), time.closing(position)
    assert closes <= ticks <= opens
    assert time.position(opens) == time.position(closes) == position
    assert calendar.is_open(instant_of(opens))
    assert time.begin(ticks) == opens
    assert calendar.is_open(instant_of(closes - 1))
    assert time.position(time.shift(ticks, -length)) == position - length


def test_beyond_ten_years_there_is_none():
    time = WorkingTime(Calendar(ZoneInfo("UTC"), ((),) * 7), ORIGIN)
    with pytest.raises(Conflict):
        time.add(ORIGIN, timedelta(minutes=1))
    with pytest.raises(Conflict):
        time.shift(ticks_of(ORIGIN), -MINUTE)


def test_what_lies_near_expands_weeks_and_not_years():
    asked: list[date] = []

    class Noting(Calendar):
        def hours_of(self, day):
            asked.append(day)
            return super().hours_of(day)

    nine_to_six = ((Hours(9 * 60, 18 * 60),),) * 5 + ((), ())
    time = WorkingTime(Noting(ZoneInfo("Europe/Berlin"), nine_to_six), ORIGIN)
    time.add(ORIGIN - timedelta(hours=30), timedelta(hours=8))
    assert 0 < len(asked) < 100
    # What lies far takes few stretches.
    far = timedelta(days=3000)
    assert time.elapsed(ORIGIN - far, ORIGIN + far) > far / 4
    assert len(asked) < 1.1 * 2 * 3660
