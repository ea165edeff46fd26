"""What was ordered before is offered again; what was quoted where nothing was, or orders are off."""

from support.clients import pointers, problem
from support.members import custom_role, key_for, member, new_user, role_of
from support.ordering import act as act_on_order
from support.ordering import order, order_of
from support.proposing import ask, company, draft, missing, names, proposed, sold
from support.quoting import REACH, act

LAST = {"repeat_last": True}


async def ordered(api, customer, *products, confirm=True):
    lines = [{"product_id": one["id"], "quantity": "3"} for one in products]
    made = await order(api, company_id=customer["id"], lines=lines)
    return await act_on_order(api, made["id"], "confirm") if confirm else made


async def accepted(api, customer, *products):
    lines = [{"product_id": one["id"]} for one in products]
    body = {"company_id": customer["id"], "currency": "EUR", "lines": lines}
    made = await api.made("quotes", body)
    await act(api, made["id"], "send")
    return await act(api, made["id"], "accept")


async def test_the_last_order_is_repeated_before_any_quote(client):
    """Drafts and cancelled orders are none; a quote that was accepted later is not ordered."""
    desk, lamp, mat = [await sold(client, name) for name in ("Desk", "Lamp", "Mat")]
    customer = await company(client)
    quote = await accepted(client, customer, mat)
    found = draft(await proposed(client, customer, **LAST))["lines"][0]["reason"]
    assert (found["kind"], found["quote_id"], found["order_id"]) == (
        "past_quote",
        quote["id"],
        None,
    )
    await ordered(client, customer, desk)
    last = await ordered(client, customer, lamp)
    await ordered(client, customer, desk, confirm=False)
    gone = await ordered(client, customer, desk)
    await act_on_order(client, gone["id"], "cancel")
    await accepted(client, customer, mat)
    (line,) = draft(await proposed(client, customer, **LAST))["lines"]
    assert (line["name"], line["quantity"], line["reason"]["text"]) == (
        "Lamp",
        "3",
        "Ordered before.",
    )
    assert (line["reason"]["kind"], line["reason"]["order_id"]) == ("past_order", last["id"])
    assert line["reason"]["quote_id"] is None
    assert (await proposed(client, await company(client), **LAST))["drafts"] == []


async def test_orders_that_are_off_are_not_asked(client):
    desk, lamp = [await sold(client, name) for name in ("Desk", "Lamp")]
    customer = await company(client)
    await accepted(client, customer, lamp)
    made = await ordered(client, customer, desk)
    user = await new_user(client, await role_of(client, "admin"))
    areas = ("quotes", "products", "prices", "companies")
    apart = await key_for(client, user, *(f"{area}:read" for area in areas))
    assert names(await proposed(apart, customer, **LAST))["good"] == ["Lamp"]
    problem(await ask(apart, customer, past_order_id=made["id"]), 403)
    masks = {"order": {"hidden": ["lines"]}}
    role = await custom_role(client, levels={"*": REACH}, masks=masks)
    seller = (await member(client, role)).api
    assert names(await proposed(seller, customer, **LAST))["good"] == ["Lamp"]
    answer = await ask(seller, customer, past_order_id=made["id"])
    assert pointers(problem(answer, 403)) == ["/past_order_id"]
    answer = await client.post("/v1/modules/orders/disable", params={"cascade": "true"})
    assert answer.status_code == 200, answer.text
    assert names(await proposed(client, customer, **LAST))["good"] == ["Lamp"]
    assert (await ask(client, customer, past_order_id=made["id"])).status_code in {403, 404}


async def test_what_was_chosen_of_bundles_is_repeated(client):
    """And told where a bundle takes it no more."""
    lamp, customer = await sold(client, "Lamp"), await company(client)
    whole = await sold(client, "Desk", type="bundle", status="draft")
    body = {"product_id": whole["id"], "component_id": lamp["id"], "is_optional": True}
    option = await client.made("bundle-components", body)
    await client.changed(f"products/{whole['id']}", {"status": "active"})
    chosen = [{"bundle_component_id": option["id"], "quantity": "2"}]
    line = {"product_id": whole["id"], "components": chosen}
    made = await order(client, company_id=customer["id"], lines=[line])
    await act_on_order(client, made["id"], "confirm")
    found = draft(await proposed(client, customer, **LAST))
    assert found["content"]["lines"][0]["components"] == chosen
    assert (found["calculation"]["net"], missing(found)) == (made["net"], [])
    await client.changed(f"bundle-components/{option['id']}", {"is_optional": False})
    found = draft(await proposed(client, customer, **LAST))
    assert [one["name"] for one in found["lines"]] == ["Desk"]
    assert missing(found) == [("gone", "Desk")]


async def test_an_order_and_its_quote_are_one(client, other):
    """2 of the order, not 2 more of its quote; what is of no product is told."""
    desk, customer = await sold(client, "Desk"), await company(client)
    lines = [{"product_id": desk["id"], "quantity": "2"}, {"name": "Assembly", "unit_price": "9"}]
    body = {"company_id": customer["id"], "currency": "EUR", "lines": lines}
    quote = await client.made("quotes", body)
    await act(client, quote["id"], "send")
    await act(client, quote["id"], "accept")
    made = await order_of(client, quote["id"])
    await act_on_order(client, made["id"], "confirm")
    asked = {"past_quote_id": quote["id"], "past_order_id": made["id"], **LAST}
    found = draft(await proposed(client, customer, **asked))
    assert [(one["name"], one["quantity"]) for one in found["lines"]] == [("Desk", "2")]
    assert missing(found) == [("no_product", "Assembly")]
    found = draft(await proposed(client, await company(client), past_order_id=made["id"]))
    assert found["lines"][0]["reason"]["order_id"] == made["id"]
    theirs = await order(other)
    answer = await ask(client, customer, past_order_id=theirs["id"])
    assert pointers(problem(answer, 422)) == ["/past_order_id"]
