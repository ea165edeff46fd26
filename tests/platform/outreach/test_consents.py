"""What people decide is only ever added to, and the last word counts."""

import asyncio

import pytest

from support.clients import pointers, problem

GRANT = {
    "purpose": "newsletter",
    "channel": "email",
    "basis": "consent",
    "evidence": {"source": "web form", "ip": "192.0.2.7"},
}


@pytest.fixture
async def person(client):
    return (await client.made("contacts", {"email": "sample@example.com"}))["id"]


async def _said(client, person, **more):
    return await client.made("consents", {**GRANT, "record_id": person, **more})


async def _effective(client, person):
    found = await client.read("consents/effective", record_id=person)
    return {(row["purpose"], row["channel"]): row["state"] for row in found["data"]}


async def test_the_last_word_on_each_purpose_and_channel_counts(client, person):
    await _said(client, person)
    await _said(client, person, channel="phone")
    await _said(client, person, state="denied", channel="phone")
    await _said(client, person, purpose="events")
    assert await _effective(client, person) == {
        ("newsletter", "email"): "granted",
        ("newsletter", "phone"): "denied",
        ("events", "email"): "granted",
    }
    page = await client.read("consents", **{"filter[record_id]": person})
    assert len(page["data"]) == 4


async def test_what_was_decided_before_is_history(client, person):
    await _said(client, person, state="withdrawn", at="2020-01-01T00:00:00Z")
    await _said(client, person, at="2021-01-01T00:00:00Z")
    await _said(client, person, state="denied", at="2019-01-01T00:00:00Z")
    assert await _effective(client, person) == {("newsletter", "email"): "granted"}


async def test_withdrawing_takes_back_all_or_a_part(client, person):
    for channel in ("email", "phone", "sms"):
        await _said(client, person, channel=channel)
    body = {"record_id": person, "channel": "phone", "evidence": {"note": "By letter."}}
    answer = await client.post("/v1/consents/withdraw", json=body)
    assert [row["channel"] for row in answer.json()["data"]] == ["phone"]
    assert answer.json()["data"][0]["evidence"] == {"note": "By letter."}
    answer = await client.post("/v1/consents/withdraw", json={"record_id": person})
    assert {row["channel"] for row in answer.json()["data"]} == {"email", "sms"}
    assert set((await _effective(client, person)).values()) == {"withdrawn"}
    again = await client.post("/v1/consents/withdraw", json={"record_id": person})
    assert again.json() == {"data": []}


async def test_a_dry_run_stores_nothing(client, person):
    body = {**GRANT, "record_id": person}
    answer = await client.post("/v1/consents", params={"dry_run": "true"}, json=body)
    assert answer.status_code == 201
    assert await _effective(client, person) == {}


async def test_consents_of_merged_people_count_together(client, person):
    other = (await client.made("contacts", {"email": "other@example.com"}))["id"]
    await _said(client, person)
    await client.post("/v1/consents/withdraw", json={"record_id": person})
    await _said(client, other, purpose="events")
    merge = {"winner_id": other, "loser_ids": [person]}
    answer = await client.post("/v1/contacts/merge", json=merge)
    assert answer.status_code == 201, answer.text
    assert await _effective(client, other) == {
        ("newsletter", "email"): "withdrawn",
        ("events", "email"): "granted",
    }
    await client.post(f"/v1/merges/{answer.json()['id']}/undo")
    assert await _effective(client, other) == {("events", "email"): "granted"}


async def _states(client, *ids):
    """What filters see of the newsletter by e-mail."""
    found = {}
    for state in ("granted", "denied", "withdrawn", "unknown"):
        asked = {"purpose": "newsletter", "channel": "email", "state": state}
        answer = await client.post("/v1/contacts/query", json={"filter": {"consent": asked}})
        found |= {row["id"]: state for row in answer.json()["data"]}
    return [found[id] for id in ids]


async def test_a_refusal_of_either_of_merged_people_holds(client, person):
    """Until whoever they are now decides anew; taken apart, each has said what each had said."""
    other = (await client.made("contacts", {"email": "other@example.com"}))["id"]
    third = (await client.made("contacts", {"email": "third@example.com"}))["id"]
    key = ("newsletter", "email")
    await _said(client, person)
    await client.post("/v1/consents/withdraw", json={"record_id": person})
    await _said(client, other)
    await _said(client, third)

    async def merged(winner, loser):
        body = {"winner_id": winner, "loser_ids": [loser]}
        answer = await client.post("/v1/contacts/merge", json=body)
        assert answer.status_code == 201, answer.text
        return f"/v1/merges/{answer.json()['id']}/undo"

    await merged(other, person)
    assert (await _effective(client, other))[key] == "withdrawn"
    assert await _states(client, other) == ["withdrawn"]
    second = await merged(third, other)
    assert (await _effective(client, third))[key] == "withdrawn"
    assert await _states(client, third) == ["withdrawn"]
    await client.post(second)
    await _said(client, other)
    assert (await _effective(client, other))[key] == "granted"
    await merged(third, other)
    assert (await _effective(client, third))[key] == "granted"
    assert await _states(client, third) == ["granted"]


