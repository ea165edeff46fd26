"""Whose turn it is: lanes, organizations side by side, order where asked, what was given up."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

import pytest

from crm_api import worker as job_worker
from crm_api.api.services import open_database
from crm_api.kit.db.database import WORKER_ROLE
from crm_api.kit.db.tx import unit_of_work
from crm_api.kit.jobs import Runner
from crm_api.kit.messages import Lane, Message
from crm_api.platform.jobs.queue import DEATHS, JobQueue
from crm_api.platform.jobs.schedules import Schedules
from crm_api.worker import open_lanes
from support.clients import problem
from support.clients import tx_of as new_tx
from support.receivers import receiving
from support.waiting import patiently
from support.working import at_work


@dataclass(frozen=True)
class Long(Message):
    kind: ClassVar[str] = "tests.long"
    lane: ClassVar[Lane] = "bulk"
    number: int = 0


@dataclass(frozen=True)
class Short(Message):
    kind: ClassVar[str] = "tests.short"
    lane: ClassVar[Lane] = "interactive"


@dataclass(frozen=True)
class About(Message):
    kind: ClassVar[str] = "tests.about"
    what: str
    number: int

    def order(self):
        return self.what


@pytest.fixture
async def queue(own_database, servers):
    """The queue of a database of its own, so that nobody else's jobs have their turn."""
    settings = own_database.app.state.services.settings
    shared = open_database(settings, WORKER_ROLE)
    yield JobQueue(shared)
    await shared.close()


async def asked(tx_of, org, *messages):
    async with unit_of_work(tx_of(org)) as tx:
        return [tx.enqueue(message) for message in messages]


@pytest.fixture
def tx_of(own_database):
    return lambda org, *scopes, **options: new_tx(own_database.database, org, *scopes, **options)


async def dies(owner, queue):
    """Have the worker die that claims the only job; how that stands then."""
    await owner.execute("UPDATE jobs SET run_at = now()")
    assert await queue.claim_next(["default"]) is not None
    await owner.execute("UPDATE jobs SET lease_until = now() - interval '1 second'")
    await queue.sweep()
    return await state(owner)


async def state(owner):
    """How the only job stands, how many have died under it, and in how many seconds it is due."""
    row = await owner.fetchrow(
        "SELECT status, (error ->> 'deaths')::int AS deaths, error ->> 'code' AS code, "
        "extract(epoch FROM run_at - now())::float AS in_s FROM jobs"
    )
    return row["status"], row["deaths"], row["code"], row["in_s"]


PAUSES = (1.0, 10.0, 100.0, 1_000.0, 3_600.0)
"""After each death but the last, whatever a fifth of chance makes of it."""


async def test_a_job_that_kills_workers_does_so_six_times(queue, own_database, tx_of):
    owner, org = own_database.owner, await own_database.org()
    client = await own_database.client(org)
    (id,) = await asked(tx_of, org, About("one", 1))
    # However often workers die within an hour, it ends no job.
    assert len(PAUSES) == DEATHS - 1
    assert 0.8 * sum(PAUSES) > 3_600
    for _ in range(2):
        for deaths, pause in enumerate(PAUSES, 1):
            status, *told, in_s = await dies(owner, queue)
            assert (status, told) == ("queued", [deaths, "crashed"])
            assert 0.8 * pause - 0.5 < in_s <= 1.2 * pause
            assert await queue.claim_next(["default"]) is None
        assert (await dies(owner, queue))[:3] == ("failed", DEATHS, "crashed")
        # That they died is no try of its own.
        failed = await client.read(f"jobs/{id}")
        assert (failed["error"]["code"], failed["attempts"]) == ("crashed", 0)
        # Whoever asks for it anew knows why.
        assert (await client.post(f"/v1/jobs/{id}/retry")).status_code == 200


async def test_a_job_that_gets_on_outlives_any_number_of_workers(queue, own_database, tx_of):
    owner, org = own_database.owner, await own_database.org()
    await asked(tx_of, org, About("one", 1))

    async def dies_after(*steps):
        await owner.execute("UPDATE jobs SET run_at = now()")
        job = await queue.claim_next(["default"])
        for done, kept in steps:
            async with unit_of_work(tx_of(org)) as tx:
                await job.advance(tx, done, state=kept)
        await owner.execute("UPDATE jobs SET lease_until = now() - interval '1 second'")
        await queue.sweep()
        return (await state(owner))[:2]

    for done in range(1, 2 * DEATHS):
        assert await dies_after((done, None)) == ("queued", 1)
    # What begins anew and comes no further does not get on, whatever it says in between.
    furthest = 2 * DEATHS - 1
    assert await dies_after((0, None), (3, None), (furthest, None)) == ("queued", 2)
    assert await dies_after((0, None)) == ("queued", 3)
    assert await dies_after((furthest + 1, None)) == ("queued", 1)
    # Somewhere else to go on from is further, too; the same place again is not.
    await dies(owner, queue)
    assert await dies_after((0, {"after": "a"})) == ("queued", 1)
    assert await dies_after((0, {"after": "a"})) == ("queued", 2)
    assert await dies_after((0, {"after": "b"})) == ("queued", 1)
    # An error of its own ends the succession as well.
    await dies(owner, queue)
    await owner.execute("UPDATE jobs SET run_at = now()")
    job = await queue.claim_next(["default"])
    assert await queue.fail(job, {"code": "internal"}, retry=True)
    assert (await state(owner))[1:3] == (None, "internal")
    assert (await dies(owner, queue))[:3] == ("queued", 1, "crashed")


