"""Prices at their edges: units that do not divide, taxes within, bounds, ways that end."""

import asyncio
from datetime import date, timedelta

import pytest

from support.clients import pointers, problem
from support.members import custom_role, member
from support.pricing import one, price_list, product, resolved, rule

ALL = {"create": "all", "read": "all", "update": "all", "delete": "all"}


async def units(client, **ratios):
    return [
        await client.made(
            "units",
            {"key": key, "name": key, "dimension": "pieces", "ratio": ratio, "decimals": 3},
        )
        for key, ratio in ratios.items()
    ]


async def vat(client, rate="19"):
    return await client.made("tax-rates", {"name": "VAT", "country": "DE", "rate": rate})


async def costing(client, cost="100", **more):
    return await product(client, cost=cost, currency="EUR", **more)


@pytest.mark.parametrize(
    ("mode", "tiers", "net"),
    [
        # 18 pieces are 3 boxes of 6: three packages of one at 10.
        ("package", [{"unit_price": "10"}], "30.00"),
        # Up to 3 boxes at 10 each, and not the next tier.
        ("volume", [{"unit_price": "10", "up_to": "3"}, {"unit_price": "12"}], "30.00"),
        # The fee of the second tier is not begun.
        (
            "graduated",
            [{"unit_price": "10", "up_to": "3"}, {"unit_price": "1", "flat_fee": "50"}],
            "30.00",
        ),
    ],
)
async def test_units_that_do_not_divide_evenly(client, mode, tiers, net):
    piece, box = await units(client, piece="1", box="6")
    sold, made = await product(client, unit_id=box["id"]), await price_list(client)
    await rule(client, made, product_id=sold["id"], tier_mode=mode, tiers=tiers)
    line = {"product_id": sold["id"], "quantity": "18", "unit_id": piece["id"]}
    assert (await resolved(client, line))["lines"][0]["net"] == net


async def test_a_quantity_in_other_units_reaches_its_rule(client):
    third, whole = await units(client, third="1", whole="3")
    sold, made = await product(client, unit_id=whole["id"]), await price_list(client)
    await rule(client, made, "100", product_id=sold["id"])
    await rule(client, made, "80", product_id=sold["id"], min_quantity="10")
    line = {"product_id": sold["id"], "quantity": "30", "unit_id": third["id"]}
    found = (await resolved(client, line))["lines"][0]
    # 30 thirds are 10 wholes at 80.
    assert (found["net"], found["cheaper"]) == ("800.00", None)


async def test_margins_are_of_net_prices_where_taxes_are_included(client):
    await vat(client)
    sold = await costing(client)
    made = await price_list(client, tax_included=True)
    await rule(client, made, "120", product_id=sold["id"], min_margin="20")
    line = await one(client, sold["id"], country="DE")
    # A margin of 20 % of a cost of 100 is a net price of 125, and 148.75 with taxes.
    assert (line["unit_price"], line["net"], line["margin_percent"]) == ("148.75", "125.00", "20")
    other = await costing(client, list_price="150")
    await rule(client, made, product_id=other["id"], method="cost_plus", percent="20")
    line = await one(client, other["id"], country="DE")
    # 100 and a fifth of it are 120 net, with taxes 142.80.
    assert (line["unit_price"], line["net"]) == ("142.80", "120.00")
    third = await costing(client, list_price="150")
    await rule(client, made, product_id=third["id"], method="percent", percent="-10")
    assert (await one(client, third["id"], country="DE"))["net"] == "135.00"


async def test_a_net_list_above_one_with_taxes(client):
    await vat(client)
    sold, above = (
        await product(client),
        await price_list(client, audience="channel", audience_key="x"),
    )
    await rule(client, above, "100", product_id=sold["id"])
    below = await price_list(client, parent_id=above["id"], factor="1.1", tax_included=True)
    line = await one(client, sold["id"], country="DE")
    # 100 net are 119 with taxes, and a tenth more 130.90.
    assert (line["unit_price"], line["net"]) == ("130.90", "110.00")
    assert [step["step"] for step in line["trace"]["steps"]] == ["fixed", "taxes", "parent"]
    assert below["id"] == line["trace"]["steps"][-1]["price_list_id"]


