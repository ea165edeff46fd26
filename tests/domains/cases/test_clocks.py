"""What is due by when: the vectors of the SLA clock, summer time, and an oracle minute by minute."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from crm_api.domains.cases.clocks import MOST_ASKS, MOST_STAYS, Rules, Track, reckoned
from crm_api.kit.calendar import Calendar, Hours
from crm_api.kit.errors import Conflict
from crm_api.kit.working_time import WorkingTime

MINUTE = timedelta(minutes=1)
NINE_TO_SIX = ((Hours(9 * 60, 18 * 60),),) * 5 + ((), ())
MOSCOW = Calendar(ZoneInfo("Europe/Moscow"), NINE_TO_SIX)
POLICY = UUID(int=7)


def rules(minutes, *, pauses=("waiting_customer",), shares=()):
    targets = {("resolution", "normal"): minutes, ("resolution", "urgent"): minutes // 2}
    responses = {(t, "normal"): minutes for t in ("first_response", "next_response")}
    return Rules(POLICY, None, targets | responses, frozenset(pauses), [(None, s) for s in shares])


def track(began, *stays):
    made = Track([(began, "new")], [(1, began, None)])
    for status, at in stays:
        made.enter(status, at)
    return made


def clocks(made, minutes, now, calendar=MOSCOW, *, priority="normal", before=(), **more):
    time = WorkingTime(calendar, now)
    return reckoned(made, priority, rules(minutes, **more), time, before, now)


def clock(said, target="resolution", cycle=1):
    (found,) = [c for c in said.clocks if c.key == (target, cycle)]
    return found


def moscow(day, hour, minute=0):
    return datetime(2026, 11, day, hour, minute, tzinfo=ZoneInfo("Europe/Moscow"))


@pytest.mark.parametrize(
    ("began", "minutes", "due"),
    [
        (moscow(20, 17, 30), 240, moscow(23, 12, 30)),
        (moscow(21, 12), 1, moscow(23, 9, 1)),
        (moscow(20, 17), 60, moscow(20, 18)),
    ],
)
def test_the_vectors(began, minutes, due):
    found = clock(clocks(track(began), minutes, began))
    assert (found.due_at, found.state) == (due.astimezone(UTC), "running")


def test_what_is_done_tells_how_much_was_left():
    began, done = moscow(20, 17), moscow(23, 10)
    for minutes, left, state in ((180, 60, "met"), (120, 0, "met"), (60, -60, "breached")):
        found = clock(clocks(track(began, ("resolved", done)), minutes, done))
        assert (found.left_minutes, found.state, found.met_at) == (left, state, done)
        assert found.breached_at == (None if left >= 0 else found.due_at)


@pytest.mark.parametrize(
    ("zone", "began", "hours"),
    [
        ("Europe/Berlin", datetime(2026, 3, 28, 22), 7),
        ("Europe/Berlin", datetime(2026, 10, 24, 22), 9),
        ("America/Sao_Paulo", datetime(2018, 11, 3, 22), 7),
        ("America/Sao_Paulo", datetime(2019, 2, 16, 22), 9),
        ("America/Sao_Paulo", datetime(2026, 2, 14, 22), 8),
    ],
)
def test_a_night_of_summer_time_is_as_long_as_it_is(zone, began, hours):
    """From ten in the evening to six: what takes as long as the night is due when it ends."""
    night = Calendar(ZoneInfo(zone), ((Hours(22 * 60, 30 * 60),),) * 7)
    began = began.replace(tzinfo=ZoneInfo(zone))
    ends = datetime.combine(began.date() + timedelta(days=1), began.time()).replace(
        hour=6, tzinfo=ZoneInfo(zone)
    )
    assert clock(clocks(track(began), hours * 60, began, night)).due_at == ends
    # A minute more is due in the next night.
    later = clock(clocks(track(began), hours * 60 + 1, began, night)).due_at
    assert later == (ends.replace(hour=22, minute=1))


def test_the_day_after_the_change_is_due_by_the_clock_on_the_wall():
    berlin = Calendar(ZoneInfo("Europe/Berlin"), NINE_TO_SIX)
    began = datetime(2026, 3, 27, 16, tzinfo=UTC)
    due = clock(clocks(track(began), 120, began, berlin)).due_at
    assert due == datetime(2026, 3, 30, 8, tzinfo=UTC)


def test_time_in_which_the_customer_is_waited_for_does_not_pass():
    began = moscow(23, 9)
    waited = track(began, ("waiting_customer", moscow(23, 10)))
    found = clock(clocks(waited, 120, moscow(23, 17)))
    assert (found.state, found.due_at, found.left_minutes) == ("paused", None, 60)
    assert clocks(waited, 120, moscow(23, 17)).next_at is None
    waited.enter("in_progress", moscow(23, 17))
    assert clock(clocks(waited, 120, moscow(23, 17))).due_at == moscow(23, 18)
    # Once it is late, waiting makes it no less late.
    late = track(began, ("waiting_customer", moscow(23, 12)), ("in_progress", moscow(23, 15)))
    found = clock(clocks(late, 120, moscow(23, 16)))
    assert (found.state, found.breached_at) == ("breached", moscow(23, 11))


def test_a_priority_counts_from_the_beginning():
    began, now = moscow(23, 9), moscow(23, 10)
    assert clock(clocks(track(began), 240, now)).due_at == moscow(23, 13)
    urgent = clocks(track(began), 240, now, priority="urgent")
    assert clock(urgent).due_at == moscow(23, 11)
    # It has no times for responses.
    assert [c.target for c in urgent.clocks] == ["resolution"]


def test_reopening_begins_another_wait_and_goes_on_with_the_resolution():
    made = track(moscow(23, 9), ("resolved", moscow(23, 11)))
    before = clocks(made, 240, moscow(23, 11)).clocks
    assert [c.state for c in before] == ["met", "met"]
    made.enter("closed", moscow(23, 12))
    assert clock(clocks(made, 240, moscow(23, 12), before=before)).met_at == moscow(23, 11)
    made.enter("in_progress", moscow(23, 15))
    said = clocks(made, 240, moscow(23, 15), before=before)
    assert clock(said, "first_response") == before[0]
    assert clock(said, "next_response").started_at == moscow(23, 15)
    # Two hours were spent; those between are nobody's.
    assert clock(said).due_at == moscow(23, 17)


def test_an_answer_ends_a_wait_unless_it_is_older():
    made = track(moscow(23, 9))
    made.ask(moscow(23, 10))  # who waits already waits no more for that
    made.answer(moscow(23, 11))
    made.ask(moscow(23, 12))
    made.answer(moscow(23, 11, 30))
    assert [end for _, _, end in made.asks] == [moscow(23, 11), None]
    made.answer(moscow(23, 13))
    said = clocks(made, 60, moscow(23, 14))
    assert clock(said, "first_response").left_minutes == -60
    assert clock(said, "next_response").left_minutes == 0


def test_what_ended_stays_as_it_was_under_another_calendar():
    made = track(moscow(23, 9), ("resolved", moscow(23, 11)))
    before = clocks(made, 60, moscow(23, 11)).clocks
    night = Calendar(ZoneInfo("UTC"), ((Hours(22 * 60, 23 * 60),),) * 7)
    assert clocks(made, 600, moscow(24, 11), night, before=before).clocks == before


def test_shares_are_due_in_their_order_and_never_twice():
    began = moscow(23, 9)
    said = clocks(track(began), 120, moscow(23, 10, 45), shares=(50, 75, 150))
    steps = [step for step in said.steps if step.target == "resolution"]
    assert [(s.share, s.at) for s in steps] == [(50, moscow(23, 10)), (75, moscow(23, 10, 30))]
    assert said.next_at == moscow(23, 11)
    done = list(said.clocks)
    done = [replace(c, escalated=[50, 75]) for c in done]
    again = clocks(track(began), 120, moscow(23, 12, 30), shares=(50, 75, 150), before=done)
    assert {step.share for step in again.steps} == {100, 150}
    assert again.next_at is None


def test_a_calendar_without_hours_has_nothing_due():
    never = Calendar(ZoneInfo("UTC"), ((),) * 7)
    found = clock(clocks(track(moscow(23, 9)), 60, moscow(23, 9), never))
    assert (found.due_at, found.state) == (None, "running")
    with pytest.raises(Conflict):
        clocks(track(moscow(23, 9) - timedelta(days=4000)), 60, moscow(23, 9))


def test_a_track_is_bounded_and_comes_back_as_it_was_stored():
    made = track(moscow(1, 0))
    for n in range(600):
        made.enter(("waiting_customer", "in_progress")[n % 2], moscow(1, 0) + n * MINUTE)
        made.answer(moscow(1, 0) + n * MINUTE)
        made.ask(moscow(1, 0) + n * MINUTE)
    assert (len(made.stays) <= MOST_STAYS, len(made.asks)) == (True, MOST_ASKS)
    assert made.asks[-1][0] == 601
    assert all(a[0] <= b[0] for a, b in zip(made.stays, made.stays[1:], strict=False))
    assert made.stays[-1] == (moscow(1, 0) + 599 * MINUTE, "in_progress")
    assert Track.of({"sla_track": made.stored(), "created_at": None}) == made


hours = st.tuples(st.integers(0, 1439), st.integers(1, 700)).map(
    lambda pair: Hours(pair[0], pair[0] + pair[1])
)
days = st.lists(hours, max_size=2).map(lambda found: tuple(sorted(found, key=lambda h: h.start)))
zones = st.sampled_from(
    [
        ("Europe/Berlin", datetime(2026, 3, 28, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 10, 24, tzinfo=UTC)),
        ("America/Sao_Paulo", datetime(2018, 11, 3, tzinfo=UTC)),
        ("America/Sao_Paulo", datetime(2019, 2, 16, tzinfo=UTC)),
    ]
)
STATES = ("new", "in_progress", "waiting_customer", "assigned")


@settings(max_examples=120, deadline=None)
@given(
    zones,
    st.tuples(*[days] * 7),
    st.dictionaries(st.sampled_from([0, 1, 2]), days, max_size=2),
    st.lists(st.tuples(st.integers(1, 900), st.sampled_from(STATES)), max_size=6),
    st.integers(1, 1500),
    st.integers(0, 2000),
    st.sampled_from([50, 75, 100, 150]),
)
def test_an_oracle_that_counts_minutes_agrees(where, week, exceptions, moves, minutes, past, share):
    zone, began = where
    first: date = began.date()
    different = {first + timedelta(days=n): found for n, found in exceptions.items()}
    calendar = Calendar(ZoneInfo(zone), week, different)
    made, at = track(began), began
    for after, status in moves:
        at += after * MINUTE
        made.enter(status, at)
    now = at + past * MINUTE
    said = clocks(made, minutes, now, calendar, shares=(share,))
    # Minute by minute, as far as is known: who waits now may wait for ever.
    stays = [*made.stays, (now + timedelta(days=9), "in_progress")]
    spans = iter(calendar.spans(began, now + timedelta(days=8)))
    span = next(spans, None)
    worked, reached, moment, place = 0, None, began, 0
    goal = minutes * share / 100
    is_paused_now = made.stays[-1][1] == "waiting_customer"
    while moment < now + timedelta(days=8):
        while stays[place + 1][0] <= moment:
            place += 1
        while span is not None and span[1] <= moment:
            span = next(spans, None)
        is_open = span is not None and span[0] <= moment
        if is_open and stays[place][1] != "waiting_customer":
            left = goal - worked
            worked += 1
            if worked >= goal:
                reached = moment + left * MINUTE
                break
        moment += MINUTE
    known = {s.share: s.at for s in said.steps if s.target == "resolution"}
    if reached is not None and reached < now:
        assert known[share] == reached
    else:
        assert share not in known
        if share == 100 and reached is not None:
            found = clock(said)
            assert found.due_at == reached
            assert found.state == "running"
        if reached is None and is_paused_now and share == 100:
            assert clock(said).state == "paused"
