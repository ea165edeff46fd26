"""Tiles that become stale are told as it happens: by server-sent events and as a subscription."""

import asyncio
import json

import pytest

from support.clients import Org, problem
from support.members import custom_role, member
from support.processes import Server
from support.reporting import measure
from support.sockets import begun, hear, opened, say

COUNT = {"source": "company", "measures": [measure("count")]}


@pytest.fixture(scope="module")
def server(settings):
    started = Server(settings)
    started.wait()
    yield started
    started.kill()


async def page_of(client):
    """A dashboard of companies and deals, and the cursor of its data."""
    body = {"name": "Companies", "definition": COUNT, "sharing": "organization"}
    report = (await client.made("reports", body))["id"]
    tiles = [
        {"key": "companies", "kind": "report", "report_id": report},
        {"key": "deals", "kind": "metric", "metric": "new_deals"},
    ]
    shared = {"name": "Sales", "tiles": tiles, "sharing": "organization"}
    id = (await client.made("dashboards", shared))["id"]
    mark = (await client.read(f"dashboards/{id}/data"))["cursor"]
    return id, mark


async def company(client):
    await client.made("companies", {"name": "Example Company"})


def data_of(lines):
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]


async def heard(api, id, after, wanted, **headers):
    """The lines up to an event that tells of a tile."""
    lines = []
    stream = api.stream(
        "GET", f"/v1/dashboards/{id}/stream", params={"after": after}, headers=headers
    )
    async with asyncio.timeout(150), stream as answer:
        assert answer.headers["content-type"].startswith("text/event-stream"), await answer.aread()
        async for line in answer.aiter_lines():
            lines.append(line)
            if any(wanted in one.get("tiles", ()) for one in data_of(lines)):
                break
    return lines


async def test_tiles_come_by_server_sent_events(server, client, org):
    id, mark = await page_of(client)
    async with server.client(Org(org.id, client.token)) as api:
        telling = asyncio.create_task(heard(api, id, mark, "companies"))
        await asyncio.sleep(0.5)
        await company(client)
        lines = await telling
        (last,) = [one for one in data_of(lines) if "companies" in one["tiles"]]
        assert last["tiles"] == ["companies"]
        assert f"id: {last['cursor']}" in lines
        # From there on nothing is missed, and nothing comes again.
        await company(client)
        mine = {"Last-Event-ID": last["cursor"]}
        again = data_of(await heard(api, id, mark, "companies", **mine))
        assert [one["tiles"] for one in again] == [["companies"]]
        assert again[0]["cursor"] != last["cursor"]


async def test_tiles_come_as_a_subscription(server, client):
    id, mark = await page_of(client)
    async with opened(server) as socket:
        await begun(socket, client.token)
        document = (
            "subscription($id: UUID!, $after: String!) "
            "{ staleDashboardTiles(id: $id, after: $after) { tiles cursor } }"
        )
        asked = {"query": document, "variables": {"id": id, "after": mark}}
        await say(socket, id="1", type="subscribe", payload=asked)
        await company(client)
        told = await hear(socket, 150)
        while "companies" not in told["payload"]["data"]["staleDashboardTiles"]["tiles"]:
            told = await hear(socket, 150)
        assert told["payload"]["data"]["staleDashboardTiles"]["cursor"]


async def test_who_sees_no_dashboard_follows_none(client):
    id, mark = await page_of(client)
    levels = {"*": {"read": "all"}, "dashboards": {"read": "none"}}
    blind = await member(client, await custom_role(client, levels=levels))
    problem(await blind.api.get(f"/v1/dashboards/{id}/stream", params={"after": mark}), 403)
    gone = "019a0000-0000-7000-8000-000000000000"
    problem(await client.get(f"/v1/dashboards/{gone}/stream", params={"after": mark}), 404)
    problem(await client.get(f"/v1/dashboards/{id}/stream", params={"after": "none"}), 422)
    problem(await client.get(f"/v1/dashboards/{id}/stream"), 422)
