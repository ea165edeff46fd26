"""Many leads at once: planned first, committed as planned, each given once."""

import asyncio
from collections import Counter
from uuid import UUID

import pytest

from support.clients import problem
from support.inboxes import told
from support.leads import captured, pool_of, rule_of, users_of
from support.members import member
from support.waiting import patiently

SHARES = """
    SELECT lead_id, count(*) AS number FROM lead_assignments
    WHERE organization_id = $1 AND ended_at IS NULL GROUP BY lead_id
"""

TOLD = """
    SELECT type, count(*) AS number FROM events WHERE organization_id = $1
        AND type IN ('lead.assigned', 'lead_assignment.created') GROUP BY type
"""
DUE = """
    SELECT count, due_at > now() AS waits FROM notification_dues
    WHERE organization_id = $1 AND count > 1
"""
BEFORE_WEEKS = """
    UPDATE lead_pools SET members = jsonb_set(members, '{0}', (members -> 0) - 'weekly_cap')
    WHERE id = $1
"""
MANY = """
    INSERT INTO leads (organization_id, id, name, sort_name, last_name, emails, phones, addresses,
        tags, skills, utm, candidates, decision, status, hops, version, created_at, updated_at)
    SELECT $1, gen_random_uuid(), 'Person', 'person', 'Person', '[]', '[]', '[]', '[]', '[]', '{}',
        '[]', '{}', 'new', 0, 1, now(), now()
    FROM generate_series(1, $2::int)
"""


