"""Prices that look wrong: what is found in a list, by whom, and how far off is far."""

import math
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from crm_api.domains.prices.checking import OUTLIER, REASONS, Spread
from support.clients import Api, problem
from support.members import custom_role, member

pytestmark = pytest.mark.usefixtures("worker")


async def product(client, **more):
    body = {"sku": f"S-{uuid4().hex[:10]}", "name": "Chair", "type": "good", **more}
    return await client.made("products", body)


async def price_list(client, **more):
    return await client.made("price-lists", {"name": "List", "currency": "EUR", **more})


async def rule(client, of_list, price=None, **more):
    body = {"price_list_id": of_list["id"], **more}
    if price is not None:
        body["unit_price"] = price
    return await client.made("price-rules", body)


async def activated(client, of_list):
    answer = await client.post(f"/v1/price-lists/{of_list['id']}/activate", json={})
    assert answer.status_code == 200, answer.text


async def checked(client, of_list):
    answer = await client.post(f"/v1/price-lists/{of_list['id']}/check")
    assert answer.status_code == 202, answer.text
    job = answer.json()["job_id"]
    assert answer.headers["location"] == f"/v1/jobs/{job}"
    result = (await client.ended(job))["result"]
    assert result["counts"].keys() == set(REASONS)
    assert sum(result["counts"].values()) == len(result["findings"])
    return result


def told(result):
    return sorted((found["reason"], found["price_rule_id"]) for found in result["findings"])


async def test_wrong_prices_of_a_product_are_found(client):
    of = await price_list(client)
    priced = {"list_price": "100", "cost": "40", "currency": "EUR"}
    sold = await product(client, **priced)
    id = {"product_id": sold["id"]}
    fine = await rule(client, of, "95", **id)
    cheap = await rule(client, of, "39.99", min_quantity="10", **id)
    dear = await rule(client, of, "60", min_quantity="100", **id)
    low = await rule(client, of, "50", min_quantity="200", floor="55", **id)
    result = await checked(client, of)
    assert told(result) == sorted(
        [
            ("below_cost", cheap["id"]),
            ("dearer_in_bulk", dear["id"]),
            ("dearer_in_bulk", low["id"]),
            ("below_floor", low["id"]),
        ]
    )
    by_reason = {found["reason"]: found for found in result["findings"]}
    cost = by_reason["below_cost"]
    assert (cost["price"], cost["against"], cost["min_quantity"]) == ("39.99", "40.00", "10")
    assert cost["target_id"] == sold["id"]
    assert by_reason["dearer_in_bulk"]["other_rule_id"] == cheap["id"]
    assert (by_reason["below_floor"]["price"], by_reason["below_floor"]["against"]) == (
        "50.00",
        "55.00",
    )
    assert (result["rules"], result["costs_checked"]) == (4, True)
    assert fine["id"] not in {found["price_rule_id"] for found in result["findings"]}


async def test_rules_that_never_count_are_found(client):
    today = datetime.now(UTC).date()
    of = await price_list(client, valid_from=(today - timedelta(30)).isoformat())
    category = await client.made("product-categories", {"name": "Chairs"})
    wide = await client.made("product-categories", {"name": "Tables"})
    sold = await product(client, category_id=category["id"])
    await product(client, category_id=wide["id"])
    gone = await product(client)
    priced = await rule(client, of, "5", product_id=sold["id"])
    shadowed = await rule(client, of, "6", category_id=category["id"], min_quantity="5")
    await rule(client, of, "6", category_id=wide["id"])
    of_cost = {"method": "cost_plus", "percent": "30"}
    without = await rule(client, of, product_id=sold["id"], min_quantity="9", **of_cost)
    dead = await rule(client, of, "5", product_id=gone["id"])
    await client.delete(f"/v1/products/{gone['id']}")
    ended = await price_list(client, valid_to=(today + timedelta(30)).isoformat())
    later = (today + timedelta(31)).isoformat()
    outside = await rule(client, ended, "5", product_id=sold["id"], valid_from=later)
    assert told(await checked(client, of)) == sorted(
        [
            ("shadowed", shadowed["id"]),
            ("no_base", without["id"]),
            ("target_gone", dead["id"]),
        ]
    )
    assert told(await checked(client, ended)) == [("outside_list_days", outside["id"])]
    assert priced["id"]


