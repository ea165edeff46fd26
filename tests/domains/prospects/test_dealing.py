"""Lists that are shared out by arrays: decisions that share grounds, caps, and what dies meanwhile."""

from uuid import UUID

import pytest

from crm_api.domains.leads.desks import Desk
from crm_api.domains.leads.service import LeadService
from crm_api.domains.prospects.service import ProspectListService, ProspectMemberService
from crm_api.kit.crud.alike import change_alike
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import unit_of_work
from support.clients import problem, tx_of
from support.leads import captured, pool_of, users_of
from support.members import custom_role, key_for, new_user
from support.waiting import patiently

SHARES = """
    SELECT user_id::text AS user_id, count(*) AS number FROM lead_assignments
    WHERE organization_id = $1 AND ended_at IS NULL GROUP BY user_id
"""
TWICE = """
    SELECT lead_id FROM lead_assignments WHERE organization_id = $1 AND ended_at IS NULL
    GROUP BY lead_id HAVING count(*) > 1
"""
COPIED = """
    INSERT INTO leads SELECT (jsonb_populate_record(l, jsonb_build_object(
        'id', gen_random_uuid(), 'score', n))).* FROM leads l, generate_series(1, $3) n
    WHERE l.organization_id = $1 AND l.id = $2
"""
MADE = """
    SELECT m.id, e.data FROM prospect_members m JOIN events e ON e.organization_id = $1
        AND e.record_id = m.id AND e.type = 'prospect_member.created' AND e.version = 1
    WHERE m.organization_id = $1 AND m.list_id = $2
"""
TOLD = """
    SELECT type, count(*) AS number FROM events WHERE organization_id = $1 AND type IN
        ('lead.assigned', 'lead_assignment.created', 'prospect_member.given') GROUP BY type
"""
GROUNDS = "SELECT count(*) AS number FROM lead_grounds WHERE organization_id = $1"


async def list_of(client, **body):
    made = await client.made("prospect-lists", {"name": "Trade fair"})
    answer = await client.post(f"/v1/prospect-lists/{made['id']}/members", json=body)
    assert answer.status_code == 200, answer.text
    return made


async def begun(client, of, pool):
    body = {"pool_id": pool["id"]}
    answer = await client.post(f"/v1/prospect-lists/{of['id']}/distribute", json=body)
    assert answer.status_code == 202, answer.text
    return answer.json()["job_id"]


async def chosen_one_by_one(database, org, pool, ids):
    """What a desk tells of each lead when they are chosen for one at a time."""
    tx = tx_of(database, org, dry_run=True)
    async with unit_of_work(tx):
        leads = {one.id: one for one in await LeadService(tx).records.locked(ids)}
        desk = await Desk.open(tx, [UUID(pool["id"])], ids)
        return {str(id): desk.pick(UUID(pool["id"]), leads[id]) for id in ids}


@pytest.mark.parametrize("strategy", ["round_robin", "least_loaded"])
async def test_decisions_that_share_grounds_are_told_as_single_ones(
    client, database, owner, org, worker, strategy
):
    a, b, c, d = await users_of(client, 4)
    last = await pool_of(client, {d: 1}, strategy=strategy)
    members = [
        {"user_id": a, "weight": 3, "open_cap": 4},
        {"user_id": b, "weight": 2, "countries": ["DE"]},
        {"user_id": c, "weight": 1, "daily_cap": 2},
    ]
    body = {"name": "First", "members": members, "strategy": strategy}
    pool = await client.made("lead-pools", {**body, "fallback_pool_id": last["id"]})
    leads = [
        (await captured(client, 1, fit_score=50 - n, country="DE" if n % 3 else "AT"))[0]
        for n in range(16)
    ]
    ids = [UUID(lead["id"]) for lead in leads]
    wanted = await chosen_one_by_one(database, org, pool, ids)
    one = await list_of(client, lead_ids=[str(id) for id in ids])
    job = await client.ended(await begun(client, one, pool))
    assert job["result"] == {"given": 16, "left": 0}
    assert (job["progress"]["done"], job["progress"]["total"]) == (16, 16)
    for id, pick in wanted.items():
        told = await client.read(f"leads/{id}/explain")
        assert told["user_id"] == str(pick.user_id)
        assert told["pool_id"] == str(pick.pool.id)
        assert told["strategy"] == strategy
        assert told["candidates"] == [dict(candidate) for candidate in pick.looked_at]
    (grounds,) = await owner.fetch(GROUNDS, org.id)
    assert grounds["number"] == 1
    now = await client.read(f"lead-pools/{pool['id']}")
    assert now["version"] == pool["version"]


