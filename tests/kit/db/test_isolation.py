"""No connection ever serves one organization with what it was bound to for another.

Tried where a binding stays with a connection, and behind a pooler that hands connections on after
each transaction; under load, errors and cancellations.
"""

import asyncio
import random
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import unit_of_work
from crm_api.kit.errors import Unavailable
from support import pooler as test_pooler
from support.clients import tx_of

ORGANIZATIONS, TURNS, AT_ONCE = 12, 1_200, 24
_MINE = "SELECT organization_id, name FROM companies"
_BOUND = "SELECT current_setting('app.organization_id', true) AS bound, pg_backend_pid() AS pid"
_WRONG = "SELECT 1 / (count(*) - count(*)) FROM companies"
_SLOW = "SELECT organization_id, name, pg_sleep(0.05) FROM companies"
_RENAME = "UPDATE companies SET source = $1 RETURNING organization_id"


@pytest.fixture(scope="module")
def bouncer(servers, database_url):
    if test_pooler.PROGRAM is None:
        pytest.skip("there is no pgbouncer here")
    # A Unix socket needs a short path.
    base = Path(servers.base) / f"isolation_{urlsplit(database_url).path.strip('/')}"
    base.mkdir()
    made = test_pooler.start(base, servers.host, database_url, size=3)
    yield made
    made.stop()


@pytest.fixture(params=["direct", "pooler"])
async def shared(request, database_url):
    """A database whose connections are far fewer than those who use them."""
    given = {"signing_key": b"k" * 32, "pool_size": 4}
    if request.param == "direct":
        made = Database(database_url, **given)
    else:
        url = request.getfixturevalue("bouncer").url(database_url)
        made = Database(url, role=None, pooler=True, **given)
    yield made
    await made.close()


async def reads(database: Database, own: UUID) -> None:
    rows = await database.fetch(own, _MINE, [])
    assert [row["organization_id"] for row in rows] == [own]


async def errs(database: Database, own: UUID) -> None:
    with pytest.raises(Exception, match=r"."):
        await database.fetch(own, _WRONG, [])


async def is_cancelled(database: Database, own: UUID) -> None:
    task = asyncio.create_task(database.fetch(own, _SLOW, []))
    await asyncio.sleep(random.uniform(0, 0.04))
    task.cancel()
    with suppress(asyncio.CancelledError):
        rows = await task
        assert {row["organization_id"] for row in rows} == {own}


async def writes(database: Database, own: UUID) -> None:
    async with unit_of_work(tx_of(database, Of(own))) as tx:
        rows = await tx.write(_RENAME, str(own))
        assert [row["organization_id"] for row in rows] == [own]
        assert [row["organization_id"] for row in await tx.fetch(_MINE)] == [own]


async def breaks_off(database: Database, own: UUID) -> None:
    with suppress(Interrupted):
        async with unit_of_work(tx_of(database, Of(own))) as tx:
            await tx.write(_RENAME, "never kept")
            raise Interrupted


async def is_cancelled_in_a_write(database: Database, own: UUID) -> None:
    task = asyncio.create_task(writes(database, own))
    await asyncio.sleep(random.uniform(0, 0.01))
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


class Interrupted(Exception):
    """Something else went wrong."""


class Of:
    """Whose rows."""

    def __init__(self, id: UUID) -> None:
        self.id = id


WAYS = (reads, reads, reads, errs, writes, breaks_off, is_cancelled, is_cancelled_in_a_write)


async def test_organizations_never_see_each_other(shared, world):
    orgs = [await world.org() for _ in range(ORGANIZATIONS)]
    for org in orgs:
        api = await world.client(org)
        await api.made("companies", {"name": str(org.id)})
    gate, busy = asyncio.Semaphore(AT_ONCE), 0

    async def turn(number: int) -> None:
        nonlocal busy
        async with gate:
            way = WAYS[number % len(WAYS)]
            try:
                await way(shared, orgs[(number * 7) % ORGANIZATIONS].id)
            except Unavailable:
                # Cancelled statements cost connections; who then waits in vain is told so.
                busy += 1

    await asyncio.gather(*(turn(number) for number in range(TURNS)))
    assert busy < TURNS / 10
    for org in orgs:
        await reads(shared, org.id)


async def test_what_has_no_organization_sees_nothing_after_others(shared, world, org):
    api = await world.client(org)
    await api.made("companies", {"name": "Seen by its own"})
    await asyncio.gather(*(reads(shared, org.id) for _ in range(20)))
    (bound,) = await shared.ask(_BOUND)
    rows = await shared.ask(_MINE)
    if shared.pooler:
        assert not bound["bound"]
        assert rows == []
    else:
        # Bound still, to the last one whom the connection served: nobody asks for records by it.
        assert {row["organization_id"] for row in rows} <= {org.id}
