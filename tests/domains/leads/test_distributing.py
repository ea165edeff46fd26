"""Distribution: by rules, caps, shifts and who had a lead before; and why."""

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
from support.sla import ALWAYS

AGO = "UPDATE leads SET due_at = now() - interval '1 second' WHERE id = $1"
CLOSED = {day: [] for day in ALWAYS}


async def owners(api, leads):
    return [await owner_of(api, lead) for lead in leads]


async def explained(api, lead):
    return await api.read(f"leads/{lead['id']}/explain")


async def test_leads_are_shared_by_weights_in_the_published_order(client, database, org):
    a, b, c = await users_of(client, 3)
    await rule_of(client, await pool_of(client, {a: 5, b: 1, c: 1}))
    leads = await captured(client, 7)
    assert await give_all(database, org) == 7
    names = {a: "a", b: "b", c: "c"}
    assert "".join(names[id] for id in await owners(client, leads)) == "aabacaa"
    first = await client.read(f"leads/{leads[0]['id']}")
    assert (first["status"], first["waits_since"]) == ("assigned", None)
    told = await explained(client, leads[0])
    assert (told["user_id"], told["kind"], told["reason"]) == (a, "rule", "highest_credit")
    assert [(r["name"], r["passed"]) for r in told["rules"]] == [("All", True)]
    assert [(m["user_id"], m["credit"]) for m in told["candidates"]] == [(a, 5), (b, 1), (c, 1)]
    (trail,) = (await client.read(f"leads/{leads[0]['id']}/assignments"))["data"]
    assert (trail["user_id"], trail["rule_id"]) == (a, told["rule_id"])


async def test_the_first_rule_that_a_lead_passes_counts(client, database, org):
    one, other = await users_of(client, 2)
    banks = await pool_of(client, {one: 1})
    rest = await pool_of(client, {other: 1})
    await rule_of(client, banks, position=1, filter={"industry": {"eq": "bank"}}, name="Banks")
    await rule_of(client, rest, position=2)
    bank = await client.made("leads", {"last_name": "Person", "industry": "bank"})
    shop = await client.made("leads", {"last_name": "Person", "industry": "shop"})
    await give_all(database, org)
    assert await owners(client, [bank, shop]) == [one, other]
    told = await explained(client, shop)
    assert [(r["name"], r["passed"]) for r in told["rules"]] == [("Banks", False), ("All", True)]


async def test_whoever_has_the_contact_gets_the_lead_first(client, database, org):
    one, other, third = await users_of(client, 3)
    await client.made("lead-rules", {"name": "Known", "target": "existing_owner", "position": 0})
    await rule_of(client, await pool_of(client, {other: 1}), position=1)
    await client.made(
        "contacts", {"last_name": "Person", "email": "person@example.com", "owner_id": one}
    )
    await client.made(
        "companies", {"name": "Example", "domains": ["example.org"], "owner_id": third}
    )
    known = await client.made("leads", {"email": "person@example.com"})
    worked_with = await client.made("leads", {"email": "somebody@example.org"})
    unknown = await client.made("leads", {"email": "person@example.net"})
    await give_all(database, org)
    assert await owners(client, [known, worked_with, unknown]) == [one, third, other]
    assert (await explained(client, known))["reason"] == "owner_of_contact"
    assert (await explained(client, worked_with))["reason"] == "owner_of_company"
    assert (await explained(client, unknown))["rules"][0]["outcome"] == "no_owner"


