"""The critical path method: published networks, the vectors of the design, and brute force."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_api.domains.projects.scheduling import Cycle, Link, Task, scheduled
from crm_api.kit.calendar import Calendar, Hours
from crm_api.kit.working_time import WorkingTime

MOSCOW, BERLIN = ZoneInfo("Europe/Moscow"), ZoneInfo("Europe/Berlin")
OFFICE = (Hours(9 * 60, 18 * 60),)
DAY = 9 * 60
MONDAY = datetime(2026, 11, 23, 9, tzinfo=MOSCOW)
WEEKDAYS = Calendar(MOSCOW, (OFFICE,) * 5 + ((), ()))


def office(origin=MONDAY, **more):
    return WorkingTime(Calendar(MOSCOW, (OFFICE,) * 5 + ((), ()), **more), origin)


def network(text, time, unit=DAY):
    """`C10(A,B)` is a task C of ten units behind A and B."""
    tasks = {}
    for part in text.split():
        head, _, links = part.removesuffix(")").partition("(")
        behind = [Link(name) for name in links.split(",") if name]
        tasks[head[0]] = Task(int(head[1:]) * unit, time, behind)
    return tasks


def at(text, zone=MOSCOW):
    return datetime.fromisoformat(text).replace(tzinfo=zone)


# F. Hillier, G. Lieberman, Introduction to Operations Research, chapter on project management:
# the Reliable Construction Co., in weeks. Its plan takes 44, its critical path is ABCEFJLN.
RELIABLE = "A2 B4(A) C10(B) D6(C) E4(C) F5(E) G7(D) H9(E,G) I7(C) J8(F,I) K4(J) L5(J) M2(H) N6(K,L)"


def test_a_textbook_plan_is_as_it_is_printed():
    time = office()
    plan = scheduled(network(RELIABLE, time, 5 * DAY), MONDAY)
    assert time.elapsed(MONDAY, plan.finish) == timedelta(minutes=44 * 5 * DAY)
    assert "".join(plan.critical_path) == "ABCEFJLN"
    weeks = {key: slot.total_float / (5 * DAY) for key, slot in plan.slots.items()}
    slack = {"D": 4, "G": 4, "H": 4, "M": 4, "I": 2, "K": 1}
    assert weeks == dict.fromkeys("ABCEFJLN", 0) | slack


def test_the_network_of_the_design():
    time = office()
    plan = scheduled(network("A3 B4(A) C2(A) D5(B) E1(C) F2(C) G4(D,E) H3(F,G)", time), MONDAY)

    def day(moment):
        return time.elapsed(MONDAY, moment) / timedelta(minutes=DAY)

    assert day(plan.finish) == 19
    assert "".join(plan.critical_path) == "ABDGH"
    floats = {key: slot.total_float / DAY for key, slot in plan.slots.items()}
    assert floats == dict.fromkeys("ABDGH", 0) | {"C": 6, "E": 6, "F": 9}
    assert (day(plan.slots["F"].early_start), day(plan.slots["F"].late_start)) == (5, 14)


def test_a_ring_is_named():
    tasks = network("A3(H) B4(A) C2(A) D5(B) E1(C) F2(C) G4(D,E) H3(F,G)", office())
    with pytest.raises(Cycle) as found:
        scheduled(tasks, MONDAY)
    ring = found.value.ring
    assert all(
        before in {link.task for link in tasks[key].links}
        for before, key in zip(ring, ring[1:] + ring[:1], strict=True)
    )
    assert {"A", "H"} <= set(ring)


def test_a_working_day_of_lag_behind_friday_leads_to_tuesday():
    tasks = {"a": Task(DAY, time := office()), "b": Task(DAY, time, [Link("a", lag=DAY)])}
    plan = scheduled(tasks, at("2026-11-20 09:00"))
    assert plan.slots["a"].early_finish == at("2026-11-20 18:00")
    assert plan.slots["b"].early_start == at("2026-11-24 09:00")


@pytest.mark.parametrize(
    ("kind", "lag", "start"),
    [
        ("fs", 0, "2026-11-25 09:00"),
        ("fs", -DAY, "2026-11-24 09:00"),
        ("ss", 60, "2026-11-23 10:00"),
        ("ff", 0, "2026-11-24 09:00"),
        ("ff", 60, "2026-11-24 10:00"),
        ("sf", 2 * DAY, "2026-11-24 09:00"),
        ("sf", 0, "2026-11-23 09:00"),
    ],
)
def test_each_kind_of_link_has_its_lag(kind, lag, start):
    tasks = {"a": Task(2 * DAY, time := office()), "b": Task(DAY, time, [Link("a", kind, lag)])}
    assert scheduled(tasks, MONDAY).slots["b"].early_start == at(start)


def test_fixed_days_hold_and_missed_ones_show():
    time = office()
    friday = at("2026-11-27 18:00")
    tasks = {
        "a": Task(2 * DAY, time),
        "b": Task(DAY, time, [Link("a")], "snet", at("2026-11-28 12:00")),
        "c": Task(DAY, time, [Link("a")], "must", at("2026-11-24 09:00")),
        "d": Task(4 * DAY, time, [Link("a")], "fnlt", friday),
        "e": Task(0, time, [Link("a")]),
    }
    slots = scheduled(tasks, MONDAY).slots
    assert slots["b"].early_start == at("2026-11-30 09:00")
    assert slots["c"].early_start == at("2026-11-24 09:00")
    # A day too late for the end of the week, and for what must start before it is done.
    assert slots["d"].total_float == slots["a"].total_float == -DAY
    # At closing time, not on the next morning.
    assert slots["e"].early_start == at("2026-11-24 18:00")


def test_each_task_goes_by_its_own_calendar_with_holidays_and_summer_time():
    start = at("2026-03-27 09:00", BERLIN)
    nights = WorkingTime(Calendar(BERLIN, ((Hours(22 * 60, 30 * 60),),) * 7), start)
    days = WorkingTime(Calendar(BERLIN, ((Hours(540, 1020),),) * 7, {date(2026, 3, 30): ()}), start)
    tasks = {
        # Friday night is eight hours; the night when the clock goes forward is seven.
        "night": Task(15 * 60, nights),
        "day": Task(480, days, [Link("night")]),
        "next": Task(60, days, [Link("day")]),
    }
    slots = scheduled(tasks, start).slots
    assert slots["night"].early_finish == at("2026-03-29 06:00", BERLIN)
    assert slots["day"].early_start.astimezone(UTC) == datetime(2026, 3, 29, 7, tzinfo=UTC)
    assert slots["next"].early_start == at("2026-03-31 09:00", BERLIN)


KINDS = st.sampled_from(["fs", "ss", "ff", "sf"])


@st.composite
def networks(draw):
    """Lengths of tasks, and links from earlier ones to later ones."""
    lengths = draw(st.lists(st.integers(1, 900), min_size=1, max_size=7))
    links = [
        (before, after, draw(KINDS), draw(st.integers(-300, 600)))
        for after in range(len(lengths))
        for before in range(after)
        if draw(st.integers(0, 2)) == 0
    ]
    return lengths, links


def paths_from(node, edges):
    """The length of every path from a node, with where it ends."""
    yield 0, node
    for before, after, weight in edges:
        if before == node:
            for length, end in paths_from(after, edges):
                yield weight + length, end


def brute(lengths, links):
    """Early and late starts by all paths there are; a link is a distance between two starts."""
    offset = {"fs": (1, 0), "ss": (0, 0), "ff": (1, -1), "sf": (0, -1)}
    edges = [
        (a, b, offset[kind][0] * lengths[a] + offset[kind][1] * lengths[b] + lag)
        for a, b, kind, lag in links
    ]
    everyone = range(len(lengths))
    reached = [(length, end) for first in everyone for length, end in paths_from(first, edges)]
    early = [max(0, *(length for length, end in reached if end == n)) for n in everyone]
    whole = max(start + length for start, length in zip(early, lengths, strict=True))
    late = [
        min(whole - lengths[end] - length for length, end in paths_from(n, edges)) for n in everyone
    ]
    free = [
        min(
            [early[b] - early[a] - weight for a, b, weight in edges if a == n]
            + [whole - lengths[n] - early[n]]
        )
        for n in everyone
    ]
    return early, late, free, whole


@settings(max_examples=300, deadline=None)
@given(networks(), st.booleans())
def test_it_agrees_with_all_paths_one_by_one(found, always):
    lengths, links = found
    whole_days = Calendar(ZoneInfo("UTC"), ((Hours(0, 1440),),) * 7)
    start = MONDAY if not always else datetime(2026, 3, 1, tzinfo=UTC)
    calendar = whole_days if always else WEEKDAYS
    time = WorkingTime(calendar, start)
    tasks = {
        n: Task(length, time, [Link(a, kind, lag) for a, b, kind, lag in links if b == n])
        for n, length in enumerate(lengths)
    }
    plan = scheduled(tasks, start)

    def minutes(moment):
        # Counted by the calendar, not by the index that the plan was made with.
        return calendar.elapsed(start, moment) // timedelta(minutes=1)

    early, late, free, whole = brute(lengths, links)
    slots = [plan.slots[n] for n in range(len(lengths))]
    assert [minutes(slot.early_start) for slot in slots] == early
    assert [minutes(slot.late_start) for slot in slots] == late
    assert [slot.free_float for slot in slots] == free
    assert minutes(plan.finish) == whole
    for slot, length in zip(slots, lengths, strict=True):
        assert minutes(slot.early_finish) - minutes(slot.early_start) == length
        assert slot.total_float == minutes(slot.late_start) - minutes(slot.early_start)
        assert calendar.is_open(slot.early_start)
    assert plan.slots[plan.critical_path[-1]].early_finish == plan.finish
    assert all(plan.slots[key].is_critical for key in plan.critical_path)


def test_what_ends_while_another_calendar_is_closed_is_not_late():
    """B ends at its closing time on Friday, which is behind whatever ends before Monday."""
    friday = at("2026-11-27 09:00")
    night = WorkingTime(Calendar(MOSCOW, ((Hours(0, 1440),),) * 7), friday)
    tasks = {
        "a": Task(27 * 60, night),
        "b": Task(DAY, time := office(friday), [Link("a", "ff")]),
        "c": Task(DAY, time, [Link("b")]),
    }
    plan = scheduled(tasks, friday)
    assert plan.slots["a"].early_finish == at("2026-11-28 12:00")
    assert plan.slots["b"].early_finish == at("2026-11-27 18:00")
    # Till Monday morning it makes no difference to B.
    assert plan.slots["a"].total_float == plan.slots["a"].free_float == 45 * 60
    assert plan.slots["b"].total_float == 0


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 30, 540, 700]),
            st.integers(0, 1),
            st.lists(
                st.tuples(
                    st.integers(0, 6),
                    st.sampled_from(["fs", "ss", "ff", "sf"]),
                    st.sampled_from([0, 60, 540, -300]),
                ),
                max_size=3,
                unique_by=lambda link: link[0],
            ),
        ),
        min_size=2,
        max_size=7,
    )
)
@settings(deadline=None, max_examples=200)
def test_without_fixed_days_nothing_is_late_on_any_calendars(parts):
    times = [office(), WorkingTime(Calendar(BERLIN, ((Hours(0, 1440),),) * 7), MONDAY)]
    tasks = {
        key: Task(minutes, times[which], [Link(a, k, lag) for a, k, lag in links if a < key])
        for key, (minutes, which, links) in enumerate(parts)
    }
    for slot in scheduled(tasks, MONDAY).slots.values():
        assert 0 <= slot.free_float <= slot.total_float
