"""How full something is, against counting minute by minute."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from crm_api.domains.scheduling.fitting import Wanted, earliest_fit
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


def test_what_is_in_the_way_of_much_is_found_in_one_pass():
    # Compared each with each it would be nine hundred million pairs.
    found = [Taken(at(2 * n), at(2 * n + 1), 1) for n in range(30_000)]
    assert in_the_way(found, at(1), at(60_000), 0) == found[1:]
    hour = timedelta(hours=1)
    assert earliest_fit([Wanted(0, found, None)], at(0), at(70_000), hour) == at(59_999)


edges = st.lists(st.integers(0, MOST + 20), unique=True, max_size=8).map(sorted)
opens = edges.map(
    lambda found: [(at(a), at(b)) for a, b in zip(found[::2], found[1::2], strict=False)]
)
wanted = st.builds(Wanted, st.integers(-1, 3), taken, st.none() | opens)


@given(st.lists(wanted, max_size=3), spans, st.integers(1, 15))
def test_the_first_time_that_fits_is_that_of_looking_at_every_minute(found, window, length):
    def fits(minute):
        end = minute + length
        return all(
            all(counted(one.taken, m) <= one.room for m in range(minute, end))
            and (one.opens is None or any(a <= at(minute) and at(end) <= b for a, b in one.opens))
            for one in found
        )

    start, end = window
    first = next((at(m) for m in range(start, end - length + 1) if fits(m)), None)
    assert earliest_fit(found, at(start), at(end), timedelta(minutes=length)) == first


def test_interchangeable_units_are_counted_not_numbered():
    # Two lanes would each be taken in part of what is asked for.
    found = [Taken(at(0), at(2), 1), Taken(at(3), at(5), 1)]
    assert peak(found, at(1), at(4)) == 1
    assert in_the_way(found, at(1), at(4), 1) == []
