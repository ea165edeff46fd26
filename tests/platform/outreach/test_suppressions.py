"""Suppressions: segments of people and companies whom nobody reaches."""

from uuid import UUID

from crm_api.kit.db.tx import unit_of_work
from crm_api.platform.outreach.gate import Question, may_reach
from support.campaigns import campaign, done, person, segment
from support.clients import tx_of
from support.mailings import did, mailing, settled

NEWS = {"channel": "email", "purpose": "newsletter"}


async def asked(client, *ids):
    body = {"items": [{**NEWS, "record_id": id} for id in ids]}
    answer = await client.post("/v1/outreach/check", json=body)
    assert answer.status_code == 200, answer.text
    return [one["reasons"] for one in answer.json()["data"]]


async def test_who_is_in_a_suppression_is_reached_by_nobody_as_long_as_they_are(client):
    one, other = await person(client), await person(client)
    company = (await client.made("companies", {"name": "Rival"}))["id"]
    employed = await person(client, company_id=company)
    await segment(client, one, other, employed)
    assert await asked(client, one, other, employed) == [[], [], []]
    people = await segment(client, one, kind="suppression")
    await segment(client, company, kind="suppression", target="company")
    barred = ["suppressed_segment"]
    assert await asked(client, one, other, employed) == [barred, [], barred]
    path = f"/v1/segments/{people}/members"
    assert (await client.post(path, json={"remove": [one]})).status_code == 200
    assert await asked(client, one) == [[]]
    assert (await client.post(path, json={"add": [one]})).status_code == 200
    assert await asked(client, one) == [barred]
    await client.changed(f"segments/{people}", {"is_active": False})
    assert await asked(client, one) == [[]]


async def test_who_was_merged_into_somebody_bars_them(client):
    kept, gone = await person(client), await person(client)
    await segment(client, gone, kind="suppression")
    listed = await segment(client, kept)
    body = {"winner_id": kept, "loser_ids": [gone]}
    assert (await client.post("/v1/contacts/merge", json=body)).status_code == 201
    assert await asked(client, kept) == [["suppressed_segment"]]
    # Without a worker no segment has followed that.
    told = await done(client, await campaign(client, listed), "audience/preview")
    assert told["reasons"] == [{"reason": "suppressed_segment", "count": 1}]


async def test_who_wrote_is_not_answered_either(client, org, world):
    id = await person(client, agreed=False)
    await segment(client, id, kind="suppression")
    async with unit_of_work(tx_of(world.database, org)) as tx:
        question = Question(**NEWS, record_id=UUID(id), is_answer=True)
        (answer,) = await may_reach(tx, [question])
    assert answer.reasons == ["suppressed_segment"]


async def test_many_take_no_more_statements_than_one(client, org, world, statements):
    people = [UUID(await person(client)) for _ in range(5)]
    await segment(client, str(people[0]), kind="suppression")
    numbers = []
    for those in (people[:1], people[:1], people):
        async with statements() as sent, unit_of_work(tx_of(world.database, org)) as tx:
            found = await may_reach(tx, [Question(**NEWS, record_id=id) for id in those])
        numbers.append(len(sent))
        assert [one.allowed for one in found] == [False, *[True] * (len(those) - 1)]
    assert numbers[1] == numbers[2]


async def test_what_is_queued_does_not_leave_to_who_is_suppressed_since(client, worker):
    one, other = await person(client), await person(client)
    made = await mailing(client, is_ongoing=True)
    await did(client, made, "start")
    await segment(client, one, kind="suppression")
    await did(client, made, "send", contact_ids=[one, other])
    found = {send["contact_id"]: send for send in await settled(client, made)}
    assert (found[one]["status"], found[one]["reasons"]) == ("suppressed", ["suppressed_segment"])
    assert found[other]["status"] == "sent"
