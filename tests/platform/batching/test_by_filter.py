"""Changes by filter as jobs: killed, cancelled, with records that cannot be changed."""

import signal

from crm_api.platform.batching import jobs
from support.clients import pointers, problem
from support.waiting import patiently

PATH = "/v1/contacts/bulk/by-filter"
SEEN = {"target": "contact", "name": "seen", "type": "bool"}


async def people(client, count, **data):
    items = [{"last_name": f"Person {n}", "tags": ["all"], **data} for n in range(count)]
    for start in range(0, count, 1000):
        answer = await client.post("/v1/contacts/bulk", json={"items": items[start : start + 1000]})
        assert answer.status_code == 200, answer.text


async def begin(client, count, **body):
    body = {"filter": {"tags": {"has": "all"}}, "expected_count": count, **body}
    answer = await client.post(PATH, json=body)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['job_id']}"
    return answer.json()["job_id"]


async def until_done(client, job_id, least):
    async for _ in patiently(0.01):
        job = await client.read(f"jobs/{job_id}")
        if job["progress"]["done"] >= least:
            break
    return job


async def test_a_killed_worker_is_followed_by_another(client, worker_process, org, owner):
    count = 4_000
    await client.made("custom-fields", SEEN)
    await people(client, count)
    first = worker_process()
    job_id = await begin(client, count, action="update", patch={"custom": {"seen": True}})
    await until_done(client, job_id, 500)
    first.send_signal(signal.SIGKILL)
    first.wait()
    job = await client.read(f"jobs/{job_id}")
    assert job["status"] == "running"
    assert job["progress"]["done"] < count
    worker_process()
    job = await client.ended(job_id)
    # That its worker died was no try of its own.
    assert job["attempts"] == 1
    assert job["result"] == {"counts": {"updated": count}, "errors": []}
    versions = await owner.fetch(
        "SELECT version, count(*) FROM contacts WHERE organization_id = $1 GROUP BY 1", org.id
    )
    assert [tuple(row) for row in versions] == [(2, count)]
    told = await owner.fetchval(
        "SELECT count(*) FROM events WHERE organization_id = $1 AND cause_id = $2", org.id, job_id
    )
    assert told == count


async def test_what_is_done_stays_done_when_it_is_cancelled(client, worker, monkeypatch):
    monkeypatch.setattr(jobs, "CHUNK", 10)
    await people(client, 1_000)
    job_id = await begin(client, 1_000, action="delete")
    await until_done(client, job_id, 10)
    await client.post(f"/v1/jobs/{job_id}/cancel")
    job = await client.ended(job_id, "cancelled")
    deleted = job["result"]["counts"]["deleted"]
    assert job["progress"]["done"] == deleted
    assert (await client.read("contacts", count="exact"))["total"] == 1_000 - deleted
    assert 0 < deleted < 1_000


async def test_records_that_cannot_be_changed_are_skipped_and_told(client, worker, monkeypatch):
    monkeypatch.setattr(jobs, "CHUNK", 8)
    await client.made("custom-fields", SEEN)
    await people(client, 20)
    found = (await client.read("contacts", limit=200, sort="created_at"))["data"]
    nameless = [person["id"] for person in found[3:15:4]]
    for n, id in enumerate(nameless):
        body = {"last_name": None, "email": f"{n}@example.com"}
        await client.changed(f"contacts/{id}", {**body})
    body = {"action": "update", "patch": {"email": None, "custom": {"seen": True}}}
    job = await client.ended(await begin(client, 20, **body))
    assert job["result"]["counts"] == {"updated": 17, "failed": 3}
    assert [error["id"] for error in job["result"]["errors"]] == sorted(nameless)
    assert {error["problem"]["status"] for error in job["result"]["errors"]} == {422}
    for person in found:
        now = await client.read(f"contacts/{person['id']}")
        assert (now["custom"] == {}) == (person["id"] in nameless)


