"""Many at once: each lead is somebody's once, shares and caps are exact, workers may die."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, time, timedelta
from functools import partial
from random import Random
from uuid import UUID

import pytest

from crm_api.domains.leads.actions import LeadActions
from crm_api.domains.leads.converting import LeadConverter
from crm_api.domains.leads.dealing import Dealing
from crm_api.domains.leads.distributing import Distributor
from crm_api.domains.leads.schemas import LeadConversion
from crm_api.domains.leads.service import LeadService
from crm_api.kit.db.tx import unit_of_work
from support.clients import tx_of
from support.leads import captured, follow, give_all, owner_of, pool_of, rule_of, users_of
from support.members import custom_role, member
from support.waiting import patiently

OPEN = """
    SELECT lead_id, count(*) AS number FROM lead_assignments
    WHERE organization_id = $1 AND ended_at IS NULL GROUP BY lead_id
"""
SHARES = """
    SELECT user_id::text AS user_id, count(*) AS number FROM lead_assignments
    WHERE organization_id = $1 AND ended_at IS NULL GROUP BY user_id
"""
OVERDUE = """
    UPDATE leads SET due_at = now() - interval '1 second'
    WHERE organization_id = $1 AND status = 'assigned'
"""


EARLIER = "UPDATE lead_assignments SET created_at = $2 WHERE organization_id = $1"


def monday():
    """When the week began; the organization is in UTC."""
    today = datetime.now(UTC).date()
    return datetime.combine(today - timedelta(days=today.weekday()), time.min, tzinfo=UTC)


async def at_once(calls, *, most=16):
    places = asyncio.Semaphore(most)

    async def placed(call):
        async with places:
            return await call()

    return await asyncio.gather(*[placed(call) for call in calls])


async def shares(owner, org):
    return {row["user_id"]: row["number"] for row in await owner.fetch(SHARES, org.id)}


async def need_one_each(owner, org, count):
    rows = await owner.fetch(OPEN, org.id)
    assert len(rows) == count
    assert {row["number"] for row in rows} <= {1}


async def test_two_hundred_leads_over_sixteen_connections_are_shared_exactly(
    client, database, owner, org
):
    users = await users_of(client, 5)
    weights = dict(zip(users, (3, 2, 1, 1, 1), strict=True))
    await rule_of(client, await pool_of(client, weights))
    leads = await captured(client, 200)
    calls = [partial(give_all, database, org, [lead["id"]]) for lead in leads]
    assert sum(await at_once(calls)) == 200
    await need_one_each(owner, org, 200)
    assert list((await shares(owner, org)).values()).count(25) == 3
    assert await shares(owner, org) == dict(zip(users, (75, 50, 25, 25, 25), strict=True))


async def test_a_lead_that_many_give_at_once_is_given_once(client, database, owner, org):
    users = await users_of(client, 3)
    await rule_of(client, await pool_of(client, dict.fromkeys(users, 1)))
    leads = await captured(client, 10)
    ids = [lead["id"] for lead in leads]
    calls = [partial(give_all, database, org, ids) for _ in range(12)]
    assert sorted(await at_once(calls)) == [*[0] * 11, 10]
    await need_one_each(owner, org, 10)


async def test_caps_hold_whoever_gives(client, database, owner, org):
    users = await users_of(client, 4)
    pool = await pool_of(client, dict.fromkeys(users, 1), each={"open_cap": 5, "daily_cap": 7})
    await rule_of(client, pool)
    leads = await captured(client, 40)
    calls = [partial(give_all, database, org, [lead["id"]]) for lead in leads]
    assert sum(await at_once(calls)) == 20
    assert await shares(owner, org) == dict.fromkeys(users, 5)


async def test_caps_of_a_week_hold_whoever_gives_and_whatever_was_before(
    client, database, owner, org
):
    users = await users_of(client, 3)
    pool = await pool_of(client, dict.fromkeys(users, 1), each={"weekly_cap": 6, "daily_cap": 4})
    await rule_of(client, pool)
    leads = await captured(client, 40)
    calls = [partial(give_all, database, org, [lead["id"]]) for lead in leads]
    assert sum(await at_once(calls)) == 12
    # As if it had been earlier in the week, where the week has begun before today.
    await owner.execute(EARLIER, org.id, monday())
    is_monday = datetime.now(UTC).weekday() == 0
    left = [lead for lead in leads if await owner_of(client, lead) is None]
    calls = [partial(give_all, database, org, [lead["id"]]) for lead in left]
    assert sum(await at_once(calls)) == (0 if is_monday else 6)
    assert await shares(owner, org) == dict.fromkeys(users, 4 if is_monday else 6)
    # What was last week counts no more, but is open.
    await owner.execute(EARLIER, org.id, monday() - timedelta(days=1))
    left = [lead for lead in leads if await owner_of(client, lead) is None]
    calls = [partial(give_all, database, org, [lead["id"]]) for lead in left]
    assert sum(await at_once(calls)) == 12


async def test_of_twenty_who_claim_a_lead_one_has_it(client, owner, org):
    levels = {"leads": dict.fromkeys(("read", "create", "update"), "all")}
    role = await custom_role(client, levels=levels)
    members = [await member(client, role) for _ in range(5)]
    (lead,) = await captured(client, 1)
    calls = [
        partial(one.api.post, f"/v1/leads/{lead['id']}/claim") for one in members for _ in range(4)
    ]
    answers = await at_once(calls)
    codes = Counter((one.status_code, one.json().get("code")) for one in answers)
    assert codes == {(200, None): 1, (409, "illegal_transition"): 19}
    await need_one_each(owner, org, 1)
    assert await owner_of(client, lead) in {one.id for one in members}


async def test_accepting_and_being_recalled_do_not_both_happen(client, database, owner, org):
    users = await users_of(client, 2)
    await rule_of(client, await pool_of(client, dict.fromkeys(users, 1), response_minutes=30))
    leads = await captured(client, 12)
    await give_all(database, org)
    await owner.execute(OVERDUE, org.id)
    accepting = [partial(client.post, f"/v1/leads/{lead['id']}/accept") for lead in leads]
    answers = await at_once([*accepting, partial(follow, database), partial(follow, database)])
    for lead, answer in zip(leads, answers[:12], strict=True):
        now = await client.read(f"leads/{lead['id']}")
        assert (answer.status_code, now["status"]) in {(200, "working"), (409, "new")}
        trail = (await client.read(f"leads/{lead['id']}/assignments"))["data"]
        assert [t["ended_as"] for t in trail] == [None if now["owner_id"] else "recalled"]


OVERLAPS = """
    SELECT count(*) AS n FROM lead_assignments a JOIN lead_assignments b
        ON b.organization_id = $1 AND b.lead_id = a.lead_id AND b.id <> a.id
        AND b.created_at < coalesce(a.ended_at, 'infinity')
        AND a.created_at < coalesce(b.ended_at, 'infinity')
    WHERE a.organization_id = $1
