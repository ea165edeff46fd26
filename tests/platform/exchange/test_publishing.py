"""Published rates reach organizations once, and what was published stays."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from crm_api.api.services import open_database
from crm_api.kit.apart import Stumbled
from crm_api.kit.db.database import WORKER_ROLE
from crm_api.platform.exchange.jobs import RatesDiffer, hand_out, take_published
from crm_api.platform.exchange.reading import Published, RatesFile, UnreadableRates
from crm_api.platform.exchange.sources import SOURCES, publish_from

DAY = timedelta(days=1)


def today():
    return datetime.now(UTC).date()


def table(*rows):
    lines = (",".join(map(str, row)) for row in rows)
    return "\n".join(["day,base,quote,rate", *lines, ""])


def rates(*rows, source="ECB"):
    return RatesFile(source, [Published(base, quote, day, rate) for day, base, quote, rate in rows])


async def listed(client):
    found = await client.read("exchange-rates", limit=200)
    return {(row["day"], row["quote"]): (row["rate"], row["source"]) for row in found["data"]}


@pytest.fixture
def published(tmp_path):
    """A file that workers of this process take rates from."""
    path = tmp_path / "rates.csv"
    publish_from(path)
    yield path
    publish_from(None)
    assert SOURCES == []


@pytest.fixture
async def shared(own_database):
    """What a worker works across organizations by, of a database that has those of the test alone."""
    made = open_database(own_database.app.state.services.settings, WORKER_ROLE)
    yield made
    await made.close()


async def test_a_file_is_handed_out_once_however_many_do_it(client, database, org):
    rows = [(today() - n * DAY, "EUR", quote, 2) for n in range(700) for quote in ("USD", "GBP")]
    file = rates(*rows)
    handed = await asyncio.gather(*(hand_out(database, file, [org.id]) for _ in range(3)))
    assert sum(one.added for one in handed) == 1400
    assert all(one.added + one.known == 1400 for one in handed)
    again = await hand_out(database, file, [org.id])
    assert (again.added, again.known, again.own, again.differing) == (0, 1400, 0, [])
    events = await client.told("exchange_rates.set", 2, by="type")
    assert sum(len(event["data"]["rates"]) for event in events) == 1400
    assert events[0]["actor"]["kind"] == "system"


async def test_what_was_published_and_what_was_set_by_hand_stays(client, database, org):
    day = today()
    body = {"base": "EUR", "quote": "GBP", "day": str(day), "rate": "0.9"}
    await client.put("/v1/exchange-rates", json={"rates": [body]})
    await hand_out(database, rates((day, "EUR", "USD", 2), (day, "EUR", "GBP", 3)), [org.id])
    other = rates((day, "EUR", "USD", 4), (day, "EUR", "GBP", 4), (day, "EUR", "JPY", 4))
    handed = await hand_out(database, other, [org.id])
    assert (handed.added, handed.known, handed.own) == (1, 0, 1)
    assert handed.differing == [f"{org.id} EUR/USD {day}: 2, now 4"]
    assert await listed(client) == {
        (str(day), "USD"): ("2", "ECB"),
        (str(day), "GBP"): ("0.9", None),
        (str(day), "JPY"): ("4", "ECB"),
    }
    # Whoever means it says so, and it is told.
    await client.put("/v1/exchange-rates", json={"rates": [{**body, "quote": "USD"}]})
    assert (await hand_out(database, other, [org.id])).own == 2


@pytest.mark.commits
async def test_the_chore_takes_what_is_recent_and_tells_what_differs(
    own_database, shared, published
):
    day = today()
    one = await own_database.client(await own_database.org())
    off = await own_database.client(await own_database.org())
    assert (await off.post("/v1/modules/exchange/disable")).status_code == 200
    published.write_text(table((day, "EUR", "USD", "1.5"), (day - 91 * DAY, "EUR", "USD", "1.4")))
    await take_published(shared, None)
    await take_published(shared, None)
    assert await listed(one) == {(str(day), "USD"): ("1.5", "file")}
    published.write_text(table((day, "EUR", "USD", "1.6"), (day, "EUR", "CHF", "1.1")))
    with pytest.raises(RatesDiffer, match=r"EUR/USD .*: 1.5, now 1.6"):
        await take_published(shared, None)
    expected = {(str(day), "USD"): ("1.5", "file"), (str(day), "CHF"): ("1.1", "file")}
    assert await listed(one) == expected
    published.write_text(table((day, "EUR", "SEK", "11"), (day, "EUR", "USD", "x")))
    with pytest.raises(UnreadableRates, match="line 3"):
        await take_published(shared, None)
    published.unlink()
    with pytest.raises(FileNotFoundError):
        await take_published(shared, None)
    assert await listed(one) == expected
    # Where exchange rates are switched off none arrive.
    assert (await off.post("/v1/modules/exchange/enable")).status_code == 200
    assert await listed(off) == {}


async def test_what_is_wrong_with_one_organization_stops_no_other(client, database, owner, org):
    bad = uuid4()
    await owner.execute(
        "INSERT INTO organization_states (organization_id, version, snapshot) "
        "VALUES ($1, 1, '{\"modules\": 7}')",
        bad,
    )
    try:
        with pytest.raises(Stumbled, match=f"1 skipped, the first one organization {bad}"):
            await hand_out(database, rates((today(), "EUR", "USD", 2)), [bad, org.id])
    finally:
        await owner.execute("DELETE FROM organization_states WHERE organization_id = $1", bad)
    assert await listed(client) == {(str(today()), "USD"): ("2", "ECB")}


async def test_without_a_file_there_is_nothing_to_take(client, database):
    publish_from(None)
    await take_published(database, None)
    assert await listed(client) == {}