async def test_whoever_had_the_last_lead_of_the_contact_gets_the_next(client, database, org):
    one, other = await users_of(client, 2)
    await client.made("lead-rules", {"name": "Again", "target": "previous_owner", "position": 0})
    await rule_of(client, await pool_of(client, {other: 1}), position=1)
    await client.made("contacts", {"last_name": "Person", "email": "person@example.com"})
    email = {"email": "person@example.com"}
    first = await client.made("leads", {**email, "owner_id": one})
    second = await client.made("leads", email)
    unknown = await client.made("leads", {"email": "person@example.net"})
    await give_all(database, org)
    assert await owners(client, [second, unknown]) == [one, other]
    assert (await explained(client, second))["reason"] == "previous_owner"
    assert (await explained(client, unknown))["rules"][0]["outcome"] == "no_previous_owner"
    # What was given back says nothing of who should have the next, and what came later neither.
    for lead in (second, first):
        answer = await client.post(f"/v1/leads/{lead['id']}/return", json={"reason": "No time"})
        assert answer.status_code == 200, answer.text
    third = await client.made("leads", email)
    await give_all(database, org)
    assert await owners(client, [first, second, third]) == [other, other, other]
    assert (await explained(client, first))["rules"][0]["outcome"] == "no_previous_owner"


async def test_a_rule_may_lead_to_one_user_who_has_to_be_active(client, database, org):
    (one,) = await users_of(client, 1)
    await client.made("lead-rules", {"name": "Fixed", "target": "user", "user_id": one})
    (lead,) = await captured(client, 1)
    await give_all(database, org)
    assert await owner_of(client, lead) == one
    assert (await client.delete(f"/v1/users/{one}")).status_code == 204
    (lead,) = await captured(client, 1)
    await give_all(database, org)
    assert (await client.read(f"leads/{lead['id']}"))["unassigned_reason"] == "user_inactive"


async def test_without_a_rule_a_lead_waits_and_says_why(client, database, org):
    (one,) = await users_of(client, 1)
    pool = await pool_of(client, {one: 1})
    rule = await rule_of(client, pool, filter={"industry": {"eq": "bank"}})
    (lead,) = await captured(client, 1)
    await give_all(database, org)
    lead = await client.read(f"leads/{lead['id']}")
    assert (lead["owner_id"], lead["unassigned_reason"]) == (None, "no_rule")
    told = await client.told(lead["id"], 2)
    assert [event["type"] for event in told] == ["lead.created", "lead.unassignable"]
    await client.changed(f"lead-rules/{rule['id']}", {"filter": {}})
    await give_all(database, org)
    assert await owner_of(client, lead) == one


async def test_caps_of_open_leads_hold_and_an_end_makes_room(client, database, org):
    one, other = await users_of(client, 2)
    await rule_of(client, await pool_of(client, {one: 1, other: 1}, each={"open_cap": 2}))
    leads = await captured(client, 5)
    assert await give_all(database, org) == 4
    (left,) = [lead for lead in leads if await owner_of(client, lead) is None]
    told = await explained(client, left)
    assert (told["reason"], {m["excluded"] for m in told["candidates"]}) == (
        *("nobody_available", {"open_cap"}),
    )
    (done, *_) = [lead for lead in leads if await owner_of(client, lead) == other]
    await client.post(f"/v1/leads/{done['id']}/disqualify", json={"reason": "No budget"})
    assert await give_all(database, org) == 1
    assert await owner_of(client, left) == other


async def test_caps_of_a_day_hold_and_what_came_back_does_not_count(client, database, org):
    (one,) = await users_of(client, 1)
    await rule_of(client, await pool_of(client, {one: 1}, each={"daily_cap": 1}))
    first, second = await captured(client, 2)
    assert await give_all(database, org) == 1
    told = await explained(client, second)
    assert told["candidates"][0]["excluded"] == "daily_cap"
    await client.post(f"/v1/leads/{first['id']}/return", json={"reason": "Not mine"})
    assert await give_all(database, org) == 1
    assert await owners(client, [first, second]) == [None, one]
    assert (await explained(client, first))["candidates"][0]["excluded"] == "had_it"


