"""Two steppers, workers that are killed, and somebody who is taken out meanwhile."""

import asyncio
import signal
from uuid import UUID

import pytest

from crm_api.domains.journeys.stepped import step_once
from crm_api.kit.db.tx import unit_of_work
from support.journeys import END, comes_to, entered, node, running, tagging, went
from support.waiting import patiently

# Workers take long to begin where much else is going on.
pytestmark = pytest.mark.timeout(400)
DAY = node("wait", "wait", duration="1d", next="end")
_LEFT = "SELECT count(*) FROM journey_steps WHERE journey_id = $1"


@pytest.fixture
def step(tx_of, org):
    """`await step(run)`: take the next node, as a worker does."""

    # Fewer than there are connections.
    free = asyncio.Semaphore(5)

    async def once(run):
        async with free, unit_of_work(tx_of(org)) as tx:
            return await step_once(tx, UUID(run["id"]))

    return once


async def people(client, count):
    return [await client.made("contacts", {"last_name": f"P{place}"}) for place in range(count)]


async def subjects(client, contact):
    found = await client.read("tasks", **{"filter[contact_id]": contact["id"]})
    return sorted(task["subject"] for task in found["data"])


async def test_of_two_steppers_one_takes_each_node(client, step):
    journey = await running(client, tagging("first", "wait", "Call"), DAY, END)
    them = await people(client, 8)
    runs = [await entered(client, journey, contact) for contact in them]
    done = await asyncio.gather(*(step(run) for run in runs for _ in range(6)))
    # One after the other takes the two nodes; then the wait has not ended.
    for run in runs:
        while await step(run):
            done.append(True)
    assert sum(done) == 2 * len(runs)
    for run, contact in zip(runs, them, strict=True):
        assert await went(client, run) == [("first", "next"), ("wait", None)]
        assert await subjects(client, contact) == ["Call"]


async def test_killed_workers_take_no_node_twice(client, owner, worker_process):
    nodes = [tagging(f"n{place}", f"n{place + 1}", f"Task {place}") for place in range(4)]
    journey = await running(client, *nodes, node("n4", "exit"))
    them = await people(client, 12)
    workers = [worker_process(), worker_process()]
    ids = {"contact_ids": [contact["id"] for contact in them]}
    answer = await client.post(f"/v1/journeys/{journey['id']}/enter", json=ids)
    assert answer.json()["entered"] == len(them), answer.text
    for taken in (6, 18, 34):
        async for _ in patiently(0.02):
            if await owner.fetchval(_LEFT, UUID(journey["id"])) >= taken:
                break
        workers.pop(0).send_signal(signal.SIGKILL)
        workers.append(worker_process())
    found = await client.read("journey-runs", **{"filter[journey_id]": journey["id"]})
    assert len(found["data"]) == len(them)
    for run in found["data"]:
        await comes_to(client, run, status="finished")
        ways = [(f"n{place}", "next") for place in range(4)]
        assert await went(client, run) == [*ways, ("n4", None)]
    for contact in them:
        assert await subjects(client, contact) == [f"Task {place}" for place in range(4)]


async def test_who_is_taken_out_does_nothing_afterwards(client, step):
    journey = await running(
        client, tagging("first", "second", "A"), tagging("second", "end", "B"), END
    )
    them = await people(client, 6)
    runs = [await entered(client, journey, contact) for contact in them]

    async def out(run):
        return await client.post(f"/v1/journey-runs/{run['id']}/remove", json={"reason": "Asked."})

    answers = await asyncio.gather(
        *(out(run) for run in runs), *(step(run) for run in runs for _ in range(4))
    )
    for run, contact, answer in zip(runs, them, answers[: len(runs)], strict=True):
        left = await client.read(f"journey-runs/{run['id']}")
        if answer.status_code == 200:
            assert left["status"] == "exited"
        else:
            # It was through before.
            assert (answer.status_code, left["status"]) == (409, "finished")
        before = await subjects(client, contact)
        taken = [name for name, _ in await went(client, run) if name != "end"]
        assert len(before) == len(taken)
        assert not await step(run)
        assert await subjects(client, contact) == before
