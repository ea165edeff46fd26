"""Events become deliveries: the endpoints of an organization read the feed together."""

import pytest

from crm_api.kit.jobs import Workplace
from crm_api.platform.webhooks.fanout import FanOut
from support.waiting import settled

_WAITING = "SELECT type FROM webhook_deliveries WHERE webhook_id = $1 ORDER BY seq"
_BREAK = """UPDATE webhooks SET topics = '7' WHERE id = $1"""


@pytest.fixture
def fan_out(own_database):
    database = own_database.database
    return FanOut(Workplace(database, database, lambda: None))


async def endpoint(client, *topics, **more):
    body = {"url": "http://127.0.0.1:9/hook", "topics": topics or ["contact.*"], **more}
    return (await client.made("webhooks", body))["id"]


async def taken_up(world, fan_out):
    await settled(world.owner)
    while await fan_out.look():
        pass


async def asked_at_most(world, fan_out):
    """By how many statements at one time: what is not over elsewhere is taken up by another."""
    await settled(world.owner)
    numbers, more = [], True
    while more:
        async with world.statements() as seen:
            more = await fan_out.look()
        numbers.append(len(seen))
    return max(numbers)


async def waiting(world, id):
    return [row["type"] for row in await world.owner.fetch(_WAITING, id)]


@pytest.fixture
async def client(own_database):
    return await own_database.client(await own_database.org())


async def test_those_that_see_the_same_are_asked_for_together(client, own_database, fan_out):
    numbers = []
    for count in (1, 4):
        ids = [await endpoint(client) for _ in range(count)]
        await taken_up(own_database, fan_out)
        await client.made("contacts", {"last_name": "Sample"})
        numbers.append(await asked_at_most(own_database, fan_out))
        assert [(await waiting(own_database, id))[-1:] for id in ids] == [
            ["contact.created"]
        ] * count
    assert numbers[0] == numbers[1]


async def test_each_is_sent_what_it_asked_for(client, own_database, fan_out):
    contacts = await endpoint(client)
    companies = await endpoint(client, "company.created", "contact.deleted")
    everything = await endpoint(client, "*")
    named = await endpoint(client, "contact.*", filter={"last_name": {"eq": "Sample"}})
    await taken_up(own_database, fan_out)
    for name in ("Sample", "Other"):
        await client.made("contacts", {"last_name": name})
    await client.made("companies", {"name": "Sample"})
    late = await endpoint(client, "contact.*", "company.*")
    await taken_up(own_database, fan_out)
    assert await waiting(own_database, contacts) == ["contact.created", "contact.created"]
    assert await waiting(own_database, companies) == ["company.created"]
    assert await waiting(own_database, named) == ["contact.created"]
    assert await waiting(own_database, late) == []
    seen = await waiting(own_database, everything)
    assert seen[-4:] == ["contact.created", "contact.created", "company.created", "webhook.created"]


async def test_what_is_broken_holds_up_none_of_the_others(client, own_database, fan_out):
    well, broken = [await endpoint(client) for _ in range(2)]
    await taken_up(own_database, fan_out)
    await own_database.owner.execute(_BREAK, broken)
    for number in range(1, 3):
        await client.made("contacts", {"last_name": "Sample"})
        await taken_up(own_database, fan_out)
        assert await waiting(own_database, well) == ["contact.created"] * number
    assert await waiting(own_database, broken) == []
