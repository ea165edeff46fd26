"""Promises: decided, renegotiated, late, carried over from deals, in the way of projects."""

import asyncio
from datetime import UTC, datetime, timedelta

from crm_api.domains.commitments.jobs import watch_commitments
from support.clients import pointers
from support.ordering import accepted, win
from support.waiting import patiently

YESTERDAY = datetime.now(UTC) - timedelta(days=1, hours=1)


async def act(api, id, verb, status=200, **body):
    answer = await api.post(f"/v1/commitments/{id}/{verb}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_promise_is_kept_broken_withdrawn_and_opened_again(client):
    made = await client.made("commitments", {"text": "Send the plan", "due_on": "2031-03-30"})
    # The clocks are put forward that night in Berlin.
    assert (made["status"], made["overdue_at"]) == ("open", "2031-03-31T00:00:00Z")
    for verb, status in (("keep", "kept"), ("break", "broken"), ("withdraw", "withdrawn")):
        done = await act(client, made["id"], verb, comment="So it was.")
        assert (done["status"], done["decision_comment"]) == (status, "So it was.")
        told = await act(client, made["id"], verb, 409)
        assert (told["code"], told["allowed"]) == ("illegal_transition", ["reopen"])
        answer = await client.patch(f"/v1/commitments/{made['id']}", json={"text": "Another"})
        assert answer.json()["code"] == "commitment_decided"
        again = await act(client, made["id"], "reopen")
        assert (again["status"], again["decided_at"]) == ("open", None)
    ways = (await client.read(f"commitments/{made['id']}/transitions"))["allowed"]
    assert [way["verb"] for way in ways] == ["keep", "break", "withdraw", "renegotiate"]


async def test_days_end_in_their_zone(client):
    body = {"text": "Call", "due_on": "2031-03-30", "time_zone": "Europe/Berlin"}
    assert (await client.made("commitments", body))["overdue_at"] == "2031-03-30T22:00:00Z"
    body |= {"due_at": "2031-03-30T12:00:00Z"}
    told = await client.post("/v1/commitments", json=body)
    assert (told.status_code, pointers(told.json())) == (422, ["/due_at"])
    half = {"text": "Call", "source_target": "deal"}
    assert (await client.post("/v1/commitments", json=half)).status_code == 422
    unknown = {**half, "source_id": "018f0000-0000-7000-8000-000000000000"}
    assert pointers((await client.post("/v1/commitments", json=unknown)).json()) == ["/source_id"]


async def test_what_one_promise_alone_may_have_stays_with_it(client):
    for name, unique in (("number", True), ("kind", False)):
        body = {"target": "commitment", "name": name, "type": "text", "unique": unique}
        await client.made("custom-fields", body)
    custom = {"number": "A-1", "kind": "Example"}
    made = await client.made("commitments", {"text": "Send the plan", "custom": custom})
    later = {"due_on": "2031-03-03", "reason": "The plan is not ready."}
    answer = await client.post(f"/v1/commitments/{made['id']}/renegotiate", json=later)
    assert answer.status_code == 201, answer.text
    assert answer.json()["custom"] == {"kind": "Example"}
    assert (await client.read(f"commitments/{made['id']}"))["custom"] == custom


async def test_of_two_who_renegotiate_one_does_and_the_trail_is_kept(client):
    first = await client.made("commitments", {"text": "Send the plan", "due_on": "2031-03-01"})
    bodies = [{"due_on": f"2031-04-0{n}", "reason": "Ill."} for n in range(1, 5)]
    path = f"/v1/commitments/{first['id']}/renegotiate"
    answers = await asyncio.gather(*(client.post(path, json=body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    (second,) = [answer.json() for answer in answers if answer.status_code == 201]
    assert (await client.read(f"commitments/{first['id']}"))["status"] == "renegotiated"
    assert (second["previous_id"], second["status"]) == (first["id"], "open")
    document = """mutation($id: UUID!) { renegotiateCommitment(
        id: $id, reason: "Still ill.", dueAt: "2031-05-01T12:00:00Z") {
        text dueAt trail { commitmentId dueOn reason } } }"""
    third = (await client.data(document, id=second["id"]))["renegotiateCommitment"]
    assert third["text"] == "Send the plan"
    assert [(was["commitmentId"], was["dueOn"], was["reason"]) for was in third["trail"]] == [
        (first["id"], "2031-03-01", "Ill."),
        (second["id"], second["due_on"], "Still ill."),
    ]
    same = {"due_on": "2031-03-01", "reason": "No."}
    made = await client.made("commitments", {"text": "Other", "due_on": "2031-03-01"})
    assert (await act(client, made["id"], "renegotiate", 422, **same))["code"] == "validation"


async def test_what_is_late_is_told_once_and_broken_by_the_setting(client, database):
    body = {"text": "Send the plan", "due_at": YESTERDAY.isoformat()}
    made = await client.made("commitments", body)
    late = {"filter[status]": "open", "filter[overdue_at][lte]": "@now"}
    assert [row["id"] for row in (await client.read("commitments", **late))["data"]] == [made["id"]]
    for _ in range(2):
        await watch_commitments(database, None)
    history = (await client.read(f"commitments/{made['id']}/history"))["data"]
    assert [event["type"] for event in history].count("commitment.overdue") == 1
    settings = {"break_after_days": 1}
    answer = await client.put("/v1/commitments/settings", json=settings)
    assert answer.json() == settings

    async for _ in patiently():
        await watch_commitments(database, None)
        broken = await client.read(f"commitments/{made['id']}")
        if broken["status"] == "broken":
            break
    assert broken["decision_comment"] == "Open 1 days after it was due."


async def test_promises_of_a_deal_are_carried_over_once(client):
    made = await accepted(client, promises=["Training beside", "Free delivery"])
    before = await client.read(f"deals/{made['deal_id']}")
    answer = await client.patch(
        f"/v1/deals/{made['deal_id']}", json={"promises": ["Free delivery", "A spare key"]}
    )
    assert answer.is_success, answer.text
    won = await win(client, made["deal_id"])
    found = (await client.read("commitments", sort="text"))["data"]
    texts = ["A spare key", "Free delivery", "Training beside"]
    assert [row["text"] for row in found] == texts
    for row in found:
        assert (row["order_id"], row["deal_id"]) == (won["order_id"], made["deal_id"])
        assert (row["company_id"], row["promised_by"]) == (before["company_id"], "us")
        assert (row["source_target"], row["source_id"]) == ("order", won["order_id"])
    assert (await client.post(f"/v1/deals/{made['deal_id']}/reopen", json={})).is_success
    await win(client, made["deal_id"])
    assert len((await client.read("commitments"))["data"]) == 3
    related = await client.read(f"deals/{made['deal_id']}", include="commitments")
    assert len(related["commitments"]["data"]) == 3


async def test_without_an_order_and_without_the_module(client):
    deal = await client.made("deals", {"name": "Office", "promises": ["Training"]})
    await win(client, deal["id"])
    (found,) = (await client.read("commitments"))["data"]
    assert (found["source_target"], found["source_id"]) == ("deal", deal["id"])
    answer = await client.post("/v1/modules/commitments/disable", params={"cascade": "true"})
    assert answer.is_success, answer.text
    other = await client.made("deals", {"name": "Office", "promises": ["Training"]})
    await win(client, other["id"])
    assert (await client.post("/v1/modules/commitments/enable")).is_success
    assert len((await client.read("commitments"))["data"]) == 1


async def test_a_project_is_not_closed_over_an_open_promise(client):
    project = await client.made("projects", {"name": "New office"})
    mine = {"text": "Training", "project_id": project["id"]}
    theirs = {"text": "Pay", "project_id": project["id"], "promised_by": "customer"}
    made = await client.made("commitments", mine)
    await client.made("commitments", theirs)
    assert (await client.post(f"/v1/projects/{project['id']}/start", json={})).is_success
    answer = await client.post(f"/v1/projects/{project['id']}/complete", json={})
    assert answer.status_code == 409
    assert [fault["code"] for fault in answer.json()["errors"]] == ["open_commitment"]
    await act(client, made["id"], "keep")
    assert (await client.post(f"/v1/projects/{project['id']}/complete", json={})).is_success


async def test_what_is_promised_in_a_call_is_of_its_people(client):
    company = await client.made("companies", {"name": "Example Industries"})
    contact = await client.made("contacts", {"last_name": "Person"})
    call = {"kind": "call", "subject": "About the plan", "status": "planned"}
    call |= {"company_id": company["id"], "contact_id": contact["id"]}
    made = await client.made("activities", call)
    path = f"activities/{made['id']}/commitments"
    promise = await client.made(path, {"text": "Pay the rest", "promised_by": "customer"})
    assert (promise["source_target"], promise["source_id"]) == ("activity", made["id"])
    assert (promise["company_id"], promise["contact_id"]) == (company["id"], contact["id"])
    assert (await client.read(path))["data"] == [promise]
    document = """mutation($input: CommitmentCreateInput!) { createCommitment(input: $input) {
        company { name } contact { lastName } } }"""
    given = {"text": "Send it", "sourceTarget": "activity", "sourceId": made["id"]}
    assert (await client.data(document, input=given))["createCommitment"] == {
        "company": {"name": "Example Industries"},
        "contact": {"lastName": "Person"},
    }