async def test_prices_far_off_the_list_price_and_other_lists_are_found(client):
    of = await price_list(client)
    others = [await price_list(client) for _ in range(4)]
    for other in others:
        await client.post(f"/v1/price-lists/{other['id']}/activate", json={})
    wrong = None
    for place in range(8):
        sold = await product(client, list_price="100", currency="EUR")
        # A comma that slipped.
        price = "9" if place == 5 else str(85 + place)
        made = await rule(client, of, price, product_id=sold["id"])
        if place == 5:
            wrong = made
            for n, other in enumerate(others):
                await rule(client, other, str(88 + n), product_id=sold["id"])
    result = await checked(client, of)
    assert told(result) == [("off_list_price", wrong["id"]), ("off_other_lists", wrong["id"])]
    first, second = sorted(result["findings"], key=lambda found: found["reason"])
    assert (first["price"], first["against"]) == ("9.00", "100.00")
    assert second["against"] == "89.50"
    assert all(float(found["score"]) < -OUTLIER for found in (first, second))


async def test_currencies_without_a_rate_are_found(client):
    top = await price_list(client, currency="USD")
    middle = await price_list(client, parent_id=top["id"])
    below = await price_list(client, parent_id=middle["id"])
    sold = await product(client, list_price="10", currency="CHF")
    relative = await rule(
        client, below, product_id=sold["id"], method="percent", percent="-5", base="list"
    )
    fixed = await rule(client, below, "8", product_id=sold["id"], min_quantity="2")
    result = await checked(client, below)
    assert told(result) == [("no_rate", relative["id"]), ("parent_currency", None)]
    assert fixed["id"] not in {found["price_rule_id"] for found in result["findings"]}
    parent = next(f for f in result["findings"] if f["reason"] == "parent_currency")
    assert (parent["price_list_id"], parent["parent_id"]) == (middle["id"], top["id"])
    await client.patch(f"/v1/price-lists/{middle['id']}", json={"factor": "0.9"})
    assert told(await checked(client, below)) == [("no_rate", relative["id"])]


async def test_tiers_that_get_dearer_are_found(client):
    of = await price_list(client)
    sold = await product(client, cost="4", currency="EUR")
    tiers = [{"unit_price": "6", "up_to": "10"}, {"unit_price": "7"}]
    made = await rule(client, of, product_id=sold["id"], tier_mode="graduated", tiers=tiers)
    fine = [{"unit_price": "60", "up_to": "10", "package": "10"}, {"unit_price": "3"}]
    low = await rule(
        client, of, product_id=sold["id"], tier_mode="package", tiers=fine, min_quantity="5"
    )
    assert told(await checked(client, of)) == sorted(
        [("dearer_in_bulk", made["id"]), ("below_cost", low["id"])]
    )


async def test_costs_are_kept_from_whom_they_are_hidden(client):
    of = await price_list(client)
    sold = await product(client, cost="4", list_price="8", currency="EUR")
    await rule(client, of, "3", product_id=sold["id"])
    of_cost = {"method": "cost_plus", "percent": "10", "floor": "99"}
    await rule(client, of, product_id=sold["id"], min_quantity="2", **of_cost)
    margin = {"min_margin": "50", "min_quantity": "3"}
    low = await rule(client, of, "2", product_id=sold["id"], floor="2.50", **margin)
    levels = {"prices": {"read": "all"}, "products": {"read": "all"}, "jobs": {"read": "own"}}
    masks = {"product": {"hidden": ["cost"]}}
    role = await custom_role(client, levels=levels, masks=masks)
    one = await member(client, role)
    result = await checked(one.api, of)
    assert (told(result), result["costs_checked"]) == ([("below_floor", low["id"])], False)
    (found,) = result["findings"]
    assert (found["price"], found["against"]) == ("2.00", "2.50")
    # Who may not read prices or products has nothing looked for.
    for missing in levels.keys() - {"jobs"}:
        api = await client.made("api-keys", {"name": "K", "scopes": [f"{missing}:read"]})
        answer = await Api(client.app, api["token"]).post(f"/v1/price-lists/{of['id']}/check")
        problem(answer, 403)


async def test_graphql_starts_and_tells_it_as_well(client):
    of = await price_list(client)
    sold = await product(client, cost="4", currency="EUR")
    made = await rule(client, of, "3", product_id=sold["id"])
    started = await client.data("mutation($id: UUID!) { checkPriceList(id: $id) }", id=of["id"])
    await client.ended(started["checkPriceList"])
    shown = await client.data(
        "query($id: UUID!) { job(id: $id) { result } }", id=started["checkPriceList"]
    )
    assert told(shown["job"]["result"]) == [("below_cost", made["id"])]