"""


BACKWARDS = """
    SELECT count(*) AS n FROM lead_assignments WHERE organization_id = $1
        AND (responded_at < created_at OR ended_at < created_at)
"""


@pytest.mark.parametrize("way", ["accept", "recycle", "convert", "hand"])
async def test_who_has_waited_for_a_lead_writes_after_whoever_had_it_locked(
    client, database, owner, org, way
):
    users = await users_of(client, 2)
    (lead,) = await captured(client, 1)
    id, path = UUID(lead["id"]), f"/v1/leads/{lead['id']}"
    pool = await pool_of(client, {users[1]: 1})
    async with unit_of_work(tx_of(database, org)) as tx:
        assigned = await client.post(f"{path}/assign", json={"user_id": users[0]})
        assert assigned.status_code == 200, assigned.text
        if way == "accept":
            await LeadActions(tx).go(id, "accept")
        elif way == "recycle":
            await LeadActions(tx).end(id, "recycle", "Later")
        elif way == "convert":
            await LeadConverter(tx).convert(id, LeadConversion())
        else:
            await client.post(f"{path}/return", json={"reason": "Not mine"})
            leads = LeadService(tx)
            rows = await leads.records.to_give([id])
            (dealt,) = await Dealing(leads, "sample").give(UUID(pool["id"]), [id], rows)
            assert str(dealt.user_id) == users[1]
    for asked in (OVERLAPS, BACKWARDS):
        assert (await owner.fetch(asked, org.id))[0]["n"] == 0


@pytest.mark.parametrize("seed", range(3))
async def test_accepting_reassigning_and_a_breach_leave_one_story(
    client, database, owner, org, seed
):
    users = await users_of(client, 3)
    members = dict.fromkeys(users[:2], 1)
    await rule_of(client, await pool_of(client, members, response_minutes=30))
    leads = await captured(client, 10)
    await give_all(database, org)
    await owner.execute(OVERDUE, org.id)
    calls = [partial(follow, database) for _ in range(3)]
    for lead in leads:
        path = f"/v1/leads/{lead['id']}"
        calls.append(partial(client.post, f"{path}/accept"))
        calls.append(partial(client.post, f"{path}/assign", json={"user_id": users[2]}))
    order = list(range(len(calls)))
    Random(seed).shuffle(order)
    answers = dict(zip(order, await at_once([calls[n] for n in order]), strict=True))
    for place, lead in enumerate(leads):
        accepted, assigned = (answers[3 + 2 * place + n].status_code for n in (0, 1))
        now = await client.read(f"leads/{lead['id']}")
        trail = (await client.read(f"leads/{lead['id']}/assignments"))["data"][::-1]
        ends = [one["ended_as"] for one in trail]
        # What is assigned by hand needs no response, so that nothing takes it back.
        assert (assigned, now["owner_id"], ends[-1]) == (200, users[2], None)
        was_recalled = ends[0] == "recalled"
        assert (now["hops"], ends) == (int(was_recalled), [ends[0], None])
        assert ends[0] in {"recalled", "reassigned"}
        responded = [one["responded_at"] is not None for one in trail]
        # Whoever accepts in time is not recalled; it is reassigned before or after.
        assert sum(responded) == (accepted == 200)
        assert not (was_recalled and responded[0])
        assert now["status"] == ("working" if responded[1] else "assigned")
    assert (await owner.fetch(OVERLAPS, org.id))[0]["n"] == 0
    await need_one_each(owner, org, 10)


async def test_giving_returning_and_reassigning_at_once_leaves_one_owner_each(
    client, database, owner, org
):
    users = await users_of(client, 3)
    pools = [await pool_of(client, dict.fromkeys(users, 1)) for _ in range(2)]
    await client.changed(f"lead-pools/{pools[0]['id']}", {"fallback_pool_id": pools[1]["id"]})
    await rule_of(client, pools[0], filter={"industry": {"eq": "bank"}}, position=1)
    await rule_of(client, pools[1], position=2)
    leads = [
        *await captured(client, 6, industry="bank"),
        *await captured(client, 6),
    ]
    random = Random(11)

    async def once():
        id = random.choice(leads)["id"]
        match random.randrange(4):
            case 0:
                return await client.post(f"/v1/leads/{id}/return", json={"reason": "Not mine"})
            case 1:
                body = {"user_id": random.choice(users)}
                return await client.post(f"/v1/leads/{id}/assign", json=body)
            case 2:
                return await client.post(f"/v1/leads/{id}/distribute")
            case _:
                return await give_all(database, org)

    answers = await at_once([once] * 120)
    codes = {(a.status_code, a.json().get("code")) for a in answers if not isinstance(a, int)}
    assert codes <= {
        (200, None),
        (409, "illegal_transition"),
        (409, "blocked_transition"),
        (409, "already_owned"),
    }, codes
    rows = {str(row["lead_id"]): row["number"] for row in await owner.fetch(OPEN, org.id)}
    for lead in leads:
        held = await owner_of(client, lead)
        assert rows.get(lead["id"], 0) == (0 if held is None else 1)


async def test_who_dies_while_giving_has_given_nothing(client, database, owner, org):
    users = await users_of(client, 2)
    await rule_of(client, await pool_of(client, dict.fromkeys(users, 1)))
    await captured(client, 4)
    begun = asyncio.get_running_loop().create_future()

    async def dying():
        async with unit_of_work(tx_of(database, org)) as tx:
            service = LeadService(tx)
            leads = await service.records.waiting(None, 100, anew=False)
            await Distributor(service).give(leads)
            await tx.flush()
            (row,) = await tx.fetch("SELECT pg_backend_pid() AS pid")
            begun.set_result(row["pid"])
            await tx.fetch("SELECT pg_sleep(60)")

    task = asyncio.create_task(dying())
    pid = await begun
    waiting = asyncio.create_task(give_all(database, org))
    await owner.fetch("SELECT pg_terminate_backend($1)", pid)
    assert await asyncio.gather(task, return_exceptions=True) != [None]
    assert await waiting == 4
    assert await shares(owner, org) == dict.fromkeys(users, 2)


@pytest.mark.timeout(120)
async def test_a_worker_that_is_killed_loses_and_doubles_nothing(
    client, owner, org, worker_process
):
    users = await users_of(client, 3)
    await rule_of(client, await pool_of(client, dict.fromkeys(users, 1)))
    await captured(client, 60)
    first = worker_process(CRM_JOB_LEASE_S="2")
    async for _ in patiently():
        rows = await owner.fetch(
            "SELECT FROM jobs WHERE organization_id = $1 AND status <> 'queued'", org.id
        )
        if rows:
            break
    first.kill()
    worker_process(CRM_JOB_LEASE_S="2")
    async for _ in patiently():
        if sum((await shares(owner, org)).values()) == 60:
            break
    await client.idle()
    await need_one_each(owner, org, 60)
    assert await shares(owner, org) == dict.fromkeys(users, 20)
