"""Optional components of bundles that lines take: priced, told, offered and ordered."""

import pytest

from support.clients import pointers, problem
from support.ordering import act as act_on_order
from support.pricing import ask, price_list, product, resolved, rule
from support.quoting import act, calculated, quote
from support.quoting import link as link_of

EUR = {"currency": "EUR", "status": "active"}


async def component(client, whole, inside, **more):
    body = {"product_id": whole["id"], "component_id": inside["id"], **more}
    return await client.made("bundle-components", body)


@pytest.fixture
async def set_of(client):
    """A desk for 100 with a drawer for 20, and lamps for 7 that it can do without."""
    drawer = await product(client, name="Drawer", list_price="20", cost="9", **EUR)
    lamp = await product(client, name="Lamp", list_price="7", cost="3", **EUR)
    new = {"type": "bundle", "name": "Desk", "list_price": "100", "cost": "40"}
    whole = await product(client, **{**EUR, **new, "status": "draft"})
    await component(client, whole, drawer)
    several = {"min_quantity": "1", "max_quantity": "4", "quantity": "2"}
    option = await component(client, whole, lamp, is_optional=True, position=1, **several)
    await client.changed(f"products/{whole['id']}", {"status": "active"})
    return whole, drawer, lamp, option


def taking(whole, option, count=None, **more):
    one = {"bundle_component_id": option["id"]}
    if count is not None:
        one["quantity"] = count
    return {"product_id": whole["id"], "components": [one], **more}


async def test_what_is_chosen_is_priced_and_traced(client, set_of):
    whole, _, lamp, option = set_of
    lines = [{"product_id": whole["id"]}, taking(whole, option), taking(whole, option, "3")]
    found = await resolved(client, *lines)
    # 120; with twice 7, and with three times 7.
    assert [line["unit_price"] for line in found["lines"]] == ["120.00", "134.00", "141.00"]
    # The cost of the bundle is that of it without lamps.
    assert [line["cost"] for line in found["lines"]] == ["40.00", "46.00", "49.00"]
    parts = [line["trace"]["components"] for line in found["lines"]]
    assert [[one["is_optional"] for one in each] for each in parts] == [
        [False],
        [False, True],
        [False, True],
    ]
    last = parts[2][1]
    assert (last["product_id"], last["quantity"], last["amount"]) == (lamp["id"], "3", "21.00")
    # As many as there are in all bundles count.
    await rule(client, await price_list(client), "5", product_id=lamp["id"], min_quantity="10")
    found = await resolved(client, taking(whole, option, "4", quantity="3"))
    assert found["lines"][0]["unit_price"] == "140.00"


async def test_what_is_no_option_of_the_bundle_is_refused(client, other, set_of):
    whole, drawer, lamp, option = set_of
    (firm,) = [
        one
        for one in (await client.read("bundle-components"))["data"]
        if one["component_id"] == drawer["id"]
    ]
    at = "/lines/0/components/0"
    for line, code, pointer in (
        (taking(whole, firm), "not_optional", f"{at}/bundle_component_id"),
        (taking(lamp, option), "not_optional", f"{at}/bundle_component_id"),
        (taking(whole, lamp), "not_optional", f"{at}/bundle_component_id"),
        (taking(whole, option, "0.5"), "too_few", f"{at}/quantity"),
        (taking(whole, option, "5"), "too_many", f"{at}/quantity"),
        (
            {"product_id": whole["id"], "components": [{"bundle_component_id": option["id"]}] * 2},
            "repeated",
            "/lines/0/components/1/bundle_component_id",
        ),
    ):
        for answer in (
            await ask(client, line),
            await client.post("/v1/quotes/calculate", json={"currency": "EUR", "lines": [line]}),
            await client.post("/v1/quotes", json={"currency": "EUR", "lines": [line]}),
            await client.post("/v1/orders", json={"currency": "EUR", "lines": [line]}),
        ):
            found = problem(answer, 422)
            assert [(e["code"], e["pointer"]) for e in found["errors"]] == [(code, pointer)]
    by_hand = {
        "name": "Help",
        "unit_price": "1",
        "components": [{"bundle_component_id": lamp["id"]}],
    }
    answer = await client.post("/v1/quotes/calculate", json={"currency": "EUR", "lines": [by_hand]})
    assert pointers(problem(answer, 422)) == ["/lines/0"]
    # A bundle in another one has what it cannot do without, whatever a line of it takes.
    pair = await product(client, type="bundle", currency="EUR")
    await component(client, pair, whole, quantity="2")
    found = await resolved(client, {"product_id": pair["id"]}, taking(whole, option))
    assert [line["unit_price"] for line in found["lines"]] == ["240.00", "134.00"]
    problem(await ask(client, taking(pair, option)), 422)


