"""The picture of a customer: what it holds, for whom, of when, and what it takes."""

from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from crm_api.domains.customers.jobs import measure_health, tell_missed
from crm_api.domains.customers.picture import Picture
from crm_api.kit import clock
from support.clients import problem, tx_of
from support.members import custom_role, member
from support.waiting import patiently

HEALTH = "UPDATE company_health SET day = day - 1, at = at - interval '1 day', score = $2 WHERE organization_id = $1"


@pytest.fixture
async def company(client):
    return await client.made("companies", {"name": "Example Industries"})


async def picture(api, record, kind="companies", **asked):
    return await api.read(f"{kind}/{record['id']}/360", **asked)


def section(found, name):
    return next(one["data"] for one in found["sections"] if one["name"] == name)


async def test_one_call_has_work_money_people_and_promises(client, company):
    contact = await client.made("contacts", {"last_name": "Person", "company_id": company["id"]})
    deal = {"company_id": company["id"], "contact_id": contact["id"], "currency": "EUR"}
    made = await client.made("deals", {**deal, "name": "Office", "amount": "200"})
    await client.made("deals", {**deal, "name": "Hall", "amount": "50.50"})
    role = {"deal_id": made["id"], "contact_id": contact["id"], "roles": ["champion"]}
    await client.made("deal-contacts", role)
    order = {"company_id": company["id"], "currency": "EUR",
             "lines": [{"name": "Chair", "unit_price": "10", "quantity": "1"},
                       {"name": "Chair", "unit_price": "10", "quantity": "2"}]}  # fmt: skip
    placed = await client.made("orders", {**order, "name": "Chairs"})
    answer = await client.post(f"/v1/orders/{placed['id']}/confirm")
    assert answer.status_code == 200, answer.text
    found = await picture(client, company)
    assert found["identity"]["name"] == "Example Industries"
    (person,) = found["people"]
    assert person["employments"][0]["company_id"] == company["id"]
    assert person["deal_roles"][0]["roles"] == ["champion"]
    assert [one["name"] for one in section(found, "open_deals")["data"]] == ["Hall", "Office"]
    (pipeline,) = section(found, "pipeline")
    assert (pipeline["currency"], pipeline["count"], pipeline["amount"]) == ("EUR", 2, "250.50")
    (ordered,) = section(found, "ordered")
    assert ordered["net"] == "30.00"
    (chair,) = section(found, "products")
    assert (chair["name"], chair["quantity"]) == ("Chair", "3")
    assert chair["order_ids"] == [placed["id"]]
    assert found["health"]["status"] == "insufficient_data"
    only = await picture(client, company, sections="pipeline")
    assert [one["name"] for one in only["sections"]] == ["pipeline"]
    assert only["people"] is None
    problem(await client.get(f"/v1/companies/{company['id']}/360?sections=x"), 422)
    document = """query($id: UUID!) { customer360(kind: "company", id: $id) {
        identity sections { name data } health { status } } }"""
    shown = (await client.data(document, id=company["id"]))["customer360"]
    assert {one["name"] for one in shown["sections"]} == {one["name"] for one in found["sections"]}


async def test_at_a_moment_nothing_of_later_is_told(client, company):
    deal = {"company_id": company["id"], "currency": "EUR"}
    made = await client.made("deals", {**deal, "name": "Office", "amount": "200"})
    liked = {"company_id": company["id"], "key": "channel", "value": "email"}
    await client.made("preferences", liked)
    moment = clock.now().isoformat()
    await client.changed(f"deals/{made['id']}", {"amount": "900"})
    await client.changed(f"companies/{company['id']}", {"name": "Renamed"})
    await client.made("deals", {**deal, "name": "Later", "amount": "1"})
    assert (await client.post(f"/v1/deals/{made['id']}/win")).status_code == 200
    then = await picture(client, company, as_of=moment)
    assert then["identity"]["name"] == "Example Industries"
    assert [one["name"] for one in section(then, "open_deals")["data"]] == ["Office"]
    assert section(then, "pipeline")[0]["amount"] == "200.00"
    assert section(then, "won") == []
    assert [one["value"] for one in then["preferences"]] == ["email"]
    assert "late_deliverables" in then["unsupported"]
    assert section(then, "late_deliverables") is None
    now = await picture(client, company)
    assert section(now, "won")[0]["amount"] == "900.00"
    assert section(now, "pipeline")[0]["amount"] == "1.00"


async def test_rights_and_masks_count_in_each_section(client, company):
    own = dict.fromkeys(("read", "create", "update", "delete"), "own")
    role = await custom_role(
        client,
        levels={"*": {"read": "all"}, "deals": own, "orders": {"read": "none"}},
        masks={"deal": {"hidden": ["amount"], "read_only": []}},
    )
    one, two = await member(client, role), await member(client, role)
    for who in (one, two):
        body = {"company_id": company["id"], "name": who.id, "amount": "5", "owner_id": who.id}
        await client.made("deals", body)
    for who in (one, two):
        found = await picture(who.api, company)
        (deal,) = section(found, "open_deals")["data"]
        assert (deal["name"], deal["amount"]) == (who.id, None)
        assert section(found, "pipeline")[0]["amount"] is None
        assert not {"open_orders", "ordered", "products"} & {s["name"] for s in found["sections"]}


