"""How many streams and sockets a process bears, in all and of one organization."""

import asyncio
import json
from contextlib import AsyncExitStack, suppress

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from crm_api.kit.errors import TooMany, Unavailable
from crm_api.kit.followers import Followers
from support.clients import problem
from support.processes import Server
from support.waiting import patiently

STREAM = "/v1/events/stream"


@pytest.fixture
def server(settings):
    started = Server(settings, CRM_FOLLOWERS="3", CRM_FOLLOWERS_ORGANIZATION="2")
    started.wait()
    yield started
    started.kill()


async def opened(stack, api, path=STREAM):
    """Begin a stream that stays open as long as the stack."""
    answer = await stack.enter_async_context(api.stream("GET", path))
    assert answer.status_code == 200, await answer.aread()
    lines = answer.aiter_lines()
    await anext(lines)
    # Nobody else holds the lines, and with them the connection would go.
    stack.push_async_callback(lines.aclose)


async def socket_of(stack, server, org):
    url = server.url.replace("http", "ws", 1) + "/graphql"
    socket = await stack.enter_async_context(
        connect(url, subprotocols=["graphql-transport-ws"], proxy=None, open_timeout=60)
    )
    payload = {"Authorization": f"Bearer {org.token}"}
    # It may be closed by then: `heard` tells.
    with suppress(ConnectionClosed):
        await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
    return socket


async def heard(socket):
    """What a socket is told first: its type, or the code with which it is closed."""
    try:
        return json.loads(await asyncio.wait_for(socket.recv(), 60))["type"]
    except ConnectionClosed as end:
        return end.rcvd.code


async def test_an_organization_has_its_most_and_leaves_room(server, org, other_org):
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(server.client(org))
        other = await stack.enter_async_context(server.client(other_org))
        inner = await stack.enter_async_context(AsyncExitStack())
        await opened(inner, api)
        first = await socket_of(inner, server, org)
        assert await heard(first) == "connection_ack"
        answer = await api.get(STREAM)
        problem(answer, 429, "too_many_followers")
        assert answer.headers["retry-after"] == "30"
        assert await heard(await socket_of(stack, server, org)) == 4429
        # Plain requests go on, and so does another organization; then the process is full.
        assert (await api.get("/v1/events")).status_code == 200
        await opened(stack, other)
        answer = await other.get(STREAM)
        problem(answer, 503, "too_many_followers")
        assert answer.headers["retry-after"] == "30"
        assert await heard(await socket_of(stack, server, other_org)) == 1013
        # Who leaves makes room, by whichever way they came.
        await inner.aclose()

        async def again():
            async with AsyncExitStack() as short:
                return await heard(await socket_of(short, server, org))

        async for _ in patiently():
            if await again() == "connection_ack":
                break
        await opened(stack, api)


async def test_following_a_job_counts_as_well(server, org, client, owner):
    job = await owner.fetchval(
        "INSERT INTO jobs (organization_id, id, kind, args, status, run_at, attempts, max_attempts, "
        "cancel_requested, progress_done, actor, created_at) VALUES ($1, gen_random_uuid(), 'none', "
        "'{}', 'queued', now() + interval '1 hour', 0, 5, false, 0, '{}', now()) RETURNING id",
        org.id,
    )
    async with server.client(org) as api, AsyncExitStack() as stack:
        for _ in range(2):
            await opened(stack, api, f"/v1/jobs/{job}/events")
        problem(await api.get(STREAM), 429, "too_many_followers")
        problem(await api.get(f"/v1/jobs/{job}/events"), 429, "too_many_followers")
    await owner.execute("DELETE FROM jobs WHERE id = $1", job)


def test_places_come_back_whatever_ends_them(org):
    followers = Followers(2, 1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), followers.of(org.id), followers.connected():
            raise ZeroDivisionError
    with followers.of(org.id), followers.connected():
        with pytest.raises(TooMany), followers.of(org.id):
            raise AssertionError
        with followers.connected(), pytest.raises(Unavailable), followers.connected():
            raise AssertionError
    assert not followers._of
