"""What bundles cost: their own price and what their components add, and why."""

import pytest

from support.clients import pointers, problem
from support.pricing import ask, one, price_list, product, resolved, rule
from support.quoting import calculated

EUR = {"currency": "EUR"}


async def bundle(client, *parts, **more):
    """A bundle of products with what the components say."""
    whole = await product(client, type="bundle", **more)
    for inside, said in parts:
        body = {"product_id": whole["id"], "component_id": inside["id"], **said}
        await client.made("bundle-components", body)
    return whole


async def test_components_add_to_the_price_of_their_bundle(client):
    desk = await product(client, list_price="20", **EUR)
    chair = await product(client, list_price="50", **EUR)
    lamp = await product(client, list_price="7", **EUR)
    plug = await product(client, list_price="3", **EUR)
    whole = await bundle(
        client,
        (desk, {}),
        (chair, {"quantity": "2", "price_mode": "percent", "percent": "90", "position": 1}),
        (lamp, {"price_mode": "fixed", "price": "0", "position": 2}),
        (plug, {"is_optional": True, "position": 3}),
        list_price="100",
        **EUR,
    )
    line = await one(client, whole["id"], "3")
    assert (line["unit_price"], line["net"]) == ("210.00", "630.00")
    told = line["trace"]["components"]
    assert [(c["price_mode"], c["quantity"], c["unit_price"], c["amount"]) for c in told] == [
        ("sum", "1", "20.00", "20.00"),
        ("percent", "2", "45.00", "90.00"),
        ("fixed", "1", "0.00", "0.00"),
    ]
    assert [c["product_id"] for c in told] == [desk["id"], chair["id"], lamp["id"]]
    assert [(s["step"], s["after"]) for s in line["trace"]["steps"]] == [
        ("list_price", "100.00"),
        ("components", "210.00"),
    ]
    assert (await one(client, desk["id"]))["trace"]["components"] is None


async def test_a_bundle_of_parts_needs_no_price_of_its_own(client):
    desk = await product(client, list_price="20", **EUR)
    inner = await bundle(client, (desk, {"quantity": "2"}))
    whole = await bundle(client, (inner, {}), (desk, {}))
    line = await one(client, whole["id"])
    assert (line["unit_price"], line["trace"]["way"]) == ("60.00", "components")


async def test_components_have_the_prices_of_lists_by_how_many_there_are(client):
    desk = await product(client, list_price="20", **EUR)
    whole = await bundle(client, (desk, {"quantity": "2"}), list_price="100", **EUR)
    offers = await price_list(client)
    scale = await rule(client, offers, "15", product_id=desk["id"], min_quantity="10", floor="12")
    assert (await one(client, whole["id"], "4"))["unit_price"] == "140.00"
    line = await one(client, whole["id"], "5")
    assert (line["unit_price"], line["floor"]) == ("130.00", "24.00")
    (told,) = line["trace"]["components"]
    assert (told["price_list_id"], told["price_rule_id"]) == (offers["id"], scale["id"])


async def test_tiers_of_components_count_to_the_cent(client):
    desk = await product(client)
    whole = await bundle(client, (desk, {}), list_price="1", **EUR)
    tiers = [{"unit_price": "10", "up_to": "2"}, {"unit_price": "1"}]
    offers = await price_list(client)
    await rule(client, offers, product_id=desk["id"], tiers=tiers, tier_mode="graduated")
    # Twice 10, once 1, and three times the bundle's own.
    assert (await one(client, whole["id"], "3"))["net"] == "24.00"


async def test_taxes_in_the_prices_of_components(client):
    await client.made("tax-rates", {"name": "VAT", "country": "DE", "rate": "19"})
    desk, chair = await product(client), await product(client, list_price="100", **EUR)
    gross = await price_list(client, tax_included=True)
    await rule(client, gross, "119", product_id=desk["id"])
    net = await bundle(client, (desk, {}), list_price="10", **EUR)
    line = await one(client, net["id"], country="DE")
    assert (line["tax_included"], line["unit_price"], line["gross"]) == (False, "110.00", "130.90")
    taxed = await bundle(client, (chair, {}))
    await rule(client, gross, "11.90", product_id=taxed["id"])
    line = await one(client, taxed["id"], country="DE")
    assert (line["tax_included"], line["unit_price"], line["net"]) == (True, "130.90", "110.00")


async def test_costs_of_a_bundle_are_its_own_or_those_of_its_components(client):
    desk = await product(client, list_price="20", cost="8", **EUR)
    whole = await bundle(client, (desk, {"quantity": "2"}), list_price="10", **EUR)
    line = await one(client, whole["id"])
    assert (line["cost"], line["margin"]) == ("16.00", "34.00")
    own = await bundle(client, (desk, {"quantity": "2"}), list_price="10", cost="12", **EUR)
    assert (await one(client, own["id"]))["cost"] == "12.00"


@pytest.mark.parametrize("said", [{}, {"price_mode": "percent", "percent": "50"}])
async def test_a_component_without_a_price_leaves_its_bundle_without_one(client, said):
    desk = await product(client)
    whole = await bundle(client, (desk, said), list_price="100", **EUR)
    found = problem(await ask(client, {"product_id": whole["id"]}), 422)
    assert pointers(found) == ["/lines/0/product_id"]
    assert found["errors"][0]["code"] == "no_price"


