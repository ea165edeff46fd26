"""Attending to one after the other: one at whom something is broken holds nobody else up."""

import asyncio

import pytest

from crm_api.kit import rounds
from crm_api.kit.ids import new_id
from crm_api.kit.jobs import Workplace


class Going(rounds.Rounds):
    """Attends to three, of whom the second one may be broken."""

    def __init__(self, place, org):
        super().__init__(place)
        self.ids = [new_id() for _ in range(3)]
        rows = ", ".join(f"('{org.id}'::uuid, '{id}'::uuid)" for id in self.ids)
        self.sql = f"SELECT * FROM (VALUES {rows}) AS who (organization_id, id) LIMIT $1"
        self.seen = []
        self.error = ZeroDivisionError("broken")

    async def attend(self, tx, id):
        await tx.fetch("SELECT 1")
        self.seen.append(self.ids.index(id))
        if self.seen[-1] == 1 and self.error is not None:
            raise self.error
        return False


@pytest.fixture
def going(world, org):
    woken = []
    place = Workplace(
        world.database, world.database, lambda: woken.append(1), again=lambda: woken.append(1)
    )
    made = Going(place, org)
    made.woken = woken
    return made


async def test_what_is_broken_holds_nobody_up_and_is_left_alone_for_a_while(going, monkeypatch):
    monkeypatch.setattr(rounds, "LEAST_REST_S", 0.3)
    await going.look()
    assert sorted(going.seen) == [0, 1, 2]
    for _ in range(3):
        await going.look()
    assert going.seen.count(1) == 1
    assert going.seen.count(2) == 4
    await asyncio.sleep(0.35)
    await going.look()
    await asyncio.sleep(0.35)
    await going.look()
    assert going.seen.count(1) == 2, "the second time it rests for twice as long"
    await asyncio.sleep(0.35)
    going.error = None
    for _ in range(2):
        await going.look()
    assert going.seen.count(1) == 4


async def test_where_all_is_broken_nobody_wakes(going):
    going.sql = going.sql.replace("LIMIT $1", f"WHERE id = '{going.ids[1]}' LIMIT $1")
    assert await going.look() is None
    assert going.woken == []
    await asyncio.sleep(rounds.LEAST_REST_S * 1.2)
    going.error = None
    assert await going.look() is False
    assert going.woken == [1]


async def test_the_end_goes_through(going):
    going.error = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await going.look()
