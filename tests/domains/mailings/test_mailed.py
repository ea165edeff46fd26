"""What became of mails, as filters and segments ask for it."""

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from crm_api.domains.mailings.progress import happen
from crm_api.kit.db.tx import unit_of_work
from domains.mailings.test_campaigns import campaign_to, moved
from domains.mailings.test_experiments import claimed, left
from support.clients import pointers, problem, tx_of
from support.mailings import did, mailing, reader, sends_of
from support.members import custom_role, member
from support.waiting import patiently

KINDS = ("sent", "opened", "clicked", "replied", "bounced")
NOW = datetime.now(UTC)
COMPARED = {
    "gte": lambda number, bound: number >= bound,
    "lt": lambda number, bound: number < bound,
    "eq": lambda number, bound: number == bound,
}


async def sent(client, world, org, people, rng):
    """Two mailings that have left to some, one of a campaign, and what became of them at random."""
    campaign = await campaign_to(client, *people[:6])
    first = await mailing(client, campaign_id=campaign["id"])
    await moved(client, campaign, "launch")
    other = await mailing(client, is_ongoing=True)
    await did(client, other, "start")
    await did(client, other, "send", contact_ids=[one["id"] for one in people[3:9]])
    for made in (first, other):
        ready = await claimed(world.database, org, made)
        await left(world.database, org, ready)
        async with unit_of_work(tx_of(world.database, org)) as tx:
            for one in ready:
                for kind in rng.sample(KINDS[1:], rng.randint(0, 3)):
                    ago = timedelta(days=rng.choice((1, 5, 20)), minutes=7)
                    await happen(tx, [one.held.id], kind, at=NOW - ago)
    return campaign, first, other


async def matching(client, asked):
    body = {"filter": asked, "limit": 200, "fields": ["id"]}
    answer = await client.post("/v1/contacts/query", json=body)
    assert answer.status_code == 200, answer.text
    return {one["id"] for one in answer.json()["data"]}


async def test_filters_of_mails_are_what_plain_python_tells(client, world, org):
    rng = random.Random(5)
    people = [await reader(client, address=f"a@{uuid4().hex}.example.org") for _ in range(12)]
    campaign, first, other = await sent(client, world, org, people, rng)
    sends = [(made["id"], one) for made in (first, other) for one in await sends_of(client, made)]
    everybody = {one["id"] for one in people}

    def times(asked, person):
        kind = asked.get("did") or asked["did_not"]
        moments = [
            datetime.fromisoformat(one[f"{kind}_at"])
            for id, one in sends
            if one["contact_id"] == person
            and one[f"{kind}_at"] is not None
            and asked.get("mailing_id", id) == id
            and ("campaign_id" not in asked or id == first["id"])
        ]
        days = int(asked["within"][:-1]) if "within" in asked else 999
        until = datetime.fromisoformat(asked["until"]) if "until" in asked else datetime.max
        until = until.replace(tzinfo=UTC)
        return sum(NOW - timedelta(days=days) <= at < until for at in moments)

    found_some = 0
    for _ in range(60):
        asked = {rng.choice(("did", "did", "did_not")): rng.choice(KINDS)}
        if rng.random() < 0.4:
            asked |= rng.choice(({"mailing_id": other["id"]}, {"campaign_id": campaign["id"]}))
        if rng.random() < 0.5:
            asked["within"] = rng.choice(("3d", "10d", "30d"))
        if rng.random() < 0.2:
            asked["until"] = (NOW - timedelta(days=2)).isoformat()
        operator, bound = rng.choice(list(COMPARED)), rng.randint(0, 2)
        if "did" in asked and rng.random() < 0.5:
            asked["count"] = {operator: bound}
        number = {one: times(asked, one) for one in everybody}
        if "count" in asked:
            expected = {one for one, n in number.items() if COMPARED[operator](n, bound)}
        else:
            expected = {one for one, n in number.items() if (n > 0) == ("did" in asked)}
        own = {"id": {"in": sorted(everybody)}}
        found = await matching(client, {"and": [own, {"mailed": asked}]})
        assert found == expected, asked
        others = await matching(client, {"and": [own, {"not": {"mailed": asked}}]})
        assert others == everybody - expected, asked
        found_some += 0 < len(found) < len(everybody)
    assert found_some > 20
    query = """query ($id: UUID!) {
        contacts(where: { mailed: { did: "sent", mailingId: $id, count: { gte: 1 } } }) {
            nodes { id } } }"""
    nodes = (await client.data(query, id=other["id"]))["contacts"]["nodes"]
    assert {one["id"] for one in nodes} == {one["id"] for one in people[3:9]}