async def test_it_takes_as_many_statements_whatever_the_customer_has(
    client, org, database, company
):
    async def statements():
        tx = tx_of(database, org, "*")
        await tx.learned.learn()
        before = tx.statements
        await Picture(tx).of("company", UUID(company["id"]))
        return tx.statements - before

    contact = await client.made("contacts", {"last_name": "Person", "company_id": company["id"]})
    deal = {"company_id": company["id"], "contact_id": contact["id"], "name": "Office"}
    await client.made("deals", deal)
    few = await statements()
    for number in range(12):
        await client.made("contacts", {"last_name": f"P{number}", "company_id": company["id"]})
        await client.made("deals", deal)
    assert await statements() == few


async def test_what_was_said_stands_before_what_was_seen(client):
    contact = await client.made("contacts", {"last_name": "Person"})
    liked = {"contact_id": contact["id"], "key": "channel"}
    await client.made("preferences", {**liked, "value": "phone", "origin": "stated"})
    await client.made("preferences", {**liked, "value": "email", "origin": "stated",
                                      "valid_to": "2020-01-01"})  # fmt: skip
    await client.made("preferences", {**liked, "value": "sms", "origin": "inferred"})
    guess = {"contact_id": contact["id"], "key": "time", "origin": "inferred", "value": "evening"}
    await client.made("preferences", guess)
    found = (await client.read(f"contacts/{contact['id']}/preferences/effective"))["data"]
    assert [(o["key"], o["value"], o["origin"], o["overruled"]) for o in found] == [
        ("channel", "phone", "stated", 1),
        ("time", "evening", "inferred", 0),
    ]
    brief = await client.read(
        f"contacts/{contact['id']}/brief", **{"for": "call", "language": "de"}
    )
    assert "Kanal: phone (gesagt)" in brief["text"]
    assert brief == await client.read(
        f"contacts/{contact['id']}/brief", **{"for": "call", "language": "de"}
    )


# At any moment it is another day in one of them than it is in UTC.
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
async def test_days_are_those_of_the_organization(world, worker, zone):
    api = await world.client(await world.org(time_zone=zone))
    company = await api.made("companies", {"name": "Example Industries"})
    today = clock.now().astimezone(ZoneInfo(zone)).date()
    for key, day in (("channel", today - timedelta(days=1)), ("time", today)):
        liked = {"company_id": company["id"], "key": key, "valid_to": day.isoformat()}
        await api.made("preferences", {**liked, "value": "any"})
    for moment in ({}, {"as_of": clock.now().isoformat()}):
        found = await picture(api, company, **moment)
        assert [one["key"] for one in found["preferences"]] == ["time"]
    await api.made("deals", {"name": "Office", "company_id": company["id"]})
    async for _ in patiently():
        brief = await api.read(f"companies/{company['id']}/brief")
        if "deal.created" in brief["text"]:
            break
    assert f"Last contact: {today.isoformat()}, deal.created" in brief["text"]


async def test_expectations_are_met_or_missed(client, database, company):
    now = clock.now()
    body = {"company_id": company["id"], "what": "An answer"}
    late = await client.made("expectations", {**body, "due_at": (now - timedelta(1)).isoformat()})
    soon = await client.made(
        "expectations",
        {**body, "due_at": (now + timedelta(2)).isoformat(), "importance": "critical"},
    )
    await client.made("expectations", {**body, "due_at": (now + timedelta(60)).isoformat()})
    risky = (await client.read("expectations/at-risk"))["data"]
    assert [one["id"] for one in risky] == [soon["id"], late["id"]]
    answer = await client.post(f"/v1/expectations/{soon['id']}/exceed", json={"comment": "Early"})
    assert answer.json()["status"] == "exceeded"
    problem(await client.post(f"/v1/expectations/{soon['id']}/miss"), 409, "illegal_transition")
    await tell_missed(database, None)
    await tell_missed(database, None)
    assert (await client.read(f"expectations/{late['id']}"))["status"] == "missed"
    told = await client.read(f"expectations/{late['id']}/history")
    assert [one["type"] for one in told["data"]] == ["expectation.missed", "expectation.created"]


async def test_health_is_measured_daily_and_a_fall_is_told_once(
    client, worker, org, database, owner, company
):
    contact = await client.made("contacts", {"last_name": "Person", "company_id": company["id"]})
    await client.made("deals", {"name": "Office", "contact_id": contact["id"]})
    async for _ in patiently():
        found = await picture(client, company, sections="health")
        if found["health"]["score"] is not None:
            break
    parts = {one["component"]: one for one in found["health"]["components"]}
    assert parts.keys() == {"recency", "relationship"}
    assert parts["recency"]["value"] == "1"
    assert parts["relationship"]["value"] == "0.25"
    await measure_health(database, None)
    await owner.execute(HEALTH, org.id, 990_000)
    await measure_health(database, None)
    await measure_health(database, None)
    events = (await client.read("events", types="health.dropped", limit=200))["data"]
    assert [one["data"]["before"] for one in events] == ["0.99"]
    (listed,) = (await client.read("health/portfolio"))["data"]
    assert listed["company_id"] == company["id"]
    assert listed["score"] == found["health"]["score"]
