"""Campaigns: their tree, their audience as it is frozen, and what experiments show."""

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from support.campaigns import campaign, done, members, person, segment
from support.clients import pointers, problem
from support.segments import track


async def test_the_tree_has_three_levels(client):
    top = await client.made("campaigns", {"name": "Year", "level": "programme"})
    middle = await client.made("campaigns", {"name": "Spring", "parent_id": top["id"]})
    body = {"name": "Mail", "level": "tactic", "parent_id": middle["id"]}
    assert (await client.made("campaigns", body))["parent_id"] == middle["id"]
    for level, parent in (("tactic", top), ("campaign", middle), ("programme", top)):
        body = {"name": "Wrong", "level": level, "parent_id": parent["id"]}
        answer = await client.post("/v1/campaigns", json=body)
        assert list(pointers(problem(answer, 422))) == ["/parent_id"]


async def test_bad_plans_are_refused_where_they_are_wrong(client):
    bad = (
        ({"starts_on": "2027-03-02", "ends_on": "2027-03-01"}, "/ends_on"),
        ({"channel": "email"}, "/purpose"),
        ({"variants": [{"key": "A"}]}, "/variants"),
        ({"variants": [{"key": "A"}, {"key": "A"}]}, "/variants/1/key"),
        ({"include_segment_ids": [str(uuid4())]}, "/include_segment_ids/0"),
    )
    for body, pointer in bad:
        answer = await client.post("/v1/campaigns", json={"name": "Wrong", **body})
        assert list(pointers(problem(answer, 422))) == [pointer]


async def test_everybody_is_reached_or_excluded_for_a_reason(client):
    good, excluded, suppressed = [await person(client) for _ in range(3)]
    silent = await person(client, agreed=False)
    nowhere = await person(client, emails=[])
    company = (await client.made("companies", {"name": "Rival"}))["id"]
    employed = await person(client, company_id=company)
    listed = await segment(client, good, excluded, suppressed, silent, nowhere, employed)
    await segment(client, suppressed, kind="suppression")
    await segment(client, company, kind="suppression", target="company")
    out = await segment(client, excluded)
    id = await campaign(client, listed, exclude_segment_ids=[out])
    answer = await client.get(f"/v1/campaigns/{id}/audience")
    assert problem(answer, 409)["code"] == "not_launched"
    told = await done(client, id, "audience/preview")
    assert told["reached"] == 1
    assert {one["reason"]: one["count"] for one in told["reasons"]} == {
        "excluded_segment": 1,
        "no_address": 1,
        "no_consent": 1,
        "suppressed_segment": 2,
    }
    launched = await done(client, id, "launch")
    assert (launched["status"], launched["member_count"], launched["excluded_count"]) == (
        "running",
        1,
        5,
    )
    assert {one["contact_id"]: one["excluded_reason"] for one in await members(client, id)} == {
        good: None,
        excluded: "excluded_segment",
        suppressed: "suppressed_segment",
        employed: "suppressed_segment",
        silent: "no_consent",
        nowhere: "no_address",
    }
    assert [m["contact_id"] for m in await members(client, id, is_excluded=False)] == [good]
    frozen = await client.read(f"campaigns/{id}/audience")
    assert frozen == {**told, "refused": []}
    results = await client.read(f"campaigns/{id}/results")
    assert results["exclusions"] == told["reasons"]
    # What is decided since changes nothing of what was frozen.
    await segment(client, good, kind="suppression")
    assert await client.read(f"campaigns/{id}/audience") == frozen
    query = """query($id: UUID!) {
        frozenCampaignAudience(id: $id) { excluded reasons { reason count } refused { reason } }
        campaignResults(id: $id) { exclusions { reason count } }
    }"""
    data = await client.data(query, id=id)
    assert data["frozenCampaignAudience"]["reasons"] == told["reasons"]
    assert data["campaignResults"]["exclusions"] == told["reasons"]
    query = "query($id: UUID!) { campaignMembers(id: $id) { data { contactId } } }"
    data = await client.data(query, id=id)
    assert len(data["campaignMembers"]["data"]) == 6


async def test_consents_of_an_audience_are_those_that_filters_tell(client):
    """Over what people said at random, also as somebody else whom they were merged with."""
    rng = random.Random(7)
    people = [await person(client, agreed=False) for _ in range(24)]
    said = {"target": "contact", "evidence": {"source": "form"}}
    for id in rng.choices(people, k=60):
        state = rng.choice(("granted", "granted", "denied", "withdrawn"))
        about = {"channel": rng.choice(("email", "email", "sms")), "purpose": "newsletter"}
        body = {**said, **about, "record_id": id, "state": state}
        body["at"] = (datetime.now(UTC) - timedelta(days=rng.randint(3, 9))).isoformat()
        if state == "granted":
            body["basis"] = "consent"
            body["expires_at"] = rng.choice(
                (None, (datetime.now(UTC) - timedelta(days=1)).isoformat(), "2199-01-01T00:00:00Z")
            )
        await client.made("consents", body)
    for loser, winner in zip(people[:5], people[5:10], strict=True):
        merge = {"winner_id": winner, "loser_ids": [loser]}
        assert (await client.post("/v1/contacts/merge", json=merge)).status_code == 201
    listed = await segment(client, *people[5:])
    id = await campaign(client, listed)
    await done(client, id, "launch")
    found = await members(client, id)
    assert {one["excluded_reason"] for one in found} == {None, "no_consent"}
    asked = {"consent": {"channel": "email", "purpose": "newsletter"}}
    query = {"filter": asked, "limit": 200, "fields": ["id"]}
    granted = (await client.post("/v1/contacts/query", json=query)).json()["data"]
    assert {one["contact_id"] for one in found if not one["excluded_reason"]} == {
        one["id"] for one in granted
    }


