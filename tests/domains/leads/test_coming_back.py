"""What comes back to be given again is not offered to who had it, by whatever target."""

from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest

from domains.leads.test_simulating import SAME_MOMENT, simulated
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

OVERDUE = "UPDATE leads SET due_at = now() - interval '1 second' WHERE id = $1"
CLOSED = {day: [] for day in ALWAYS}
TARGETS = ("user", "existing_owner", "previous_owner", "territory")


async def named_by(client, target, user, **more):
    """A rule by which the leads that follow are a user's."""
    email = {"email": "person@example.com"}
    body = {"name": "Named", "target": target, "position": 0, **more}
    if target == "user":
        body["user_id"] = user
    elif target == "territory":
        await client.made("territories", {"name": "World", "user_id": user})
    else:
        owner = user if target == "existing_owner" else None
        await client.made("contacts", {"last_name": "Person", **email, "owner_id": owner})
    if target == "previous_owner":
        await client.made("leads", {**email, "owner_id": user})
    await client.made("lead-rules", body)
    return email


async def explained(client, lead):
    return await client.read(f"leads/{lead['id']}/explain")


async def returned(client, lead):
    answer = await client.post(f"/v1/leads/{lead['id']}/return", json={"reason": "Not mine"})
    assert answer.status_code == 200, answer.text


async def lapsed(database, owner, lead):
    await owner.execute(OVERDUE, UUID(lead["id"]))
    await follow(database)


async def shift_of(client, week, **more):
    body = {"name": "Shift", "time_zone": "UTC", "week": week, **more}
    return await client.made("working-calendars", body)


@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize("target", TARGETS)
async def test_who_gave_a_lead_back_is_passed_over(client, database, owner, org, target, is_late):
    one, other = await users_of(client, 2)
    email = await named_by(client, target, one, response_minutes=30)
    rule = await rule_of(client, await pool_of(client, {other: 1}), position=1)
    (lead,) = await captured(client, 1, **email)
    await give_all(database, org)
    first = await client.read(f"leads/{lead['id']}")
    assert first["owner_id"] == one
    given, due = (datetime.fromisoformat(first[name]) for name in ("assigned_at", "respond_by"))
    assert due - given == timedelta(minutes=30)
    await (lapsed(database, owner, lead) if is_late else returned(client, lead))
    await give_all(database, org)
    assert await owner_of(client, lead) == other
    told = await explained(client, lead)
    assert (told["rules"][0]["outcome"], told["rule_id"]) == ("had_it", rule["id"])
    # Where no other rule leads to anybody it waits for a hand.
    await client.changed(f"lead-rules/{rule['id']}", {"is_active": False})
    await returned(client, lead)
    await give_all(database, org)
    waiting = await client.read(f"leads/{lead['id']}")
    assert (waiting["owner_id"], waiting["unassigned_reason"]) == (None, "all_had_it")


async def test_the_owner_of_the_company_follows_the_one_of_the_contact(client, database, org):
    one, other = await users_of(client, 2)
    company = await client.made("companies", {"name": "Example", "owner_id": other})
    body = {"last_name": "Person", "email": "person@example.com", "owner_id": one}
    await client.made("contacts", {**body, "company_id": company["id"]})
    await client.made("lead-rules", {"name": "Known", "target": "existing_owner"})
    (lead,) = await captured(client, 1, email="person@example.com")
    found = []
    for _ in range(3):
        await give_all(database, org)
        found.append(await owner_of(client, lead))
        if found[-1] is not None:
            await returned(client, lead)
    assert found == [one, other, None]


async def test_who_is_named_and_off_shift_is_passed_over_until_the_next_shift(
    client, database, owner, org
):
    one, other = await users_of(client, 2)
    shift = await shift_of(client, CLOSED)
    await pool_of(client, {one: 1}, calendar_id=shift["id"])
    await named_by(client, "user", one)
    rest = await pool_of(client, {other: 1}, each={"daily_cap": 1})
    await rule_of(client, rest, position=1)
    overflow, waiting = await captured(client, 2)
    await give_all(database, org)
    assert [await owner_of(client, lead) for lead in (overflow, waiting)] == [other, None]
    told = await explained(client, waiting)
    assert (told["rules"][0]["outcome"], told["reason"]) == ("off_shift", "nobody_available")
    await client.changed(f"working-calendars/{shift['id']}", {"week": ALWAYS})
    await lapsed(database, owner, waiting)
    assert await owner_of(client, waiting) == one