async def test_what_never_counted_does_not_count_once_it_is_ended(client):
    sold = await product(client, list_price="100", currency="EUR")
    made = await price_list(client, active=False)
    await rule(client, made, "7", product_id=sold["id"])
    path = f"/v1/price-lists/{made['id']}"
    later = (date.today() + timedelta(days=30)).isoformat()
    assert (await client.post(f"{path}/schedule", json={"valid_from": later})).is_success
    ended = await client.post(f"{path}/expire")
    assert (ended.json()["status"], ended.json()["valid_from"]) == ("draft", later)
    for days in (-2, -1, 0, 31):
        day = (date.today() + timedelta(days=days)).isoformat()
        assert (await one(client, sold["id"], date=day))["unit_price"] == "100.00"


async def test_what_is_not_a_price_is_refused(client):
    made = await price_list(client)
    sold = await product(client)
    path = f"/v1/price-lists/{made['id']}/prices"
    problem(await client.post(path, json={"unit_price": "1"}), 422)
    assert (await client.read("price-rules"))["data"] == []
    for kind in ("zero", "exempt", "reverse_charge"):
        body = {"name": "VAT", "country": "DE", "rate": "19", "kind": kind}
        assert pointers(problem(await client.post("/v1/tax-rates", json=body), 422)) == ["/rate"]
    least = {"price_list_id": made["id"], "product_id": sold["id"], "tier_mode": "volume"}
    for name in ("surcharge", "ceiling", "min_margin", "round_to"):
        body = {**least, "tiers": [{"unit_price": "1"}], name: "1"}
        answer = await client.post("/v1/price-rules", json=body)
        assert pointers(problem(answer, 422, "validation")) == [f"/{name}"]


async def test_the_currency_stays_while_rules_are_added(client):
    sold = await product(client)
    for _ in range(6):
        made = await price_list(client, active=False)
        body = {"price_list_id": made["id"], "product_id": sold["id"], "unit_price": "12.34"}
        moved, added = await asyncio.gather(
            client.patch(f"/v1/price-lists/{made['id']}", json={"currency": "JPY"}),
            client.post("/v1/price-rules", json=body),
        )
        assert added.status_code == 201, added.text
        assert moved.status_code in {200, 409}
        if moved.status_code == 200:
            # It came first, so that the rule is one of the new currency.
            await client.delete(f"/v1/price-rules/{added.json()['id']}")
            answer = await client.patch(f"/v1/price-lists/{made['id']}", json={"currency": "EUR"})
            # A rule in the bin may come back.
            problem(answer, 409, "has_rules")


async def test_prices_of_less_than_one(client):
    sold, made = await product(client), await price_list(client)
    for least, price in (("0", "10"), ("0.5", "9"), ("1", "8")):
        await rule(client, made, price, product_id=sold["id"], min_quantity=least)
    found = (await client.read(f"products/{sold['id']}/prices"))["data"]
    told = [(row["min_quantity"], row["unit_price"]) for row in found]
    assert told == [("0", "10.00"), ("0.5", "9.00"), ("1", "8.00")]


async def test_costs_that_are_hidden_are_not_told_in_other_words(client):
    sold, made = await costing(client, "70", list_price="100"), await price_list(client)
    await rule(
        client, made, product_id=sold["id"], method="percent", base="cost", percent="40",
        min_margin="10",
    )  # fmt: skip
    for masks in ({"product": {"hidden": ["cost"]}}, {"product_variant": {"hidden": ["cost"]}}):
        role = await custom_role(client, levels={"*": ALL}, masks=masks)
        somebody = await member(client, role)
        line = await one(somebody.api, sold["id"])
        assert line["unit_price"] == "98.00"
        assert (line["cost"], line["margin"], line["floor"]) == (None, None, None)
        assert [step["before"] for step in line["trace"]["steps"]] == [None]
    assert (await one(client, sold["id"]))["trace"]["steps"][0]["before"] == "70.00"


async def test_lists_stand_above_one_another_so_far(client):
    """Each may have what the one above says in its price, and none is asked for twice."""
    sold = await costing(client, "1")
    above = await price_list(client, audience="channel", audience_key="x", factor="1000000")
    await rule(client, above, "1000000", product_id=sold["id"])
    for n in range(9):
        above = await price_list(client, parent_id=above["id"], factor="1000000", priority=n)
        await client.made(
            "price-rules",
            {"price_list_id": above["id"], "method": "formula", "formula": "parent_price + 0"},
        )
    body = {"name": "Too deep", "currency": "EUR", "parent_id": above["id"]}
    answer = await client.post("/v1/price-lists", json=body)
    assert pointers(problem(answer, 422, "validation")) == ["/parent_id"]
    # What would be more than a price can be is none; the first list that has one is the lowest.
    assert (await one(client, sold["id"]))["unit_price"] == "1000000000000.00"
    assert (await client.get(f"/v1/products/{sold['id']}/prices")).status_code == 200