async def test_without_a_basis_or_anybody_there_is_no_launch(client):
    listed = await segment(client, await person(client, agreed=False))
    bare = await campaign(client, listed, channel=None, purpose=None)
    told = await done(client, bare, "launch", 409)
    assert [one["code"] for one in told["errors"]] == ["no_consent_basis"]
    none = await campaign(client, listed)
    assert (await done(client, none, "launch", 409))["code"] == "nobody_to_reach"
    assert (await client.read(f"campaigns/{none}"))["status"] == "draft"
    assert await members(client, none) == []


async def test_a_launched_audience_stays_as_it_is(client):
    one, other = await person(client), await person(client)
    listed = await segment(client, one)
    id = await campaign(client, listed)
    await done(client, id, "launch")
    for change in ({"include_segment_ids": []}, {"holdout_percent": 5}, {"purpose": "offers"}):
        answer = await client.patch(f"/v1/campaigns/{id}", json=change)
        assert problem(answer, 409)["code"] == "audience_frozen"
    assert (await client.changed(f"campaigns/{id}", {"name": "New"}))["name"] == "New"
    body = {"add": [other], "remove": [one]}
    assert (await client.post(f"/v1/segments/{listed}/members", json=body)).status_code == 200
    assert [m["contact_id"] for m in await members(client, id)] == [one]


async def test_of_many_who_launch_one_does(client):
    listed = await segment(client, *[await person(client) for _ in range(5)])
    id = await campaign(client, listed)
    answers = await asyncio.gather(*(client.post(f"/v1/campaigns/{id}/launch") for _ in range(6)))
    assert sorted(one.status_code for one in answers) == [200] + [409] * 5
    assert len(await members(client, id)) == 5


async def test_shares_are_exact_and_a_holdout_gets_nothing(client):
    listed = await segment(client, *[await person(client) for _ in range(20)])
    split = [{"key": "A", "weight": 1}, {"key": "B", "weight": 3}]
    id = await campaign(client, listed, holdout_percent=20, variants=split)
    launched = await done(client, id, "launch")
    assert (launched["member_count"], launched["holdout_count"]) == (16, 4)
    found = await members(client, id)
    assert Counter(one["variant"] for one in found) == {"A": 4, "B": 12, None: 4}
    assert all(one["is_holdout"] == (one["variant"] is None) for one in found)


async def test_it_goes_from_draft_to_archive(client):
    id = (await client.made("campaigns", {"name": "Ads", "kind": "ads"}))["id"]
    assert (await done(client, id, "pause", 409))["code"] == "illegal_transition"
    for verb, status in (
        ("launch", "running"),
        ("pause", "paused"),
        ("resume", "running"),
        ("complete", "completed"),
        ("archive", "archived"),
    ):
        assert (await done(client, id, verb))["status"] == status
    copy = await done(client, id, "clone", 201, name="Ads again")
    assert (copy["status"], copy["kind"], copy["launched_at"]) == ("draft", "ads", None)


async def test_conversions_are_counted_by_variant_and_of_the_holdout(client):
    listed = await segment(client, *[await person(client) for _ in range(20)])
    split = [{"key": "A"}, {"key": "B"}]
    id = await campaign(client, listed, holdout_percent=20, variants=split)
    answer = await client.post(f"/v1/campaigns/{id}/evaluate", json={"event": "bought"})
    assert problem(answer, 409)["code"] == "not_launched"
    await done(client, id, "launch")
    arms = {"A": [], "B": [], None: []}
    for one in await members(client, id):
        arms[one["variant"]].append(one["contact_id"])
    now = datetime.now(UTC)
    at = {"name": "bought", "occurred_at": now.isoformat()}
    before = {"name": "bought", "occurred_at": (now - timedelta(days=1)).isoformat()}
    who = [*arms["A"][:2], *arms["B"][:6], arms[None][0]]
    await track(client, *({**at, "contact_id": one} for one in who))
    await track(client, {**before, "contact_id": arms["A"][7]})
    told = await done(client, id, "evaluate", event="bought", lift=0.2)
    assert [(a["key"], a["reached_conversions"], a["reached"]) for a in told["arms"]] == [
        ("A", 2, 8),
        ("B", 6, 8),
    ]
    (compared,) = told["comparisons"]
    # z = 0.5 / sqrt(0.5 * 0.5 * 2 / 8) = 2; its two-sided p is 0.0455.
    assert (round(compared["z"], 6), round(compared["p"], 4)) == (2.0, 0.0455)
    assert (told["holdout"]["frozen_conversions"], told["holdout"]["uplift"]) == (1, 0.25)
    assert (told["frozen_sample_ratio_p"], told["verdict"]) == (1.0, "insufficient_data")
