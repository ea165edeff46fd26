"""Following the feed: from now, from where one was, until the credential ends."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from crm_api.platform.history import following
from support.clients import problem
from support.processes import Server


@pytest.fixture(scope="module")
def server(settings):
    started = Server(settings)
    started.wait()
    yield started
    started.kill()


class Reader:
    """A client of server-sent events."""

    def __init__(self, lines):
        self.lines = lines
        self.last = None

    async def next(self):
        """The next event, whatever heartbeats come before it."""
        name = data = None
        while True:
            line = await asyncio.wait_for(anext(self.lines), 60)
            if line.startswith("id: "):
                self.last = line[4:]
            elif line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                data = json.loads(line[6:])
            elif not line and data is not None:
                return name, data


@asynccontextmanager
async def following_(api, headers=None, **params):
    async with api.stream("GET", "/v1/events/stream", params=params, headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.aiter_lines()
        assert (await anext(lines)) == ": following"
        yield Reader(lines)


async def test_what_happens_comes_as_it_happens(server, org, client):
    before = await client.made("companies", {"name": "Before"})
    await client.told(before["id"], 1)
    async with server.client(org) as api, following_(api, types="company.*") as events:
        await client.made("contacts", {"last_name": "Other"})
        made = await client.made("companies", {"name": "One"})
        name, event = await events.next()
        assert (name, event["record_id"]) == ("company.created", made["id"])
        (fed,) = await client.told(made["id"], 1)
        assert event == fed
        first = events.last
    for number in range(5):
        await client.made("companies", {"name": f"Missed {number}"})
    # Back again with the last id: what was missed comes first, then what happens.
    async with (
        server.client(org) as api,
        following_(api, {"Last-Event-ID": first}, types="company.*") as events,
    ):
        missed = [(await events.next())[1]["data"]["name"] for _ in range(5)]
        assert missed == [f"Missed {number}" for number in range(5)]
        await client.made("companies", {"name": "Live"})
        assert (await events.next())[1]["data"]["name"] == "Live"
        # A cursor of the stream is one of the feed.
        page = await client.read("events", after=events.last, types="company.*")
        assert page["data"] == []


async def test_filters_and_sight_hold(server, org, client, keyed):
    reader = await keyed("events:read", "companies:read")
    async with server.client(org) as api:
        api.headers["Authorization"] = f"Bearer {reader.token}"
        async with following_(api, **{"types": "company.*", "filter[name]": "Two"}) as events:
            await client.made("contacts", {"last_name": "Hidden"})
            for name in ("One", "Two"):
                await client.made("companies", {"name": name})
            assert (await events.next())[1]["data"]["name"] == "Two"


async def test_the_end_of_the_credential_is_the_end(server, org, client, keyed):
    reader = await keyed("events:read", "companies:read")
    async with server.client(org) as api:
        api.headers["Authorization"] = f"Bearer {reader.token}"
        async with following_(api) as events:
            (key,) = [k for k in (await client.read("api-keys"))["data"] if "*" not in k["scopes"]]
            assert (await client.delete(f"/v1/api-keys/{key['id']}")).status_code == 204
            name, data = await events.next()
            assert (name, data["code"]) == ("end", "credential_ended")


async def test_parallel_writers_are_followed_without_a_gap(server, org, client):
    async with server.client(org) as api, following_(api, types="company.created") as events:
        names = {f"Company {n}" for n in range(40)}
        writing = asyncio.gather(*(client.made("companies", {"name": name}) for name in names))
        seen = [(await events.next())[1]["data"]["name"] for _ in names]
        await writing
        assert sorted(seen) == sorted(names)


async def test_what_is_wrong_is_said_before_it_begins(client, keyed):
    path = "/v1/events/stream"
    problem(await client.get(path, params={"types": "'"}), 422)
    problem(await client.get(path, params={"after": "x"}), 422, "invalid_cursor")
    problem(await client.get(path, headers={"Last-Event-ID": "x"}), 422, "invalid_cursor")
    problem(await client.get(path, params={"types": "*", "filter[a]": "b"}), 422)
    stranger = await keyed("contacts:read")
    problem(await stranger.get(path), 403, "insufficient_scope")


async def test_streams_end_after_a_while(client, monkeypatch):
    monkeypatch.setattr(following, "LONGEST_S", 0.5)
    monkeypatch.setattr(following, "BEAT_S", 0.1)
    monkeypatch.setattr(following, "LOOK_S", 0.1)
    answer = await client.get("/v1/events/stream")
    assert ": still here" in answer.text
    assert answer.text.rstrip().endswith('"detail":"Go on from the last event."}')