@pytest.mark.commits
async def test_organizations_take_turns(queue, own_database, tx_of):
    """A thousand jobs of one organization do not stand before the first of another."""
    crowd, guest = await own_database.org(), await own_database.org()
    await asked(tx_of, crowd, *(Long(n) for n in range(1000)))
    (wanted,) = await asked(tx_of, guest, Long())
    first = await queue.claim_next(["bulk"])
    second = await queue.claim_next(["bulk"])
    assert first.organization_id == crowd.id
    assert second.id == wanted
    third = await queue.claim_next(["interactive", "default", "bulk"])
    assert third.organization_id == crowd.id
    (urgent,) = await asked(tx_of, crowd, Short())
    assert (await queue.claim_next(["interactive", "default", "bulk"])).id == urgent
    assert await queue.claim_next(["default"]) is None


@pytest.mark.commits
async def test_many_claim_each_job_once(queue, own_database, tx_of):
    orgs = [await own_database.org() for _ in range(3)]
    made = [id for org in orgs for id in await asked(tx_of, org, *(Long(n) for n in range(10)))]

    async def claim_all():
        found = []
        while (job := await queue.claim_next(["bulk"])) is not None:
            found.append(job.id)
        return found

    found = [id for ids in await asyncio.gather(*(claim_all() for _ in range(6))) for id in ids]
    assert len(found) == len(set(found))
    # Whoever was too slow ten times over went home; what is left has its turn at the next ring.
    found += await claim_all()
    assert sorted(found) == sorted(made)


@pytest.mark.commits
async def test_jobs_about_the_same_keep_their_order(queue, own_database, tx_of):
    org = await own_database.org()
    one, two, other = await asked(tx_of, org, About("a", 1), About("a", 2), About("b", 1))
    first = await queue.claim_next(["default"])
    second = await queue.claim_next(["default"])
    assert [first.id, second.id] == [one, other]
    assert await queue.claim_next(["default"]) is None
    await queue.fail(first, {"code": "x"}, retry=True)
    # It waits for its next try, and whoever comes after it waits too.
    assert await queue.claim_next(["default"]) is None
    await own_database.owner.execute("UPDATE jobs SET run_at = now() WHERE id = $1", one)
    first = await queue.claim_next(["default"])
    await queue.succeed(first, None)
    assert (await queue.claim_next(["default"])).id == two


def test_what_takes_long_leaves_room():
    assert open_lanes({}, 4) == ["interactive", "default", "bulk"]
    assert open_lanes({"bulk": 2}, 4) == ["interactive", "default"]
    assert open_lanes({"bulk": 2, "default": 1}, 4) == ["interactive"]
    assert open_lanes({"default": 3}, 4) == ["interactive"]
    assert open_lanes({}, 1) == ["interactive", "default", "bulk"]
    assert open_lanes({"bulk": 1}, 2) == ["interactive"]


async def test_failed_jobs_can_be_tried_again(client, read_only, other, database, org, owner):
    async with unit_of_work(new_tx(database, org)) as tx:
        id = str(tx.enqueue(About("x", 1), dedupe_key="x"))
    problem(await client.post(f"/v1/jobs/{id}/retry"), 409, "job_not_failed")
    fail = "UPDATE jobs SET status = 'failed', attempts = 5, finished_at = now() WHERE id = $1"
    await owner.execute(fail, id)
    assert [j["id"] for j in (await client.read("jobs", status="failed"))["data"]] == [id]
    problem(await read_only.post(f"/v1/jobs/{id}/retry"), 403, "insufficient_scope")
    problem(await other.post(f"/v1/jobs/{id}/retry"), 404, "not_found")
    again = await client.post(f"/v1/jobs/{id}/retry")
    assert (again.json()["status"], again.json()["attempts"]) == ("queued", 0)
    await owner.execute(fail, id)
    async with unit_of_work(new_tx(database, org)) as tx:
        tx.enqueue(About("x", 1), dedupe_key="x")
    problem(await client.post(f"/v1/jobs/{id}/retry"), 409, "job_repeated")
    await owner.execute("UPDATE jobs SET dedupe_key = NULL WHERE id = $1", id)
    document = "mutation($id: UUID!) { retryJob(id: $id) { status lane attempts } }"
    shown = await client.data(document, id=id)
    assert shown["retryJob"] == {"status": "queued", "lane": "default", "attempts": 0}


