"""Queues: members take leads themselves, each another one, for so long as they accept them."""

import asyncio
from collections import Counter

import pytest

from support.clients import pointers, problem
from support.leads import captured, follow, give_all, owner_of, pool_of, rule_of, users_of
from support.members import custom_role, member

OVERDUE = """
    UPDATE leads SET due_at = now() - interval '1 second'
    WHERE organization_id = $1 AND status = 'assigned'
"""
OPEN = """
    SELECT lead_id, user_id::text AS user_id FROM lead_assignments
    WHERE organization_id = $1 AND ended_at IS NULL
"""


@pytest.fixture
async def reps(client):
    # They see leads of nobody no more than pools.
    own = {"read": "own", "update": "own"}
    role = await custom_role(client, levels={"leads": own})
    return [await member(client, role) for _ in range(3)]


async def queue_of(client, reps, **more):
    pool = await pool_of(client, {one.id: 1 for one in reps}, strategy="queue", **more)
    await rule_of(client, pool)
    return pool


async def claimed(rep, pool, status=200):
    answer = await rep.api.post(f"/v1/lead-pools/{pool['id']}/claim")
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


async def scored(client, *scores):
    ids = []
    for turn, score in enumerate(scores):
        rule = {"name": f"S{turn}", "category": "fit", "points": score}
        await client.made("lead-score-rules", {**rule, "filter": {"source": f"s{turn}"}})
        ids.append((await captured(client, 1, source=f"s{turn}"))[0]["id"])
    return ids


async def test_members_take_the_best_that_is_for_them(client, database, org, reps):
    first, second, _ = reps
    pool = await queue_of(client, reps[:2])
    poor, good, same = await scored(client, 10, 50, 50)
    (other,) = await captured(client, 1, language="fr")
    assert await give_all(database, org) == 0
    lead = await client.read(f"leads/{good}")
    told = (lead["owner_id"], lead["status"], lead["unassigned_reason"], lead["pool_id"])
    assert told == (None, "new", "queued", pool["id"])
    head = await member(client, "admin")
    answer = await head.api.post(f"/v1/leads/{good}/claim")
    assert problem(answer, 409)["errors"][0]["code"] == "in_queue"
    waiting = await first.api.read(f"lead-pools/{pool['id']}/queue")
    assert (waiting["lead_count"], waiting["next_score"]) == (4, 50)
    one = await claimed(first, pool)
    assert (one["id"], one["owner_id"], one["status"]) == (good, first.id, "working")
    assert [(await claimed(second, pool))["id"] for _ in range(3)] == [same, poor, other["id"]]
    assert await claimed(first, pool, 204) is None
    told = await client.read(f"leads/{good}/explain")
    assert (told["kind"], told["strategy"], told["reason"]) == ("claim", "queue", "claimed")
    assert (told["user_id"], told["pool_id"]) == (first.id, pool["id"])
    assert told["rules"][0]["passed"]
    assert {one["excluded"] for one in told["candidates"]} == {"pulls"}
    (given,) = (await client.read(f"leads/{good}/assignments"))["data"]
    assert (given["kind"], given["user_id"], given["pool_id"]) == ("claim", first.id, pool["id"])
    assert given["responded_at"] is not None
    events = (await client.read("events", types="lead.queued,lead.claimed", limit=200))["data"]
    assert Counter(one["type"] for one in events) == {"lead.queued": 4, "lead.claimed": 4}


async def test_what_is_not_accepted_in_time_waits_again(client, database, owner, org, reps):
    first, second, head = reps
    more = {"response_minutes": 30, "max_hops": 1, "manager_id": head.id}
    pool = await queue_of(client, reps[:2], **more)
    (lead,) = await captured(client, 1)
    await give_all(database, org)
    for rep, hops in ((first, 1), (second, 2)):
        one = await claimed(rep, pool)
        assert (one["id"], one["status"]) == (lead["id"], "assigned")
        assert one["respond_by"] is not None
        await owner.execute(OVERDUE, org.id)
        await follow(database)
        assert await owner_of(client, lead) is None
        await give_all(database, org)
        # It is not theirs again.
        assert await claimed(rep, pool, 204) is None
        again = await client.read(f"leads/{lead['id']}")
        assert again["hops"] == hops
    assert again["owner_id"] == head.id
    (back,) = await captured(client, 1)
    await give_all(database, org)
    for rep in (first, second):
        assert (await claimed(rep, pool))["id"] == back["id"]
        answer = await client.post(f"/v1/leads/{back['id']}/return", json={"reason": "Not mine"})
        assert answer.status_code == 200, answer.text
        await give_all(database, org)
    assert await owner_of(client, back) == head.id
    assert (await client.read(f"leads/{back['id']}/explain"))["reason"] == "all_had_it"
    (kept,) = await captured(client, 1)
    await give_all(database, org)
    await claimed(second, pool)
    await second.api.post(f"/v1/leads/{kept['id']}/accept")
    await owner.execute(OVERDUE, org.id)
    await follow(database)
    assert await owner_of(client, kept) == second.id


