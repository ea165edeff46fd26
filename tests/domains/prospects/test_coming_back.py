"""What lists and plans gave and comes back: where it goes, and what its list tells."""

import asyncio
from collections import Counter
from uuid import UUID

from crm_api.domains.leads.service import Followed
from crm_api.domains.prospects import following
from crm_api.kit.db.tx import unit_of_work
from domains.prospects.test_sharing import begun, list_of, members, recalled, shared, waits
from support.clients import problem, tx_of
from support.leads import captured, follow, manager_of, owner_of, pool_of, rule_of, users_of
from support.members import custom_role, new_user

COUNTING = "SELECT FROM jobs WHERE organization_id = $1 AND kind = 'prospect_lists.count'"
OVERDUE = "UPDATE leads SET due_at = now() - interval '1 second' WHERE id = $1"
COUNTS = ("given_count", "accepted_count", "returned_count")


async def counts_of(client, of):
    await client.idle()
    now = await client.read(f"prospect-lists/{of['id']}")
    return tuple(now[name] for name in COUNTS)


async def done(client, lead, verb, **body):
    answer = await client.post(f"/v1/leads/{lead['id']}/{verb}", json=body or None)
    assert answer.status_code == 200, answer.text


async def returned(client, lead):
    await done(client, lead, "return", reason="Not mine")


async def test_a_list_tells_what_was_accepted_and_what_came_back(client, worker, database, owner):
    one, other = await users_of(client, 2)
    pool = await pool_of(client, {one: 1, other: 1}, response_minutes=30)
    leads = await captured(client, 6)
    of = await list_of(client, leads)
    await shared(client, of, pool)
    assert await counts_of(client, of) == (6, 0, 0)
    before = {lead["id"]: await owner_of(client, lead) for lead in leads}
    kept, back, late, *_ = leads
    await done(client, kept, "accept")
    await returned(client, back)
    await owner.execute(OVERDUE, UUID(late["id"]))
    await follow(database)
    # By the pool that the list was shared out over: there is no rule at all.
    assert await counts_of(client, of) == (6, 1, 2)
    found = await members(client, of)
    for lead in (back, late):
        place = found[lead["id"]]
        (new,) = {one, other} - {before[lead["id"]]}
        assert (place["status"], place["user_id"], place["returns"]) == ("given", new, 1)
        assert await owner_of(client, lead) == new
        told = await client.read(f"leads/{lead['id']}/explain")
        assert (told["kind"], told["pool_id"]) == ("plan", pool["id"])
        assert told["reason"] == f"prospect list {of['id']}"
    assert found[kept["id"]]["accepted_at"] is not None
    # A recall knows what was given again, too.
    assert await recalled(client, of, includes_accepted=True) == {"recalled": 6, "kept": 0}
    assert await counts_of(client, of) == (0, 0, 2)


async def test_what_comes_back_of_a_list_is_not_for_rules_while_its_pool_is_there(client, worker):
    one, other, third = await users_of(client, 3)
    boss = await manager_of(client)
    pool = await pool_of(client, {one: 1, other: 1}, manager_id=boss)
    await rule_of(client, await pool_of(client, {third: 1}), filter={"industry": {"eq": "bank"}})
    (lead,) = await captured(client, 1)
    of = await list_of(client, [lead])
    await shared(client, of, pool)
    await client.changed(f"leads/{lead['id']}", {"industry": "bank"})
    seen = [await owner_of(client, lead)]
    for _ in range(2):
        await returned(client, lead)
        await client.idle()
        seen.append(await owner_of(client, lead))
    # When all have had it, it is the manager's, as everything that comes out of the pool.
    assert (set(seen[:2]), seen[2]) == ({one, other}, boss)
    assert await counts_of(client, of) == (0, 0, 2)
    place = (await members(client, of))[lead["id"]]
    assert (place["status"], place["outcome"], place["user_id"]) == ("returned", "returned", None)
    (again,) = await captured(client, 1, industry="shop")
    of = await list_of(client, [again])
    await shared(client, of, pool)
    await client.changed(f"leads/{again['id']}", {"industry": "bank"})
    await client.changed(f"lead-pools/{pool['id']}", {"is_active": False})
    await returned(client, again)
    await client.idle()
    assert await owner_of(client, again) == third