async def test_the_best_of_many_exclusive_promotions(client):
    sold = await product(client, list_price="100", currency="EUR")
    for n in range(24):
        body = {"name": f"P{n}", "percent": "1", "stacking": "exclusive", "priority": 100 - n}
        await client.made("promotions", body)
    await client.made("promotions", {"name": "Best", "percent": "50", "stacking": "exclusive"})
    assert (await one(client, sold["id"]))["net"] == "50.00"


async def test_rules_that_lost_are_told(client):
    sold = await product(client, list_price="100", currency="EUR")
    first = await price_list(client, audience="channel", audience_key="web")
    without = await rule(client, first, product_id=sold["id"], method="cost_plus", percent="10")
    lost = (await one(client, sold["id"], channel="web"))["trace"]["lost"]
    assert [(row["price_rule_id"], row["reason"]) for row in lost] == [(without["id"], "no_base")]
    second = await price_list(client)
    await rule(client, second, "90", product_id=sold["id"])
    common = await rule(client, second, "95")
    lost = (await one(client, sold["id"], channel="web"))["trace"]["lost"]
    assert [(row["price_rule_id"], row["reason"]) for row in lost] == [
        (without["id"], "no_base"),
        (common["id"], "less_specific"),
    ]


async def test_a_formula_wants_no_rate_that_it_does_not_use(client):
    sold = await product(client, list_price="100", cost="50", currency="USD")
    above = await price_list(client, audience="channel", audience_key="x")
    await rule(client, above, "90", product_id=sold["id"])
    below = await price_list(client, parent_id=above["id"])
    await rule(client, below, product_id=sold["id"], method="formula", formula="parent_price * 0.9")
    assert (await one(client, sold["id"]))["unit_price"] == "81.00"
    other = await price_list(client, priority=7)
    await rule(client, other, product_id=sold["id"], method="percent", percent="-10")
    # What needs a rate that is not there loses, and the others say what they say.
    assert (await one(client, sold["id"]))["unit_price"] == "81.00"
    found = (await client.read(f"products/{sold['id']}/prices", currency="EUR"))["data"]
    assert {row["unit_price"] for row in found} == {"81.00", "90.00"}


async def test_more_for_less_is_what_more_costs(client):
    sold, made = await costing(client, "160"), await price_list(client)
    await rule(client, made, "100", product_id=sold["id"])
    await rule(client, made, "1", product_id=sold["id"], min_quantity="2", min_margin="20")
    # Two would cost 200 each, for a margin of 20 %.
    assert (await one(client, sold["id"]))["cheaper"] is None
    assert (await one(client, sold["id"], "2"))["net"] == "400.00"


async def test_regions_are_told_in_any_case_and_what_is_in_the_bin_is_gone(client):
    category = await client.made("product-categories", {"name": "Chairs"})
    sold = await product(client, list_price="100", currency="EUR", category_id=category["id"])
    made = await price_list(client, audience="region", audience_key="CA")
    await rule(client, made, "5", category_id=category["id"])
    assert (await one(client, sold["id"], region="ca"))["unit_price"] == "5.00"
    await client.delete(f"/v1/product-categories/{category['id']}")
    assert (await one(client, sold["id"], region="ca"))["unit_price"] == "100.00"


async def test_adjustments_count_tiers_and_stay_within_what_a_price_can_be(client):
    sold, made = await product(client), await price_list(client)
    tiers = [{"unit_price": "10", "flat_fee": "4"}]
    body = {"product_id": sold["id"], "tier_mode": "volume", "tiers": tiers}
    tiered = await rule(client, made, **body)
    path = f"/v1/price-lists/{made['id']}/adjust"
    answer = await client.post(path, json={"percent": "50"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["changed"] == 1
    (tier,) = (await client.read(f"price-rules/{tiered['id']}"))["tiers"]
    assert (tier["unit_price"], tier["flat_fee"]) == ("15.00", "6.00")
    await client.changed(
        f"price-rules/{tiered['id']}", {"tiers": [{"unit_price": "99999999999999"}]}
    )
    answer = await client.post(path, json={"percent": "1000"})
    found = problem(answer, 422, "validation")
    assert [(f["pointer"], f["code"]) for f in found["errors"]] == [("/percent", "out_of_range")]
    role = await custom_role(
        client, levels={"*": ALL}, masks={"price_rule": {"read_only": ["unit_price"]}}
    )
    somebody = await member(client, role)
    problem(await somebody.api.post(path, json={"percent": "1"}), 403)
