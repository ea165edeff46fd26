"""What other rules and pools would have done with leads of the past."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from support.clients import pointers, problem
from support.leads import (
    captured,
    follow,
    give_all,
    manager_of,
    owner_of,
    pool_of,
    rule_of,
    users_of,
)


def around():
    now = datetime.now(UTC)
    times = (now - timedelta(hours=1), now + timedelta(hours=1))
    return dict(zip(("since", "until"), (time.isoformat() for time in times), strict=True))


async def simulated(api, status=200, **body):
    answer = await api.post("/v1/lead-rules/simulate", json={**around(), **body})
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_simulation_and_the_real_thing_agree(client, database, org):
    users = await users_of(client, 4)
    banks = await pool_of(client, dict(zip(users[:2], (3, 1), strict=True)))
    capped = await pool_of(
        client, {users[3]: 1}, each={"daily_cap": 2}, fallback_pool_id=banks["id"]
    )
    await client.made("lead-rules", {"name": "Known", "target": "existing_owner", "position": 0})
    await rule_of(client, banks, position=1, filter={"industry": {"eq": "bank"}}, name="Banks")
    await rule_of(client, capped, position=2, filter={"industry": {"eq": "farm"}}, name="Farms")
    await client.made(
        "contacts", {"last_name": "Person", "email": "person@example.com", "owner_id": users[2]}
    )
    leads = [
        *await captured(client, 5, industry="bank"),
        *await captured(client, 1, email="person@example.com"),
        *await captured(client, 5, industry="farm"),
        *await captured(client, 2, industry="shop"),
    ]
    await give_all(database, org)
    found = await simulated(client)
    real = {lead["id"]: await owner_of(client, lead) for lead in leads}
    assert {one["lead_id"]: one["user_id"] for one in found["leads"]} == real
    assert (found["lead_count"], found["given_count"], found["left"]) == (13, 11, {"no_rule": 2})
    assert [(r["name"], r["leads"]) for r in found["rules"]] == [
        *(("Known", 1), ("Banks", 5), ("Farms", 5)),
    ]
    given = {one["user_id"]: one["given"] for one in found["fairness"]["members"]}
    assert (given[users[3]], given[users[0]] + given[users[1]]) == (2, 8)
    assert {one["rule"] for one in found["leads"]} == {"Known", "Banks", "Farms", None}


SAME_MOMENT = """
    UPDATE leads SET created_at = (SELECT min(created_at) FROM leads WHERE organization_id = $1)
    WHERE organization_id = $1
"""
SILENT = (
    "UPDATE leads SET due_at = now() - interval '1 minute' WHERE organization_id = $1 AND id = $2"
)


async def test_what_was_not_responded_to_goes_the_same_way_again(client, database, org, owner):
    members, manager = await users_of(client, 3), await manager_of(client)
    pool = await pool_of(
        client,
        dict(zip(members, (3, 2, 1), strict=True)),
        response_minutes=60,
        max_hops=1,
        manager_id=manager,
    )
    await rule_of(client, pool)
    leads = await captured(client, 7)
    await give_all(database, org)

    async def lets_go(lead):
        await owner.execute(SILENT, org.id, UUID(lead["id"]))
        await follow(database)
        await give_all(database, org)

    async def gives_back(lead):
        answer = await client.post(f"/v1/leads/{lead['id']}/return", json={"reason": "Too far"})
        assert answer.status_code == 200, answer.text
        await give_all(database, org)

    await gives_back(leads[0])
    await lets_go(leads[2])
    await lets_go(leads[4])
    await lets_go(leads[4])
    accepted = await client.post(f"/v1/leads/{leads[1]['id']}/accept")
    assert accepted.status_code == 200, accepted.text
    # As if all had come at once, so that it is the same what came first.
    await owner.execute(SAME_MOMENT, org.id)
    now = datetime.now(UTC)
    since = (now - timedelta(days=2)).isoformat()
    found = await simulated(client, since=since, until=(now + timedelta(hours=1)).isoformat())
    real = {lead["id"]: await owner_of(client, lead) for lead in leads}
    assert {one["lead_id"]: one["user_id"] for one in found["leads"]} == real
    assert real[leads[4]["id"]] == manager
    by_id = {one["lead_id"]: one for one in found["leads"]}
    assert [by_id[lead["id"]]["hops"] for lead in leads] == [0, 0, 1, 0, 2, 0, 0]
    assert len(by_id[leads[4]["id"]]["gone_by"]) == 2
    assert found["responses"] == {
        "responded": 1,
        "unknown": 6,
        "returned": 1,
        "recalled": 3,
        "escalated": 1,
    }
    # Without a manager nobody has it; whom nobody asks to respond lets nothing go.
    await client.changed(f"lead-pools/{pool['id']}", {"response_minutes": None})
    calm = await simulated(client, since=since, until=(now + timedelta(hours=1)).isoformat())
    assert (calm["responses"]["recalled"], calm["responses"]["returned"]) == (0, 1)


WEEKS = """
    UPDATE leads SET created_at = created_at - (ranked.n / 3) * interval '7 days'
    FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM leads
        WHERE organization_id = $1) ranked
    WHERE leads.id = ranked.id AND organization_id = $1