async def test_a_foreign_list_and_one_that_is_not_there(client, other):
    of = await price_list(client)
    for api, id in ((other, of["id"]), (client, uuid4())):
        problem(await api.post(f"/v1/price-lists/{id}/check"), 404)


def test_the_score_is_that_of_iglewicz_and_hoaglin():
    # By hand: of 1, 2, 3, 4, 100 the median is 3; the distances 2, 1, 0, 1, 97 have the median 1.
    spread = Spread.of([1, 2, 3, 4, 100])
    assert (spread.middle, spread.usual) == (3, 1 / 0.6745)
    score = spread.score(100)
    assert score is not None
    assert math.isclose(score, 97 * 0.6745)
    assert spread.score(3.1) is None
    # More than half alike: the mean distance counts, here 8 / 5.
    alike = Spread.of([5, 5, 5, 5, 13])
    assert math.isclose(alike.usual, 1.6 * 1.253314)
    assert Spread.of([5, 5, 5]).score(6) == math.inf


async def test_active_products_without_a_price_are_found(client):
    """Nothing in the list, above it, in the default lists, nor a list price by a known rate."""
    usd = await price_list(client, currency="USD")
    above = await price_list(client, currency="USD", name="Above")
    below = await price_list(client, currency="USD", name="Below", parent_id=above["id"])
    active = {"status": "active"}
    nothing = await product(client, **active)
    euro = await product(client, **active, list_price="10", currency="EUR")
    dollar = await product(client, **active, list_price="10", currency="USD")
    ruled, upper = await product(client, **active), await product(client, **active)
    await rule(client, usd, "5", product_id=ruled["id"], min_quantity="10")
    await rule(client, above, "5", product_id=upper["id"])
    await product(client)
    options = [{"key": "size", "label": "Size", "values": ["s", "m"]}]
    varied = await product(client, **active, options=options)
    small, middle = [
        await client.made(
            "product-variants",
            {
                "product_id": varied["id"],
                "sku": uuid4().hex,
                "options": {"size": size},
                "status": "active",
            },
        )
        for size in ("s", "m")
    ]
    await rule(client, usd, "5", variant_id=small["id"])
    whole = await product(client, type="bundle")
    body = {"product_id": whole["id"], "component_id": nothing["id"]}
    await client.made("bundle-components", body)
    await client.changed(f"products/{whole['id']}", active)
    await rule(client, usd, "5", product_id=whole["id"])

    async def lacking(of):
        found = (await checked(client, of))["findings"]
        return {one["target_id"] for one in found if one["reason"] == "unpriced"}

    await activated(client, above)
    always = {nothing["id"], euro["id"], whole["id"]}
    assert await lacking(usd) == always | {middle["id"]}
    missing = always | {ruled["id"], small["id"], middle["id"]}
    assert await lacking(below) == missing
    # A rate makes the list price one; a default list that counts is asked after any other one.
    rate = {"base": "EUR", "quote": "USD", "rate": "1.1"}
    await client.put("/v1/exchange-rates", json={"rates": [rate | {"day": "2020-01-01"}]})
    await activated(client, usd)
    assert euro["id"] in await lacking(below)
    today = datetime.now(UTC).date().isoformat()
    await client.put("/v1/exchange-rates", json={"rates": [rate | {"day": today}]})
    assert await lacking(below) == {nothing["id"], whole["id"], middle["id"]}
    assert dollar["id"] not in missing


async def test_bundles_are_compared_with_what_they_hold(client):
    """10 and 50 of the part are more than 40; 10 and 20 are less than 45, which the parts cost."""
    of = await price_list(client)
    own = {"type": "bundle", "currency": "EUR"}
    fine, low = await product(client, **own, cost="40"), await product(client, **own)
    costly = await product(client, list_price="50", currency="EUR")
    cheap = await product(client, list_price="20", cost="45", currency="EUR")
    for whole, part in ((fine, costly), (low, cheap)):
        body = {"product_id": whole["id"], "component_id": part["id"]}
        await client.made("bundle-components", body)
    await rule(client, of, "10", product_id=fine["id"])
    wrong = await rule(client, of, "10", product_id=low["id"])
    result = await checked(client, of)
    assert told(result) == [("below_cost", wrong["id"])]
    (found,) = result["findings"]
    assert (found["price"], found["against"]) == ("30.00", "45.00")
