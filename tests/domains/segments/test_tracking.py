"""What contacts do: told once, each by itself, on their timeline, gone with them."""

import asyncio

from support.clients import problem
from support.segments import ago, matching, people, track
from support.waiting import patiently


async def test_each_event_is_taken_or_refused_by_itself(client):
    (one,) = await people(client, "A", emails=[{"value": "a@example.com"}])
    other = await client.made("contacts", {"last_name": "B", "external_ids": {"shop": "7"}})
    await people(client, "C", "D", emails=[{"value": "both@example.com"}])
    events = [
        {"name": "page.viewed", "contact_id": one, "properties": {"path": "/", "n": 1.5}},
        {"name": "page.viewed", "email": "A@Example.com", "client_id": "1", "source": "website"},
        {"name": "order.placed", "external": {"source": "shop", "id": "7"}, "client_id": "1"},
        {"name": "order.placed", "external": {"source": "shop", "id": "7"}, "client_id": "2"},
        {"name": "page.viewed", "email": "nobody@example.com"},
        {"name": "page.viewed", "email": "no address"},
        {"name": "page.viewed", "email": "both@example.com"},
        {"name": "Not a name", "contact_id": one},
        {"name": "page.viewed"},
        {"name": "page.viewed", "contact_id": one, "occurred_at": ago(-1)},
        {"name": "page.viewed", "contact_id": one, "occurred_at": ago(3_700)},
        {"name": "page.viewed", "contact_id": one, "unknown": True},
        {"name": "page.viewed", "contact_id": one, "occurred_at": ago(3_000)},
    ]
    answer = await client.post("/v1/events/track", json={"events": events})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["accepted"], told["duplicates"], told["refused"]) == (4, 1, 8)
    assert [one["result"][0] for one in told["data"]] == list("aadarrrrrrrra")
    codes = [one["faults"][0]["code"] for one in told["data"] if one["faults"]]
    assert codes[:3] == ["unknown_contact", "unknown_contact", "ambiguous"]
    assert codes[5:7] == ["in_the_future", "too_late"]
    assert told["data"][4]["faults"][0]["pointer"] == "/events/4/email"
    assert told["data"][11]["faults"][0]["pointer"] == "/events/11/unknown"
    assert told["data"][2]["id"] == told["data"][1]["id"]
    found = (await client.read("behaviour-events", **{"filter[contact_id]": one}))["data"]
    assert len(found) == 3
    assert {"path": "/", "n": 1.5} in [event["properties"] for event in found]
    assert await matching(client, {"behaviour": {"did": "order.placed"}}) == ["B"]
    assert (await client.read(f"contacts/{other['id']}"))["version"] == 1


async def test_what_is_told_twice_at_the_same_time_is_there_once(client):
    (one,) = await people(client, "A")
    batch = [{"name": "page.viewed", "contact_id": one, "client_id": str(n)} for n in range(200)]
    answers = await asyncio.gather(
        *(client.post("/v1/events/track", json={"events": batch[::step]}) for step in (1, -1) * 4)
    )
    assert [answer.status_code for answer in answers] == [200] * 8
    told = [answer.json() for answer in answers]
    assert sum(one["accepted"] for one in told) == 200
    assert sum(one["duplicates"] for one in told) == 1_400
    ids = {event["id"] for one in told for event in one["data"]}
    assert len(ids) == 200
    count = await client.read("behaviour-events", count="exact", limit=1)
    assert count["total"] == 200


async def test_wrong_batches_are_refused(client):
    for body in ({"events": []}, {"events": [{}] * 1_001}, {"events": [1]}, {}):
        problem(await client.post("/v1/events/track", json=body), 422)
    told = await client.post("/v1/events/track?dry_run=true", json={"events": [{"name": "a"}]})
    assert told.json()["refused"] == 1


async def test_graphql_takes_the_same(client):
    (one,) = await people(client, "A")
    document = """mutation($e: TrackInput!) { trackEvents(input: $e) {
        accepted refused data { index result id faults { pointer } } } }"""
    events = [{"name": "page.viewed", "contact_id": one}, {"name": "page.viewed"}]
    told = (await client.data(document, e={"events": events}))["trackEvents"]
    assert (told["accepted"], told["refused"]) == (1, 1)
    shown = await client.data("{ behaviourEvents { nodes { name contact { lastName } } } }")
    assert shown["behaviourEvents"]["nodes"] == [
        {"name": "page.viewed", "contact": {"lastName": "A"}}
    ]


async def test_a_dry_run_keeps_nothing(client):
    (one,) = await people(client, "A")
    body = {"events": [{"name": "page.viewed", "contact_id": one}]}
    told = await client.post("/v1/events/track?dry_run=true", json=body)
    assert told.json()["accepted"] == 1
    assert (await client.read("behaviour-events"))["data"] == []


async def test_it_is_on_the_timeline_when_it_happened(client, worker):
    (one,) = await people(client, "A")
    await track(client, {"name": "page.viewed", "contact_id": one, "occurred_at": ago(30)})
    async for _ in patiently():
        found = (await client.read(f"contacts/{one}/timeline"))["data"]
        if found:
            break
    (entry,) = found
    assert (entry["topic"], entry["kind"]) == ("behaviour_event.created", "page.viewed")
    assert (entry["direction"], entry["department"]) == ("in", "advertising")
    assert entry["at"][:10] == ago(30)[:10]


async def test_it_goes_to_whom_somebody_is_merged_into_and_back(client, worker):
    winner, loser = await people(client, "A", "B")
    await track(client, {"name": "page.viewed", "contact_id": loser})
    body = {"winner_id": winner, "loser_ids": [loser]}
    merged = await client.post("/v1/contacts/merge", json=body)
    assert merged.is_success, merged.text
    assert await matching(client, {"behaviour": "page.viewed"}) == ["A"]
    # Told of who is merged by now, it is of who is left.
    await track(client, {"name": "order.placed", "contact_id": loser})
    assert await matching(client, {"behaviour": "order.placed"}) == ["A"]
    await client.made("segments", {"name": "S", "filter": {"behaviour": "page.viewed"}})
    await client.idle()
    (merge,) = (await client.read("merges"))["data"]
    undone = await client.post(f"/v1/merges/{merge['id']}/undo")
    assert undone.is_success, undone.text
    async for _ in patiently():
        if await matching(client, {"behaviour": "page.viewed"}) == ["B"]:
            break
    assert await matching(client, {"behaviour": "order.placed"}) == ["A"]


async def test_it_is_purged_with_whoever_did_it(client):
    one, other = await people(client, "A", "B")
    await track(
        client,
        {"name": "page.viewed", "contact_id": one},
        {"name": "page.viewed", "contact_id": other},
    )
    answer = await client.delete(f"/v1/contacts/{one}?purge=true")
    assert answer.status_code == 204, answer.text
    (left,) = (await client.read("behaviour-events"))["data"]
    assert left["contact_id"] == other
