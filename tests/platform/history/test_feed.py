"""The feed of events: in the order of commits, nothing missed, nothing twice."""

import asyncio

from crm_api.domains.companies.schemas import CompanyCreate
from crm_api.domains.companies.service import CompanyService
from crm_api.kit.db.tx import unit_of_work
from support.clients import problem


async def settled(client, wanted, after=None):
    """The feed once it holds so many events; it waits for transactions that still run."""
    for _ in range(100):
        events, cursor = [], after
        while True:
            page = await client.read("events", limit=7, **({"after": cursor} if cursor else {}))
            events += page["data"]
            if not page["data"] or page["next_cursor"] == cursor:
                break
            cursor = page["next_cursor"]
        if len(events) >= wanted:
            return events, cursor
        await asyncio.sleep(0.05)
    raise AssertionError(f"{len(events)} of {wanted}")


async def test_feed_goes_on_where_it_ended(client):
    await client.made("companies", {"name": "One"})
    events, cursor = await settled(client, 2)
    assert [event["type"] for event in events] == ["api_key.created", "company.created"]
    await client.made("companies", {"name": "Two"})
    more, _ = await settled(client, 1, after=cursor)
    assert [event["data"]["name"] for event in more] == ["Two"]


async def test_late_commits_are_not_missed(client, tx_of, org):
    """A transaction that began earlier and commits later still comes after the cursor."""
    _, start = await settled(client, 1)
    slow = tx_of(org)
    async with unit_of_work(slow):
        await CompanyService(slow).create(CompanyCreate(name="Slow"))
        await slow.flush()
        await client.made("companies", {"name": "Fast"})
        page = await client.read("events", after=start)
        names = [event["data"].get("name") for event in page["data"]]
        assert "Slow" not in names
        assert "Fast" not in names
    events, _ = await settled(client, 2, after=page["next_cursor"])
    assert {event["data"]["name"] for event in events} == {"Slow", "Fast"}


async def test_parallel_writers_are_all_told_once(client):
    names = [f"Company {n}" for n in range(40)]
    await asyncio.gather(*(client.made("companies", {"name": name}) for name in names))
    events, _ = await settled(client, 41)
    told = [e["data"]["name"] for e in events if e["type"] == "company.created"]
    assert sorted(told) == sorted(names)


async def test_topics_choose(client):
    made = await client.made("companies", {"name": "One"})
    await client.delete(f"/v1/companies/{made['id']}")
    await settled(client, 3)
    for types, wanted in (
        ("company.*", ["company.created", "company.deleted"]),
        ("company.deleted", ["company.deleted"]),
        ("contact.*", []),
        ("*", ["api_key.created", "company.created", "company.deleted"]),
        ("api_key.created,company.deleted", ["api_key.created", "company.deleted"]),
    ):
        page = await client.read("events", types=types)
        assert [event["type"] for event in page["data"]] == wanted
    for types in ("a b", "x" * 81, "'; --"):
        problem(await client.get("/v1/events", params={"types": types}), 422, "invalid_type")


async def test_cursors_of_others_are_refused(client, other):
    page = await client.read("events")
    answer = await other.get("/v1/events", params={"after": page["next_cursor"]})
    problem(answer, 422, "cursor_mismatch")
    problem(await client.get("/v1/events", params={"after": "x"}), 422, "invalid_cursor")
