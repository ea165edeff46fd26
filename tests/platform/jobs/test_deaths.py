"""Workers die by SIGKILL: what kills them comes to its end, and what was beside it does not."""

import asyncio
import signal

import pytest

from crm_api.api.services import open_database
from crm_api.kit.db.database import WORKER_ROLE
from crm_api.kit.db.tx import unit_of_work
from crm_api.platform.jobs.queue import DEATHS, JobQueue
from support.clients import tx_of
from support.dying import Innocent, Poison, work_with_poison
from support.processes import Forked
from support.servers import environment_of
from support.waiting import patiently

_SHOWN = """
    SELECT kind, status, attempts, (error ->> 'deaths')::int AS deaths, error ->> 'code' AS code
    FROM jobs WHERE kind LIKE 'tests.%'
"""
# Nobody waits for hours: what is due first is due now, and what comes after it as much later.
_PASS_TIME = """
    UPDATE jobs SET run_at = run_at - (SELECT min(run_at) - now() FROM jobs
        WHERE status = 'queued' AND kind LIKE 'tests.%')
    WHERE status = 'queued' AND kind LIKE 'tests.%'
"""
_END_LEASES = "UPDATE jobs SET lease_until = now() - interval '1 second' WHERE status = 'running'"


@pytest.mark.timeout(400)
async def test_what_kills_its_workers_is_given_up_and_its_neighbour_is_not(own_database):
    settings, owner = own_database.app.state.services.settings, own_database.owner
    shared = open_database(settings, WORKER_ROLE)
    queue, workers, killed = JobQueue(shared), [], 0
    async with unit_of_work(tx_of(own_database.database, await own_database.org())) as tx:
        tx.enqueue(Innocent())
        tx.enqueue(Poison())

    async def standing():
        return {row["kind"].removeprefix("tests."): row for row in await owner.fetch(_SHOWN)}

    try:
        while {job["status"] for job in (await standing()).values()} & {"queued", "running"}:
            await owner.execute(_PASS_TIME)
            if not workers or workers[-1].poll() is not None:
                workers.append(Forked(work_with_poison, environment_of(settings)))
            before = await standing()
            async for _ in patiently():
                if workers[-1].poll() is not None or await standing() != before:
                    break
            # Whatever has begun ends now, or its worker does.
            async for _ in patiently():
                running = [job for job in (await standing()).values() if job["status"] == "running"]
                if workers[-1].poll() is not None or not running:
                    break
            if workers[-1].poll() is not None:
                assert workers[-1].wait() == -signal.SIGKILL
                killed += 1
                await owner.execute(_END_LEASES)
                await queue.sweep()
    finally:
        for process in workers:
            process.kill()
            await asyncio.to_thread(process.wait)
        await shared.close()
    ended = await standing()
    poison, innocent = ended["poison"], ended["innocent"]
    assert (poison["status"], poison["code"], poison["deaths"]) == ("failed", "crashed", DEATHS)
    assert killed == DEATHS
    assert (innocent["status"], innocent["attempts"]) == ("succeeded", 1)
