"""How full something is, against counting minute by minute."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from crm_api.domains.scheduling.sweeping import Taken, in_the_way, levels, peak

ORIGIN = datetime(2026, 3, 29, tzinfo=UTC)
MOST = 60


def at(minute):
    return ORIGIN + timedelta(minutes=minute)


spans = st.tuples(st.integers(0, MOST - 1), st.integers(1, 20)).map(lambda p: (p[0], p[0] + p[1]))
taken = st.lists(
    st.builds(lambda span, n: Taken(at(span[0]), at(span[1]), n), spans, st.integers(1, 4)),
    max_size=12,
)


def counted(found, minute):
    """The oracle: what is taken in one minute."""
    return sum(one.quantity for one in found if one.starts_at <= at(minute) < one.ends_at)


@given(taken, spans, st.integers(0, 8))
def test_the_sweep_finds_what_counting_every_minute_finds(found, window, room):
    start, end = window
    counts = {minute: counted(found, minute) for minute in range(start, end)}
    assert peak(found, at(start), at(end)) == max(counts.values())
    full = {minute for minute, number in counts.items() if number > room}
    expected = [one for one in found if any(one.starts_at <= at(m) < one.ends_at for m in full)]
    assert in_the_way(found, at(start), at(end), room) == expected


@given(taken, spans)
def test_levels_fill_a_window_without_gaps(found, window):
    start, end = at(window[0]), at(window[1])
    got = list(levels(found, start, end))
    assert [level.starts_at for level in got] == [start, *(level.ends_at for level in got[:-1])]
    assert got[-1].ends_at == end
    for level in got:
        minute = int((level.starts_at - ORIGIN).total_seconds()) // 60
        assert level.quantity == counted(found, minute)


def test_interchangeable_units_are_counted_not_numbered():
    # Two lanes would each be taken in part of what is asked for.
    found = [Taken(at(0), at(2), 1), Taken(at(3), at(5), 1)]
    assert peak(found, at(1), at(4)) == 1
    assert in_the_way(found, at(1), at(4), 1) == []