async def test_quotes_and_orders_have_what_was_chosen(client, anonymous, set_of):
    whole, *_, option = set_of
    line = taking(whole, option, "3", quantity="2")
    found = await calculated(client, line)
    assert found["net"] == "282.00"
    made = await quote(client, lines=[line])
    (stored,) = made["lines"]
    given = [{"bundle_component_id": option["id"], "quantity": "3"}]
    assert (stored["price"], stored["components"]) == ("141.00", given)
    held = [(one["name"], one["quantity"]) for one in stored["contents"]]
    assert held == [("Drawer", "1"), ("Lamp", "3")]
    # What is written back as it was read stays.
    read = {name: stored[name] for name in ("id", "product_id", "quantity", "components")}
    same = await client.changed(f"quotes/{made['id']}", {"lines": [read], "name": "Home"})
    assert same["net"] == "282.00"
    await act(client, made["id"], "send")
    path = await link_of(client, made["id"])
    assert "3 × Lamp" in (await anonymous.get(f"{path}/page")).text
    await act(client, made["id"], "accept")
    answer = await client.post(f"/v1/quotes/{made['id']}/order")
    order = answer.json()
    assert answer.status_code == 201, order
    (agreed,) = order["lines"]
    assert (agreed["net"], agreed["components"], agreed["contents"]) == (
        "282.00",
        given,
        stored["contents"],
    )
    by_hand = await client.made(
        "orders", {"currency": "EUR", "company_id": made["company_id"], "lines": [line]}
    )
    assert (by_hand["net"], by_hand["lines"][0]["components"]) == ("282.00", given)
    await act_on_order(client, by_hand["id"], "confirm")
    # What is agreed may be written back as it was read.
    line = {name: by_hand["lines"][0][name] for name in ("id", "kind", *line)}
    back = await client.changed(f"orders/{by_hand['id']}", {"lines": [line]})
    assert back["net"] == "282.00"


async def test_an_option_that_is_gone_blocks_what_offers_it(client, set_of):
    whole, *_, option = set_of
    made = await quote(client, lines=[taking(whole, option)])
    await client.delete(f"/v1/bundle-components/{option['id']}")
    after = await client.changed(f"quotes/{made['id']}", {"priced_on": "2031-01-01"})
    assert ("not_optional", True) in [(w["code"], w["blocks"]) for w in after["warnings"]]
    without = await client.changed(f"quotes/{made['id']}", {"lines": [{"product_id": whole["id"]}]})
    assert without["net"] == "120.00"


async def test_a_unit_that_lost_its_decimals_blocks_what_is_new_alone(client):
    metre = await client.made(
        "units", {"key": "metre-b", "name": "Metre", "dimension": "length", "decimals": 1}
    )
    rope = await product(client, name="Rope", list_price="4", unit_id=metre["id"], **EUR)
    whole = await product(client, type="bundle", list_price="9", **{**EUR, "status": "draft"})
    option = await component(client, whole, rope, is_optional=True)
    await client.changed(f"products/{whole['id']}", {"status": "active"})
    line = taking(whole, option, "1.5")
    made = await quote(client, lines=[line])
    await client.changed(f"units/{metre['id']}", {"decimals": 0})
    lines = [line, {"name": "Delivery", "unit_price": "1"}]
    after = await client.changed(f"quotes/{made['id']}", {"lines": lines, "name": "Another"})
    assert (after["net"], after["warnings"]) == ("16.00", [])
    # Another number of the same is not another one of its parts.
    lines = [{**line, "quantity": "2"}]
    assert (await client.changed(f"quotes/{made['id']}", {"lines": lines}))["net"] == "30.00"
    answer = await client.patch(
        f"/v1/quotes/{made['id']}", json={"lines": [taking(whole, option, "2.5")]}
    )
    assert pointers(problem(answer, 422)) == ["/lines/0/components/0/quantity"]