async def test_only_those_whom_a_lead_is_for_take_it_and_within_their_caps(
    client, database, org, reps
):
    first, second, other = reps
    pool = await queue_of(client, [first, second], each={"open_cap": 1, "languages": ["de"]})
    (french,) = await captured(client, 1, language="fr")
    await captured(client, 2, language="de")
    await give_all(database, org)
    # Nobody is for it, so it does not wait in the queue.
    assert (await client.read(f"leads/{french['id']}"))["unassigned_reason"] == "nobody_available"
    assert (await claimed(first, pool))["language"] == "de"
    assert (await claimed(first, pool, 409))["code"] == "open_cap"
    assert (await claimed(other, pool, 403))["code"] == "not_a_member"
    assert (await claimed(second, pool))["language"] == "de"
    answer = await client.post(f"/v1/lead-pools/{pool['id']}/claim")
    assert problem(answer, 422)["code"] == "not_a_user"
    shared = await pool_of(client, {first.id: 1})
    assert (await claimed(first, shared, 409))["code"] == "pool_is_no_queue"
    problem(await other.api.get(f"/v1/lead-pools/{french['id']}/queue"), 404)


async def test_many_who_ask_at_once_get_another_one_each(client, database, owner, org, reps):
    pool = await queue_of(client, reps, each={"open_cap": 12})
    await captured(client, 30)
    await give_all(database, org)
    calls = [claimed(reps[turn % 3], pool) for turn in range(30)]
    found = await asyncio.gather(*calls)
    assert len({one["id"] for one in found}) == 30
    rows = await owner.fetch(OPEN, org.id)
    assert len(rows) == len({row["lead_id"] for row in rows}) == 30
    assert Counter(row["user_id"] for row in rows) == dict.fromkeys((one.id for one in reps), 10)
    assert [await claimed(one, pool, 204) for one in reps] == [None] * 3


@pytest.mark.parametrize("cap", ["open_cap", "daily_cap", "weekly_cap"])
async def test_caps_hold_whoever_asks_how_often_at_once(client, database, owner, org, reps, cap):
    pool = await queue_of(client, reps[:1], each={cap: 3})
    await captured(client, 8)
    await give_all(database, org)
    answers = await asyncio.gather(
        *[reps[0].api.post(f"/v1/lead-pools/{pool['id']}/claim") for _ in range(8)]
    )
    assert Counter(one.status_code for one in answers) == {200: 3, 409: 5}
    assert {one.json()["code"] for one in answers if one.status_code == 409} == {cap}
    assert len(await owner.fetch(OPEN, org.id)) == 3


async def test_queues_follow_their_pools_and_rules(client, database, org, reps):
    users = await users_of(client, 1)
    pool = await queue_of(client, reps)
    full = await pool_of(client, {users[0]: 1}, each={"open_cap": 1}, fallback_pool_id=pool["id"])
    leads = await captured(client, 3)
    await give_all(database, org)
    # What a pool has no room for waits in the queue that it falls back on.
    (rule,) = (await client.read("lead-rules"))["data"]
    await client.changed(f"lead-rules/{rule['id']}", {"pool_id": full["id"]})
    await give_all(database, org)
    owners = [await owner_of(client, lead) for lead in leads]
    assert Counter(owners) == {users[0]: 1, None: 2}
    assert (await client.read(f"lead-pools/{pool['id']}/queue"))["lead_count"] == 2
    assert (await claimed(reps[0], pool))["owner_id"] == reps[0].id
    # One that is switched off holds nothing, and one that shares out gives what waited.
    await client.changed(f"lead-pools/{pool['id']}", {"is_active": False})
    await give_all(database, org)
    left = [one for one in leads if await owner_of(client, one) is None]
    (waiting,) = left
    assert (await client.read(f"leads/{waiting['id']}"))["pool_id"] is None
    await client.changed(f"lead-pools/{pool['id']}", {"is_active": True, "strategy": "round_robin"})
    await give_all(database, org)
    assert await owner_of(client, waiting) in {one.id for one in reps}


async def test_nothing_is_shared_out_of_a_queue(client, database, org, reps):
    pool = await queue_of(client, reps)
    await captured(client, 2)
    await give_all(database, org)
    answer = await client.post(f"/v1/lead-pools/{pool['id']}/distribute", json={"preview": True})
    problem(answer, 409, "pool_is_queue")
    made = await client.made("prospect-lists", {"name": "List"})
    answer = await client.post(
        f"/v1/prospect-lists/{made['id']}/distribute", json={"pool_id": pool["id"]}
    )
    assert pointers(problem(answer, 422)) == ["/pool_id"]


async def test_a_simulation_says_what_would_wait(client, database, org, reps):
    from domains.leads.test_simulating import simulated

    pool = await queue_of(client, reps)
    await captured(client, 3)
    await give_all(database, org)
    found = await simulated(client)
    assert (found["given_count"], found["left"]) == (0, {"queued": 3})
    assert found["fairness"]["members"] == []
    draft = {"pool_id": pool["id"], "strategy": "round_robin"}
    shared = await simulated(client, pools=[draft])
    assert (shared["given_count"], shared["left"]) == (3, {})


async def test_both_faces_take_the_next(client, database, org, reps):
    pool = await queue_of(client, reps)
    await captured(client, 1)
    await give_all(database, org)
    document = "mutation ($id: UUID!) { claimNextLead(poolId: $id) { owner { id } status } }"
    queue = "query ($id: UUID!) { leadQueue(poolId: $id) { leadCount waitsSince nextScore } }"
    told = await reps[0].api.data(queue, id=pool["id"])
    assert told["leadQueue"]["leadCount"] == 1
    found = await reps[0].api.data(document, id=pool["id"])
    assert found["claimNextLead"] == {"owner": {"id": reps[0].id}, "status": "working"}
    assert (await reps[0].api.data(document, id=pool["id"]))["claimNextLead"] is None
