"""What could not be begun for trouble of the database counts as no attempt, and is sent later."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from sqlalchemy.engine import make_url

from crm_api.api.services import open_database
from crm_api.kit.db.database import WORKER_ROLE
from crm_api.kit.ids import new_id
from crm_api.kit.jobs import Workplace
from crm_api.platform.webhooks.sender import Sender
from support.receivers import receiving

_DELIVERY = """
    INSERT INTO webhook_deliveries (organization_id, id, webhook_id, event_id, type, record_id,
        is_test, status, attempts, tries, run_at, created_at)
    SELECT e.organization_id, $3, $1, e.id, e.type, e.record_id, false, 'pending', 0, 0, now(),
        now() FROM events e WHERE e.record_id = $2 AND e.type = 'contact.created'
"""


@pytest.fixture
async def sender(own_database):
    """What sends, where no worker takes anything; with `locked` and `away` it does in vain."""
    settings = own_database.app.state.services.settings
    hasty = settings.model_copy(update={"database_timeout_s": 0.5})
    shared, database = open_database(settings, WORKER_ROLE), open_database(hasty)
    made = Sender(Workplace(database, shared, lambda: None))
    yield made
    await made.close()
    await database.close()
    await shared.close()


async def due(world, url):
    """The endpoint and the delivery of an event that is to be sent to it."""
    client = await world.client(await world.org())
    hook = await client.made("webhooks", {"url": url, "topics": ["contact.created"]})
    contact = await client.made("contacts", {"last_name": "Told"})
    id = new_id()
    await world.owner.execute(_DELIVERY, hook["id"], contact["id"], id)
    return client, hook["id"]


async def standing(client, hook):
    (one,) = (await client.read(f"webhooks/{hook}/deliveries"))["data"]
    return one["status"], one["attempts"], one["last_error"]


@asynccontextmanager
async def locked(_sender, world):
    """The feed cannot be read."""
    async with world.owner.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        yield


@asynccontextmanager
async def away(sender, world):
    """Organizations cannot be reached, while the queue can."""
    settings = world.app.state.services.settings
    nowhere = str(make_url(settings.database_url).set(host="127.0.0.1", port=9, query={}))
    good = sender._database
    sender._database = open_database(settings.model_copy(update={"database_url": nowhere}))
    yield
    await sender._database.close()
    sender._database = good


async def test_trouble_of_the_database_is_no_attempt(own_database, sender):
    async with receiving() as receiver:
        client, hook = await due(own_database, receiver.url)
        for trouble in (away, locked):
            async with trouble(sender, own_database):
                assert await sender.look()
                assert await sender.look() is None, "it is not tried again at once"
            assert await standing(client, hook) == ("pending", 0, None)
            await asyncio.sleep(1.1)
        # Nor is the end of the worker.
        async with locked(sender, own_database):
            looking = asyncio.create_task(sender.look())
            await asyncio.sleep(0.2)
            looking.cancel()
            await asyncio.wait([looking])
            await sender.close()
        assert await standing(client, hook) == ("pending", 0, None)
        assert receiver.got == []
        assert await sender.look()
        (got,) = await receiver.have(1)
        assert got.headers["crm-webhook-attempt"] == "1"