async def test_what_nobody_of_a_pool_can_have_goes_with_the_next_run(client, worker):
    one, other = await users_of(client, 2)
    pool = await pool_of(client, {one: 1})
    leads = await captured(client, 3)
    of = await list_of(client, leads)
    await shared(client, of, pool)
    await returned(client, leads[0])
    assert await counts_of(client, of) == (2, 0, 1)
    assert (await members(client, of))[leads[0]["id"]]["status"] == "returned"
    waiting = await client.read(f"leads/{leads[0]['id']}")
    assert (waiting["owner_id"], waiting["unassigned_reason"]) == (None, "all_had_it")
    assert await shared(client, of, await pool_of(client, {other: 1})) == {"given": 1, "left": 0}
    assert await owner_of(client, leads[0]) == other
    assert await counts_of(client, of) == (3, 0, 1)


async def test_many_that_come_back_while_their_list_is_recalled_are_counted_once(
    client, worker, owner, org
):
    users = await users_of(client, 3)
    pool = await pool_of(client, dict.fromkeys(users, 1))
    leads = await captured(client, 12)
    of = await list_of(client, leads)
    await shared(client, of, pool)

    async def gives_back(lead):
        answer = await client.post(f"/v1/leads/{lead['id']}/return", json={"reason": "Not mine"})
        assert answer.status_code in {200, 409}, answer.text
        return answer.status_code == 200

    told, *back = await asyncio.gather(
        begun(client, of, "recall", reason="Wrong region"), *map(gives_back, leads)
    )
    await client.ended(told["job_id"])
    given, _, came_back = await counts_of(client, of)
    places = await members(client, of)
    assert came_back == sum(back) == sum(one["returns"] for one in places.values())
    assert given == Counter(one["status"] for one in places.values())["given"]
    for lead in leads:
        place = places[lead["id"]]
        if place["status"] == "given":
            assert place["user_id"] == await owner_of(client, lead)
        else:
            assert await owner_of(client, lead) is None


async def test_caps_of_a_week_hold_where_lists_are_shared_out_at_once(client, worker):
    users = await users_of(client, 2)
    pool = await pool_of(client, dict.fromkeys(users, 1), each={"weekly_cap": 3})
    leads = await captured(client, 10)
    lists = [await list_of(client, leads[start:]) for start in (0, 3, 5)]
    jobs = [await begun(client, one, pool_id=pool["id"]) for one in lists]
    for job in jobs:
        await client.ended(job["job_id"])
    found = Counter([await owner_of(client, lead) for lead in leads])
    assert found == {**dict.fromkeys(users, 3), None: 4}
    left = {one["outcome"] for of in lists for one in (await members(client, of)).values()}
    assert left <= {None, "not_free", "nobody_available"}


async def test_what_a_plan_gave_goes_on_in_its_pool(client, worker):
    one, other = await users_of(client, 2)
    pool = await pool_of(client, {one: 1, other: 1})
    (lead,) = await captured(client, 1)
    body = {"preview": False}
    answer = await client.post(f"/v1/lead-pools/{pool['id']}/distribute", json=body)
    await client.ended(answer.json()["job_id"])
    first = await owner_of(client, lead)
    await returned(client, lead)
    await client.idle()
    assert {first, await owner_of(client, lead)} == {one, other}


async def test_what_is_sent_to_the_rules_by_hand_is_not_the_lists_any_more(client, worker):
    one, other = await users_of(client, 2)
    pool = await pool_of(client, {one: 1})
    (lead,) = await captured(client, 1)
    of = await list_of(client, [lead])
    await shared(client, of, pool)
    await rule_of(client, await pool_of(client, {other: 1}))
    await returned(client, lead)
    await client.idle()
    waiting = await client.read(f"leads/{lead['id']}")
    assert (waiting["owner_id"], waiting["unassigned_reason"]) == (None, "all_had_it")
    await done(client, lead, "distribute")
    await client.idle()
    assert await owner_of(client, lead) == other