"""


async def test_caps_of_a_week_begin_anew_with_each(client, owner, org):
    users = await users_of(client, 1)
    await rule_of(client, await pool_of(client, {users[0]: 1}, each={"weekly_cap": 2}))
    await captured(client, 9)
    await owner.execute(WEEKS, org.id)
    since = (datetime.now(UTC) - timedelta(days=30)).isoformat()
    found = await simulated(client, since=since)
    assert (found["given_count"], found["left"]) == (6, {"nobody_available": 3})
    real = await simulated(client)
    assert (real["given_count"], real["left"]) == (2, {"nobody_available": 1})


async def test_drafts_are_tried_and_nothing_changes(client):
    one, other = await users_of(client, 2)
    pool = await pool_of(client, {one: 1})
    await rule_of(client, pool)
    leads = await captured(client, 4)
    as_it_is = await simulated(client)
    assert {lead["user_id"] for lead in as_it_is["leads"]} == {one}
    members = [{"user_id": one}, {"user_id": other}]
    wider = await simulated(client, pools=[{"pool_id": pool["id"], "members": members}])
    assert [lead["user_id"] for lead in wider["leads"]] == [one, other, one, other]
    assert wider["fairness"]["gini_after"] == "0.0000"
    fixed = [
        {"name": "Mine", "target": "user", "user_id": other, "filter": {"hops": {"eq": 9}}},
        {"name": "All", "pool_id": pool["id"]},
    ]
    drafted = await simulated(client, rules=fixed, limit=3)
    assert (drafted["lead_count"], [r["leads"] for r in drafted["rules"]]) == (3, [0, 3])
    assert [await owner_of(client, lead) for lead in leads] == [None] * 4
    asked = "query($i: LeadSimulationInput!) { simulateLeadRules(input: $i) { givenCount } }"
    pools = [{"poolId": pool["id"], "members": [{"userId": other}]}]
    told = await client.data(asked, i={**around(), "pools": pools})
    assert told["simulateLeadRules"] == {"givenCount": 4}


async def test_what_cannot_be_simulated_is_told(client):
    (one,) = await users_of(client, 1)
    pool = await pool_of(client, {one: 1})
    wrong = [
        (
            {"rules": [{"name": "A", "filter": {"shoe": 1}, "pool_id": pool["id"]}]},
            "/rules/0/filter/shoe",
        ),
        ({"pools": [{"pool_id": one}]}, "/pools/0/pool_id"),
        ({"filter": {"shoe": {"eq": 1}}}, "/filter/shoe"),
        ({"rules": [{"name": "A"}]}, "/rules/0"),
        ({"rules": [{"name": "A", "pool_id": one}]}, "/rules/0/pool_id"),
        (
            {"rules": [{"name": "A", "target": "user", "user_id": pool["id"]}]},
            "/rules/0/user_id",
        ),
        (
            {"pools": [{"pool_id": pool["id"], "members": [{"user_id": pool["id"]}]}]},
            "/pools/0/members/0/user_id",
        ),
        ({"pools": [{"pool_id": pool["id"]}, {"pool_id": pool["id"]}]}, ""),
        ({"until": "2020-01-01T00:00:00Z"}, ""),
    ]
    for body, pointer in wrong:
        answer = await client.post("/v1/lead-rules/simulate", json={**around(), **body})
        assert pointers(problem(answer, 422)) == [pointer]


async def test_a_recycled_lead_is_offered_to_everybody_anew(client, database, owner, org):
    users = await users_of(client, 2)
    for position, user in enumerate(users):
        body = {"name": "Named", "target": "user", "user_id": user, "position": position}
        await client.made("lead-rules", body)
    (lead,) = await captured(client, 1)
    await give_all(database, org)
    for verb in ("return", "recycle"):
        answer = await client.post(f"/v1/leads/{lead['id']}/{verb}", json={"reason": "Later"})
        assert answer.status_code == 200, answer.text
        await give_all(database, org)
    await client.post(f"/v1/leads/{lead['id']}/distribute")
    await give_all(database, org)
    assert await owner_of(client, lead) == users[0]
    (found,) = (await simulated(client))["leads"]
    assert (found["user_id"], found["gone_by"]) == (users[0], [])


async def test_what_members_had_that_week_is_told_where_it_is_counted(client, database, org):
    (one,) = await users_of(client, 1)
    pool = await pool_of(client, {one: 1})
    await rule_of(client, pool)
    for cap, expected in ((None, None), (9, 1)):
        body = {"members": [{"user_id": one, "weekly_cap": cap}]}
        await client.changed(f"lead-pools/{pool['id']}", body)
        (lead,) = await captured(client, 1)
        await give_all(database, org)
        (told,) = (await client.read(f"leads/{lead['id']}/explain"))["candidates"]
        assert told["week"] == expected
