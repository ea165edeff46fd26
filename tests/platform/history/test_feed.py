"""The feed of events: in the order of commits, nothing missed, nothing twice."""

import asyncio

from crm_api.domains.companies.schemas import CompanyCreate
from crm_api.domains.companies.service import CompanyService
from crm_api.kit.db.tx import unit_of_work
from crm_api.kit.ids import new_id
from support.clients import problem
from support.waiting import patiently


async def settled(client, wanted, after=None):
    """The feed once it holds so many events; it waits for transactions that still run."""
    async for _ in patiently():
        events, cursor = [], after
        while True:
            page = await client.read("events", limit=7, **({"after": cursor} if cursor else {}))
            events += page["data"]
            if not page["data"] or page["next_cursor"] == cursor:
                break
            cursor = page["next_cursor"]
        if len(events) >= wanted:
            break
    return events, cursor


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
        page = (await client.get("/v1/events", params={"after": start})).json()
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


async def test_only_what_may_be_read_is_told(client, keyed):
    """Hidden events stand between the visible ones: stretches are full all the same."""
    for n in range(12):
        await client.made("companies", {"name": f"Company {n}"})
        if n % 4 == 0:
            await client.made("contacts", {"last_name": f"Person {n}"})
    everything, _ = await settled(client, 16)
    for scopes, entities in (
        (["contacts:read"], {"contact"}),
        (["contacts:write", "companies:*"], {"contact", "company"}),
        (["api_keys:read"], {"api_key"}),
        (["*:read"], {"contact", "company", "api_key"}),
        ([], set()),
    ):
        reader = await keyed("events:read", *scopes)
        wanted = [event["id"] for event in everything if event["entity"] in entities]
        seen, after = [], {}
        while len(seen) < len(wanted):
            page = await reader.read("events", limit=2, **after)
            assert len(page["data"]) >= min(2, len(wanted) - len(seen))
            seen += [event["id"] for event in page["data"]]
            after = {"after": page["next_cursor"]}
        assert seen[: len(wanted)] == wanted
        document = "{ events(first: 200) { data { id entity } } }"
        graph = (await reader.data(document))["events"]["data"]
        assert {event["entity"] for event in graph} <= entities
        assert [event["id"] for event in graph][: len(wanted)] == wanted


async def test_events_without_an_area_are_for_who_may_read_everything(client, keyed, tx_of, org):
    tx = tx_of(org)
    async with unit_of_work(tx):
        record_id = new_id()
        tx.record("relic.found", entity="relic", record_id=record_id, version=1, data={"a": 1})
    assert len(await client.told(str(record_id), 1)) == 1
    narrow = await keyed("events:read", "contacts:read", "relics:read", "relic:read")
    assert (await narrow.read("events", types="relic.*"))["data"] == []
    document = 'query($id: UUID!) { history(entity: "relic", id: $id) { data { type } } }'
    shown = await client.data(document, id=str(record_id))
    assert shown["history"]["data"] == [{"type": "relic.found"}]
    refused = await narrow.gql(document, id=str(record_id))
    assert refused["errors"][0]["extensions"]["code"] == "insufficient_scope"


async def test_cursors_of_others_are_refused(client, other):
    page = await client.read("events")
    answer = await other.get("/v1/events", params={"after": page["next_cursor"]})
    problem(answer, 422, "cursor_mismatch")
    problem(await client.get("/v1/events", params={"after": "x"}), 422, "invalid_cursor")


async def test_filters_are_over_the_records(client):
    """A page is full whatever is left out, and the cursor goes past what does not pass."""
    for n in range(30):
        title = "Boss" if n % 10 == 0 else "Clerk"
        await client.made("contacts", {"last_name": f"Person {n}", "title": title})
    await settled(client, 31)
    wanted = {"types": "contact.*", "filter[title][eq]": "Boss"}
    page = await client.read("events", limit=2, **wanted)
    assert [event["data"]["last_name"] for event in page["data"]] == ["Person 0", "Person 10"]
    rest = await client.read("events", limit=2, after=page["next_cursor"], **wanted)
    assert [event["data"]["last_name"] for event in rest["data"]] == ["Person 20"]
    none = await client.read("events", limit=2, after=rest["next_cursor"], **wanted)
    assert none["data"] == []
    document = """query($f: JSON) { events(types: ["contact.created"], filter: $f) {
        data { data } } }"""
    shown = await client.data(document, f={"title": {"eq": "Boss"}})
    assert len(shown["events"]["data"]) == 3
    gone = page["data"][0]["record_id"]
    await client.delete(f"/v1/contacts/{gone}", params={"purge": "true"})
    # Of what was destroyed nothing is left to compare.
    async for _ in patiently():
        last = await client.read("events", after=rest["next_cursor"], **wanted)
        if last["data"]:
            break
    assert [event["type"] for event in last["data"]] == ["contact.purged"]


async def test_filters_take_one_kind_of_record(client, keyed):
    for types in ("contact.*,company.*", "*", None, "relic.found"):
        params = {"filter[title]": "x"} | ({"types": types} if types else {})
        problem(await client.get("/v1/events", params=params), 422, "validation")
    unknown = await client.get("/v1/events", params={"types": "contact.*", "filter[no]": "x"})
    problem(unknown, 422, "invalid_filter")
    blind = await keyed("events:read", "companies:read")
    refused = await blind.get("/v1/events", params={"types": "contact.*", "filter[title]": "x"})
    problem(refused, 403, "insufficient_scope")


async def test_private_views_are_told_to_their_owners_alone(client, keyed):
    mine = await client.made("views", {"name": "Mine", "target": "contact"})
    ours = await client.made(
        "views", {"name": "Ours", "target": "contact", "sharing": "organization"}
    )
    assert len(await client.told(mine["id"], 1)) == 1
    somebody = await keyed("events:read", "views:read")
    told = {event["record_id"] for event in (await somebody.read("events"))["data"]}
    assert told == {ours["id"]}