async def test_people_who_are_taken_apart_have_said_what_each_had_said(client, person):
    other = (await client.made("contacts", {"email": "other@example.com"}))["id"]
    await _said(client, other)
    await _said(client, person)
    await client.post("/v1/consents/withdraw", json={"record_id": person})
    body = {"winner_id": person, "loser_ids": [other]}
    merge = (await client.post("/v1/contacts/merge", json=body)).json()
    assert await _states(client, person) == ["withdrawn"]
    await client.post(f"/v1/merges/{merge['id']}/undo")
    assert await _states(client, person, other) == ["withdrawn", "granted"]


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"basis": None}, ""),
        ({"evidence": {}}, ""),
        ({"channel": "pigeon"}, "/channel"),
        ({"purpose": "News Letter"}, "/purpose"),
        ({"at": "2090-01-01T00:00:00Z"}, "/at"),
        ({"target": "company"}, "/target"),
        ({"target": "nothing"}, "/target"),
        ({"evidence": {"source": "x", "ip": "999.1.1.1"}}, "/evidence/ip"),
        ({"record_id": "01990000-0000-7000-8000-00000000beef"}, "/record_id"),
        ({"text_id": "01990000-0000-7000-8000-00000000beef"}, "/text_id"),
        ({"state": "granted", "surprise": 1}, "/surprise"),
    ],
)
async def test_what_is_wrong_is_told(client, person, more, pointer):
    answer = await client.post("/v1/consents", json={**GRANT, "record_id": person, **more})
    assert pointer in pointers(problem(answer, 422)), answer.text


async def test_a_text_is_of_its_purpose_and_stays_as_it_is(client, person):
    text = await client.made(
        "consent-texts", {"name": "Spring", "purpose": "newsletter", "body": "Yes, please."}
    )
    made = await _said(client, person, text_id=text["id"])
    assert made["text_id"] == text["id"]
    body = {**GRANT, "record_id": person, "purpose": "events", "text_id": text["id"]}
    assert pointers(problem(await client.post("/v1/consents", json=body), 422)) == ["/text_id"]
    answer = await client.patch(f"/v1/consent-texts/{text['id']}", json={"body": "No."})
    problem(answer, 422)
    answer = await client.delete(f"/v1/consent-texts/{text['id']}", params={"purge": "true"})
    problem(answer, 409, "still_referred_to")


async def test_people_of_others_are_not_there(client, other, person):
    answer = await other.post("/v1/consents", json={**GRANT, "record_id": person})
    assert pointers(problem(answer, 422)) == ["/record_id"]
    answer = await other.get("/v1/consents/effective", params={"record_id": person})
    problem(answer, 422)


async def test_the_application_cannot_change_what_was_decided(client, person, world):
    made = await _said(client, person)
    async with world.owner.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL ROLE crm_app")
        for statement in ("UPDATE consents SET state = 'denied'", "DELETE FROM consents"):
            with pytest.raises(Exception, match="permission denied"):
                async with connection.transaction():
                    await connection.execute(statement)
    assert (await client.read(f"consents/{made['id']}"))["state"] == "granted"


async def test_of_many_at_once_the_one_stored_last_is_the_last_word(client, person, world):
    states = ["granted", "withdrawn"] * 4
    await asyncio.gather(*(_said(client, person, state=state) for state in states))
    rows = await world.owner.fetch(
        "SELECT state, at, seq FROM consents WHERE record_id = $1 ORDER BY at, seq", person
    )
    # In the order of time and in that in which they were stored alike.
    assert [row["seq"] for row in rows] == sorted(row["seq"] for row in rows)
    assert len({row["at"] for row in rows}) == len(states)
    assert await _effective(client, person) == {("newsletter", "email"): rows[-1]["state"]}


async def test_graphql_says_the_same(client, person):
    document = """
        mutation ($input: ConsentInput!) {
            recordConsent(input: $input) { id state at text { name } evidence } }
    """
    given = {
        "recordId": person,
        "purpose": "newsletter",
        "channel": "email",
        "basis": "consent",
        "evidence": {"source": "call"},
    }
    made = (await client.data(document, input=given))["recordConsent"]
    assert made["state"] == "granted"
    assert made["evidence"] == {"source": "call"}
    document = """
        mutation ($input: WithdrawalInput!) { withdrawConsents(input: $input) { state } }
    """
    taken = await client.data(document, input={"recordId": person})
    assert taken == {"withdrawConsents": [{"state": "withdrawn"}]}
    document = "query ($id: UUID!) { effectiveConsents(recordId: $id) { state channel } }"
    found = await client.data(document, id=person)
    assert found == {"effectiveConsents": [{"state": "withdrawn", "channel": "email"}]}
