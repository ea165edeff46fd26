"""The one gate: who may be reached, and if not why."""

import asyncio
from uuid import UUID

import pytest

from crm_api.kit.db.tx import unit_of_work
from crm_api.platform.outreach.gate import Question, may_reach
from support.clients import pointers, problem, tx_of
from support.factories import OFFICE_WEEK

ASKED = {"channel": "email", "purpose": "newsletter"}


async def person(client, **more):
    return (await client.made("contacts", {"last_name": "Person", **more}))["id"]


async def agreed(client, id, **more):
    said = {"basis": "consent", "evidence": {"source": "form"}}
    return await client.made("consents", {**ASKED, **said, "record_id": id, **more})


async def asked(client, *items):
    body = {"items": [{**ASKED, **item} for item in items]}
    answer = await client.post("/v1/outreach/check", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def reasons(client, **item):
    (found,) = await asked(client, item)
    assert found["allowed"] == (not found["reasons"])
    return found["reasons"]


async def test_who_agreed_is_reached_and_who_did_not_is_not(client):
    id = await person(client, email="yes@example.com")
    assert await reasons(client, record_id=id) == ["no_consent"]
    await agreed(client, id)
    (found,) = await asked(client, {"record_id": id})
    assert found == {
        "allowed": True,
        "reasons": [],
        "record_id": id,
        "address": "yes@example.com",
    }
    assert await reasons(client, address="YES@example.com") == []
    assert await reasons(client, record_id=id, purpose="events") == ["no_consent"]
    assert await reasons(client, record_id=id, channel="sms") == ["no_address", "no_consent"]
    assert await reasons(client, address="nobody@example.com") == ["unknown_person", "no_consent"]
    unknown = "01990000-0000-7000-8000-00000000beef"
    assert await reasons(client, record_id=unknown) == ["unknown_person", "no_consent"]


async def test_nobody_is_reached_after_a_withdrawal(client):
    id = await person(client, email="was@example.com")
    await agreed(client, id)
    await client.post("/v1/consents/withdraw", json={"record_id": id})
    assert await reasons(client, record_id=id) == ["withdrawn"]
    await agreed(client, id, state="denied", basis=None)
    assert await reasons(client, record_id=id) == ["denied"]
    await agreed(client, id, expires_at="2031-01-01T00:00:00Z")
    assert await reasons(client, record_id=id) == []
    assert await reasons(client, record_id=id, at="2031-01-01T00:00:00Z") == ["expired"]


async def test_who_wrote_is_answered_but_for_what_they_refuse(client, org, world):
    id = await person(client, email="wrote@example.com")

    async def against(channel="email", **about):
        async with unit_of_work(tx_of(world.database, org)) as tx:
            question = Question(channel, "newsletter", is_answer=True, **about)
            (answer,) = await may_reach(tx, [question])
        return answer.reasons

    assert await against(record_id=UUID(id)) == []
    assert await against(address="stranger@example.com") == []
    # At some channels people have names.
    assert await against("messenger", address="sample") == []
    await agreed(client, id, state="denied", basis=None)
    assert await against(record_id=UUID(id)) == ["denied"]
    suppressed = {"kind": "email", "value": "stranger@example.com", "reason": "manual"}
    await client.made("suppressions", suppressed)
    assert await against(address="stranger@example.com") == ["suppressed"]


async def test_one_refusal_among_those_who_share_an_address_outweighs(client):
    first = await person(client, email="family@example.com")
    second = await person(client, email="family@example.com")
    await agreed(client, first)
    assert await reasons(client, address="family@example.com") == []
    await client.post("/v1/consents/withdraw", json={"record_id": second, **ASKED})
    assert await reasons(client, address="family@example.com") == ["withdrawn"]
    assert await reasons(client, record_id=first) == []


async def test_suppressed_addresses_and_domains_are_not_reached(client):
    id = await person(client, email="loud@host.example", phone="+49 30 901820")
    for channel in ("email", "phone"):
        await agreed(client, id, channel=channel)
    made = await client.made("suppressions", {"value": "Loud@Host.example", "keep_value": False})
    assert made["value"] is None
    assert await reasons(client, record_id=id) == ["suppressed"]
    await client.delete(f"/v1/suppressions/{made['id']}")
    assert await reasons(client, record_id=id) == []
    await client.made("suppressions", {"kind": "domain", "value": "host.example"})
    assert await reasons(client, record_id=id) == ["suppressed"]
    assert await reasons(client, record_id=id, channel="phone") == []
    body = {"kind": "phone", "value": "030 901820", "channel": "phone", "purpose": "events"}
    await client.made("suppressions", body)
    assert await reasons(client, record_id=id, channel="phone") == []
    body = {"kind": "phone", "value": "030 901820", "expires_at": "2031-01-01T00:00:00Z"}
    await client.made("suppressions", body)
    assert await reasons(client, record_id=id, channel="phone") == ["suppressed"]
    later = await reasons(client, record_id=id, channel="phone", at="2031-01-02T00:00:00Z")
    assert later == []
    problem(await client.post("/v1/suppressions", json=body), 409, "duplicate")


async def test_unusable_points_and_the_bin_are_told(client):
    emails = [{"value": "gone@example.com", "status": "bounced"}]
    id = await person(client, emails=emails)
    await agreed(client, id)
    assert await reasons(client, record_id=id) == ["address_unusable"]
    await client.delete(f"/v1/contacts/{id}")
    assert await reasons(client, record_id=id) == ["in_bin", "address_unusable"]


async def test_the_one_who_is_left_of_a_merge_is_who_is_asked_about(client):
    winner = await person(client, email="kept@example.com")
    loser = await person(client, email="gone@example.com")
    await agreed(client, winner)
    await client.post("/v1/consents/withdraw", json={"record_id": loser, **ASKED})
    body = {"winner_id": winner, "loser_ids": [loser]}
    assert (await client.post("/v1/contacts/merge", json=body)).status_code == 201
    (found,) = await asked(client, {"record_id": loser})
    assert found["record_id"] == winner
    assert found["reasons"] == ["withdrawn"]


async def test_calls_keep_to_the_hours_of_the_person(client):
    id = await person(client, phone="+49 30 901820", time_zone="America/New_York")
    await agreed(client, id, channel="phone")
    late = {"record_id": id, "channel": "phone", "at": "2026-11-25T08:30:00Z"}
    assert await reasons(client, **late) == []
    office = {"name": "Office", "time_zone": "Europe/Berlin", "is_default": True}
    calendar = await client.made("working-calendars", {**office, "week": OFFICE_WEEK})
    assert await reasons(client, **late) == ["quiet_hours"]
    assert await reasons(client, **late | {"at": "2026-11-25T15:00:00Z"}) == []
    assert await reasons(client, record_id=id) == ["no_address", "no_consent"]
    day = {"calendar_id": calendar["id"], "day": "2026-11-25", "name": "Closed"}
    await client.made("calendar-exceptions", day)
    assert await reasons(client, **late | {"at": "2026-11-25T15:00:00Z"}) == ["quiet_hours"]


async def test_statements_do_not_grow_with_the_questions(client, statements):
    ids = [await person(client, email=f"n{n}@example.com") for n in range(5)]
    for id in ids:
        await agreed(client, id)
    await client.made("suppressions", {"value": "n3@example.com"})
    await asked(client, {"record_id": ids[0]})
    async with statements() as one:
        await asked(client, {"record_id": ids[0]}, {"address": "n1@example.com"})
    few = len(one)
    items = [{"record_id": ids[n % 5]} for n in range(250)]
    items += [{"address": f"n{n % 7}@example.com"} for n in range(250)]
    async with statements() as many:
        found = await asked(client, *items)
    assert len(many) == few
    assert len(found) == 500
    assert [row["reasons"] for row in found[:5]] == [[], [], [], ["suppressed"], []]
    body = {"items": [{**ASKED, "record_id": ids[0]}] * 501}
    assert pointers(problem(await client.post("/v1/outreach/check", json=body), 422)) == ["/items"]


@pytest.mark.parametrize(
    ("item", "pointer"),
    [
        ({}, "/items/0"),
        ({"address": "not one"}, "/items/0/address"),
        ({"address": "x@example.com", "target": "company"}, "/items/0/target"),
        ({"address": "x@example.com", "channel": "pigeon"}, "/items/0/channel"),
        ({"address": "12", "channel": "sms"}, "/items/0/address"),
    ],
)
async def test_what_is_wrong_is_told(client, item, pointer):
    answer = await client.post("/v1/outreach/check", json={"items": [{**ASKED, **item}]})
    assert pointers(problem(answer, 422)) == [pointer]


async def test_asking_takes_scopes(client, keyed):
    narrow = await keyed("consents:read")
    body = {"items": [{**ASKED, "address": "x@example.com"}]}
    problem(await narrow.post("/v1/outreach/check", json=body), 403)
    problem(await (await keyed("contacts:read")).post("/v1/outreach/check", json=body), 403)
    both = await keyed("contacts:read", "consents:read")
    assert (await both.post("/v1/outreach/check", json=body)).status_code == 200


async def test_people_of_others_are_unknown(client, other):
    id = await person(client, email="mine@example.com")
    await agreed(client, id)
    assert await reasons(other, record_id=id) == ["unknown_person", "no_consent"]
    assert await reasons(other, address="mine@example.com") == ["unknown_person", "no_consent"]


async def test_graphql_asks_the_same_gate(client):
    id = await person(client, email="graph@example.com")
    await agreed(client, id)
    document = """
        query ($items: [OutreachQuestionInput!]!) {
            outreachCheck(items: $items) { allowed reasons recordId address } }
    """
    items = [{**ASKED, "recordId": id}, {**ASKED, "address": "no@example.com"}]
    found = (await client.data(document, items=items))["outreachCheck"]
    assert found[0] == {
        "allowed": True,
        "reasons": [],
        "recordId": id,
        "address": "graph@example.com",
    }
    assert found[1]["reasons"] == ["unknown_person", "no_consent"]


async def test_no_answer_allows_after_a_committed_withdrawal(client, org, world):
    """Grants and withdrawals race with askers, who note what had committed before they asked."""
    id = await person(client, email="race@example.com")
    await agreed(client, id)
    # Odd while nothing but a withdrawal is the last that was committed.
    turn = [0]
    wrong: list[object] = []
    done = asyncio.Event()

    async def ask():
        while not done.is_set():
            before = turn[0]
            async with unit_of_work(tx_of(world.database, org)) as tx:
                (found,) = await may_reach(
                    tx, [Question("email", "newsletter", record_id=UUID(id))]
                )
            if before % 2 and turn[0] == before and found.allowed:
                wrong.append(found)

    async def change():
        for _ in range(15):
            await client.post("/v1/consents/withdraw", json={"record_id": id})
            turn[0] += 1
            await asyncio.sleep(0.01)
            turn[0] += 1
            await agreed(client, id)
        done.set()

    await asyncio.gather(change(), ask(), ask(), ask())
    assert wrong == []
