"""Workers die in the middle of any step: each is taken once, and the run comes to its end."""

import asyncio
import signal

import pytest

from crm_api.kit.apart import Stumbled
from crm_api.platform.automations.jobs import settle_stranded
from support.receivers import receiving
from support.rules import TAG
from support.waiting import patiently

PEOPLE = 20
# Workers take long to begin where much else is going on.
pytestmark = pytest.mark.timeout(400)
_TAKEN = """
    SELECT count(*) FROM automation_steps s JOIN automation_runs r ON r.id = s.run_id
    WHERE r.automation_id = $1
"""


async def test_killed_workers_take_no_step_twice(client, rules, owner, worker_process):
    async with receiving() as receiver:
        hook = await client.made("webhooks", {
            "url": receiver.url, "topics": ["company.purged"], "rate": 100, "concurrency": 50,
        })  # fmt: skip
        id = await rules.active(
            {"action": "create", "entity": "company", "name": "made",
             "data": {"name": {"$ref": "record.last_name"}}},
            TAG,
            {"action": "webhook", "webhook_id": hook["id"], "data": {"made": {"$ref": "steps.made.id"}}},
            {"action": "wait", "duration": "0m"},
            {"action": "branch", "if": {"last_name": {"starts_with": "Person"}},
             "then": [{"action": "create", "entity": "employment", "data": {
                 "contact_id": {"$ref": "record.id"}, "company_id": {"$ref": "steps.made.id"}}}]},
            {"action": "update", "patch": {"source": "done"}},
        )  # fmt: skip
        workers = [worker_process()]
        items = [{"last_name": f"Person {number}"} for number in range(PEOPLE)]
        assert (await client.post("/v1/contacts/bulk", json={"items": items})).status_code == 200
        # Somewhere in the middle of the steps, again and again.
        for taken in (10, 50, 100):
            async for _ in patiently(0.02):
                if (await owner.fetchval(_TAKEN, id)) >= taken:
                    break
            workers[-1].send_signal(signal.SIGKILL)
            workers.append(worker_process())
        async for _ in patiently():
            runs = await rules.runs(id, limit=200)
            if len(runs) == PEOPLE and all(run["finished_at"] for run in runs):
                break
        assert [run["status"] for run in runs] == ["succeeded"] * PEOPLE
        # What a worker sent as it was killed comes twice.
        await receiver.heard(PEOPLE)
    assert await owner.fetchval(_TAKEN, id) == 7 * PEOPLE
    for path, fields in (("companies", "name"), ("employments", "contact_id")):
        found = (await client.read(path, limit=200, fields=f"id,{fields}"))["data"]
        assert len(found) == len({one[fields] for one in found}) == PEOPLE
    for person in (await client.read("contacts", limit=200))["data"]:
        assert (person["tags"], person["source"]) == (["new"], "done")
        # One event for what it was created as, and one for each of two changes.
        assert person["version"] == 3
    told = {got.id: got.event["data"]["data"]["made"] for got in receiver.got}
    assert len(told) == len(set(told.values())) == PEOPLE


async def test_several_workers_take_each_step_once(client, rules, owner, worker_process):
    id = await rules.active(TAG, {"action": "update", "patch": {"source": "done"}})
    for _ in range(2):
        worker_process()
    items = [{"last_name": f"Person {number}"} for number in range(60)]
    assert (await client.post("/v1/contacts/bulk", json={"items": items})).status_code == 200
    await rules.ended(id, 60)
    await asyncio.sleep(1)
    assert await owner.fetchval(_TAKEN, id) == 120
    people = (await client.read("contacts", limit=200))["data"]
    assert {person["version"] for person in people} == {3}


async def test_a_run_whose_job_is_given_up_does_not_hang(client, rules, owner, worker):
    id = await rules.active({"action": "wait", "duration": "1d"}, TAG)
    await client.made("contacts", {"last_name": "Person"})
    run = await rules.until(id, "waiting")
    (job,) = await owner.fetch(
        "UPDATE jobs SET status = 'failed', finished_at = now() "
        "WHERE status = 'queued' AND args ->> 'run_id' = $1 RETURNING id",
        run["id"],
    )
    # A worker that was killed may have been at it: its lease would have to run out.
    settling = "UPDATE schedules SET next_at = now(), lease_until = NULL WHERE name = 'settle runs'"
    await owner.execute(settling)
    (run,) = await rules.ended(id, status="failed")
    assert run["error"]["code"] == "interrupted"
    answer = await client.post(f"/v1/automation-runs/{run['id']}/retry")
    assert answer.json()["status"] == "queued"
    await rules.ended(id)
    assert job["id"] is not None


async def test_a_run_that_cannot_be_settled_keeps_no_other_waiting(client, rules, owner, database):
    id = await rules.active(TAG, trigger={"type": "manual", "entity": "contact"})
    people = [(await client.made("contacts", {"last_name": "Person"}))["id"] for _ in range(2)]
    answer = await client.post(f"/v1/automations/{id}/run", json={"record_ids": people})
    assert answer.status_code == 202, answer.text
    first, second = sorted(run["id"] for run in await rules.runs(id))
    await owner.execute(
        "UPDATE jobs SET status = 'failed', finished_at = now() WHERE args ->> 'run_id' = ANY($1)",
        [first, second],
    )
    async with owner.acquire() as holding, holding.transaction():
        await holding.execute("SELECT FROM automation_runs WHERE id = $1 FOR UPDATE", first)
        with pytest.raises(Stumbled, match=first):
            await settle_stranded(database, None)
        shown = {run["id"]: run["status"] for run in await rules.runs(id)}
        assert shown == {first: "queued", second: "failed"}
    await settle_stranded(database, None)
    assert {run["status"] for run in await rules.runs(id)} == {"failed"}