async def test_what_the_database_refuses_is_skipped_too(client, worker, monkeypatch):
    monkeypatch.setattr(jobs, "CHUNK", 4)
    await people(client, 10)
    patch = {"external_ids": {"legacy": "only one can have it"}}
    job = await client.ended(await begin(client, 10, action="update", patch=patch))
    assert job["result"]["counts"] == {"updated": 1, "failed": 9}
    assert {e["problem"]["code"] for e in job["result"]["errors"]} == {"duplicate_external_id"}


async def test_errors_are_named_up_to_a_bound_and_counted_all(client, worker, monkeypatch):
    monkeypatch.setattr(jobs, "MOST_ERRORS", 3)
    await people(client, 10)
    patch = {"company_id": "0190a000-0000-7000-8000-000000000000"}
    job = await client.ended(await begin(client, 10, action="update", patch=patch))
    assert job["result"]["counts"] == {"failed": 10}
    assert len(job["result"]["errors"]) == 3


async def test_records_made_after_the_start_are_left_alone(client, worker_process):
    await people(client, 3)
    job_id = await begin(client, 3, action="delete")
    later = await client.made("contacts", {"last_name": "Later", "tags": ["all"]})
    worker_process()
    job = await client.ended(job_id)
    assert job["result"]["counts"] == {"deleted": 3}
    assert (await client.read(f"contacts/{later['id']}"))["version"] == 1


async def test_times_are_relative_to_the_request(client, worker):
    await people(client, 2)
    body = {"filter": {"created_at": {"gte": "@now-1h"}}, "action": "tag", "tags": ["new"]}
    answer = await client.post(PATH, json={**body, "expected_count": 2})
    job = await client.ended(answer.json()["job_id"])
    assert job["result"]["counts"] == {"updated": 2}


async def test_filters_reach_through_relations_with_their_scopes(client, worker, keyed):
    firm = await client.made("companies", {"name": "Example", "industry": "bank"})
    await people(client, 2, company_id=firm["id"])
    await people(client, 1)
    filter = {"company": {"industry": {"eq": "bank"}}}
    body = {"filter": filter, "action": "tag", "tags": ["banker"], "expected_count": 2}
    weak = await keyed("contacts:write")
    problem(await weak.post(PATH, json=body), 403, "insufficient_scope")
    answer = await client.post(PATH, json=body)
    job = await client.ended(answer.json()["job_id"])
    assert job["result"]["counts"] == {"updated": 2}


async def test_a_small_difference_is_no_difference(client, worker):
    await people(client, 200)
    for expected, status in ((202, 202), (203, 409), (198, 409), (199, 202)):
        body = {
            "filter": {"tags": {"has": "all"}},
            "action": "tag",
            "tags": ["x"],
            "expected_count": expected,
        }
        answer = await client.post(PATH, json=body)
        assert answer.status_code == status, (expected, answer.text)


async def test_graphql_asks_the_same(client, worker):
    await people(client, 7)
    document = """mutation($count: Int, $tags: [String!], $patch: ContactUpdateInput) {
        done: writeContactsByFilter(where: {tags: {has: "all"}}, action: "%s", tags: $tags,
            patch: $patch, expectedCount: $count)
        { count limit jobId sample { id lastName } } }"""
    asked = (await client.data(document % "tag", tags=["new"]))["done"]
    assert (asked["count"], asked["limit"], asked["jobId"]) == (7, 100_000, None)
    assert len(asked["sample"]) == 5
    asked = (await client.data(document % "tag", tags=["new"], count=7))["done"]
    job = await client.ended(asked["jobId"])
    assert job["result"]["counts"] == {"updated": 7}
    patch = {"title": "Buyer"}
    asked = (await client.data(document % "update", patch=patch, count=7))["done"]
    assert (await client.ended(asked["jobId"]))["result"]["counts"] == {"updated": 7}
    for variables, code in (({"count": 3, "tags": ["x"]}, "count_differs"), ({}, "validation")):
        answer = await client.gql(document % "tag", **variables)
        assert answer["errors"][0]["extensions"]["code"] == code
    answer = await client.gql(document % "update", patch={"email": "a", "lifecycle": None})
    assert pointers(answer["errors"][0]["extensions"]["problem"])[0].startswith("/patch/")
