"""Many leads at once: planned first, committed as planned, each given once."""

import asyncio
from collections import Counter

from support.clients import problem
from support.leads import captured, pool_of, users_of

SHARES = """
    SELECT lead_id, count(*) AS number FROM lead_assignments
    WHERE organization_id = $1 AND ended_at IS NULL GROUP BY lead_id
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
