"""Requests of people: received, verified, answered in time or rejected."""

import pytest

from support.clients import pointers, problem


@pytest.fixture
async def person(client):
    return (await client.made("contacts", {"email": "sample@example.com"}))["id"]


async def acted(client, id, verb, body=None, status=200):
    answer = await client.post(f"/v1/subject-requests/{id}/{verb}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_an_answer_is_due_in_a_month_and_may_take_three(client, person):
    body = {"kind": "access", "record_id": person, "received_at": "2026-01-31T12:00:00Z"}
    made = await client.made("subject-requests", body)
    assert (made["status"], made["due_on"]) == ("received", "2026-02-28")
    wrong = {"due_on": "2026-05-01", "extension": "Many archives."}
    answer = await client.post(f"/v1/subject-requests/{made['id']}/extend", json=wrong)
    assert pointers(problem(answer, 422)) == ["/due_on"]
    told = await acted(client, made["id"], "extend", {**wrong, "due_on": "2026-04-30"})
    assert (told["due_on"], told["extension"]) == ("2026-04-30", "Many archives.")


async def test_nothing_is_done_for_whoever_is_not_verified(client, person):
    made = await client.made("subject-requests", {"kind": "erasure", "record_id": person})
    answer = await client.post(f"/v1/subject-requests/{made['id']}/start")
    problem(answer, 409, "wrong_state")
    told = await acted(client, made["id"], "verify", {"verification": "Called back."})
    assert told["status"] == "verified"
    assert told["verified_at"] is not None
    again = await client.post(
        f"/v1/subject-requests/{made['id']}/verify", json={"verification": "x"}
    )
    problem(again, 409, "wrong_state")
    told = await acted(client, made["id"], "reject", {"rejection": "Invoices are kept ten years."})
    assert told["status"] == "rejected"
    problem(await client.post(f"/v1/subject-requests/{made['id']}/start"), 409, "wrong_state")
    history = await client.read(f"subject-requests/{made['id']}/history")
    assert {e["type"] for e in history["data"]} == {
        "subject_request.created",
        "subject_request.verified",
        "subject_request.rejected",
    }


async def test_the_same_over_graphql(client, person, worker):
    document = """mutation ($input: SubjectRequestCreateInput!) {
        createSubjectRequest(input: $input) { id status } }"""
    given = {"kind": "access", "recordId": person}
    id = (await client.data(document, input=given))["createSubjectRequest"]["id"]
    document = """mutation ($id: UUID!) {
        verifySubjectRequest(id: $id, verification: "Called back.") { status } }"""
    assert (await client.data(document, id=id))["verifySubjectRequest"] == {"status": "verified"}
    document = """mutation ($id: UUID!) { startSubjectRequest(id: $id) {
        jobId request { status } } }"""
    started = (await client.data(document, id=id))["startSubjectRequest"]
    assert started["request"] == {"status": "in_progress"}
    await client.ended(started["jobId"])
    document = "query ($id: UUID!) { subjectRequest(id: $id) { status report } }"
    found = (await client.data(document, id=id))["subjectRequest"]
    assert found["status"] == "completed"
    assert found["report"]["records"]["contact"] == 1


async def test_only_those_who_may_erase_or_read_everything_do(client, person, keyed, other):
    for kind in ("access", "erasure"):
        made = await client.made("subject-requests", {"kind": kind, "record_id": person})
        await acted(client, made["id"], "verify", {"verification": "Called back."})
        narrow = await keyed("privacy:write", "contacts:write")
        answer = await narrow.post(f"/v1/subject-requests/{made['id']}/start")
        problem(answer, 403, "insufficient_scope")
        problem(await other.post(f"/v1/subject-requests/{made['id']}/start"), 404)
        problem(await other.get(f"/v1/subject-requests/{made['id']}/archive"), 404)
        problem(await client.get(f"/v1/subject-requests/{made['id']}/archive"), 404, "file_gone")
    body = {"kind": "access", "record_id": person}
    answer = await other.post("/v1/subject-requests", json=body)
    assert pointers(problem(answer, 422)) == ["/record_id"]
    answer = await client.post("/v1/subject-requests", json={**body, "target": "company"})
    assert pointers(problem(answer, 422)) == ["/target"]
    late = {**body, "received_at": "2090-01-01T00:00:00Z"}
    answer = await client.post("/v1/subject-requests", json=late)
    assert pointers(problem(answer, 422)) == ["/received_at"]


async def test_archives_go_with_their_request(client, person, worker, settings, org):
    made = await client.made("subject-requests", {"kind": "access", "record_id": person})
    await acted(client, made["id"], "verify", {"verification": "Called back."})
    started = await acted(client, made["id"], "start", status=202)
    await client.ended(started["job_id"])
    answer = await client.get(f"/v1/subject-requests/{made['id']}/archive")
    assert answer.headers["content-type"] == "application/zip"
    await client.delete(f"/v1/subject-requests/{made['id']}")
    problem(await client.get(f"/v1/subject-requests/{made['id']}/archive"), 404)
