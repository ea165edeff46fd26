"""What is not decided in time is escalated once, whoever dies in between."""

import asyncio
import signal
from datetime import UTC, datetime, timedelta

import pytest

from support.approving import by
from support.clients import problem
from support.waiting import patiently

# Workers take long to begin where much else is going on.
pytestmark = pytest.mark.timeout(400)
# As if so much time had passed: all by the clock of the database.
_PASS = """
    WITH due AS (
        UPDATE approvals SET due_at = now() WHERE organization_id = $1 AND due_at IS NOT NULL)
    UPDATE jobs SET run_at = now() WHERE organization_id = $1 AND kind = 'approvals.escalate'
        AND status = 'queued'
"""


def after(minutes, action="escalate", *who, **more):
    named = [{"kind": "user", "id": one.id} for one in who]
    return {"after_minutes": minutes, "action": action, "approvers": named, **more}


async def until(approving, id, fits):
    async for _ in patiently():
        found = await approving.now(id)
        if fits(found):
            return found
    raise AssertionError


async def test_others_are_asked_as_well_and_one_of_them_is_enough(
    client, approving, worker, owner, org
):
    one, two, boss = await approving.approvers(3)
    await approving.policy(
        by(one, two, rule="all", escalation=after(60, "escalate", boss)), by(two)
    )
    made = await approving.asked(await approving.company())
    due = datetime.fromisoformat(made["due_at"]) - datetime.now(UTC)
    assert 3500 < due.total_seconds() <= 3601
    await asyncio.sleep(0.5)
    assert (await approving.now(made["id"]))["version"] == 1
    await owner.execute(_PASS, org.id)
    now = await until(approving, made["id"], lambda found: found["version"] > 1)
    assert sorted(now["waiting_for"]) == sorted([one.id, two.id, boss.id])
    assert now["steps"][0]["escalated_to"] == [boss.id]
    assert now["steps"][0]["escalated_at"] is not None
    assert now["due_at"] is None
    after_boss = await approving.act(boss.api, made["id"], "approve")
    assert (after_boss["step"], after_boss["waiting_for"]) == (1, [two.id])
    assert (await approving.act(two.api, made["id"], "approve"))["status"] == "approved"
    events = await client.told(made["id"], 4)
    assert [event["type"].partition(".")[2] for event in events] == [
        "requested",
        "escalated",
        "progressed",
        "approved",
    ]
    assert events[1]["actor"]["kind"] == "system"


@pytest.mark.parametrize(("action", "status"), [("reject", "rejected"), ("expire", "expired")])
async def test_a_request_may_end_by_itself(approving, worker, owner, org, action, status):
    (one,) = await approving.approvers(1)
    await approving.policy(by(one, escalation=after(5, action)))
    made = await approving.asked(await approving.company())
    await owner.execute(_PASS, org.id)
    now = await until(approving, made["id"], lambda found: found["status"] != "pending")
    assert (now["status"], now["reason"], now["waiting_for"]) == (status, "overdue", [])
    problem(await one.api.post(f"/v1/approvals/{made['id']}/approve"), 409, "not_pending")


async def test_whoever_decides_in_time_is_not_escalated(client, approving, worker, owner, org):
    one, boss = await approving.approvers(2)
    await approving.policy(by(one, escalation=after(5, "reject")), by(boss))
    made = await approving.asked(await approving.company())
    await approving.act(one.api, made["id"], "approve")
    await owner.execute(_PASS, org.id)
    jobs = []
    async for _ in patiently():
        jobs = (await client.read("jobs", status="succeeded"))["data"]
        if any(job["kind"] == "approvals.escalate" for job in jobs):
            break
    (job,) = [job for job in jobs if job["kind"] == "approvals.escalate"]
    assert job["result"] == {"done": None}
    assert (await approving.now(made["id"]))["status"] == "pending"


async def test_working_time_counts_by_the_default_calendar(client, approving):
    (one,) = await approving.approvers(1)
    # Nobody works but on one day of the week.
    hours = [{"start": "09:00", "end": "10:00"}]
    week = {day: [] for day in ("tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")}
    await client.made("working-calendars", {
        "name": "Mondays", "time_zone": "UTC", "week": {"monday": hours, **week},
        "is_default": True,
    })  # fmt: skip
    await approving.policy(by(one, escalation=after(90, "expire", working_time=True)))
    made = await approving.asked(await approving.company())
    due = datetime.fromisoformat(made["due_at"])
    # One hour on the first Monday, half an hour on the second.
    assert (due.isoweekday(), due.hour) == (1, 9)
    assert due - datetime.now(UTC) > timedelta(days=6)


async def test_killed_workers_escalate_once(client, approving, owner, org, worker_process):
    workers = [worker_process() for _ in range(3)]
    one, boss = await approving.approvers(2)
    await approving.policy(by(one, escalation=after(60, "escalate", boss)))
    number = 24
    requests = [await approving.asked(await approving.company()) for _ in range(number)]
    await owner.execute(_PASS, org.id)
    for some, worker in zip((1, 12), workers, strict=False):
        await _escalated(owner, org, some)
        worker.send_signal(signal.SIGKILL)
    await _escalated(owner, org, number)
    for made in requests:
        now = await approving.now(made["id"])
        assert (now["version"], sorted(now["waiting_for"])) == (2, sorted([one.id, boss.id]))
    told = "SELECT count(*) FROM events WHERE organization_id = $1 AND type = 'approval.escalated'"
    assert await owner.fetchval(told, org.id) == number


async def _escalated(owner, org, some):
    """Once so many are; workers take long to begin, and leases to end."""
    done = "SELECT count(*) FROM approvals WHERE organization_id = $1 AND version > 1"
    found = 0
    for _ in range(3000):
        found = await owner.fetchval(done, org.id)
        if found >= some:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(found)
