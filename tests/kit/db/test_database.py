"""The pool: who waits, what becomes of broken connections, and life behind a pooler."""

# ruff: noqa: PT012 - a unit of work raises at the end of its block.
import asyncio
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import bindparam, select, text

from crm_api.domains.companies.models import Company
from crm_api.domains.companies.schemas import CompanyCreate
from crm_api.domains.companies.service import CompanyService
from crm_api.kit.db.base import Json
from crm_api.kit.db.database import Database
from crm_api.kit.db.failures import translate
from crm_api.kit.db.hashes import find_hasher
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import CrmError, Unavailable
from crm_api.kit.query.page import PageQuery
from crm_api.kit.query.selection import Selection
from crm_api.kit.query.statements import compiled
from support.clients import tx_of as new_tx
from support.receivers import serving

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"
ALL = PageQuery(selection=Selection(CompanyService.repository.listing.shown))


def database_of(url, **options):
    return Database(url, signing_key=b"k" * 32, **{"pool_size": 1, **options})


@pytest.fixture
async def single(database_url):
    """A database with one connection."""
    database = database_of(database_url)
    yield database
    await database.close()


@pytest.fixture
async def pooled_url(database_url, owner):
    """A login of its own with the application's rights, as a transaction pooler has it."""
    name = f"pooled_{uuid4().hex[:12]}"
    await owner.execute(f"CREATE ROLE {name} LOGIN IN ROLE crm_app")
    parts = urlsplit(database_url)
    yield urlunsplit(parts._replace(netloc=parts.netloc.replace("postgres@", f"{name}@")))
    await owner.execute(f"DROP ROLE {name}")


async def test_who_waits_too_long_is_told_so(single):
    held = await single.checkout()
    with pytest.raises(Unavailable) as caught:
        await single.ask("SELECT 1")
    assert caught.value.own_code == "busy"
    held.close()
    assert (await single.ask("SELECT 1"))[0][0] == 1


