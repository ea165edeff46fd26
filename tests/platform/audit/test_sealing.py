"""Events are sealed behind the back of requests: all of them, once, in the order of their commits."""

import asyncio
from functools import partial

import asyncpg
import pytest

from crm_api.platform.audit.chain import genesis
from crm_api.platform.audit.sealing import seal_events, seal_some
from crm_api.platform.audit.verifying import verify_stored
from support.waiting import settled


async def test_every_event_has_a_place(client, trail):
    for number in range(5):
        await client.made("companies", {"name": f"Example {number}"})
    seals = await trail.seal()
    events = await trail.events()
    assert [seal["event_id"] for seal in seals] == [event["id"] for event in events]
    assert [seal["position"] for seal in seals] == list(range(1, len(events) + 1))
    assert await trail.seal() == seals
    anchors = await trail.owner.fetch(
        "SELECT * FROM audit_anchors WHERE organization_id = $1 ORDER BY number", trail.org.id
    )
    assert [(a["number"], a["first"], a["last"]) for a in anchors] == [(1, 1, len(events))]
    assert anchors[0]["hash"] == seals[-1]["hash"] != genesis(trail.org.id)


async def test_what_commits_late_is_not_passed_over(client, trail, owner):
    async with owner.acquire() as late:
        transaction = late.transaction()
        await transaction.start()
        await late.execute(
            "INSERT INTO events (organization_id, id, type, entity, record_id, version, data, "
            "actor_kind, occurred_at) VALUES ($1, gen_random_uuid(), 'company.created', 'company', "
            "gen_random_uuid(), 1, '{}', 'system', now())",
            trail.org.id,
        )
        await client.made("companies", {"name": "Example"})
        before = await trail.seal_what_is_free()
        await transaction.commit()
    # Nothing behind the open transaction was sealed before it ended.
    assert len(before) < len(await trail.events()) - 1
    after = await trail.seal()
    assert after[: len(before)] == before
    assert {seal["event_id"] for seal in after} == {event["id"] for event in await trail.events()}


async def test_several_sealers_at_once_make_one_chain(client, trail):
    async def write(number):
        await client.made("companies", {"name": f"Example {number}"})

    async def seal():
        for _ in range(10):
            await seal_some(trail.shared, trail.org.id)

    await asyncio.gather(*map(write, range(20)), seal(), seal(), seal())
    seals = await trail.seal()
    assert [seal["position"] for seal in seals] == list(range(1, len(seals) + 1))
    assert sorted(s["event_id"] for s in seals) == sorted(e["id"] for e in await trail.events())


async def test_all_organizations_are_sealed(client, other, trail, other_org, owner):
    await client.made("companies", {"name": "Example"})
    await other.made("companies", {"name": "Example"})
    await settled(owner)
    await seal_events(trail.shared, None)
    for own in (trail.org.id, other_org.id):
        count = "SELECT count(*) FROM {} WHERE organization_id = $1"
        sealed = await owner.fetchval(count.format("event_seals"), own)
        assert sealed == await owner.fetchval(count.format("events"), own) > 0


@pytest.mark.parametrize("role", ["crm_app", "crm_worker"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET data = '{}'",
        "DELETE FROM events",
        "TRUNCATE events",
        "UPDATE event_seals SET hash = ''",
        "DELETE FROM event_seals",
        "TRUNCATE event_seals",
        "UPDATE audit_anchors SET hash = ''",
        "DELETE FROM audit_anchors",
        "DELETE FROM audit_chains",
    ],
)
async def test_the_service_cannot_change_what_happened(owner, role, statement):
    async with owner.acquire() as connection, connection.transaction():
        await connection.execute(f"SET LOCAL ROLE {role}")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO event_seals VALUES ($1, 99, gen_random_uuid(), '', '', '')",
        "INSERT INTO audit_anchors VALUES ($1, 99, 1, 1, '', '', now())",
        "INSERT INTO audit_chains (organization_id) VALUES ($1)",
        "UPDATE audit_chains SET position = 0 WHERE organization_id = $1",
    ],
)
async def test_requests_cannot_seal(owner, org, statement):
    async with owner.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL ROLE crm_app")
        await connection.execute("SELECT set_config('app.organization_id', $1, true)", str(org.id))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement, org.id)


SEALING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ILIKE '%INTO event_seals%'"


@pytest.mark.timeout(300)
async def test_killed_workers_leave_no_event_behind(client, trail, owner, worker_process):
    """Workers die in the middle of sealing while others write: no gap, nothing twice."""
    writing = True

    async def write(number):
        while writing:
            rows = [{"name": f"Example {number} {n}"} for n in range(100)]
            answer = await client.post("/v1/companies/bulk", json={"items": rows})
            assert answer.status_code == 200, answer.text
            await asyncio.sleep(0.5)

    async def kill():
        process, before = worker_process(), len(await trail.seals())
        await until(partial(more_than, before))
        process.kill()
        process.wait()

    async def kill_between_chain_and_anchor():
        async with owner.acquire() as connection, connection.transaction():
            await connection.execute("LOCK TABLE event_seals IN SHARE MODE")
            process = worker_process()
            await until(partial(owner.fetchval, SEALING))
            process.kill()
            process.wait()

    async def more_than(before):
        return len(await trail.seals()) > before

    async def all_sealed():
        return len(await trail.seal()) == len(await trail.events())

    async def until(holds):
        async with asyncio.timeout(120):
            while not await holds():  # noqa: ASYNC110 - another process brings it about
                await asyncio.sleep(0.02)

    writers = asyncio.gather(*map(write, range(2)))
    await kill()
    await kill_between_chain_and_anchor()
    writing = False
    await writers
    # PostgreSQL may learn of the last death, and give its chain back, a moment later.
    await until(all_sealed)
    seals, events = await trail.seals(), await trail.events()
    assert [seal["position"] for seal in seals] == list(range(1, len(events) + 1))
    assert {seal["event_id"] for seal in seals} == {event["id"] for event in events}
    assert (await verify_stored(trail.shared, trail.org.id)).is_whole
    assert len(events) > 200


async def test_a_restored_backup_is_sealed_on(client, trail, owner):
    """Transaction numbers begin anew; what was sealed is passed over, what is new is not."""
    await client.made("companies", {"name": "Example"})
    before = await trail.seal()
    await owner.execute(
        "UPDATE audit_chains SET tx = tx + 1000000000 WHERE organization_id = $1", trail.org.id
    )
    await client.made("companies", {"name": "Another"})
    after = await trail.seal()
    assert after[: len(before)] == before
    assert {seal["event_id"] for seal in after} == {event["id"] for event in await trail.events()}
    assert (await verify_stored(trail.shared, trail.org.id)).is_whole