async def test_what_a_manager_gives_back_goes_to_the_next_one_up(client, worker):
    one, other = await users_of(client, 2)
    boss = await manager_of(client)
    admin = await new_user(client, await custom_role(client, permissions=["*"]))
    pool = await pool_of(client, {one: 1}, manager_id=boss)
    leads = await captured(client, 2)
    of = await list_of(client, leads)
    await shared(client, of, pool)
    for lead in leads:
        await returned(client, lead)
    await client.idle()
    assert [await owner_of(client, lead) for lead in leads] == [boss, boss]
    # There is no rule at all.
    await returned(client, leads[0])
    await client.idle()
    assert await owner_of(client, leads[0]) == admin
    # Whoever has joined the pool meanwhile is asked first, and has it by the list.
    members_now = [{"user_id": one}, {"user_id": other}]
    await client.changed(f"lead-pools/{pool['id']}", {"members": members_now})
    await returned(client, leads[1])
    await client.idle()
    assert await owner_of(client, leads[1]) == other
    told = await client.read(f"leads/{leads[1]['id']}/explain")
    assert (told["kind"], told["reason"]) == ("plan", f"prospect list {of['id']}")
    assert (await members(client, of))[leads[1]["id"]]["user_id"] == other
    assert await counts_of(client, of) == (1, 0, 2)


async def test_a_recall_takes_what_waits_to_be_given_again(client, worker):
    one, other = await users_of(client, 2)
    pool = await pool_of(client, {one: 1})
    leads = await captured(client, 2)
    of = await list_of(client, leads)
    await shared(client, of, pool)
    for lead in leads:
        await returned(client, lead)
    assert await counts_of(client, of) == (0, 0, 2)
    body = {"by": "count", "count": 2}
    answer = await client.post(f"/v1/prospect-lists/{of['id']}/split", json=body)
    problem(answer, 409, "given")
    assert await recalled(client, of) == {"recalled": 2, "kept": 0}
    assert {one["status"] for one in (await members(client, of)).values()} == {"recalled"}
    await client.changed(f"lead-pools/{pool['id']}", {"members": [{"user_id": other}]})
    await client.idle()
    for lead in leads:
        now = await client.read(f"leads/{lead['id']}")
        names = ("owner_id", "waits_since", "unassigned_reason")
        assert [now[name] for name in names] == [None] * 3
    answer = await client.post(
        f"/v1/prospect-lists/{of['id']}/recall", json={"reason": "Wrong region"}
    )
    problem(answer, 409, "nothing_given")
    assert await shared(client, of, pool) == {"given": 2, "left": 0}


async def test_who_is_given_a_lead_while_it_is_taken_off_keeps_it_on_the_list(
    client, database, owner, org
):
    (one,) = await users_of(client, 1)
    (lead,) = await captured(client, 1)
    of = await list_of(client, [lead])
    ids = UUID(lead["id"]), UUID(one)
    path = f"/v1/prospect-lists/{of['id']}/remove"
    async with unit_of_work(tx_of(database, org)) as tx:
        await following.follow(tx, Followed("given", *ids, following.because(UUID(of["id"]))))
        await tx.flush()
        removing = asyncio.create_task(client.post(path, json={"lead_ids": [lead["id"]]}))
        await waits(owner)
    problem(await removing, 409, "given")
    assert (await members(client, of))[lead["id"]]["user_id"] == one


async def test_a_list_is_counted_once_for_all_that_happens_at_once(client, database, owner, org):
    (one,) = await users_of(client, 1)
    leads = await captured(client, 5)
    lists = [await list_of(client, leads) for _ in range(2)]
    async with unit_of_work(tx_of(database, org)) as tx:
        for of in lists:
            for lead in leads:
                reason = following.because(UUID(of["id"]))
                told = Followed("given", UUID(lead["id"]), UUID(one), reason)
                await following.follow(tx, told)
    assert len(await owner.fetch(COUNTING, org.id)) == 2