async def test_a_crowd_of_bulk_jobs_delays_nobody(
    monkeypatch, worker_settings, client, world, database, org
):
    """While one organization's thousand jobs are carried out, another is served at once."""
    done = []

    async def busy(context, message):
        del message
        await asyncio.sleep(0.05)
        done.append(context.actor.organization_id)

    runners = job_worker.runners()
    mine = {cls.kind: Runner(cls, busy) for cls in (Long, Short)}
    monkeypatch.setattr(job_worker, "runners", lambda: {**runners, **mine})
    crowd = await world.org()
    async with unit_of_work(new_tx(database, crowd)) as tx:
        for number in range(1000):
            tx.enqueue(Long(number))
    stop = asyncio.Event()
    running = asyncio.create_task(job_worker.run(worker_settings, stop=stop))
    try:
        async with receiving() as receiver:
            await client.made("webhooks", {"url": receiver.url, "topics": ["contact.*"]})
            async for _ in patiently():
                if done:
                    break
            async with unit_of_work(new_tx(database, org)) as tx:
                jobs = [str(tx.enqueue(Long())), str(tx.enqueue(Short()))]
            await client.made("contacts", {"last_name": "Example"})
            await receiver.have(1)
            for job in jobs:
                await client.ended(job)
            assert done.count(crowd.id) < 900
    finally:
        stop.set()
        await running


async def test_what_became_of_a_job_is_noted_once_the_database_is_back(
    monkeypatch, worker_settings, client, database, org, owner
):
    """It is no death of the worker, and nothing is done twice."""
    done, away = [], asyncio.Event()

    async def act(_context, _message):
        done.append(1)
        await away.wait()

    runners = job_worker.runners()
    monkeypatch.setattr(job_worker, "runners", lambda: runners | {Short.kind: Runner(Short, act)})
    async with at_work(worker_settings):
        async with unit_of_work(new_tx(database, org)) as tx:
            id = str(tx.enqueue(Short()))
        async for _ in patiently():
            if done:
                break
        async with owner.acquire() as holding, holding.transaction():
            await holding.execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE")
            away.set()
            # Longer than anybody waits for it, and not as long as the lease.
            await asyncio.sleep(3)
        job = await client.ended(id)
    assert (job["status"], job["attempts"], job["error"]) == ("succeeded", 1, None)
    assert done == [1]


@pytest.mark.commits
async def test_schedules_are_kept_by_one_worker_each_time(queue, own_database):
    settings = own_database.app.state.services.settings
    shared = open_database(settings, WORKER_ROLE)
    schedules, owner = Schedules(shared), own_database.owner
    names = ["tests.one", "tests.two"]
    await schedules.plan({"tests.one": 60, "tests.two": 3600})
    claimed = await asyncio.gather(*(schedules.claim(name) for name in names * 6))
    assert len(list(filter(None, claimed))) == 2
    taken = {name: token for name, token in zip(names * 6, claimed, strict=True) if token}
    assert sorted(taken) == names
    await schedules.done("tests.one", taken["tests.one"])
    assert [await schedules.claim(name) for name in names] == [None, None]
    # Its time comes, however often a worker says anew what it knows.
    await owner.execute("UPDATE schedules SET next_at = now() WHERE name = 'tests.one'")
    await schedules.plan({"tests.one": 60, "tests.two": 3600})
    token = await schedules.claim("tests.one")
    assert token is not None
    assert await schedules.claim("tests.two") is None
    await schedules.release("tests.one", token)
    assert await schedules.claim("tests.one") is not None
    # Whoever died with it is followed by another: soon, where it comes often.
    leases = "SELECT extract(epoch FROM lease_until - now()) FROM schedules WHERE name = $1"
    assert 0 < await owner.fetchval(leases, "tests.one") <= 600
    assert 600 < await owner.fetchval(leases, "tests.two") <= 900
    # What takes longer says so, and stays with whoever is at it.
    await owner.execute("UPDATE schedules SET lease_until = now() - $1::interval", timedelta(1))
    await schedules.keep("tests.two", taken["tests.two"])
    assert await schedules.claim("tests.two") is None
    await owner.execute("UPDATE schedules SET lease_until = now() - $1::interval", timedelta(1))
    assert None not in [await schedules.claim(name) for name in names]
    # A straggler changes nothing.
    before = await owner.fetchrow("SELECT * FROM schedules WHERE name = 'tests.two'")
    await schedules.done("tests.two", taken["tests.two"])
    await schedules.keep("tests.two", taken["tests.two"])
    assert await owner.fetchrow("SELECT * FROM schedules WHERE name = 'tests.two'") == before
    await shared.close()
