"""Starts on the clock of a zone, and sets of them, against plain counting."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_api.domains.scheduling.grid import at_least, grid_of, hit, places, run, within
from crm_api.kit.working_time import instant_of

_SPANS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 12)).map(lambda one: (one[0], sum(one))),
    max_size=6,
)
_STARTS = st.sets(st.integers(0, 50), max_size=20).map(sorted)


def shown(zone, step, day, hours=24):
    """The starts of a day as its clock shows them, with the offset in hours."""
    start = datetime.combine(day, datetime.min.time(), ZoneInfo(zone)).astimezone(UTC)
    found = grid_of(ZoneInfo(zone), step, start, start + timedelta(hours=hours))
    local = [instant_of(one).astimezone(ZoneInfo(zone)) for one in found.starts]
    return [(at.strftime("%H:%M"), at.utcoffset() / timedelta(hours=1)) for at in local]


def test_an_hour_that_is_left_out_has_no_starts():
    found = shown("Europe/Berlin", 60, date(2026, 3, 29), 6)
    assert found == [("00:00", 1), ("01:00", 1), *((f"0{n}:00", 2) for n in range(3, 7))]
    assert len(shown("Europe/Berlin", 30, date(2026, 3, 29), 23)) == 46


def test_an_hour_that_is_there_twice_has_twice_the_starts():
    found = shown("America/New_York", 60, date(2026, 11, 1), 5)
    assert found == [("00:00", -4), ("01:00", -4), ("01:00", -5), ("02:00", -5), ("03:00", -5)]
    assert len(shown("America/New_York", 30, date(2026, 11, 1), 25)) == 50


def test_a_change_of_half_an_hour_keeps_to_the_clock():
    # Lord Howe, 2026-04-05: at 02:00 it is 01:30 again.
    found = shown("Australia/Lord_Howe", 30, date(2026, 4, 5), 4)
    assert [at for at, _ in found[:6]] == ["00:00", "00:30", "01:00", "01:30", "01:30", "02:00"]


def test_a_day_without_midnight_begins_later():
    # Sao Paulo, 2018-11-04: after 23:59 comes 01:00.
    zone = ZoneInfo("America/Sao_Paulo")
    start = datetime(2018, 11, 3, 12, tzinfo=UTC)
    found = grid_of(zone, 60, start, start + timedelta(days=2))
    second = found.days[1]
    assert second.day == date(2018, 11, 4)
    assert instant_of(second.opens) == datetime(2018, 11, 4, 3, tzinfo=UTC)
    assert second.last - second.first == 23


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Apia"])
def test_a_window_is_cut_out_of_the_same_grid(zone):
    start = datetime(2026, 3, 27, tzinfo=UTC)
    whole = grid_of(ZoneInfo(zone), 45, start, start + timedelta(days=5))
    first = start + timedelta(hours=7, minutes=13)
    last = start + timedelta(days=3, hours=1)
    cut = grid_of(ZoneInfo(zone), 45, first, last)
    assert cut.starts == [one for one in whole.starts if first <= instant_of(one) < last]
    assert sum(day.mask for day in cut.days) == run(0, len(cut.starts))


@given(_STARTS, _SPANS, st.integers(0, 8))
def test_what_lies_within(starts, spans, length):
    wanted = [
        n
        for n, one in enumerate(starts)
        if any(opens <= one and one + length <= closes for opens, closes in spans)
    ]
    assert list(places(within(starts, spans, length))) == wanted


@given(_STARTS, _SPANS, st.integers(0, 8), st.integers(1, 8))
def test_what_is_met(starts, spans, before, after):
    wanted = [
        n
        for n, one in enumerate(starts)
        if any(one - before < closes and one + after > opens for opens, closes in spans)
    ]
    assert list(places(hit(starts, spans, before, after))) == wanted


@given(st.lists(st.integers(0, 2**8 - 1), max_size=6), st.integers(0, 4))
def test_how_many_there_are(sets, number):
    wanted = [n for n in range(8) if sum(one >> n & 1 for one in sets) >= number]
    assert list(places(at_least(sets, number, 2**8 - 1))) == wanted