async def test_over_graphql(client, set_of):
    whole, *_, option = set_of
    query = """
        query($p: UUID!, $c: UUID!) { resolvePrices(input: {currency: "EUR", lines: [
            {productId: $p, components: [{bundleComponentId: $c, quantity: "1"}]}]})
            { lines { unitPrice trace { components { isOptional quantity } } } } }
    """
    (line,) = (await client.data(query, p=whole["id"], c=option["id"]))["resolvePrices"]["lines"]
    assert line["unitPrice"] == "127.00"
    assert line["trace"]["components"][1] == {"isOptional": True, "quantity": "1"}
    made = await quote(client, lines=[taking(whole, option)])
    query = "query($id: UUID!) { quote(id: $id) { lines { components { bundleComponentId quantity } } } }"
    (line,) = (await client.data(query, id=made["id"]))["quote"]["lines"]
    assert line["components"] == [{"bundleComponentId": option["id"], "quantity": None}]
    plain = await quote(client, lines=[{"product_id": whole["id"]}])
    (line,) = (await client.data(query, id=plain["id"]))["quote"]["lines"]
    assert line["components"] is None


async def test_prices_of_a_bundle_by_list_are_those_that_count(client, set_of):
    """By the list 90 of its own and 15 for the drawer from 10 on; else 100 and 20."""
    whole, drawer, *_ = set_of
    offers = await price_list(client)
    await rule(client, offers, "90", product_id=whole["id"], min_quantity="5")
    await rule(client, offers, "15", product_id=drawer["id"], min_quantity="10")
    found = (await client.read(f"products/{whole['id']}/prices"))["data"]
    assert [(one["price_list"], one["min_quantity"], one["unit_price"]) for one in found] == [
        ("List", "5", "110.00"),
        ("List", "10", "105.00"),
        (None, "0", "120.00"),
    ]
    for one in found:
        count = "1" if one["min_quantity"] == "0" else one["min_quantity"]
        line = {"product_id": whole["id"], "quantity": count}
        asked = (await resolved(client, line))["lines"][0]
        assert asked["unit_price"] == one["unit_price"]
        assert len(one["trace"]["components"]) == 1


async def test_prices_of_a_bundle_begin_anew_where_those_of_a_variant_in_it_do(client):
    options = [{"key": "colour", "label": "Colour", "values": ["red"]}]
    chair = await product(client, list_price="20", options=options, **EUR)
    body = {"product_id": chair["id"], "sku": "RED", "options": {"colour": "red"}}
    red = await client.made("product-variants", body)
    body = {"type": "bundle", "name": "Set", "list_price": "100", **EUR, "status": "draft"}
    whole = await product(client, **body)
    await component(client, whole, chair, variant_id=red["id"], quantity="2")
    await client.changed(f"products/{whole['id']}", {"status": "active"})
    offers = await price_list(client)
    await rule(client, offers, "15", variant_id=red["id"], min_quantity="10")
    found = (await client.read(f"products/{whole['id']}/prices"))["data"]
    assert [(one["price_list"], one["min_quantity"], one["unit_price"]) for one in found] == [
        ("List", "5", "130.00"),
        (None, "0", "140.00"),
    ]
    asked = await resolved(client, {"product_id": whole["id"], "quantity": "5"})
    assert asked["lines"][0]["unit_price"] == "130.00"
