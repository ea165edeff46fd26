"""Conversions that are taken back."""

import asyncio
from collections import Counter
from uuid import UUID

from support.clients import pointers, problem

LEAD = {"first_name": "Sample", "last_name": "Person", "email": "person@example.com"}
LONG_AGO = "UPDATE leads SET converted_at = now() - interval '31 days' WHERE id = $1"


async def owned(api, **more):
    user = await api.made("users", {"email": "agent@example.com", "name": "Sample Agent"})
    return await api.made("leads", {**LEAD, "owner_id": user["id"], **more})


async def converted(api, **more):
    lead = await owned(api, **more)
    answer = await api.post(f"/v1/leads/{lead['id']}/convert", json={"deal": {}})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def reverted(api, lead, status=200, **body):
    answer = await api.post(f"/v1/leads/{lead['id']}/revert", json=body)
    assert answer.status_code == status, answer.text
    return answer


async def test_what_a_conversion_made_goes_and_the_lead_is_what_it_was(client):
    lead = await converted(client, company_name="Example Industries")
    back = (await reverted(client, lead)).json()
    assert (back["status"], back["owner_id"]) == ("assigned", lead["owner_id"])
    names = ("contact_id", "company_id", "deal_id", "converted_at")
    assert [back[name] for name in names] == [None] * 4
    for path in ("contacts", "companies", "deals"):
        assert (await client.read(path))["data"] == []
    types = [event["type"] for event in await client.told(lead["id"], 3)]
    assert types[-1] == "lead.reverted"
    trail = (await client.read(f"leads/{lead['id']}/assignments"))["data"]
    assert [one["ended_as"] for one in trail] == [None, "closed"]
    again = await client.post(f"/v1/leads/{lead['id']}/convert", json={})
    assert again.json()["status"] == "converted"
    assert len((await client.read("contacts"))["data"]) == 1


async def test_what_a_conversion_found_stays(client):
    contact = await client.made("contacts", {"last_name": "Person", "email": LEAD["email"]})
    lead = await converted(client)
    assert lead["contact_id"] == contact["id"]
    await reverted(client, lead)
    assert [one["id"] for one in (await client.read("contacts"))["data"]] == [contact["id"]]
    assert (await client.read("deals"))["data"] == []


async def test_what_was_changed_since_keeps_it_or_stays(client):
    lead = await converted(client, company_name="Example Industries")
    await client.changed(f"deals/{lead['deal_id']}", {"name": "New office"})
    answer = await reverted(client, lead, 409)
    told = problem(answer, 409, "changed_since")
    # What stays keeps what it refers to.
    assert [one["code"] for one in told["errors"]] == ["changed_since", *["needed_since"] * 2]
    assert pointers(told) == ["/deal_id", "/contact_id", "/company_id"]
    assert len((await client.read("contacts"))["data"]) == 1
    assert (await client.read(f"leads/{lead['id']}"))["status"] == "converted"
    await reverted(client, lead, keeps_changed=True)
    (deal,) = (await client.read("deals", include="contact,company"))["data"]
    assert deal["name"] == "New office"
    assert deal["contact"]["id"] == lead["contact_id"]
    assert deal["company"]["id"] == lead["company_id"]


async def test_what_others_have_come_to_need_keeps_it_or_stays(client):
    lead = await converted(client, company_name="Example Industries")
    await client.made("contacts", {"last_name": "Colleague", "company_id": lead["company_id"]})
    answer = await reverted(client, lead, 409)
    (fault,) = problem(answer, 409, "changed_since")["errors"]
    assert (fault["code"], fault["pointer"]) == ("needed_since", "/company_id")
    assert len((await client.read("deals"))["data"]) == 1
    await reverted(client, lead, keeps_changed=True)
    (colleague,) = (await client.read("contacts", include="company"))["data"]
    assert colleague["company"]["id"] == lead["company_id"]
    assert (await client.read("deals"))["data"] == []


async def test_what_another_lead_became_too_stays(client):
    lead = await converted(client)
    other = await client.made("leads", {**LEAD, "owner_id": lead["owner_id"]})
    answer = await client.post(f"/v1/leads/{other['id']}/convert", json={})
    assert answer.json()["contact_id"] == lead["contact_id"]
    assert pointers(problem(await reverted(client, lead, 409), 409)) == ["/contact_id"]
    await reverted(client, lead, keeps_changed=True)
    await client.read(f"contacts/{lead['contact_id']}")


async def test_what_refers_by_a_custom_field_needs_it(client):
    await client.made(
        "custom-fields",
        {"target": "company", "name": "advisor", "label": "Advisor", "type": "relation"}
        | {"relates_to": "contact"},
    )
    lead = await converted(client)
    body = {"name": "Example Industries", "custom": {"advisor": lead["contact_id"]}}
    await client.made("companies", body)
    assert pointers(problem(await reverted(client, lead, 409), 409)) == ["/contact_id"]


