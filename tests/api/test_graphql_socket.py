"""Subscriptions over graphql-transport-ws, against the server as it runs."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

import pytest
from websockets.exceptions import ConnectionClosed

from crm_api.api import graphql_socket
from crm_api.kit.db.tx import unit_of_work
from crm_api.kit.live import rung
from crm_api.kit.messages import Message
from support.processes import Server
from support.sockets import begun, hear, opened, say
from support.waiting import patiently

FOLLOW = """subscription($types: [String!], $after: String, $filter: JSON) {
    events(types: $types, after: $after, filter: $filter) {
        cursor event { type recordId data } } }"""


@pytest.fixture(scope="module")
def server(settings):
    started = Server(settings)
    started.wait()
    yield started
    started.kill()


async def subscribed(socket, id="1", **variables):
    await say(socket, id=id, type="subscribe", payload={"query": FOLLOW, "variables": variables})


async def first_told(socket, client):
    """Wait for what is told first; a subscription begins a moment after it was asked for."""
    made = []
    async for _ in patiently():
        made.append((await client.made("companies", {"name": "One"}))["id"])
        with suppress(TimeoutError):
            message = await hear(socket, 0.5)
            break
    assert (message["id"], message["type"]) == ("1", "next")
    told = message["payload"]["data"]["events"]
    assert told["event"]["recordId"] in made
    assert told["event"]["data"]["name"] == "One"
    # So that none of them is held back and told to others later.
    await client.told(made[-1], 1, types="company.*")


async def closed(socket):
    with pytest.raises(ConnectionClosed) as raised:
        await hear(socket)
    return raised.value.rcvd.code


async def test_events_come_and_go_on_after_a_cursor(server, org, client):
    async with opened(server) as socket:
        await begun(socket, org.token)
        await subscribed(socket, types=["company.*"])
        await first_told(socket, client)
        await say(socket, id="1", type="complete")
    after = (await client.read("events", types="company.*"))["next_cursor"]
    for number in range(3):
        await client.made("companies", {"name": f"Missed {number}"})
    async with opened(server) as socket:
        await begun(socket, org.token)
        await subscribed(socket, types=["company.*"], after=after)
        missed = [(await hear(socket))["payload"]["data"]["events"] for _ in range(3)]
        assert [m["event"]["data"]["name"] for m in missed] == [f"Missed {n}" for n in range(3)]
    page = await client.read("events", after=missed[-1]["cursor"], types="company.*")
    assert page["data"] == []


async def test_handshakes_carry_the_credential_too(server, org):
    headers = {"Authorization": f"Bearer {org.token}"}
    async with opened(server, additional_headers=headers) as socket:
        await say(socket, type="connection_init")
        assert await hear(socket) == {"type": "connection_ack"}


async def test_what_the_protocol_forbids_ends_it(server, org):
    async with opened(server) as socket:
        await say(socket, type="connection_init", payload={"Authorization": "Bearer wrong"})
        assert await closed(socket) == 4403
    async with opened(server) as socket:
        await subscribed(socket)
        assert await closed(socket) == 4401
    async with opened(server) as socket:
        await socket.send("{")
        assert await closed(socket) == 4400
    async with opened(server) as socket:
        await begun(socket, org.token)
        await say(socket, type="connection_init")
        assert await closed(socket) == 4429
    async with opened(server) as socket:
        await begun(socket, org.token)
        await subscribed(socket, types=["company.*"])
        await subscribed(socket, types=["company.*"])
        assert await closed(socket) == 4409
    async with opened(server) as socket:
        await begun(socket, org.token)
        for number in range(graphql_socket.MOST + 1):
            await subscribed(socket, id=str(number))
        assert await closed(socket) == 4429


async def test_an_id_is_free_once_its_subscription_is_complete(server, org, client):
    """What had the id says nothing more, though both are asked for at once."""
    after = (await client.read("events", types="company.*"))["next_cursor"]
    made = [(await client.made("companies", {"name": f"C{n}"}))["id"] for n in range(3)]
    await client.told(made[-1], 1, types="company.*")
    async with opened(server) as socket:
        await begun(socket, org.token)
        await subscribed(socket, types=["contact.*"])
        for _ in range(5):
            await say(socket, id="1", type="complete")
            await subscribed(socket, types=["contact.*"], after=after)
        await say(socket, id="1", type="complete")
        await subscribed(socket, types=["company.*"], after=after)
        told = [await hear(socket) for _ in made]
        assert [m["payload"]["data"]["events"]["event"]["recordId"] for m in told] == made
        # The id is taken again, and was free for one that ended by itself.
        assert await refused(socket, "subscription {") == "graphql_syntax"
        assert await refused(socket, "subscription {") == "graphql_syntax"
        # Nobody else tells of what happens now, and nothing was ended by the server.
        last = (await client.made("companies", {"name": "Last"}))["id"]
        message = await hear(socket)
        assert message["type"] == "next"
        assert message["payload"]["data"]["events"]["event"]["recordId"] == last
        with pytest.raises(TimeoutError):
            await hear(socket, 1)
        await say(socket, id="unknown", type="complete")
        await subscribed(socket, types=["company.*"])
        assert await closed(socket) == 4409


async def test_who_finds_no_database_is_told_to_come_again(settings, org):
    started = Server(settings, CRM_DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    try:
        started.wait()
        async with opened(started) as socket:
            payload = {"Authorization": f"Bearer {org.token}"}
            await say(socket, type="connection_init", payload=payload)
            assert await closed(socket) == 1013
    finally:
        started.kill()


async def test_a_fault_of_the_service_ends_a_subscription_and_says_so(settings, own_database):
    org = await own_database.org()
    own = {"CRM_DATABASE_URL": own_database.url, "CRM_DATABASE_POOLER": "none"}
    server = Server(settings, **own)
    try:
        server.wait()
        async with opened(server) as socket:
            await begun(socket, org.token)
            await own_database.owner.execute("ALTER TABLE events RENAME TO lost")
            assert await refused(socket, FOLLOW, types=["company.*"]) == "internal"
            await say(socket, type="ping")
            assert await hear(socket) == {"type": "pong"}
    finally:
        server.kill()


@pytest.mark.parametrize("later", range(3))
async def test_who_is_told_to_end_ends_though_the_bell_rings_at_the_same_moment(later):
    bell = asyncio.Event()

    async def follow():
        while True:
            await rung(bell, 60)
            bell.clear()

    following = asyncio.create_task(follow())
    await asyncio.sleep(0.01)
    bell.set()
    for _ in range(later):
        await asyncio.sleep(0)
    following.cancel()
    done, _ = await asyncio.wait([following], timeout=10)
    assert done
    assert following.cancelled()


async def refused(socket, query, **variables):
    await say(socket, id="x", type="subscribe", payload={"query": query, "variables": variables})
    message = await hear(socket)
    assert (message["id"], message["type"]) == ("x", "error"), message
    return message["payload"][0]["extensions"]["code"]


async def test_mistakes_end_a_subscription_and_not_the_socket(server, org, client, keyed):
    async with opened(server) as socket:
        await begun(socket, org.token)
        assert await refused(socket, "subscription { nothing }") == "graphql_validation"
        assert await refused(socket, "subscription {") == "graphql_syntax"
        assert await refused(socket, "{ me { kind } }") == "graphql_validation"
        assert await refused(socket, FOLLOW, types=["'"]) == "invalid_type"
        assert await refused(socket, FOLLOW, after="x") == "invalid_cursor"
        await say(socket, type="ping")
        assert await hear(socket) == {"type": "pong"}
    stranger = await keyed("contacts:read")
    async with opened(server) as socket:
        await begun(socket, stranger.token)
        assert await refused(socket, FOLLOW) == "insufficient_scope"
    answer = await client.gql("subscription { events { cursor } }")
    assert "WebSocket" in answer["errors"][0]["message"]


async def test_the_end_of_the_credential_is_the_end(server, client, keyed):
    reader = await keyed("events:read", "companies:read")
    async with opened(server) as socket:
        await begun(socket, reader.token)
        await subscribed(socket, types=["company.*"])
        await first_told(socket, client)
        (key,) = [k for k in (await client.read("api-keys"))["data"] if "*" not in k["scopes"]]
        await client.delete(f"/v1/api-keys/{key['id']}")
        while (message := await hear(socket))["type"] == "next":
            pass
        assert message["type"] == "error"
        assert message["payload"][0]["extensions"]["code"] == "credential_ended"


async def test_a_key_of_other_addresses_is_forbidden(server, client):
    body = {"name": "Bound", "scopes": ["contacts:read"], "allowed_addresses": ["203.0.113.7"]}
    token = (await client.made("api-keys", body))["token"]
    async with opened(server) as socket:
        await say(socket, type="connection_init", payload={"Authorization": f"Bearer {token}"})
        assert await closed(socket) == 4403


@dataclass(frozen=True)
class Nothing(Message):
    kind: ClassVar[str] = "tests.nothing"


async def test_a_job_is_told_until_it_has_ended(server, org, client, tx_of):
    async with unit_of_work(tx_of(org)) as tx:
        id = str(tx.enqueue(Nothing()))
    query = "subscription($id: UUID!) { jobProgress(id: $id) { id status } }"
    payload = {"query": query, "variables": {"id": id}}
    async with opened(server) as socket:
        await begun(socket, org.token)
        await say(socket, id="1", type="subscribe", payload=payload)
        first = await hear(socket)
        assert first["payload"]["data"]["jobProgress"] == {"id": id, "status": "queued"}
        assert (await client.post(f"/v1/jobs/{id}/cancel")).status_code == 200
        assert (await hear(socket))["payload"]["data"]["jobProgress"]["status"] == "cancelled"
        assert await hear(socket) == {"id": "1", "type": "complete"}
        assert await refused(socket, query, id=str(UUID(int=1))) == "not_found"
