"""How much there is to read, as it changes: by server-sent events and as a subscription."""

import json

import pytest

from support.clients import Org
from support.members import member
from support.processes import Server
from support.sockets import begun, hear, opened, say


@pytest.fixture(scope="module")
def server(settings):
    started = Server(settings)
    started.wait()
    yield started
    started.kill()


async def assign(client, one):
    await client.made("contacts", {"last_name": "Person", "owner_id": one.id})


async def test_numbers_come_by_server_sent_events(server, client, org, worker):
    one = await member(client, "sales_rep")
    numbers = []
    async with (
        server.client(Org(org.id, one.api.token)) as api,
        api.stream("GET", "/v1/notifications/stream") as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                numbers.append(json.loads(line[6:])["unread"])
                if numbers[-1] < 2:
                    await assign(client, one)
                else:
                    break
    assert numbers == [0, 1, 2]


async def test_numbers_come_as_a_subscription(server, client, worker):
    one = await member(client, "sales_rep")
    async with opened(server) as socket:
        await begun(socket, one.api.token)
        query = {"query": "subscription { unreadNotifications }"}
        await say(socket, id="1", type="subscribe", payload=query)
        first = await hear(socket)
        assert first == {"id": "1", "type": "next", "payload": {"data": {"unreadNotifications": 0}}}
        await assign(client, one)
        assert (await hear(socket))["payload"]["data"] == {"unreadNotifications": 1}


async def test_whoever_has_no_inbox_is_told_so(client):
    answer = await client.get("/v1/notifications/stream")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_a_user")