async def test_only_who_is_at_work_and_fits_gets_a_lead(client, database, org):
    shut = await client.made(
        "working-calendars", {"name": "Shut", "time_zone": "UTC", "week": CLOSED}
    )
    ids = await users_of(client, 6)
    now = datetime.now(UTC)
    away = {
        "starts_at": (now - timedelta(days=1)).isoformat(),
        "ends_at": (now + timedelta(days=1)).isoformat(),
    }
    more = [
        {"absences": [away]},
        {"calendar_id": shut["id"]},
        {"languages": ["fr"]},
        {"countries": ["FR"]},
        {"postal_prefixes": ["1"]},
        {"skills": ["Welding", "Law"], "languages": ["de"], "postal_prefixes": ["80"]},
    ]
    members = [{"user_id": id, **one} for id, one in zip(ids, more, strict=True)]
    for member in members[:2]:
        member["skills"] = ["law"]
    pool = await client.made("lead-pools", {"name": "All", "members": members})
    await rule_of(client, pool)
    for member in (2, 3, 4):
        members[member]["skills"] = ["law"]
    await client.changed(f"lead-pools/{pool['id']}", {"members": members})
    body = {"language": "de-AT", "country": "DE", "postal_code": "80 331", "skills": ["Law"]}
    (lead,) = await captured(client, 1, **body)
    await give_all(database, org)
    told = await explained(client, lead)
    assert [m["excluded"] for m in told["candidates"]] == [
        *("absent", "off_shift", "language", "territory", "territory", None),
    ]
    assert await owner_of(client, lead) == ids[-1]


async def test_a_pool_that_has_nobody_falls_back(client, database, org):
    one, other = await users_of(client, 2)
    rest = await pool_of(client, {other: 1})
    first = await pool_of(client, {one: 1}, each={"open_cap": 0}, fallback_pool_id=rest["id"])
    await rule_of(client, first)
    (lead,) = await captured(client, 1)
    await give_all(database, org)
    lead = await client.read(f"leads/{lead['id']}")
    assert (lead["owner_id"], lead["pool_id"]) == (other, rest["id"])
    loop = await client.patch(
        f"/v1/lead-pools/{rest['id']}", json={"fallback_pool_id": first["id"]}
    )
    assert pointers(problem(loop, 422)) == ["/fallback_pool_id"]


async def test_the_least_loaded_are_filled_up_first(client, database, org):
    one, other = await users_of(client, 2)
    pool = await pool_of(client, {one: 2, other: 1}, strategy="least_loaded")
    await rule_of(client, pool)
    leads = await captured(client, 9)
    await give_all(database, org)
    found = await owners(client, leads)
    assert (found.count(one), found.count(other)) == (6, 3)


async def test_who_is_silent_loses_a_lead_to_the_next_and_at_last_to_the_manager(
    client, database, org, owner
):
    one, other = await users_of(client, 2)
    boss = await manager_of(client)
    calendar = await client.made(
        "working-calendars", {"name": "Always", "time_zone": "UTC", "week": ALWAYS}
    )
    pool = await pool_of(
        client,
        {one: 1, other: 1},
        response_minutes=30,
        max_hops=1,
        manager_id=boss,
        calendar_id=calendar["id"],
    )
    await rule_of(client, pool)
    (lead,) = await captured(client, 1)
    await give_all(database, org)
    lead = await client.read(f"leads/{lead['id']}")
    due = datetime.fromisoformat(lead["respond_by"])
    assert due - datetime.fromisoformat(lead["assigned_at"]) == timedelta(minutes=30)
    await follow(database)
    assert await owner_of(client, lead) == one
    expected = [one, other, boss]
    for hop in (1, 2):
        await owner.execute(AGO, UUID(lead["id"]))
        await follow(database)
        waiting = await client.read(f"leads/{lead['id']}")
        assert (waiting["owner_id"], waiting["status"], waiting["hops"]) == (None, "new", hop)
        await give_all(database, org)
        assert await owner_of(client, lead) == expected[hop]
    trail = (await client.read(f"leads/{lead['id']}/assignments"))["data"]
    assert [(t["user_id"], t["kind"], t["ended_as"], t["hop"]) for t in trail] == [
        (boss, "escalation", None, 2),
        (other, "rule", "recalled", 1),
        (one, "rule", "recalled", 0),
    ]
    types = [event["type"] for event in await client.told(lead["id"], 6)]
    assert types.count("lead.recalled") == 2


