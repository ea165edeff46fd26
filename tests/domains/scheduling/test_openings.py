"""Which starts are offered, against counting minute by minute and trying all assignments."""

from datetime import date, timedelta
from itertools import permutations
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from crm_api.domains.scheduling.candidates import Order, Required, Turn, fitting
from crm_api.domains.scheduling.grid import Day
from crm_api.domains.scheduling.openings import Lasting, opened
from crm_api.kit.working_time import MINUTE

IDS = [UUID(int=n) for n in range(1, 5)]
STARTS = range(0, 60, 5)
_TAKEN = st.lists(
    st.tuples(st.integers(-20, 70), st.integers(1, 30), st.integers(1, 2)), max_size=4
)


@st.composite
def cases(draw):
    """Four resources with capacities, hours and what is taken of them; requirements of these."""
    rows = [
        {
            "id": id,
            "kind": "room",
            "status": "active",
            "deleted_at": None,
            "capacity": draw(st.integers(1, 3)),
            "skills": b"[]",
        }
        for id in IDS
    ]
    hours = {id: draw(st.integers(0, 2 ** len(STARTS) - 1)) for id in IDS}
    taken = {id: draw(_TAKEN) for id in IDS}
    required = [
        Required(
            draw(st.integers(1, 2)),
            draw(st.integers(1, 2)),
            None,
            frozenset(draw(st.sets(st.sampled_from(IDS), min_size=1))),
            {},
            {},
        )
        for _ in range(draw(st.integers(1, 2)))
    ]
    lasting = (draw(st.integers(1, 15)), draw(st.integers(0, 6)), draw(st.integers(0, 6)))
    return rows, hours, taken, required, lasting


def is_free(case, id, units, place):
    """Whether so much of a resource is free in every minute of what starts at a place."""
    rows, hours, taken, _, (duration, before, after) = case
    capacity = next(row["capacity"] for row in rows if row["id"] == id)
    start = STARTS[place]
    minutes = range(start - before, start + duration + after)
    return bool(hours[id] >> place & 1) and all(
        sum(q for at, length, q in taken[id] if at <= minute < at + length) + units <= capacity
        for minute in minutes
    )


def possible(case, place):
    """Whether any assignment of different resources works at a place."""
    needs = [one for one in case[3] for _ in range(one.quantity)]
    return any(
        all(
            id in one.ids and is_free(case, id, one.units, place)
            for id, one in zip(ids, needs, strict=True)
        )
        for ids in permutations(IDS, len(needs))
    )


@given(cases())
def test_a_start_is_offered_where_anybody_can_be_found(case):
    rows, hours, taken, required, lasting = case
    columns = {
        id: {
            "starts": [at * MINUTE for at, _, _ in own],
            "ends": [(at + length) * MINUTE for at, length, _ in own],
            "quantities": [quantity for _, _, quantity in own],
        }
        for id, own in taken.items()
        if own
    }
    candidates = fitting(required, rows, alone=True)
    ticks = [one * MINUTE for one in STARTS]
    length = Lasting(*(one * MINUTE for one in lasting))
    found = opened(candidates, ticks, length, hours, columns, {})
    order = Order("round_robin", candidates).of(0, {})
    for place in range(len(STARTS)):
        chosen = found.chosen(place, order, [])
        assert (chosen is not None) == possible(case, place)
        if chosen is None:
            continue
        # Whoever has none to spare is told so beforehand, and nobody else.
        assert all(enough >> place & 1 for enough in found.enough)
        everyone = [id for own in chosen for id in own]
        assert len(set(everyone)) == len(everyone)
        for one, own in zip(required, chosen, strict=True):
            assert all(is_free(case, id, one.units, place) for id in own)


@given(st.lists(st.integers(0, 5), min_size=4, max_size=4))
def test_turns_are_in_order_of_number_and_id(numbers):
    rows = [
        {"id": id, "kind": "room", "status": "active", "deleted_at": None, "capacity": 1}
        | {"skills": b"[]"}
        for id in IDS
    ]
    required = [Required(1, 1, "room", frozenset(), {}, {})]
    candidates = fitting(required, rows, alone=True)
    had = {0: {id: Turn(number, None) for id, number in zip(IDS, numbers, strict=True)}}
    (order,) = Order("round_robin", candidates, had).of(0, {})
    wanted = sorted(zip(numbers, IDS, strict=True))
    assert order == [id for _, id in wanted]
    (order,) = Order("round_robin", candidates, had, [IDS[3]]).of(0, {})
    assert order[0] == IDS[3]


@given(_TAKEN)
def test_loads_are_the_minutes_of_each_day(taken):
    rows = [
        {
            "id": IDS[0],
            "kind": "room",
            "status": "active",
            "deleted_at": None,
            "capacity": 9,
            "skills": b"[]",
        }
    ]
    candidates = fitting([Required(1, 1, "room", frozenset(), {}, {})], rows, alone=True)
    columns = {
        "starts": [at * MINUTE for at, _, _ in taken],
        "ends": [(at + length) * MINUTE for at, length, _ in taken],
        "quantities": [quantity for _, _, quantity in taken],
    }
    found = opened(candidates, [0], Lasting(MINUTE, 0, 0), {IDS[0]: 1}, {IDS[0]: columns}, {})
    bounds = [(-30, 10), (10, 20), (20, 60), (60, 110)]
    days = [
        Day(date(2026, 3, 2) + timedelta(days=n), opens * MINUTE, closes * MINUTE, 0, 0)
        for n, (opens, closes) in enumerate(bounds)
    ]
    for (opens, closes), load in zip(bounds, found.loads(days), strict=True):
        minutes = sum(
            at <= m < at + length for at, length, _ in taken for m in range(opens, closes)
        )
        assert load.get(IDS[0], 0) == minutes * MINUTE