async def test_segments_follow_what_becomes_of_mails(client, world, org, worker):
    people = [await reader(client) for _ in range(2)]
    made = await mailing(client, is_ongoing=True)
    asked = {"mailed": {"did": "clicked", "mailing_id": made["id"]}}
    segment = await client.made("segments", {"name": "Keen", "filter": asked})
    await client.idle()
    standing = await client.read(f"segments/{segment['id']}/standing")
    assert (standing["follows"], standing["fault"]) == (True, None)
    await did(client, made, "start")
    await did(client, made, "send", contact_ids=[one["id"] for one in people])
    sends = []
    async for _ in patiently():
        sends = await sends_of(client, made)
        if all(one["status"] == "sent" for one in sends):
            break
    (first, *_) = sends
    async with unit_of_work(tx_of(world.database, org)) as tx:
        await happen(tx, [UUID(first["id"])], "clicked")
    members = []
    async for _ in patiently():
        members = (await client.read(f"segments/{segment['id']}/members"))["data"]
        if members:
            break
    assert [one["id"] for one in members] == [first["contact_id"]]


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({}, "/filter/mailed"),
        ({"did": "sent", "did_not": "opened"}, "/filter/mailed"),
        ({"did": "eaten"}, "/filter/mailed/did"),
        ({"did": ["sent"]}, "/filter/mailed/did"),
        ({"did": "sent", "mailing_id": "x"}, "/filter/mailed/mailing_id"),
        ({"did": "sent", "campaign_id": ["x"]}, "/filter/mailed/campaign_id"),
        ({"did": "sent", "within": "long"}, "/filter/mailed/within"),
        ({"did": "sent", "within": "3d", "since": "@now-1d"}, "/filter/mailed/since"),
        ({"did_not": "sent", "count": {"gte": 1}}, "/filter/mailed/count"),
        ({"did": "sent", "count": {"gte": -1}}, "/filter/mailed/count/gte"),
        ({"did": "sent", "more": 1}, "/filter/mailed/more"),
        (7, "/filter/mailed"),
    ],
)
async def test_what_cannot_be_asked_is_refused_where_it_is_said(client, asked, pointer):
    body = {"filter": {"mailed": asked}}
    answer = await client.post("/v1/contacts/query", json=body)
    assert list(pointers(problem(answer, 422))) == [pointer]


async def test_mails_of_mailings_that_are_seen_and_not_in_the_bin_are_told(client, world, org):
    rng = random.Random(2)
    people = [await reader(client, address=f"a@{uuid4().hex}.example.org") for _ in range(9)]
    own = dict.fromkeys(("read", "create", "update", "delete"), "own")
    levels = {"*": dict.fromkeys(own, "all"), "mailings": own}
    one = await member(client, await custom_role(client, levels=levels))
    _, first, other = await sent(client, world, org, people, rng)
    await client.changed(f"mailings/{other['id']}", {"owner_id": one.id})
    got = {one["id"] for one in people[3:9]}
    everybody = {"id": {"in": [one["id"] for one in people]}}

    async def told(api, **asked):
        return await matching(api, {"and": [everybody, {"mailed": {"did": "sent", **asked}}]})

    assert await told(one.api, mailing_id=first["id"]) == set()
    assert await told(one.api, mailing_id=other["id"]) == await told(one.api) == got
    assert len(await told(client)) == len(people)
    await did(client, first, "complete")
    assert (await client.delete(f"/v1/mailings/{first['id']}")).status_code == 204
    assert await told(client, mailing_id=first["id"]) == set()
    assert await told(client) == got


async def test_who_may_not_read_mailings_asks_for_none(client):
    none = dict.fromkeys(("read", "create", "update", "delete"), "none")
    levels = {"*": dict.fromkeys(none, "all"), "mailings": none}
    one = await member(client, await custom_role(client, levels=levels))
    body = {"filter": {"mailed": "opened"}}
    problem(await one.api.post("/v1/contacts/query", json=body), 403)