@pytest.mark.timeout(240)
async def test_lists_that_overlap_keep_caps_whoever_is_killed(client, owner, org, worker_process):
    users = await users_of(client, 3)
    pool = await pool_of(client, dict.fromkeys(users, 1), each={"open_cap": 1_400})
    (first,) = await captured(client, 1, fit_score=1)
    await owner.execute(COPIED, org.id, first["id"], 4_999)
    lists = [await list_of(client, filter={}) for _ in range(2)]
    jobs = [await begun(client, one, pool) for one in lists]
    process = worker_process(CRM_JOB_LEASE_S="2")
    async for _ in patiently():
        if await owner.fetch(SHARES, org.id):
            break
    process.kill()
    process.wait()
    worker_process(CRM_JOB_LEASE_S="2")
    results = [(await client.ended(job))["result"] for job in jobs]
    assert sum(one["given"] for one in results) == 4_200
    assert sum(one["left"] for one in results) == 5_800
    shares = {row["user_id"]: row["number"] for row in await owner.fetch(SHARES, org.id)}
    assert shares == dict.fromkeys(users, 1_400)
    assert await owner.fetch(TWICE, org.id) == []
    told = {row["type"]: row["number"] for row in await owner.fetch(TOLD, org.id)}
    assert told == dict.fromkeys(
        ("lead.assigned", "lead_assignment.created", "prospect_member.given"), 4_200
    )
    counts = [(await client.read(f"prospect-lists/{one['id']}"))["given_count"] for one in lists]
    assert counts == [one["given"] for one in results]


async def test_who_sees_few_leads_is_told_of_theirs_alone(client, worker):
    own = {"read": "own", "update": "own"}
    role = await custom_role(client, levels={"leads": own, "prospect_lists": {"read": "all"}})
    mine, others = sorted([await new_user(client, role), await new_user(client, role)])
    pool = await pool_of(client, {mine: 1, others: 1})
    leads = await captured(client, 4)
    one = await list_of(client, lead_ids=[lead["id"] for lead in leads])
    await client.ended(await begun(client, one, pool))
    api = await key_for(client, mine)
    answers = [(await api.get(f"/v1/leads/{lead['id']}/explain")) for lead in leads]
    seen = [a for a in answers if a.status_code == 200]
    assert len(seen) == 2
    assert {a.json()["user_id"] for a in seen} == {mine}
    assert [len(a.json()["candidates"]) for a in seen] == [2, 2]
    for answer in answers:
        if answer not in seen:
            problem(answer, 404)
    reader = await key_for(client, mine, "leads:read", "prospect_lists:read")
    url = f"/v1/prospect-lists/{one['id']}/distribute"
    problem(await reader.post(url, json={"pool_id": pool["id"]}), 403)


