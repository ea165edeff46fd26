"""Bookings in any order of steps: what is had is what a plain count says, and never too much.

The model counts units for half hours, which are few; the service counts between beginnings and
ends of rows. A step succeeds where the model has room, and is refused where it has none.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from crm_api.domains.scheduling.jobs import expire_holds
from crm_api.domains.scheduling.sweeping import Taken, peak

pytestmark = pytest.mark.timeout(400)
START = datetime(2031, 3, 3, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)
TAKING = {"held", "confirmed"}
TAKEN = """
    SELECT booking_id, starts_at, ends_at, quantity FROM booking_allocations
    WHERE resource_id = $1 AND is_active AND (hold_expires_at IS NULL OR hold_expires_at > now())
"""
LAPSE = "UPDATE {} SET hold_expires_at = now() - interval '1 second' WHERE {} = $1"
TIMES = st.tuples(st.integers(0, 7), st.integers(1, 3))
UNITS = st.dictionaries(st.integers(0, 1), st.integers(1, 2), min_size=1)


@dataclass
class Known:
    """A booking as the model knows it."""

    id: str
    status: str
    start: int
    length: int
    units: dict[int, int]
    is_lapsed: bool = False
    is_binned: bool = False
    cells: Counter = field(init=False)

    def __post_init__(self):
        self.moved(self.start, self.length, self.units)

    def moved(self, start, length, units):
        self.start, self.length, self.units = start, length, units
        self.cells = Counter(
            {
                (place, cell): n
                for place, n in units.items()
                for cell in range(start, start + length)
            }
        )

    @property
    def takes(self):
        return self.status in TAKING and not self.is_lapsed and not self.is_binned


class Bookings(RuleBasedStateMachine):
    """Drives the service from a thread beside its loop."""

    # Set by the test.
    api = owner = database = loop = None

    def do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def post(self, path, body=None):
        more = {} if body is None else {"json": body}
        return self.do(self.api.post(f"/v1/{path}", **more))

    @initialize(capacities=st.tuples(st.integers(1, 3), st.integers(1, 3)))
    def begin(self, capacities):
        self.capacities, self.known = list(capacities), []
        self.rooms = [
            self.post("resources", {"name": "Van", "kind": "vehicle", "capacity": one}).json()["id"]
            for one in capacities
        ]

    def count(self, but=None):
        found = Counter()
        for one in self.known:
            if one.takes and one is not but:
                found += one.cells
        return found

    def expected(self, units, cells, done, but=None):
        """The status of an answer that has these be taken."""
        if any(n > self.capacities[place] for place, n in units.items()):
            return 422
        after = self.count(but) + cells
        fits = all(after[cell] <= self.capacities[cell[0]] for cell in cells)
        return done if fits else 409

    def body(self, time, units):
        start, length = time
        return {
            "starts_at": (START + start * HALF_HOUR).isoformat(),
            "ends_at": (START + (start + length) * HALF_HOUR).isoformat(),
            "resources": [
                {"resource_id": self.rooms[place], "quantity": n} for place, n in units.items()
            ],
        }

    def some(self, pick, *statuses, binned=False):
        found = [b for b in self.known if b.status in statuses and b.is_binned == binned]
        return found[pick % len(found)] if found else None

    @rule(time=TIMES, units=UNITS, is_held=st.booleans())
    def book(self, time, units, is_held):
        until = (datetime.now(UTC) + timedelta(days=1)).isoformat() if is_held else None
        body = {"title": "Trip", **self.body(time, units), "hold_expires_at": until}
        answer = self.post("bookings", body)
        new = Known("", "held" if is_held else "confirmed", *time, units)
        assert answer.status_code == self.expected(units, new.cells, 201), answer.text
        if answer.status_code == 201:
            new.id = answer.json()["id"]
            self.known.append(new)

    @rule(pick=st.integers(0, 99))
    def confirm(self, pick):
        if one := self.some(pick, "held"):
            answer = self.post(f"bookings/{one.id}/confirm")
            assert answer.status_code == (409 if one.is_lapsed else 200), answer.text
            one.status = "held" if one.is_lapsed else "confirmed"

    @rule(pick=st.integers(0, 99), time=TIMES, units=UNITS)
    def reschedule(self, pick, time, units):
        if one := self.some(pick, "held", "confirmed"):
            new = Known("", one.status, *time, units)
            same = (one.start, one.length, one.units) == (*time, units)
            wanted = self.expected(units, new.cells, 200, but=one)
            wanted = 200 if one.is_lapsed or same else wanted
            answer = self.post(f"bookings/{one.id}/reschedule", self.body(time, units))
            assert answer.status_code == wanted, answer.text
            if wanted == 200:
                one.moved(*time, units)

    @rule(pick=st.integers(0, 99))
    def cancel(self, pick):
        if one := self.some(pick, "held", "confirmed"):
            assert self.post(f"bookings/{one.id}/cancel").status_code == 200
            one.status = "cancelled"

    @rule(pick=st.integers(0, 99), is_told=st.booleans())
    def expire(self, pick, is_told):
        if one := self.some(pick, "held"):
            for table, column in (("bookings", "id"), ("booking_allocations", "booking_id")):
                self.do(self.owner.execute(LAPSE.format(table, column), UUID(one.id)))
            one.is_lapsed = True
        if is_told:
            self.do(expire_holds(self.database, None))
            for other in self.known:
                if other.status == "held" and other.is_lapsed and not other.is_binned:
                    other.status = "expired"

    @rule(place=st.integers(0, 1), capacity=st.integers(1, 3))
    def resize(self, place, capacity):
        most = max((n for cell, n in self.count().items() if cell[0] == place), default=0)
        path = f"/v1/resources/{self.rooms[place]}"
        answer = self.do(self.api.patch(path, json={"capacity": capacity}))
        same = capacity == self.capacities[place]
        assert answer.status_code == (200 if same or most <= capacity else 409), answer.text
        if answer.status_code == 200:
            self.capacities[place] = capacity

    @rule(pick=st.integers(0, 99))
    def put_in_bin(self, pick):
        if one := self.some(pick, "held", "confirmed", "cancelled", "expired"):
            answer = self.do(self.api.delete(f"/v1/bookings/{one.id}"))
            assert answer.status_code == 204, answer.text
            one.is_binned = True

    @precondition(lambda self: any(one.is_binned for one in self.known))
    @rule(pick=st.integers(0, 99))
    def restore(self, pick):
        one = self.some(pick, "held", "confirmed", "cancelled", "expired", binned=True)
        one.is_binned = False
        wanted = self.expected(one.units, one.cells, 200, but=one) if one.takes else 200
        answer = self.post(f"bookings/{one.id}/restore")
        assert answer.status_code == wanted, answer.text
        one.is_binned = wanted != 200

    @invariant()
    def no_instant_has_more_than_there_is(self):
        if not hasattr(self, "rooms"):
            return
        taking = set()
        for room, capacity in zip(self.rooms, self.capacities, strict=True):
            rows = self.do(self.owner.fetch(TAKEN, UUID(room)))
            taken = [Taken(row["starts_at"], row["ends_at"], row["quantity"]) for row in rows]
            assert peak(taken, START, START + timedelta(days=1)) <= capacity
            taking |= {str(row["booking_id"]) for row in rows}
        # And what takes time is what the model says.
        assert taking == {one.id for one in self.known if one.takes}


async def test_no_instant_ever_has_more_than_there_is(client, owner, database):
    class Machine(Bookings):
        api, loop = client, asyncio.get_running_loop()

    Machine.owner, Machine.database = owner, database
    usual = settings(
        max_examples=12,
        stateful_step_count=25,
        deadline=None,
        database=None,
        # To shorten what has failed takes minutes.
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    await asyncio.to_thread(run_state_machine_as_test, Machine, settings=usual)
