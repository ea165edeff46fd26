"""Lists are shared out over pools: each lead once, whoever does it, and whatever dies."""

import asyncio
from collections import Counter
from uuid import UUID

import pytest

from crm_api.domains.leads.service import LeadService
from crm_api.domains.prospects.sharing import SLICE, Sharing, Step
from crm_api.kit.db.tx import unit_of_work
from crm_api.platform.merging.service import folded
from support.clients import pointers, problem, tx_of
from support.inboxes import told
from support.leads import captured, owner_of, pool_of, rule_of, users_of
from support.members import member
from support.waiting import patiently

OPEN = """
    SELECT lead_id, count(*) AS number FROM lead_assignments
    WHERE organization_id = $1 AND ended_at IS NULL GROUP BY lead_id
"""
SHARES = """
    SELECT user_id::text AS user_id, count(*) AS number FROM lead_assignments
    WHERE organization_id = $1 AND ended_at IS NULL GROUP BY user_id
"""
COPIED = """
    INSERT INTO leads SELECT (jsonb_populate_record(l, jsonb_build_object(
        'id', gen_random_uuid(), 'score', n))).* FROM leads l, generate_series(1, $3) n
    WHERE l.organization_id = $1 AND l.id = $2
"""

WAITING = """
    SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


async def waits(owner):
    async for _ in patiently():
        if await owner.fetch(WAITING):
            break


async def list_of(client, leads):
    made = await client.made("prospect-lists", {"name": "Trade fair"})
    body = {"lead_ids": [lead["id"] for lead in leads]}
    answer = await client.post(f"/v1/prospect-lists/{made['id']}/members", json=body)
    assert answer.status_code == 200, answer.text
    return made


async def begun(client, of, verb="distribute", **body):
    answer = await client.post(f"/v1/prospect-lists/{of['id']}/{verb}", json=body)
    assert answer.status_code == 202, answer.text
    told = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{told['job_id']}"
    return told


async def shared(client, of, pool):
    told = await begun(client, of, pool_id=pool["id"])
    return (await client.ended(told["job_id"]))["result"]


async def recalled(client, of, **more):
    told = await begun(client, of, "recall", reason="Wrong region", **more)
    return (await client.ended(told["job_id"]))["result"]


async def members(client, of):
    found = (await client.read(f"prospect-lists/{of['id']}/members", limit=200))["data"]
    return {one["lead_id"]: one for one in found}


async def need_one_each(owner, org, count):
    rows = await owner.fetch(OPEN, org.id)
    assert len(rows) == count
    assert {row["number"] for row in rows} <= {1}


async def shares(owner, org):
    return {row["user_id"]: row["number"] for row in await owner.fetch(SHARES, org.id)}


async def many(client, owner, org, count):
    """A list of so many leads, the copies of one."""
    (first,) = await captured(client, 1, fit_score=1)
    await owner.execute(COPIED, org.id, first["id"], count - 1)
    made = await client.made("prospect-lists", {"name": "Bought"})
    answer = await client.post(f"/v1/prospect-lists/{made['id']}/members", json={"filter": {}})
    assert answer.json()["changed"] == count, answer.text
    return made


async def test_a_list_is_shared_by_the_weights_of_a_pool(client, worker, owner, org):
    a, b, c = await users_of(client, 3)
    pool = await pool_of(client, {a: 3, b: 2, c: 1})
    leads = [(await captured(client, 1, fit_score=score))[0] for score in range(12)]
    one = await list_of(client, leads)
    assert await shared(client, one, pool) == {"given": 12, "left": 0}
    assert await shares(owner, org) == {a: 6, b: 4, c: 2}
    await need_one_each(owner, org, 12)
    now = await client.read(f"prospect-lists/{one['id']}")
    assert (now["status"], now["given_count"], now["pool_id"], now["runs"]) == (
        *("frozen", 12, pool["id"]),
        1,
    )
    found = await members(client, one)
    assert {id: m["user_id"] for id, m in found.items()} == {
        lead["id"]: await owner_of(client, lead) for lead in leads
    }
    assert {m["status"] for m in found.values()} == {"given"}
    told = await client.read(f"leads/{leads[-1]['id']}/explain")
    # The best lead was the first choice, of whoever weighs most.
    assert (told["user_id"], told["kind"], len(told["candidates"])) == (a, "plan", 3)
    assert told["reason"] == f"prospect list {one['id']}"


async def test_whoever_is_given_many_by_a_list_is_told_once(client, worker):
    one = await member(client, "admin")
    pool = await pool_of(client, {one.id: 1})
    await shared(client, await list_of(client, await captured(client, 5)), pool)
    rows = await told(client, one)
    assert [(row["kind"], row["record"]["target"], row["count"]) for row in rows] == [
        ("assigned", "lead", 5)
    ]


async def test_who_cannot_have_one_is_said_and_tried_again(client, worker):
    (user,) = await users_of(client, 1)
    pool = await pool_of(client, {user: 1}, each={"open_cap": 2})
    leads = await captured(client, 4)
    taken = {"user_id": user}
    assert (await client.post(f"/v1/leads/{leads[0]['id']}/assign", json=taken)).status_code == 200
    one = await list_of(client, leads)
    assert (await client.delete(f"/v1/leads/{leads[1]['id']}")).status_code == 204
    assert await shared(client, one, pool) == {"given": 2, "left": 2}
    found = await members(client, one)
    outcomes = [found[lead["id"]]["outcome"] for lead in leads]
    assert outcomes[:2] == ["not_free", "gone"]
    # Now there is room for another one, if there was one.
    assert await shared(client, one, pool) == {"given": 0, "left": 2}
    (late,) = await captured(client, 1)
    assert (await client.post(f"/v1/prospect-lists/{one['id']}/reopen")).status_code == 200
    body = {"lead_ids": [late["id"]]}
    await client.post(f"/v1/prospect-lists/{one['id']}/members", json=body)
    assert await shared(client, one, pool) == {"given": 0, "left": 3}
    assert (await members(client, one))[late["id"]]["outcome"] == "nobody_available"
    pool = await client.read(f"lead-pools/{pool['id']}")
    wider = [{"user_id": user, "weight": 1}]
    await client.changed(f"lead-pools/{pool['id']}", {"members": wider})
    assert await shared(client, one, pool) == {"given": 1, "left": 2}


async def test_what_is_asked_for_is_there(client, worker, other):
    one = await list_of(client, await captured(client, 1))
    foreign = await other.made("lead-pools", {"name": "Inside sales"})
    url = f"/v1/prospect-lists/{one['id']}"
    answer = await client.post(f"{url}/distribute", json={"pool_id": foreign["id"]})
    assert pointers(problem(answer, 422)) == ["/pool_id"]
    problem(await client.post(f"{url}/recall", json={"reason": "None"}), 409, "nothing_given")
    problem(await client.post(f"{url}/recall", json={}), 422)


async def test_a_job_at_a_time_is_at_a_list(client, owner, org, worker_process):
    users = await users_of(client, 2)
    pool = await pool_of(client, dict.fromkeys(users, 1))
    one = await list_of(client, await captured(client, 4))
    url, body = f"/v1/prospect-lists/{one['id']}", {"pool_id": pool["id"]}
    answers = await asyncio.gather(*(client.post(f"{url}/distribute", json=body) for _ in range(6)))
    assert sorted(a.status_code for a in answers) == [202, *[409] * 5]
    for verb in ("freeze", "reopen", "distribute"):
        answer = await client.post(f"{url}/{verb}", json=body if verb == "distribute" else None)
        problem(answer, 409, "list_at_work")
    worker_process()
    job_id = next(a.json()["job_id"] for a in answers if a.status_code == 202)
    assert (await client.ended(job_id))["result"] == {"given": 4, "left": 0}


async def test_lists_that_overlap_give_each_lead_once(client, worker, owner, org):
    users = await users_of(client, 3)
    pools = [await pool_of(client, dict.fromkeys(users, 1)) for _ in range(2)]
    leads = await captured(client, 40)
    lists = [await list_of(client, part) for part in (leads[:30], leads[10:], leads)]
    told = await asyncio.gather(
        *(begun(client, one, pool_id=pools[n % 2]["id"]) for n, one in enumerate(lists))
    )
    results = [(await client.ended(one["job_id"]))["result"] for one in told]
    await need_one_each(owner, org, 40)
    assert sum(one["given"] for one in results) == 40
    assert sum(one["left"] for one in results) == 60
    every = [await members(client, one) for one in lists]
    given = Counter(id for one in every for id, m in one.items() if m["status"] == "given")
    assert given == dict.fromkeys((lead["id"] for lead in leads), 1)
    counts = [(await client.read(f"prospect-lists/{one['id']}"))["given_count"] for one in lists]
    assert counts == [sum(m["status"] == "given" for m in one.values()) for one in every]


async def test_slices_of_many_transactions_at_once_give_each_lead_once(
    client, database, owner, org
):
    users = await users_of(client, 4)
    pool = await pool_of(client, dict.fromkeys(users, 1), each={"open_cap": 9})
    leads = await captured(client, 50)
    lists = [await list_of(client, leads[n * 5 : n * 5 + 30]) for n in range(5)]
    for one in lists:
        await begun(client, one, pool_id=pool["id"])

    async def slice_of(one):
        async with unit_of_work(tx_of(database, org)) as tx:
            sharing, id = Sharing(tx), UUID(one["id"])
            due = await sharing.due(id, 1, recalls=False)
            return (await sharing.give(id, 1, due)).done

    given = await asyncio.gather(*(slice_of(one) for one in lists * 3))
    assert sum(given) == 36
    await need_one_each(owner, org, 36)
    assert await shares(owner, org) == dict.fromkeys(users, 9)


async def test_whoever_shares_a_list_and_whoever_merges_its_leads_wait_in_one_order(
    client, database, owner, org
):
    (user,) = await users_of(client, 1)
    pool = await pool_of(client, {user: 1})
    winner, loser = await captured(client, 2)
    one = await list_of(client, [loser])
    await begun(client, one, pool_id=pool["id"])
    id, (kept, gone) = UUID(one["id"]), (UUID(lead["id"]) for lead in (winner, loser))

    async def slice_of():
        async with unit_of_work(tx_of(database, org)) as tx:
            sharing = Sharing(tx)
            return await sharing.give(id, 1, await sharing.due(id, 1, recalls=False))

    async with unit_of_work(tx_of(database, org)) as merging:
        await LeadService(merging).records.sealed([kept, gone])
        giving = asyncio.create_task(slice_of())
        await waits(owner)
        assert not giving.done()
        await folded(merging, "lead", kept, [gone], {})
    # It is of another lead by now, which nobody has locked: next time.
    assert await giving == Step()
    assert await slice_of() == Step(1, 1)
    assert await owner_of(client, winner) == user
    (found,) = (await members(client, one)).values()
    assert (found["lead_id"], found["status"]) == (winner["id"], "given")


async def test_a_job_goes_through_what_was_merged_meanwhile(client, database, owner, org, worker):
    users = await users_of(client, 2)
    pool = await pool_of(client, dict.fromkeys(users, 1))
    winner, loser, third = await captured(client, 3)
    one = await list_of(client, [loser, third])
    await client.idle()
    async with unit_of_work(tx_of(database, org)) as merging:
        kept, gone = (UUID(lead["id"]) for lead in (winner, loser))
        await LeadService(merging).records.sealed([kept, gone])
        told = await begun(client, one, pool_id=pool["id"])
        await waits(owner)
        await folded(merging, "lead", kept, [gone], {})
    job = await client.ended(told["job_id"])
    assert job["result"] == {"given": 2, "left": 0}
    assert (job["progress"]["done"], job["progress"]["total"]) == (2, 2)
    assert await shares(owner, org) == dict.fromkeys(users, 1)
    assert {await owner_of(client, lead) for lead in (winner, third)} == set(users)
    assert (await client.read(f"prospect-lists/{one['id']}"))["given_count"] == 2


async def test_rules_and_lists_do_not_both_give_a_lead(client, worker, owner, org):
    users = await users_of(client, 3)
    pool = await pool_of(client, dict.fromkeys(users, 1))
    leads = await captured(client, 20)
    one = await list_of(client, leads)
    told, _ = await asyncio.gather(
        begun(client, one, pool_id=pool["id"]),
        rule_of(client, await pool_of(client, dict.fromkeys(users, 1))),
    )
    result = (await client.ended(told["job_id"]))["result"]
    await client.idle()
    await need_one_each(owner, org, 20)
    assert result["given"] + result["left"] == 20
    (count,) = await owner.fetch(
        "SELECT count(*) AS number FROM lead_assignments WHERE organization_id = $1", org.id
    )
    assert count["number"] == 20


async def test_what_was_given_is_recalled_and_shared_anew(client, worker, owner, org):
    a, b = await users_of(client, 2)
    pool = await pool_of(client, {a: 1, b: 1})
    leads = await captured(client, 6)
    one = await list_of(client, leads)
    await shared(client, one, pool)
    accepted, moved = leads[0], leads[1]
    assert (await client.post(f"/v1/leads/{accepted['id']}/accept")).status_code == 200
    other = b if await owner_of(client, moved) == a else a
    body = {"user_id": other}
    assert (await client.post(f"/v1/leads/{moved['id']}/assign", json=body)).status_code == 200
    assert await recalled(client, one) == {"recalled": 4, "kept": 2}
    found = await members(client, one)
    statuses = Counter(m["status"] for m in found.values())
    assert statuses == {"recalled": 4, "given": 2}
    assert await owner_of(client, moved) == other
    for lead in leads[2:]:
        now = await client.read(f"leads/{lead['id']}")
        assert (now["owner_id"], now["status"], now["waits_since"]) == (None, "new", None)
        (trail,) = (await client.read(f"leads/{lead['id']}/assignments"))["data"]
        assert (trail["ended_as"], trail["end_reason"]) == ("reassigned", "Wrong region")
    assert (await client.read(f"prospect-lists/{one['id']}"))["given_count"] == 2
    assert await recalled(client, one, includes_accepted=True) == {"recalled": 1, "kept": 1}
    weights = {"members": [{"user_id": a, "weight": 4}, {"user_id": b, "weight": 1}]}
    await client.changed(f"lead-pools/{pool['id']}", weights)
    assert await shared(client, one, pool) == {"given": 5, "left": 0}
    given = Counter([await owner_of(client, lead) for lead in leads if lead != moved])
    assert given == {a: 4, b: 1}


async def test_a_list_is_cancelled_and_goes_on(client, owner, org, worker_process):
    users = await users_of(client, 3)
    pool = await pool_of(client, dict.fromkeys(users, 1))
    one = await many(client, owner, org, 9_000)
    told = await begun(client, one, pool_id=pool["id"])
    process = worker_process()
    async for _ in patiently():
        if sum((await shares(owner, org)).values()):
            break
    await client.post(f"/v1/jobs/{told['job_id']}/cancel")
    job = {"status": "running"}
    async for _ in patiently():
        job = await client.read(f"jobs/{told['job_id']}")
        if job["status"] not in {"queued", "running"}:
            break
    first = sum((await shares(owner, org)).values())
    assert (await client.read(f"prospect-lists/{one['id']}"))["given_count"] == first
    if job["status"] == "cancelled":
        assert first % SLICE["given"] == 0
        assert first < 9_000
    again = await begun(client, one, pool_id=pool["id"])
    assert again["members"] == 9_000 - first
    result = (await client.ended(again["job_id"]))["result"]
    assert result == {"given": 9_000 - first, "left": 0}
    await need_one_each(owner, org, 9_000)
    assert await shares(owner, org) == dict.fromkeys(users, 3_000)
    assert process.poll() is None


@pytest.mark.timeout(120)
async def test_a_worker_that_is_killed_loses_and_doubles_nothing(
    client, owner, org, worker_process
):
    users = await users_of(client, 3)
    pool = await pool_of(client, dict.fromkeys(users, 1))
    one = await many(client, owner, org, 9_000)
    told = await begun(client, one, pool_id=pool["id"])
    first = worker_process(CRM_JOB_LEASE_S="2")
    async for _ in patiently():
        if sum((await shares(owner, org)).values()):
            break
    first.kill()
    first.wait()
    worker_process(CRM_JOB_LEASE_S="2")
    job = await client.ended(told["job_id"])
    assert job["result"] == {"given": 9_000, "left": 0}
    await need_one_each(owner, org, 9_000)
    assert await shares(owner, org) == dict.fromkeys(users, 3_000)


async def test_lists_are_shared_over_graphql(client, worker):
    (user,) = await users_of(client, 1)
    pool = await pool_of(client, {user: 1})
    one = await list_of(client, await captured(client, 2))
    made = await client.data(
        "mutation($i: UUID!, $p: UUID!) { distributeProspectList(id: $i, input: {poolId: $p}) "
        "{ jobId members } }",
        i=one["id"],
        p=pool["id"],
    )
    assert made["distributeProspectList"]["members"] == 2
    await client.ended(made["distributeProspectList"]["jobId"])
    found = await client.data(
        "query($i: String!) { prospectMembers(where: {listId: {eq: $i}}) "
        "{ edges { node { status user { id } list { givenCount pool { id } } } } } }",
        i=one["id"],
    )
    nodes = [edge["node"] for edge in found["prospectMembers"]["edges"]]
    assert (
        nodes
        == [
            {
                "status": "given",
                "user": {"id": user},
                "list": {"givenCount": 2, "pool": {"id": pool["id"]}},
            }
        ]
        * 2
    )
    gone = await client.data(
        'mutation($i: UUID!) { recallProspectList(id: $i, input: {reason: "Wrong"}) '
        "{ jobId members } }",
        i=one["id"],
    )
    job = await client.ended(gone["recallProspectList"]["jobId"])
    assert job["result"] == {"recalled": 2, "kept": 0}