async def test_members_that_come_many_at_a_time_are_told_as_single_ones(
    client, database, owner, org
):
    first, second = await captured(client, 2)
    async with unit_of_work(tx_of(database, org)) as tx:
        lists, members = ProspectListService(tx), ProspectMemberService(tx)
        made = [
            lists.add(
                lists.derive(
                    {
                        **lists.begins_with,
                        **dict.fromkeys(("consent_basis", "origin", "cost", "currency")),
                        **dict.fromkeys(("description", "owner_id")),
                        "name": name,
                        "custom": {},
                        "external_ids": {},
                    },
                    None,
                )
            ).id
            for name in ("One", "Two")
        ]
        single = {
            "status": "listed",
            **dict.fromkeys(("user_id", "outcome", "given_at", "accepted_at", "owner_id")),
            **dict.fromkeys(("run", "returns"), 0),
            "custom": {},
            "external_ids": {},
        }
        members.add({**single, "list_id": made[0], "lead_id": UUID(first["id"])})
        await members.join([made[1]], [UUID(second["id"])])
    (by_itself,) = await owner.fetch(MADE, org.id, made[0])
    (by_many,) = await owner.fetch(MADE, org.id, made[1])
    one, other = decode(by_itself["data"]), decode(by_many["data"])
    assert other.pop("id") == str(by_many["id"])
    assert (other.pop("list_id"), other.pop("lead_id")) == (str(made[1]), second["id"])
    for name in ("id", "list_id", "lead_id"):
        del one[name]
    assert one == other


async def test_a_long_list_is_split_by_statements(client, owner, org):
    (first,) = await captured(client, 1, fit_score=1)
    await owner.execute(COPIED, org.id, first["id"], 9_999)
    one = await list_of(client, filter={})
    body = {"by": "score", "shares": [3, 2]}
    answer = await client.post(f"/v1/prospect-lists/{one['id']}/split", json=body)
    assert answer.status_code == 201, answer.text
    parts = answer.json()["data"]
    assert [part["member_count"] for part in parts] == [6_000, 4_000]
    found = await owner.fetch(MADE, org.id, UUID(parts[0]["id"]))
    assert len(found) == 6_000
    assert {decode(row["data"])["list_id"] for row in found} == {parts[0]["id"]}


CHANGED = """
    SELECT m.status, m.user_id, m.outcome, m.given_at IS NOT NULL AS is_given, m.run, m.version,
        m.updated_by, m.updated_at > m.created_at AS is_later, e.type, e.version AS told_at,
        e.actor_kind, e.data - 'given_at' AS data, e.data ? 'given_at' AS tells_when, e.previous
    FROM prospect_members m JOIN events e ON e.organization_id = $1 AND e.record_id = m.id
        AND e.version = m.version
    WHERE m.organization_id = $1 AND m.list_id = $2
"""


async def test_members_that_change_many_at_a_time_are_told_as_single_ones(
    client, database, owner, org
):
    leads = await captured(client, 4)
    (user,) = await users_of(client, 1)
    lists = [await list_of(client, lead_ids=[lead["id"]]) for lead in leads]
    given = {"status": "given", "outcome": None, "run": 1}
    left = {"status": "left", "given_at": None, "run": 1}

    async def members(tx, some):
        service = ProspectMemberService(tx)
        ids = [UUID(lead["id"]) for lead in leads]
        found = [await service.records.of_leads(UUID(one["id"]), ids) for one in some]
        return service, [member for own in found for member in own]

    async with unit_of_work(tx_of(database, org)) as tx:
        service, (one, other) = await members(tx, lists[:2])
        own = {"user_id": UUID(user), "given_at": tx.now}
        await service.amend(one, {**given, **own}, verb="given")
        await service.amend(other, {**left, "user_id": None, "outcome": "gone"}, verb="left")
    async with unit_of_work(tx_of(database, org)) as tx:
        service, (one, other) = await members(tx, lists[2:])
        own = {"user_id": [UUID(user)], "given_at": [tx.now]}
        await change_alike(service, "given", [one], given, own)
        own = {"user_id": [None], "outcome": ["gone"]}
        await change_alike(service, "left", [other], left, own)
    rows = [[dict(row) for row in await owner.fetch(CHANGED, org.id, one["id"])] for one in lists]
    assert [len(own) for own in rows] == [1, 1, 1, 1]
    assert rows[:2] == rows[2:]
    assert decode(rows[2][0]["data"]) == {"status": "given", "user_id": user}
    assert decode(rows[3][0]["previous"]) == {"status": "listed", "outcome": None}