async def test_a_cancelled_statement_costs_its_connection(single):
    (before,) = (await single.ask("SELECT pg_backend_pid()"))[0]
    running = asyncio.create_task(single.ask("SELECT pg_sleep(5)"))
    await asyncio.sleep(0.2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    (after,) = (await single.ask("SELECT pg_backend_pid()"))[0]
    assert after != before


async def test_what_is_kept_after_the_database_was_closed_is_closed(single):
    pooled = await single.checkout()
    await single.close()
    single.keep(pooled)
    assert not pooled.is_valid
    assert (await single.ask("SELECT 1"))[0][0] == 1


async def test_what_is_in_use_while_the_database_closes_is_closed_when_it_is_given_back(single):
    """A rollback may go on by itself where whoever began the transaction was cancelled twice."""
    connection = await single.connect()
    driver = (await connection.get_raw_connection()).driver_connection
    await single.close()
    assert not driver.is_closed()
    await connection.close()
    assert driver.is_closed()


async def test_connections_that_ended_while_idle_are_replaced(database_url, org, owner):
    database = database_of(database_url, pool_size=2)

    async def end_all():
        held = [await database.checkout() for _ in range(2)]
        for pooled in held:
            (backend,) = await pooled.driver_connection.fetchrow("SELECT pg_backend_pid()")
            await owner.execute("SELECT pg_terminate_backend($1, 5000)", backend)
            pooled.close()

    await end_all()
    assert [(await database.ask("SELECT 1"))[0][0] for _ in range(3)] == [1, 1, 1]
    await end_all()
    async with unit_of_work(new_tx(database, org)) as tx:
        assert (await tx.write("SELECT 1"))[0][0] == 1
    await database.close()


FATAL = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"


async def test_a_connection_that_is_about_to_end_is_lost(single, database_url, org):
    """PostgreSQL says that it ends a connection a moment before it does."""

    def announce(pooled):
        driver = pooled.driver_connection
        driver._protocol.data_received(b"E" + (len(FATAL) + 4).to_bytes(4, "big") + FATAL)

    pooled = await single.checkout()
    announce(pooled)
    assert not pooled.driver_connection.is_closed()
    single.keep(pooled)
    with pytest.raises(Unavailable, match="was lost"):
        await single.ask("SELECT 1")
    assert (await single.ask("SELECT 1"))[0][0] == 1
    database = database_of(database_url, pool_size=1)
    async with database.engine.connect() as connection:
        announce(await connection.get_raw_connection())
        await connection.rollback()
    with pytest.raises(Unavailable, match="was lost"):
        async with unit_of_work(new_tx(database, org)) as tx:
            await tx.write("SELECT 1")
    await database.close()


async def test_keys_of_hashes_are_read_by_the_connection_that_is_held(single, org):
    async with unit_of_work(new_tx(single, org)) as tx:
        await tx.write("SELECT 1")
        assert await find_hasher(tx) is None


async def test_a_connection_is_replaced_when_its_time_is_up(single):
    pooled = await single.checkout()
    pooled.info["until"] = 0
    single.keep(pooled)
    before = pooled.driver_connection
    pooled = await single.checkout()
    assert pooled.driver_connection is not before
    single.keep(pooled)
    assert await single.checkout() is pooled
    pooled.close()


async def test_statements_that_wait_are_handed_the_connection_in_their_order(single):
    held, order = await single.checkout(), []

    async def take(number):
        taken = await single.checkout()
        order.append((number, taken))
        single.keep(taken)

    waiting = [asyncio.create_task(take(number)) for number in range(3)]
    await asyncio.sleep(0.02)
    single.keep(held)
    await asyncio.gather(*waiting)
    assert order == [(number, held) for number in range(3)]
    held.close()


async def test_a_connection_that_is_handed_to_who_is_cancelled_is_not_lost(single):
    held = await single.checkout()
    waiting = asyncio.create_task(single.checkout())
    await asyncio.sleep(0.02)
    single.keep(held)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await single.checkout() is held
    held.close()


@pytest.mark.parametrize("end", ["close", "invalidate"])
async def test_a_statement_that_waits_has_what_comes_back_to_the_pool(single, end):
    held = await single.checkout()
    waiting = asyncio.create_task(single.ask("SELECT 1"))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    getattr(held, end)()
    assert (await waiting)[0][0] == 1


async def test_transactions_and_statements_share_the_connections(database_url, org):
    """Whichever of them come and go, and whoever waits, none starves and none is lost."""
    database = database_of(database_url, pool_size=2)

    async def write():
        async with unit_of_work(new_tx(database, org)) as tx:
            await tx.write("SELECT pg_sleep(0.01)")

    async def read():
        return (await database.ask("SELECT 1"))[0][0]

    for _ in range(5):
        await asyncio.gather(*(work() for _ in range(10) for work in (read, write, read)))
        cut = [asyncio.create_task(work()) for _ in range(5) for work in (read, write)]
        await asyncio.sleep(0.015)
        for task in cut:
            task.cancel()
        await asyncio.gather(*cut, return_exceptions=True)
    held = [await database.checkout() for _ in range(2)]
    for pooled in held:
        pooled.close()
    assert await read() == 1
    await database.close()


async def test_a_database_that_is_away_is_unavailable(org):
    database = database_of(NOWHERE)
    with pytest.raises(Unavailable):
        await database.ask("SELECT 1")
    with pytest.raises(Unavailable):
        async with unit_of_work(new_tx(database, org)) as tx:
            await tx.session()
    await database.close()


async def test_a_lost_connection_undoes_everything(single, org, owner):
    with pytest.raises(CrmError):
        async with unit_of_work(new_tx(single, org)) as tx:
            await CompanyService(tx).create(CompanyCreate(name="Lost"))
            (backend,) = (await tx.write("SELECT pg_backend_pid()"))[0]
            await owner.execute("SELECT pg_terminate_backend($1, 5000)", backend)
            await tx.write("SELECT 1")
    assert (await CompanyService(new_tx(single, org)).page(ALL)).data == []


async def test_a_failed_transaction_cannot_be_committed(single, org):
    with pytest.raises(Unavailable) as caught:
        async with unit_of_work(new_tx(single, org)) as tx:
            await CompanyService(tx).create(CompanyCreate(name="Lost"))
            with pytest.raises(CrmError):
                await tx.run(text("SELECT 'x'::uuid"))
    assert caught.value.own_code == "aborted"
    assert (await CompanyService(new_tx(single, org)).page(ALL)).data == []


async def test_a_read_without_end_opens_no_transaction(tx_of, org):
    with pytest.raises(RuntimeError):
        await tx_of(org).session()


async def test_behind_a_pooler_nothing_stays_bound(pooled_url, org, other_org):
    database = database_of(pooled_url, pooler=True, role=None)
    try:
        for owner in (org, other_org):
            async with unit_of_work(new_tx(database, owner)) as tx:
                await CompanyService(tx).create(CompanyCreate(name=f"Of {owner.id}"))
            reading = Tx(database, tx.actor)
            await reading.learned.learn()
            page = await CompanyService(reading).page(ALL)
            assert [row.name for row in page.data] == [f"Of {owner.id}"]
            bound = await database.ask("SELECT current_setting('app.organization_id', true)")
            assert not bound[0][0]
            assert await database.ask("SELECT name FROM companies") == []
    finally:
        await database.close()


@pytest.mark.parametrize(
    ("error", "meant"),
    [
        (asyncpg.InterfaceError("connection is closed"), Unavailable),
        (ConnectionResetError(), Unavailable),
    ],
)
def test_failures_without_a_state_have_their_meaning(error, meant):
    assert isinstance(translate(error), meant)


def test_other_failures_stay_what_they_are():
    error = KeyError("x")
    assert translate(error) is error


def test_json_is_sent_as_the_driver_takes_it():
    statement = compiled(select(Company.id).where(Company.tags == bindparam("tags", type_=Json())))
    assert decode(statement.args({"tags": ["a"]})[0]) == ["a"]


async def starting_up(reader, writer):
    """PostgreSQL just after a crash: it answers, and lets nobody in."""
    await reader.read(1024)
    fields = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0"
    writer.write(b"E" + (len(fields) + 4).to_bytes(4) + fields)
    await writer.drain()
    writer.close()


async def test_a_server_that_is_starting_up_is_away_for_a_moment():
    async with serving(starting_up) as port:
        database = database_of(f"postgresql://nobody@127.0.0.1:{port}/nothing?ssl=disable")
        for ask in (lambda: database.ask("SELECT 1"), database.connect, database.checkout):
            with pytest.raises(Unavailable):
                await ask()
        await database.close()
