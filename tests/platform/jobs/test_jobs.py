"""Jobs as their owners see them."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar
from uuid import UUID

import pytest

from crm_api.kit.db.tx import unit_of_work
from crm_api.kit.files.local import LocalFiles
from crm_api.kit.letters import SendLetter
from crm_api.kit.messages import Message
from crm_api.platform.jobs.forgetting import forget_jobs
from crm_api.platform.jobs.queue import pause_after
from crm_api.platform.notifications.events import SendDigest
from support.clients import problem


@dataclass(frozen=True)
class Wait(Message):
    kind: ClassVar[str] = "tests.wait"
    seconds: int


async def job_of(tx_of, org):
    async with unit_of_work(tx_of(org)) as tx:
        return str(tx.enqueue(Wait(1)))


async def test_waiting_job_can_be_seen_and_ended(client, tx_of, org):
    id = await job_of(tx_of, org)
    shown = await client.read(f"jobs/{id}")
    assert (shown["status"], shown["kind"], shown["attempts"]) == ("queued", "tests.wait", 0)
    assert shown["progress"] == {"done": 0, "total": None}
    ended = await client.post(f"/v1/jobs/{id}/cancel")
    assert ended.status_code == 200
    assert ended.json()["status"] == "cancelled"
    problem(await client.post(f"/v1/jobs/{id}/cancel"), 409, "job_ended")
    stream = await client.get(f"/v1/jobs/{id}/events")
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert "event: end" in stream.text


async def test_jobs_of_others_do_not_exist(client, other, tx_of, org):
    id = await job_of(tx_of, org)
    for answer in (
        await other.get(f"/v1/jobs/{id}"),
        await other.post(f"/v1/jobs/{id}/cancel"),
        await other.get(f"/v1/jobs/{id}/events"),
    ):
        problem(answer, 404, "not_found")
    assert (await other.read("jobs"))["data"] == []
    assert await other.data("query($id: UUID!) { job(id: $id) { id } }", id=id) == {"job": None}


async def test_list_walks_newest_first(client, tx_of, org):
    made = [await job_of(tx_of, org) for _ in range(5)]
    ids, cursor = [], {}
    while True:
        page = await client.read("jobs", limit=2, **cursor)
        ids += [job["id"] for job in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert ids == made[::-1]
    assert (await client.read("jobs", status="running"))["data"] == []
    answer = await client.get("/v1/jobs", params={"status": "queued", **cursor})
    problem(answer, 422, "cursor_mismatch")


async def test_scopes(client, read_only, keyed, tx_of, org):
    id = await job_of(tx_of, org)
    assert (await read_only.get(f"/v1/jobs/{id}")).status_code == 200
    problem(await read_only.post(f"/v1/jobs/{id}/cancel"), 403, "insufficient_scope")
    stranger = await keyed("contacts:read")
    problem(await stranger.get("/v1/jobs"), 403, "insufficient_scope")
    graph = await read_only.gql("mutation($id: UUID!) { cancelJob(id: $id) { id } }", id=id)
    assert graph["errors"][0]["extensions"]["code"] == "insufficient_scope"


async def test_jobs_over_graphql_are_the_same(client, tx_of, org):
    made = [await job_of(tx_of, org) for _ in range(3)]
    document = """query($after: String, $status: String) {
        jobs(first: 2, after: $after, status: $status) { data { id status kind } nextCursor } }"""
    first = (await client.data(document, status="queued"))["jobs"]
    rest = (await client.read("jobs", limit=2, status="queued"))["data"]
    assert first["data"] == [{name: job[name] for name in ("id", "status", "kind")} for job in rest]
    second = (await client.data(document, status="queued", after=first["nextCursor"]))["jobs"]
    assert [job["id"] for job in [*first["data"], *second["data"]]] == made[::-1]
    assert second["nextCursor"] is None


async def test_a_stream_tells_each_change_until_the_end(client, tx_of, org):
    id = await job_of(tx_of, org)

    async def end():
        await asyncio.sleep(0.3)
        await client.post(f"/v1/jobs/{id}/cancel")

    ending = asyncio.create_task(end())
    stream = await client.get(f"/v1/jobs/{id}/events")
    await ending
    events = [part.partition("\n")[0] for part in stream.text.strip().split("\n\n")]
    assert events == ["event: progress", "event: progress", "event: end"]
    assert '"status":"queued"' in stream.text.partition("\n\n")[0]
    assert '"status":"cancelled"' in stream.text.rpartition("event: end")[2]


async def test_a_job_of_later_is_not_rung_for(tx_of, org, client):
    async with unit_of_work(tx_of(org)) as tx:
        id = tx.enqueue(Wait(1), run_at=datetime(2100, 1, 1, tzinfo=UTC))
        assert tx.jobs == []
    assert (await client.read(f"jobs/{id}"))["status"] == "queued"


async def ended(owner, id, status, days_ago):
    """Have a job have ended so long ago."""
    await owner.execute(
        "UPDATE jobs SET status = $2, finished_at = now() - make_interval(days => $3) WHERE id = $1",
        UUID(str(id)),
        status,
        days_ago,
    )


async def test_ended_jobs_are_removed_after_a_while(client, tx_of, org, owner, database, tmp_path):
    """Those that failed later, and none that something which is not through stands by."""
    old = {}
    for status, days in (("succeeded", 31), ("cancelled", 31), ("failed", 91)):
        old[status] = await job_of(tx_of, org)
        await ended(owner, old[status], status, days)
    kept = [await job_of(tx_of, org)]
    for status, days in (("succeeded", 29), ("failed", 31)):
        kept.append(await job_of(tx_of, org))
        await ended(owner, kept[-1], status, days)
    answer = await client.post("/v1/contacts/export", json={})
    assert answer.status_code == 202, answer.text
    export = answer.json()["export"]
    job = await owner.fetchval("SELECT job_id FROM exports WHERE id = $1", UUID(export["id"]))
    await ended(owner, job, "cancelled", 400)
    await forget_jobs(database, LocalFiles(tmp_path))
    for id in old.values():
        problem(await client.get(f"/v1/jobs/{id}"), 404)
    for id in (*kept, job):
        assert (await client.get(f"/v1/jobs/{id}")).status_code == 200
    assert (await client.read(f"exports/{export['id']}"))["status"] == "cancelled"


async def test_a_stream_ends_with_its_credential(client, keyed, tx_of, org):
    reader = await keyed("jobs:read")
    id = await job_of(tx_of, org)
    key = (await client.read("api-keys", limit=200))["data"]
    mine = next(one for one in key if one["scopes"] == ["jobs:read"])

    async def revoke():
        await asyncio.sleep(0.5)
        assert (await client.delete(f"/v1/api-keys/{mine['id']}")).status_code == 204

    revoking = asyncio.create_task(revoke())
    stream = await asyncio.wait_for(reader.get(f"/v1/jobs/{id}/events"), 20)
    await revoking
    assert '"code":"invalid_key"' in stream.text.rpartition("event: end")[2]


@pytest.mark.parametrize(
    "field",
    ["jobs(", 'webhookDeliveries(webhookId: "{0}", ', 'automationRuns(automationId: "{0}", '],
)
async def test_a_status_that_there_is_not_is_a_mistake(client, field):
    graph = await client.gql(f'{{ {field.format(UUID(int=1))}status: "gone") {{ nextCursor }} }}')
    (error,) = graph["errors"]
    assert error["extensions"]["code"] == "not_a_choice"


def test_jobs_are_tried_for_hours():
    """A mail server that is away for an hour costs no letter."""
    waits = [pause_after(attempt) for attempt in range(1, SendLetter.max_attempts)]
    assert (len(waits), max(waits)) == (11, 3600.0)
    assert sum(waits) > 2 * 3600
    assert SendDigest.max_attempts == SendLetter.max_attempts