@pytest.mark.parametrize("target", ["existing_owner", "previous_owner"])
async def test_an_owner_keeps_a_lead_and_responds_in_the_next_shift(client, database, org, target):
    one, other = await users_of(client, 2)
    soon = (datetime.now(UTC) + timedelta(days=2)).date()
    shift = await shift_of(client, CLOSED)
    hours = [{"start": "09:00", "end": "10:00"}]
    body = {"calendar_id": shift["id"], "day": str(soon), "hours": hours, "name": "Open"}
    await client.made("calendar-exceptions", body)
    own = await pool_of(client, {one: 1}, calendar_id=shift["id"])
    email = await named_by(client, target, one, response_minutes=15)
    await rule_of(client, await pool_of(client, {other: 1}), position=1)
    (lead,) = await captured(client, 1, **email)
    await give_all(database, org)
    lead = await client.read(f"leads/{lead['id']}")
    assert lead["owner_id"] == one
    due = datetime.fromisoformat(lead["respond_by"])
    assert due == datetime(soon.year, soon.month, soon.day, 9, 15, tzinfo=UTC)
    # Whoever is away for days does not keep the customer waiting.
    now = datetime.now(UTC)
    away = {"starts_at": now.isoformat(), "ends_at": (now + timedelta(days=9)).isoformat()}
    await client.changed(
        f"lead-pools/{own['id']}", {"members": [{"user_id": one, "absences": [away]}]}
    )
    (second,) = await captured(client, 1, **email)
    await give_all(database, org)
    assert await owner_of(client, second) == other
    assert (await explained(client, second))["rules"][0]["outcome"] == "absent"


async def test_only_rules_that_name_somebody_ask_for_a_response(client):
    (one,) = await users_of(client, 1)
    pool = await pool_of(client, {one: 1})
    body = {"name": "A", "pool_id": pool["id"], "response_minutes": 5}
    found = problem(await client.post("/v1/lead-rules", json=body), 422)
    assert pointers(found) == ["/response_minutes"]
    rule = await client.made(
        "lead-rules",
        {"name": "A", "target": "user", "user_id": one, "response_minutes": 5},
    )
    change = {"target": "pool", "user_id": None, "pool_id": pool["id"]}
    answer = await client.patch(f"/v1/lead-rules/{rule['id']}", json=change)
    assert pointers(problem(answer, 422)) == ["/response_minutes"]
    await client.changed(f"lead-rules/{rule['id']}", {**change, "response_minutes": None})


@pytest.mark.parametrize("seed", range(4))
async def test_a_simulation_of_what_came_back_agrees_with_what_was(
    client, database, owner, org, seed
):
    random = Random(seed)
    users = [*await users_of(client, 5), await manager_of(client)]
    email = await named_by(client, "existing_owner", users[0], response_minutes=20)
    weights = dict(zip(users[2:5], (3, 2, 1), strict=True))
    more = {"manager_id": users[5], "response_minutes": 30, "max_hops": random.randint(0, 3)}
    pool = await pool_of(client, weights, **more)
    await client.made("territories", {"name": "Germany", "countries": ["DE"], "user_id": users[1]})
    await client.made(
        "territories", {"name": "Austria", "countries": ["AT"], "pool_id": pool["id"]}
    )
    await client.made("lead-rules", {"name": "By area", "target": "territory", "position": 1})
    shops = {"industry": {"eq": "shop"}}
    fixed = {"name": "Shops", "target": "user", "user_id": users[0], "filter": shops}
    await client.made("lead-rules", {**fixed, "position": 2})
    await rule_of(client, pool, position=3, filter={"industry": {"eq": "bank"}})
    leads = []
    for _ in range(10):
        body = random.choice([email, {}, {}])
        body = {**body, "country": random.choice(["DE", "AT", "FR"])}
        leads += await captured(client, 1, industry=random.choice(["bank", "shop"]), **body)
    await give_all(database, org)
    for _ in range(12):
        lead = random.choice(leads)
        if await owner_of(client, lead) is None:
            continue
        if (await client.read(f"leads/{lead['id']}"))["respond_by"] and random.random() < 0.5:
            await lapsed(database, owner, lead)
        else:
            await returned(client, lead)
        await give_all(database, org)
    await owner.execute(SAME_MOMENT, org.id)
    now = datetime.now(UTC)
    times = {"since": now - timedelta(days=2), "until": now + timedelta(hours=1)}
    found = await simulated(client, **{name: at.isoformat() for name, at in times.items()})
    real = {lead["id"]: await owner_of(client, lead) for lead in leads}
    assert {one["lead_id"]: one["user_id"] for one in found["leads"]} == real
    trails = {
        lead["id"]: [
            one["user_id"]
            for one in (await client.read(f"leads/{lead['id']}/assignments"))["data"]
            if one["ended_as"] is not None
        ]
        for lead in leads
    }
    assert {one["lead_id"]: one["gone_by"][::-1] for one in found["leads"]} == trails