async def test_only_what_was_converted_of_late_is_taken_back(client, owner):
    lead = await converted(client)
    await owner.execute(LONG_AGO, UUID(lead["id"]))
    told = await client.read(f"leads/{lead['id']}/transitions")
    (way,) = [one for one in told["allowed"] if one["verb"] == "revert"]
    assert [one["code"] for one in way["blockers"]] == ["too_late"]
    problem(await reverted(client, lead, 409), 409, "blocked_transition")
    other = await client.made("leads", {"last_name": "Other"})
    problem(await reverted(client, other, 409), 409, "illegal_transition")


async def test_of_eight_who_take_it_back_one_does_and_graphql_says_the_same(client):
    lead = await converted(client)
    calls = [client.post(f"/v1/leads/{lead['id']}/revert", json={}) for _ in range(8)]
    codes = Counter(answer.status_code for answer in await asyncio.gather(*calls))
    assert codes == {200: 1, 409: 7}
    await client.post(f"/v1/leads/{lead['id']}/convert", json={})
    told = await client.data(
        "mutation($i: UUID!) { revertLead(id: $i) { status contactId } }", i=lead["id"]
    )
    assert told["revertLead"] == {"status": "assigned", "contactId": None}


async def about(api, plural, lead, **more):
    links = [{"target": "lead", "record_id": lead["id"]}]
    body = {"subject": "Ask what they need", "links": links, **more}
    return await api.made(plural, body)


def parties(one):
    return [one[name] for name in ("contact_id", "company_id", "deal_id")]


async def test_what_was_done_about_a_lead_is_found_at_what_it_became(client):
    lead = await owned(client, company_name="Example Industries")
    call = await about(client, "activities", lead, kind="call")
    task = await about(client, "tasks", lead)
    other = await client.made("contacts", {"last_name": "Colleague"})
    theirs = await about(client, "activities", lead, kind="note", contact_id=other["id"])
    binned = await about(client, "activities", lead, kind="note")
    await client.delete(f"/v1/activities/{binned['id']}")
    answer = await client.post(f"/v1/leads/{lead['id']}/convert", json={"deal": {}})
    became = parties(answer.json())
    assert None not in became
    for path in (f"activities/{call['id']}", f"tasks/{task['id']}"):
        found = await client.read(path)
        assert parties(found) == became
        assert [link["record_id"] for link in found["links"]] == [lead["id"]]
    assert parties(await client.read(f"activities/{theirs['id']}")) == [other["id"], *became[1:]]
    filter = {"filter[contact_id]": became[0]}
    listed = await client.get("/v1/activities", params=filter)
    assert [one["id"] for one in listed.json()["data"]] == [call["id"]]

    # What somebody has changed since stays as they say.
    await client.changed(f"tasks/{task['id']}", {"contact_id": other["id"]})
    await reverted(client, answer.json())
    assert parties(await client.read(f"activities/{call['id']}")) == [None] * 3
    assert parties(await client.read(f"tasks/{task['id']}")) == [other["id"], None, None]
    assert parties(await client.read(f"activities/{theirs['id']}")) == [other["id"], None, None]
    restored = await client.post(f"/v1/activities/{binned['id']}/restore")
    assert parties(restored.json()) == [None] * 3


async def test_what_is_in_the_bin_by_then_is_not_about_what_goes_there_too(client):
    lead = await owned(client, company_name="Example Industries")
    call = await about(client, "activities", lead, kind="call")
    answer = await client.post(f"/v1/leads/{lead['id']}/convert", json={"deal": {}})
    await client.delete(f"/v1/activities/{call['id']}")
    await reverted(client, answer.json())
    restored = await client.post(f"/v1/activities/{call['id']}/restore")
    assert parties(restored.json()) == [None] * 3


async def test_a_completed_activity_goes_with_its_lead(client):
    lead = await owned(client)
    call = await about(client, "activities", lead, kind="call", status="completed")
    answer = await client.post(f"/v1/leads/{lead['id']}/convert", json={})
    found = await client.read(f"activities/{call['id']}")
    assert (found["contact_id"], found["status"]) == (answer.json()["contact_id"], "completed")
    await reverted(client, answer.json())
    assert parties(await client.read(f"activities/{call['id']}")) == [None] * 3


async def test_a_number_alone_becomes_nobody(client):
    user = await client.made("users", {"email": "agent@example.com", "name": "Sample Agent"})
    body = {"phone": "+1 202 555 0143", "owner_id": user["id"]}
    lead = await client.made("leads", body)
    answer = await client.post(f"/v1/leads/{lead['id']}/convert", json={"deal": {}})
    (fault,) = problem(answer, 422)["errors"]
    assert (fault["code"], fault["pointer"]) == ("nameless", "/contact_id")
    assert (await client.read("deals"))["data"] == []
    await client.changed(f"leads/{lead['id']}", {"last_name": "Person"})
    answer = await client.post(f"/v1/leads/{lead['id']}/convert", json={"deal": {}})
    assert answer.json()["contact_id"] is not None
