"""Active lists are looked through by themselves; owners are told once of what looks wrong."""

import pytest

from crm_api.domains.prices.jobs import watch_lists
from support.inboxes import told
from support.members import custom_role, member
from support.pricing import price_list, product, rule

REACH = dict.fromkeys(("read", "create", "update", "delete"), "all")

pytestmark = pytest.mark.usefixtures("worker")


async def looked_at(client, database):
    await watch_lists(database, None)
    await client.idle()


async def news(client, of_list):
    events = (await client.read("events", limit=200))["data"]
    own = [event for event in events if event["record_id"] == of_list["id"]]
    return [(e["type"], e["data"]["counts"]) for e in own if "anomalies" in e["type"]]


async def test_owners_are_told_once_of_what_looks_wrong(client, database):
    owner = await member(client, "admin")
    sold = await product(client, list_price="100", cost="40", currency="EUR")
    made = await price_list(client, owner_id=owner.id)
    cheap = await rule(client, made, "39", product_id=sold["id"])
    found = ("price_list.anomalies_found", {"below_cost": 1})
    for _ in range(2):
        await looked_at(client, database)
        assert await news(client, made) == [found]
    # Another price is another finding, and none at all is told as well.
    await client.patch(f"/v1/price-rules/{cheap['id']}", json={"unit_price": "38"})
    await looked_at(client, database)
    assert await news(client, made) == [found, found]
    await client.patch(f"/v1/price-rules/{cheap['id']}", json={"unit_price": "95"})
    for _ in range(2):
        await looked_at(client, database)
        assert (await news(client, made))[2:] == [("price_list.anomalies_cleared", {})]
    reminders = [one for one in await told(client, owner) if one["kind"] == "reminder"]
    assert {one["record_id"] for one in reminders} == {made["id"]}
    assert "look wrong" in reminders[0]["title"]


async def test_of_a_list_of_nobody_whoever_manages_prices_is_told_once(client, database):
    manages = {"permissions": ["manage_catalogue"]}
    own = await custom_role(client, levels={"*": REACH}, **manages)
    again = await custom_role(client, levels={"*": REACH}, **manages)
    manager = await member(client, own)
    await client.made("role-assignments", {"user_id": manager.id, "role_id": again})
    other = await member(client, await custom_role(client, levels={"*": REACH}))
    owner = await member(client, await custom_role(client, levels={"*": REACH}))
    sold = await product(client, list_price="100", cost="40", currency="EUR")
    made = await price_list(client, owner_id=None)
    theirs = await price_list(client, owner_id=owner.id)
    for one in (made, theirs):
        await rule(client, one, "39", product_id=sold["id"])
    for _ in range(2):
        await looked_at(client, database)
    for user, expected in ((manager, [made]), (other, []), (owner, [theirs])):
        told_of = [one for one in await told(client, user) if one["kind"] == "reminder"]
        assert [one["record_id"] for one in told_of] == [one["id"] for one in expected]


async def test_only_active_lists_are_looked_at(client, database):
    sold = await product(client, list_price="100", cost="40", currency="EUR")
    draft = await price_list(client, active=False)
    await rule(client, draft, "39", product_id=sold["id"])
    await looked_at(client, database)
    assert await news(client, draft) == []
    answer = await client.post("/v1/modules/prices/disable", params={"cascade": True})
    assert answer.status_code == 200, answer.text
    await watch_lists(database, None)