async def test_prices_of_components_are_exchanged(client):
    rates = [{"base": "USD", "quote": "EUR", "day": "2026-01-01", "rate": "0.5"}]
    answer = await client.put("/v1/exchange-rates", json={"rates": rates})
    assert answer.is_success, answer.text
    desk = await product(client, list_price="20", currency="USD")
    said = {"price_mode": "fixed", "price": "6"}
    whole = await bundle(client, (desk, {}), (await product(client), said), currency="USD")
    line = await one(client, whole["id"], date="2026-01-02")
    assert line["unit_price"] == "13.00"


async def test_quotes_follow(client):
    desk = await product(client, list_price="20", cost="8", status="active", **EUR)
    whole = await bundle(client, (desk, {"quantity": "2"}), list_price="100", **EUR)
    found = await calculated(client, {"product_id": whole["id"], "quantity": "2"})
    (line,) = found["lines"]
    assert (line["price"], line["net"], line["list_price"]) == ("140.00", "280.00", "140.00")
    (told,) = line["trace"]["components"]
    assert (told["product_id"], told["amount"]) == (desk["id"], "40.00")
    data = await client.data(
        'query($id: UUID!) { resolvePrices(input: {currency: "EUR", lines: [{productId: $id}]})'
        " { lines { unitPrice trace { way components { productId priceMode amount } } } } }",
        id=whole["id"],
    )
    (line,) = data["resolvePrices"]["lines"]
    assert line["trace"]["components"] == [
        {"productId": desk["id"], "priceMode": "sum", "amount": "40.00"}
    ]


async def test_what_is_in_the_bin_is_no_component(client):
    desk = await product(client, list_price="20", **EUR)
    whole = await bundle(client, (desk, {}), list_price="100", **EUR)
    (inside,) = (await client.read("bundle-components"))["data"]
    await client.delete(f"/v1/bundle-components/{inside['id']}")
    found = await resolved(client, {"product_id": whole["id"]})
    assert found["lines"][0]["unit_price"] == "100.00"


async def test_bundles_that_hold_the_same_by_many_ways_are_not_unpacked_without_end(client):
    pair = [await product(client, list_price="1", **EUR) for _ in range(2)]
    for _ in range(16):
        layer = [await product(client, type="bundle") for _ in range(2)]
        parts = [
            {"product_id": whole["id"], "component_id": inside["id"]}
            for whole in layer
            for inside in pair
        ]
        for part in parts:
            await client.made("bundle-components", part)
        pair = layer
    # 16 levels of two hold 65,536 of what is at the bottom.
    found = problem(await ask(client, {"product_id": pair[0]["id"]}), 422)
    assert [(e["code"], e["pointer"]) for e in found["errors"]] == [
        ("no_price", "/lines/0/product_id")
    ]
    quoted = await calculated(client, {"product_id": pair[0]["id"]})
    assert ("no_price", "/lines/0") in [(w["code"], w["pointer"]) for w in quoted["warnings"]]


async def test_prices_by_list_of_what_holds_too_much_are_not_told(client):
    """11 levels of two hold 4,094 components, which are priced at each quantity again."""
    pair = [await product(client, list_price="1", **EUR) for _ in range(2)]
    for _ in range(11):
        layer = [await product(client, type="bundle", **EUR) for _ in range(2)]
        for whole in layer:
            for inside in pair:
                part = {"product_id": whole["id"], "component_id": inside["id"]}
                await client.made("bundle-components", part)
        pair = layer
    path, listed = f"/v1/products/{pair[0]['id']}/prices", await price_list(client)
    await rule(client, listed, "5", product_id=pair[0]["id"], min_quantity="2")
    found = (await client.get(path)).json()["data"]
    assert [(one["min_quantity"], one["unit_price"]) for one in found] == [
        ("2", "2053.00"), ("0", "2048.00")
    ]  # fmt: skip
    for least in ("3", "4", "5"):
        await rule(client, listed, least, product_id=pair[0]["id"], min_quantity=least)
    problem(await client.get(path), 422, "too_many_components")
    query = "query($id: UUID!) { productPrices(productId: $id) { date } }"
    (error,) = (await client.gql(query, id=pair[0]["id"]))["errors"]
    assert error["extensions"]["code"] == "too_many_components"


async def test_bundles_in_one_another_have_an_end(client, owner):
    fixed = {"price_mode": "fixed", "price": "1"}
    inner = await product(client, list_price="1", **EUR)
    chain = [inner]
    for _ in range(20):
        outer = await product(client, type="bundle", **EUR)
        body = {"product_id": outer["id"], "component_id": chain[-1]["id"], **fixed}
        await client.made("bundle-components", body)
        chain.append(outer)
    assert (await one(client, chain[20]["id"]))["unit_price"] == "1.00"
    # Where one was put deeper before that was refused, it ends all the same: also by what they
    # cost, which goes on where a price is fixed.
    outer = await bundle(client, (inner, fixed), **EUR)
    deeper = "UPDATE bundle_components SET component_id = $1 WHERE product_id = $2"
    await owner.execute(deeper, chain[20]["id"], outer["id"])
    (error,) = problem(await ask(client, {"product_id": outer["id"]}), 422)["errors"]
    assert error["code"] == "no_price"