async def planned(api, pool, status=201, **body):
    answer = await api.post(f"/v1/lead-pools/{pool['id']}/distribute", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def items_of(api, plan):
    return (await api.read(f"lead-plans/{plan['id']}/leads"))["data"]


async def test_a_plan_is_fair_in_number_and_in_quality_and_gives_nothing(client):
    users = await users_of(client, 3)
    pool = await pool_of(client, dict.fromkeys(users, 1))
    for score in range(1, 10):
        await captured(client, 1, fit_score=score)
    plan = await planned(client, pool)
    assert (plan["status"], plan["lead_count"], plan["planned_count"]) == ("planned", 9, 9)
    fairness = plan["fairness"]
    assert [one["given"] for one in fairness["members"]] == [3, 3, 3]
    assert (fairness["jain_after"], fairness["gini_after"]) == ("1.0000", "0.0000")
    assert sum(one["score"] for one in fairness["members"]) == 45
    assert all(lead["owner_id"] is None for lead in (await client.read("leads"))["data"])
    items = await items_of(client, plan)
    assert Counter(item["user_id"] for item in items) == dict.fromkeys(users, 3)
    (listed,) = (await client.read(f"lead-pools/{pool['id']}/plans"))["data"]
    assert listed["id"] == plan["id"]


async def test_a_plan_says_what_is_left_and_why(client):
    (one,) = await users_of(client, 1)
    pool = await pool_of(client, {one: 1}, each={"open_cap": 2})
    await captured(client, 3, industry="bank")
    await captured(client, 2, industry="shop")
    plan = await planned(client, pool, filter={"industry": {"eq": "bank"}})
    assert (plan["lead_count"], plan["planned_count"]) == (3, 2)
    assert plan["left"] == {"nobody_available": 1}
    wrong = {"filter": {"shoe": {"eq": 1}}}
    problem(await client.post(f"/v1/lead-pools/{pool['id']}/distribute", json=wrong), 422)


@pytest.mark.parametrize("strategy", ["pool", "optimal"])
async def test_caps_of_a_week_hold_in_plans_and_as_they_are_carried_out(
    client, worker, owner, org, strategy
):
    users = await users_of(client, 2)
    pool = await pool_of(client, dict.fromkeys(users, 1), each={"weekly_cap": 3})
    await captured(client, 9)
    plan = await planned(client, pool, strategy=strategy)
    assert (plan["planned_count"], plan["left"]) == (6, {"nobody_available": 3})
    answers = await asyncio.gather(
        *[
            client.post(f"/v1/lead-pools/{pool['id']}/distribute", json={"preview": False})
            for _ in range(3)
        ]
    )
    for answer in answers:
        await client.ended(answer.json()["job_id"])
    rows = await owner.fetch(
        "SELECT user_id::text AS user_id, count(*) AS n FROM lead_assignments"
        " WHERE organization_id = $1 GROUP BY 1",
        org.id,
    )
    assert {row["user_id"]: row["n"] for row in rows} == dict.fromkeys(users, 3)
    left = [lead for lead in (await client.read("leads"))["data"] if lead["owner_id"] is None]
    again = await planned(client, pool, strategy=strategy)
    assert (len(left), again["planned_count"]) == (3, 0)


async def test_members_from_before_there_were_caps_of_a_week_have_none(client, owner):
    users = await users_of(client, 1)
    pool = await pool_of(client, dict.fromkeys(users, 1))
    await owner.execute(BEFORE_WEEKS, UUID(pool["id"]))
    kept = await client.read(f"lead-pools/{pool['id']}")
    assert [one.get("weekly_cap") for one in kept["members"]] == [None]
    asked = "query($i: UUID!) { leadPool(id: $i) { members { weeklyCap } } }"
    told = (await client.data(asked, i=pool["id"]))["leadPool"]["members"]
    assert told == [{"weeklyCap": None}]
    await captured(client, 2)
    assert (await planned(client, pool))["planned_count"] == 2


async def test_a_plan_is_carried_out_by_a_job_as_it_was_planned(client, worker):
    users = await users_of(client, 2)
    pool = await pool_of(client, dict(zip(users, (2, 1), strict=True)))
    leads = await captured(client, 6)
    plan = await planned(client, pool)
    wanted = {item["lead_id"]: item["user_id"] for item in await items_of(client, plan)}
    answer = await client.post(f"/v1/lead-plans/{plan['id']}/commit")
    assert answer.status_code == 202
    job = await client.ended(answer.json()["job_id"])
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert job["result"] == {"given": 6, "skipped": 0}
    found = {lead["id"]: await client.read(f"leads/{lead['id']}") for lead in leads}
    assert {id: lead["owner_id"] for id, lead in found.items()} == wanted
    plan = await client.read(f"lead-plans/{plan['id']}")
    assert (plan["status"], plan["given_count"], plan["skipped_count"]) == ("done", 6, 0)
    (trail,) = (await client.read(f"leads/{leads[0]['id']}/assignments"))["data"]
    assert (trail["kind"], trail["pool_id"]) == ("plan", pool["id"])
    problem(await client.post(f"/v1/lead-plans/{plan['id']}/commit"), 409, "plan_committed")


async def test_a_plan_of_what_has_changed_is_stale(client):
    users = await users_of(client, 2)
    pool = await pool_of(client, dict.fromkeys(users, 1))
    leads = await captured(client, 2)
    plan = await planned(client, pool)
    await client.changed(f"leads/{leads[0]['id']}", {"description": "Changed"})
    problem(await client.post(f"/v1/lead-plans/{plan['id']}/commit"), 409, "plan_stale")
    plan = await planned(client, pool)
    await client.changed(f"lead-pools/{pool['id']}", {"response_minutes": 5})
    problem(await client.post(f"/v1/lead-plans/{plan['id']}/commit"), 409, "plan_stale")
    plan = await planned(client, pool)
    assert (await client.delete(f"/v1/leads/{leads[0]['id']}")).status_code == 204
    problem(await client.post(f"/v1/lead-plans/{plan['id']}/commit"), 409, "plan_stale")


async def test_what_is_taken_meanwhile_is_skipped(client, owner, org, worker_process):
    users = await users_of(client, 2)
    pool = await pool_of(client, dict.fromkeys(users, 1))
    leads = await captured(client, 4)
    plan = await planned(client, pool, preview=False)
    assert plan["status"] == "committed"
    body = {"user_id": users[0]}
    answer = await client.post(f"/v1/leads/{leads[0]['id']}/assign", json=body)
    assert answer.status_code == 200
    worker_process()
    job = await client.ended(plan["job_id"])
    assert job["result"] == {"given": 3, "skipped": 1}
    outcomes = {item["lead_id"]: item["outcome"] for item in await items_of(client, plan)}
    assert outcomes[leads[0]["id"]] == "not_free"


@pytest.mark.timeout(240)
async def test_a_plan_that_a_killed_worker_left_is_carried_out_once(
    client, owner, org, worker_process
):
    users = await users_of(client, 3)
    pool = await pool_of(client, dict.fromkeys(users, 1))
    await owner.execute(MANY, org.id, 6_000)
    plan = await planned(client, pool, preview=False, limit=6_000)
    first = worker_process(CRM_JOB_LEASE_S="2")
    async for _ in patiently():
        if await owner.fetch(SHARES, org.id):
            break
    first.kill()
    first.wait()
    worker_process(CRM_JOB_LEASE_S="2")
    job = await client.ended(plan["job_id"])
    assert job["result"] == {"given": 6_000, "skipped": 0}
    rows = await owner.fetch(SHARES, org.id)
    assert [row["number"] for row in rows] == [1] * 6_000
    events = {row["type"]: row["number"] for row in await owner.fetch(TOLD, org.id)}
    assert events == dict.fromkeys(("lead.assigned", "lead_assignment.created"), 6_000)


async def test_of_many_who_commit_a_plan_one_does_and_overlapping_plans_give_once(
    client, owner, org, worker
):
    users = await users_of(client, 3)
    pools = [await pool_of(client, dict.fromkeys(users, 1)) for _ in range(2)]
    await captured(client, 12)
    plans = [await planned(client, pool) for pool in pools]
    calls = [client.post(f"/v1/lead-plans/{plan['id']}/commit") for plan in plans * 5]
    answers = await asyncio.gather(*calls)
    assert sorted(one.status_code for one in answers) == [202, 202, *[409] * 8]
    for answer in answers:
        if answer.status_code == 202:
            await client.ended(answer.json()["job_id"])
    rows = await owner.fetch(SHARES, org.id)
    assert [row["number"] for row in rows] == [1] * 12
    ended = [await client.read(f"lead-plans/{plan['id']}") for plan in plans]
    assert sum(plan["given_count"] for plan in ended) == 12
    assert sum(plan["skipped_count"] for plan in ended) == 12


async def test_whoever_is_given_many_at_once_is_told_once(client, owner, org, worker, settings):
    reps = [await member(client, "admin") for _ in range(2)]
    pool = await pool_of(client, {one.id: 1 for one in reps})
    count = 12
    await captured(client, 1)
    await owner.execute(MANY, org.id, 2 * count - 1)
    plan = await planned(client, pool, preview=False)
    await client.ended(plan["job_id"])
    for one in reps:
        # What was told before the last contact of `told` is all that there is.
        (row,) = await told(client, one)
        assert (row["kind"], row["count"]) == ("assigned", count)
        assert row["title"] == f"{count} records are yours now, by The system"
        assert row["record"]["target"] == "lead"
        there = (await one.api.get(f"{row['path']}&limit=50")).json()["data"]
        assert len(there) == count
        assert row["record"]["id"] in {lead["id"] for lead in there}
        asked = "query { notifications { nodes { kind title count path } } }"
        nodes = (await one.api.data(asked))["notifications"]["nodes"]
        names = ("kind", "title", "count", "path")
        assert {name: row[name] for name in names} in nodes
    # What is sent of it is gathered first.
    rows = await owner.fetch(DUE, org.id)
    assert [tuple(row) for row in rows] == [(count, True)] * 2


async def test_whoever_is_given_one_is_told_of_it(client, worker):
    one = await member(client, "admin")
    (lead,) = await captured(client, 1)
    body = {"user_id": one.id}
    assert (await client.post(f"/v1/leads/{lead['id']}/assign", json=body)).is_success
    (row,) = await told(client, one)
    assert (row["kind"], row["type"]) == ("assigned", "lead.assigned")
    assert row["title"] == "Person 0 is yours now, by Somebody"
    assert row["path"] == row["record"]["path"] == f"/v1/leads/{lead['id']}"


async def test_plans_are_the_same_over_graphql(client, worker):
    (one,) = await users_of(client, 1)
    pool = await pool_of(client, {one: 1})
    await captured(client, 2)
    made = await client.data(
        "mutation($i: UUID!) { distributeLeadPool(id: $i, input: {limit: 1}) "
        "{ id status fairness { giniAfter members { given } } } }",
        i=pool["id"],
    )
    plan = made["distributeLeadPool"]
    assert plan["fairness"]["members"] == [{"given": 1}]
    done = await client.data(
        "mutation($i: UUID!) { commitLeadPlan(id: $i) { status jobId } }", i=plan["id"]
    )
    await client.ended(done["commitLeadPlan"]["jobId"])
    found = await client.data(
        "query($i: UUID!) { leadPlan(id: $i) { status givenCount } "
        "plannedLeads(id: $i) { data { userId outcome } } }",
        i=plan["id"],
    )
    assert found["leadPlan"] == {"status": "done", "givenCount": 1}
    assert found["plannedLeads"]["data"] == [{"userId": one, "outcome": "given"}]


async def test_a_great_many_are_planned_by_a_job_and_given_by_another(client, owner, org, worker):
    users = await users_of(client, 3)
    pool = await pool_of(client, dict(zip(users, (3, 2, 1), strict=True)))
    await client.idle()
    await owner.execute(MANY, org.id, 6_000)
    plan = await planned(client, pool, limit=20_000, preview=False)
    assert (plan["status"], plan["lead_count"]) == ("planning", 0)
    answer = await client.post(f"/v1/lead-plans/{plan['id']}/commit")
    assert problem(answer, 409)["code"] in {"plan_in_the_making", "plan_committed"}
    job = await client.ended(plan["job_id"])
    assert job["result"] == {"leads": 6_000, "planned": 6_000}
    plan = await client.read(f"lead-plans/{plan['id']}")
    job = await client.ended(plan["job_id"])
    assert job["result"] == {"given": 6_000, "skipped": 0}
    counts = {one["user_id"]: one["given"] for one in plan["fairness"]["members"]}
    assert counts == dict(zip(users, (3_000, 2_000, 1_000), strict=True))
    rows = await owner.fetch(SHARES, org.id)
    assert (len(rows), {row["number"] for row in rows}) == (6_000, {1})
    first = await client.read(f"lead-plans/{plan['id']}/leads")
    rest = await client.read(f"lead-plans/{plan['id']}/leads", cursor=first["next_cursor"])
    assert (len(first["data"]), len(rest["data"]), rest["next_cursor"]) == (5_000, 1_000, None)
    assert {one["outcome"] for one in first["data"] + rest["data"]} == {"given"}
    lead = first["data"][0]
    told = await client.read(f"leads/{lead['lead_id']}/explain")
    assert (told["user_id"], told["kind"]) == (lead["user_id"], "plan")
    assert [(m["user_id"], m["excluded"], m["weight"]) for m in told["candidates"]] == [
        *((user, None, weight) for user, weight in zip(users, (3, 2, 1), strict=True)),
    ]
    events = await owner.fetch(TOLD, org.id)
    assert {row["type"]: row["number"] for row in events} == {
        "lead.assigned": 6_000,
        "lead_assignment.created": 6_000,
    }
    now = await client.read(f"leads/{lead['lead_id']}")
    # The feed has the assignments of the slice first.
    (event,) = await client.told(lead["lead_id"], 1, types="lead.assigned")
    assert now["version"] == event["version"] == 2
    assert event["data"]["owner_id"] == now["owner_id"]
    assert event["previous"]["status"] == "new"


async def test_what_a_plan_gave_is_credited_when_it_comes_back(client, worker):
    """Turns go on as if it had not been given."""
    one, other = await users_of(client, 2)
    pool = await pool_of(client, {one: 1, other: 1})
    (first,) = await captured(client, 1)
    plan = await planned(client, pool, preview=False)
    await client.ended(plan["job_id"])
    assert (await client.read(f"leads/{first['id']}"))["owner_id"] == one
    reason = {"reason": "Not mine"}
    assert (await client.post(f"/v1/leads/{first['id']}/return", json=reason)).status_code == 200
    await client.post(f"/v1/leads/{first['id']}/disqualify", json=reason)
    await captured(client, 2)
    plan = await planned(client, pool)
    assert [item["user_id"] for item in await items_of(client, plan)] == [one, other]


async def test_the_credits_after_a_plan_are_those_of_single_choices(client, owner, org, worker):
    users = await users_of(client, 3)
    pools = [await pool_of(client, dict(zip(users, (5, 2, 1), strict=True))) for _ in range(2)]
    await captured(client, 5)
    plan = await planned(client, pools[0], preview=False)
    await client.ended(plan["job_id"])
    await rule_of(client, pools[1])
    await captured(client, 5)
    await client.idle()
    turns = await owner.fetch("SELECT turns FROM lead_pools WHERE organization_id = $1", org.id)
    assert len(turns) == 2
    assert turns[0]["turns"] == turns[1]["turns"]


async def test_caps_that_are_reached_meanwhile_are_told(client, worker):
    (one,) = await users_of(client, 1)
    pool = await pool_of(client, {one: 1}, each={"open_cap": 3})
    await captured(client, 6)
    plans = [await planned(client, pool, filter=filter) for filter in ({}, {"hops": {"eq": 0}})]
    jobs = [await client.post(f"/v1/lead-plans/{plan['id']}/commit") for plan in plans]
    assert jobs[0].status_code == 202
    ended = [await client.ended(job.json()["job_id"]) for job in jobs if job.status_code == 202]
    # Which of them is first is not said; together they give no more than the cap.
    results = [job["result"] for job in ended]
    assert {"given": 3, "skipped": 0} in results
    assert [one for one in results if one != {"given": 3, "skipped": 0}] == [
        {"given": 0, "skipped": 3}
    ] * (len(results) - 1)


async def test_a_plan_may_be_the_assignment_of_the_highest_value(client, worker):
    """Who converts leads of banks gets them, in shares that stay even."""
    users = await users_of(client, 2)
    for user, industry, other in zip(users, ("bank", "farm"), ("farm", "bank"), strict=True):
        for end, kind in (("convert", industry), ("disqualify", other)):
            for lead in await captured(client, 4, industry=kind, owner_id=user):
                body = {} if end == "convert" else {"reason": "No budget"}
                answer = await client.post(f"/v1/leads/{lead['id']}/{end}", json=body)
                assert answer.status_code == 200, answer.text
    pool = await pool_of(client, dict.fromkeys(users, 1))
    leads = [
        *await captured(client, 3, industry="farm", fit_score=60),
        *await captured(client, 3, industry="bank", fit_score=60),
    ]
    plan = await planned(client, pool, strategy="optimal")
    found = {item["lead_id"]: item["user_id"] for item in await items_of(client, plan)}
    assert [found[lead["id"]] for lead in leads] == [users[1]] * 3 + [users[0]] * 3
    assert {item["reason"] for item in await items_of(client, plan)} == {"highest_value"}
    by_job = await planned(client, pool, strategy="optimal", limit=1_001)
    await client.ended(by_job["job_id"])
    again = {item["lead_id"]: item["user_id"] for item in await items_of(client, by_job)}
    assert again == found
    answer = await client.post(f"/v1/lead-plans/{by_job['id']}/commit")
    await client.ended(answer.json()["job_id"])
    told = await client.read(f"leads/{leads[0]['id']}/explain")
    assert (told["user_id"], told["strategy"]) == (users[1], "optimal")
