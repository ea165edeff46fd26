"""Two connections at one moment: they see the same, and nobody waits for the second."""

import asyncio

import pytest
from sqlalchemy import text

from crm_api.domains.companies.schemas import CompanyCreate
from crm_api.domains.companies.service import CompanyService
from crm_api.kit.db.beside import beside, both, still
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import at_one_moment, unit_of_work
from crm_api.kit.errors import Unavailable
from support.clients import tx_of as new_tx

_COUNT = "SELECT count(*) AS n FROM companies"
_SAID = """
    SELECT pg_backend_pid() AS pid, current_setting('transaction_read_only') AS reads,
        current_setting('statement_timeout') AS patience
"""


@pytest.fixture
async def sized(database_url):
    """Makes a database with so many connections."""
    made = []

    def database(size, **options):
        made.append(Database(database_url, signing_key=b"k" * 32, pool_size=size, **options))
        return made[-1]

    yield database
    for one in made:
        await one.close()


async def count(tx):
    return (await tx.fetch(_COUNT))[0]["n"]


async def company(database, org):
    async with unit_of_work(new_tx(database, org)) as tx:
        await CompanyService(tx).create(CompanyCreate(name="Example"))


async def test_what_is_read_after_the_first_is_of_its_moment(sized, org):
    database = sized(3)
    async with at_one_moment(new_tx(database, org)) as one:
        assert await count(one) == 0
        await company(database, org)
        assert await count(one) == 0
    async with at_one_moment(new_tx(database, org)) as later:
        assert await count(later) == 1


async def test_settings_last_in_whatever_is_open(sized, org):
    database = sized(3)
    for within in (at_one_moment(new_tx(database, org)), unit_of_work(new_tx(database, org))):
        async with within as open_, still(open_) as one:
            assert one is open_
            await one.fetch("SELECT set_config('work_mem', '32MB', true)")
            assert (await one.fetch("SELECT current_setting('work_mem') AS held"))[0][
                "held"
            ] == "32MB"
    async with still(new_tx(database, org)) as one:
        await one.fetch("SELECT set_config('work_mem', '32MB', true)")
        assert (await one.fetch("SELECT current_setting('work_mem') AS held"))[0]["held"] == "32MB"


async def test_both_see_the_same(sized, org, other_org):
    database = sized(3)
    await company(database, org)
    await company(database, other_org)
    async with at_one_moment(new_tx(database, org)) as one:
        await one.run(text("SET LOCAL statement_timeout = '4s'"))
        assert await count(one) == 1
        await company(database, org)
        async with beside(one) as other:
            assert (await count(one), await count(other)) == (1, 1)
            (first,), (second,) = await one.fetch(_SAID), await other.fetch(_SAID)
            assert first["pid"] != second["pid"]
            told = [(row["reads"], row["patience"]) for row in (first, second)]
            assert told == [("on", "4s")] * 2
    async with at_one_moment(new_tx(database, org)) as later:
        assert await count(later) == 2


@pytest.mark.parametrize(("size", "options"), [(1, {}), (2, {}), (9, {"pooler": True})])
async def test_where_few_are_free_there_is_one(sized, org, size, options):
    # Behind a pooler the role is that of a login, here of one that sees everything.
    database = sized(size, **options)
    async with at_one_moment(new_tx(database, org)) as one, beside(one) as other:
        assert other is one
        first, second = await both(count(one), count(other), at_once=False)
        assert first == second


async def test_a_part_that_is_undone_by_itself_is_alone(sized, org):
    async with at_one_moment(new_tx(sized(9), org)) as one:
        async with one.atomic(), beside(one) as other:
            assert await count(other) == 0
            async with one.atomic(), beside(one) as other:
                assert other is one
        async with beside(one) as other:
            assert other is not one


async def test_what_writes_is_alone(sized, org):
    async with unit_of_work(new_tx(sized(9), org)) as tx:
        await CompanyService(tx).create(CompanyCreate(name="Example"))
        async with beside(tx) as other:
            assert other is tx
            assert await count(other) == 1


async def test_so_many_at_once_as_there_are_connections(sized, org):
    database = sized(4)

    async def asked():
        async with at_one_moment(new_tx(database, org)) as one, beside(one) as other:
            return await both(count(one), count(other), at_once=other is not one)

    assert await asyncio.gather(*(asked() for _ in range(40))) == [(0, 0)] * 40


async def test_where_one_fails_the_other_is_ended(sized, org):
    database, ended = sized(4), []

    async def fails(tx):
        await tx.fetch("SELECT pg_sleep(0.1)")
        raise ZeroDivisionError

    async def waits(tx):
        try:
            await tx.fetch("SELECT pg_sleep(20)")
        finally:
            ended.append(tx)

    async with at_one_moment(new_tx(database, org)) as one, beside(one) as other:
        with pytest.raises(ZeroDivisionError):
            await both(fails(one), waits(other), at_once=True)
        assert ended == [other]
        with pytest.raises(ZeroDivisionError):
            await both(fails(one), waits(other), at_once=False)
        assert ended == [other]
    assert await database.ask("SELECT 1")


async def test_the_second_is_as_patient_as_the_first(sized, org):
    async with at_one_moment(new_tx(sized(3), org)) as one:
        await one.run(text("SET LOCAL statement_timeout = '100ms'"))
        with pytest.raises(Unavailable) as caught:
            async with beside(one) as other:
                await other.fetch("SELECT pg_sleep(5)")
        assert caught.value.own_code == "timeout"
        assert await one.fetch("SELECT 1")