async def test_what_all_have_let_go_is_the_managers(client, database, org, owner):
    one, other = await users_of(client, 2)
    boss = await manager_of(client)
    more = {"response_minutes": 30, "manager_id": boss}
    await rule_of(client, await pool_of(client, {one: 1, other: 1}, **more))
    (lead,) = await captured(client, 1)
    await give_all(database, org)
    await owner.execute(AGO, UUID(lead["id"]))
    await follow(database)
    await give_all(database, org)
    answer = await client.post(f"/v1/leads/{lead['id']}/return", json={"reason": "No time"})
    assert answer.status_code == 200, answer.text
    await give_all(database, org)
    assert await owner_of(client, lead) == boss
    told = await explained(client, lead)
    assert (told["kind"], told["reason"]) == ("escalation", "all_had_it")
    # Without a manager it waits for a hand, or for somebody new.
    alone = await pool_of(client, {one: 1})
    (rule,) = (await client.read("lead-rules"))["data"]
    await client.changed(f"lead-rules/{rule['id']}", {"pool_id": alone["id"]})
    (lead,) = await captured(client, 1)
    await give_all(database, org)
    await client.post(f"/v1/leads/{lead['id']}/return", json={"reason": "No time"})
    await give_all(database, org)
    waiting = await client.read(f"leads/{lead['id']}")
    assert (waiting["owner_id"], waiting["unassigned_reason"]) == (None, "all_had_it")


async def test_who_has_accepted_keeps_a_lead(client, database, org, owner):
    (one,) = await users_of(client, 1)
    await rule_of(client, await pool_of(client, {one: 1}, response_minutes=30))
    (lead,) = await captured(client, 1)
    await give_all(database, org)
    assert (await client.post(f"/v1/leads/{lead['id']}/accept")).status_code == 200
    await owner.execute(AGO, UUID(lead["id"]))
    await follow(database)
    assert await owner_of(client, lead) == one


async def test_what_is_returned_is_credited(client, database, org):
    """Shares are as if it had never been given."""
    one, other = await users_of(client, 2)
    await rule_of(client, await pool_of(client, {one: 1, other: 1}))
    (first,) = await captured(client, 1)
    await give_all(database, org)
    assert await owner_of(client, first) == one
    await client.post(f"/v1/leads/{first['id']}/return", json={"reason": "Not mine"})
    await client.post(f"/v1/leads/{first['id']}/disqualify", json={"reason": "Nobody's"})
    leads = await captured(client, 2)
    await give_all(database, org)
    assert await owners(client, leads) == [one, other]


async def test_pools_and_rules_say_what_is_wrong_with_them(client):
    (one,) = await users_of(client, 1)
    pool = await pool_of(client, {one: 1})
    wrong = [
        ({"name": "A"}, "/pool_id"),
        ({"name": "A", "pool_id": pool["id"], "user_id": one}, "/user_id"),
        ({"name": "A", "target": "user", "pool_id": pool["id"]}, "/pool_id"),
        ({"name": "A", "pool_id": pool["id"], "filter": {"shoe": {"eq": 1}}}, "/filter/shoe"),
    ]
    for body, pointer in wrong:
        found = problem(await client.post("/v1/lead-rules", json=body), 422)
        assert pointers(found) == [pointer]
    unknown = {"name": "A", "members": [{"user_id": pool["id"]}]}
    found = problem(await client.post("/v1/lead-pools", json=unknown), 422)
    assert pointers(found) == ["/members/0/user_id"]
    twice = {"name": "A", "members": [{"user_id": one}, {"user_id": one}]}
    problem(await client.post("/v1/lead-pools", json=twice), 422)


async def test_a_worker_gives_what_is_captured(client, worker):
    one, other = await users_of(client, 2)
    await rule_of(client, await pool_of(client, {one: 1, other: 1}))
    await client.idle()
    leads = await captured(client, 4)
    await client.idle()
    found = await owners(client, leads)
    assert (found.count(one), found.count(other)) == (2, 2)
