"""What a change of prices would do to open quotes, by hand in the comments; nothing is changed."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import uuid4

from crm_api.domains.catalogue.compositions import DEEPEST_BUNDLES
from support.clients import pointers, problem
from support.members import custom_role, member
from support.quoting import act, product, quote


async def simulated(client, **change):
    answer = await client.post("/v1/pricing/simulate", json=change)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def retail(client, sold, price="90", *, activate=True, **more):
    made = await client.made(
        "price-lists", {"name": f"List {uuid4().hex}", "currency": "EUR", **more}
    )
    rule = {"price_list_id": made["id"], "product_id": sold["id"], "unit_price": price}
    await client.made("price-rules", rule)
    if activate:
        answer = await client.post(f"/v1/price-lists/{made['id']}/activate", json={})
        assert answer.status_code == 200, answer.text
    return made


def nets(found):
    return {one["id"]: (one["before"]["net"], one["after"]["net"]) for one in found["quotes"]}


async def test_prices_that_would_rise_are_told_and_stay(client):
    """2 at 90 less 10 % are 162, with 5 % more 170.10; the cost is 80, so 82 and 90.10 are left."""
    sold = await product(client)
    listed = await retail(client, sold)
    line = {"product_id": sold["id"], "quantity": "2", "discounts": [{"percent": "10"}]}
    made = await quote(client, lines=[line, {"name": "Help", "unit_price": "5", "unit_cost": "5"}])
    untouched = await quote(client)
    by_hand = await quote(client, lines=[{"product_id": sold["id"], "unit_price": "70"}])
    found = await simulated(client, adjust=[{"price_list_id": listed["id"], "percent": "5"}])
    assert found["looked_at"] == 3
    assert nets(found) == {made["id"]: ("167.00", "175.10"), by_hand["id"]: ("70.00", "70.00")}
    (told,) = [one for one in found["quotes"] if one["id"] == made["id"]]
    assert [one["price_before"] for one in told["lines"]] == ["90.00"]
    assert [one["price_after"] for one in told["lines"]] == ["94.50"]
    assert (told["before"]["margin"], told["after"]["margin"]) == ("82.00", "90.10")
    # What has its price by hand costs what it costs, with more off.
    (told,) = [one for one in found["quotes"] if one["id"] == by_hand["id"]]
    assert told["lines"] == []
    assert [one["message"] for one in told["before"]["warnings"]] == ["22.22 % are off by hand."]
    assert [one["message"] for one in told["after"]["warnings"]] == ["25.93 % are off by hand."]
    (total,) = found["totals"]
    assert (total["quotes"], total["net_before"], total["net_after"]) == (2, "237.00", "245.10")
    assert (total["margin_before"], total["margin_after"]) == ("112.00", "120.10")
    assert (found["failed"], found["next"]) == ([], None)
    assert untouched["id"] not in nets(found)
    # Nothing is changed.
    now = await client.read(f"quotes/{made['id']}")
    assert (now["version"], now["net"]) == (made["version"], "167.00")
    (rule,) = (await client.read("price-rules"))["data"]
    assert (rule["unit_price"], rule["version"]) == ("90.00", 1)


async def test_a_simulation_is_what_the_change_then_does(client):
    """Each way to change prices, told before and done after."""
    sold = await product(client)
    listed = await retail(client, sold)
    planned = await retail(client, sold, "50", activate=False, priority=5)
    made = await quote(client, lines=[{"product_id": sold["id"]}])

    async def again():
        return await client.changed(f"quotes/{made['id']}", {"introduction": uuid4().hex})

    path = f"/v1/price-lists/{listed['id']}"
    price = {"product_id": sold["id"], "min_quantity": "1", "unit_price": "85"}
    adjustment = {"percent": "-10", "round_to": "1"}
    for change, method, target, body in (
        ({"adjust": [{"price_list_id": listed["id"], **adjustment}]}, "post", f"{path}/adjust",
         adjustment),
        ({"prices": [{"price_list_id": listed["id"], **price}]}, "post", f"{path}/prices", price),
        ({"begin": [planned["id"]]}, "post", f"/v1/price-lists/{planned['id']}/activate", {}),
        ({"end": [planned["id"]]}, "post", f"/v1/price-lists/{planned['id']}/expire", None),
        ({"end": [listed["id"]]}, "post", f"{path}/expire", None),
        ({"products": [{"product_id": sold["id"], "list_price": "120", "cost": "50"}]}, "patch",
         f"/v1/products/{sold['id']}", {"list_price": "120", "cost": "50"}),
    ):  # fmt: skip
        found = await simulated(client, **change)
        (told,) = found["quotes"]
        before = await again()
        answer = await client.request(
            method.upper(), target, **({"json": body} if body is not None else {})
        )
        assert answer.status_code < 300, answer.text
        after = await again()
        for when, stored in (("before", before), ("after", after)):
            names = ("net", "gross", "cost", "margin", "margin_percent")
            assert {n: told[when][n] for n in names} == {n: stored[n] for n in names}, change
    assert after["net"] == "120.00"


async def test_only_open_quotes_are_looked_at_some_at_a_time(client):
    sold = await product(client)
    lines = [{"product_id": sold["id"]}]
    made = [await quote(client, lines=lines) for _ in range(4)]
    await act(client, made[0]["id"], "send")
    await act(client, made[1]["id"], "send")
    await act(client, made[1]["id"], "decline")
    change = {"products": [{"product_id": sold["id"], "list_price": "80"}]}
    found = await simulated(client, **change, limit=2)
    assert found["looked_at"] == 2
    assert {one["status"] for one in found["quotes"]} == {"sent", "draft"}
    rest = await simulated(client, **change, limit=2, after=found["next"])
    assert (len(rest["quotes"]), rest["next"]) == (1, None)
    seen = {one["id"] for one in [*found["quotes"], *rest["quotes"]]}
    assert seen == {made[n]["id"] for n in (0, 2, 3)}


async def test_mistakes_are_named(client, other):
    sold, foreign = await product(client), await product(other)
    listed, theirs = await retail(client, sold), await retail(other, foreign)
    await quote(client, lines=[{"product_id": sold["id"]}])
    price = {"product_id": sold["id"], "unit_price": "1"}
    for change, at in (
        ({}, ""),
        ({"begin": [theirs["id"]]}, "/begin/0"),
        ({"end": [str(uuid4())]}, "/end/0"),
        ({"adjust": [{"price_list_id": theirs["id"], "percent": "1"}]}, "/adjust/0/price_list_id"),
        (
            {
                "adjust": [
                    {"price_list_id": listed["id"], "percent": "1", "category_id": str(uuid4())}
                ]
            },
            "/adjust/0/category_id",
        ),
        ({"prices": [{"price_list_id": theirs["id"], **price}]}, "/prices/0/price_list_id"),
        (
            {"prices": [{"price_list_id": listed["id"], **price, "product_id": foreign["id"]}]},
            "/prices/0/product_id",
        ),
        ({"products": [{"product_id": foreign["id"], "cost": "1"}]}, "/products/0/product_id"),
    ):
        answer = await client.post("/v1/pricing/simulate", json=change)
        assert pointers(problem(answer, 422)) == [at], change
    # Together they come to more than a price can be.
    high = {"price_list_id": listed["id"], "percent": "1000000"}
    answer = await client.post("/v1/pricing/simulate", json={"adjust": [high] * 4})
    assert pointers(problem(answer, 422)) == ["/adjust/3/percent"]
    # Others see nothing of it.
    found = await simulated(other, adjust=[{"price_list_id": theirs["id"], "percent": "1"}])
    assert (found["looked_at"], found["quotes"]) == (0, [])


async def test_who_sees_less_is_told_less(client):
    sold = await product(client)
    made = await quote(client, lines=[{"product_id": sold["id"]}])
    reach = dict.fromkeys(("read", "create", "update", "delete"), "all")
    own = {**reach, "read": "own"}
    change = {"products": [{"product_id": sold["id"], "list_price": "80"}]}
    masks = {"product": {"hidden": ["cost"]}}
    hidden = await member(client, await custom_role(client, levels={"*": reach}, masks=masks))
    (told,) = (await simulated(hidden.api, **change))["quotes"]
    assert told["after"]["net"] == "80.00"
    assert [told["before"][name] for name in ("cost", "margin", "margin_percent")] == [None] * 3
    few = await member(client, await custom_role(client, levels={"*": reach, "quotes": own}))
    assert (await simulated(few.api, **change))["looked_at"] == 0
    none = await member(client, await custom_role(client, levels={"quotes": reach}))
    problem(await none.api.post("/v1/pricing/simulate", json=change), 403)
    query = """
        query($i: SimulationInput!) { simulatePrices(input: $i) { lookedAt next
            quotes { id before { net } after { net margin } lines { priceAfter } }
            totals { currency netAfter } } }
    """
    given = {"products": [{"productId": sold["id"], "listPrice": "80"}]}
    found = (await client.data(query, i=given))["simulatePrices"]
    assert found["quotes"] == [
        {
            "id": made["id"],
            "before": {"net": "100.00"},
            "after": {"net": "80.00", "margin": "40.00"},
            "lines": [{"priceAfter": "80.00"}],
        }
    ]
    assert found["totals"] == [{"currency": "EUR", "netAfter": "80.00"}]


async def test_rates_of_exchange_are_planned(client):
    """100 USD at 0.5 are 50 EUR, at 0.6 they are 60; of 1.25 USD for a euro 80."""
    sold = await product(client, currency="USD", cost=None)
    day = str(datetime.now(UTC).date() - timedelta(days=1))
    rate = {"base": "USD", "quote": "EUR", "day": day, "rate": "0.5"}
    answer = await client.put("/v1/exchange-rates", json={"rates": [rate]})
    assert answer.is_success, answer.text
    made = await quote(client, lines=[{"product_id": sold["id"]}])
    assert made["net"] == "50.00"
    for rate, after in (
        ({"base": "USD", "quote": "EUR", "rate": "0.6"}, "60.00"),
        ({"base": "EUR", "quote": "USD", "rate": "1.25"}, "80.00"),
    ):
        assert nets(await simulated(client, rates=[rate]))[made["id"]] == ("50.00", after)
    # By way of another currency, too.
    pounds = await product(client, currency="GBP", cost=None)
    rate = {"base": "GBP", "quote": "USD", "day": day, "rate": "2"}
    await client.put("/v1/exchange-rates", json={"rates": [rate]})
    third = await quote(client, lines=[{"product_id": pounds["id"]}])
    assert third["net"] == "100.00"
    found = await simulated(client, rates=[{"base": "GBP", "quote": "USD", "rate": "3"}])
    assert nets(found)[third["id"]] == ("100.00", "150.00")
    assert (await client.read(f"quotes/{third['id']}"))["net"] == "100.00"
    same = {"rates": [{"base": "EUR", "quote": "EUR", "rate": "1"}]}
    assert pointers(problem(await client.post("/v1/pricing/simulate", json=same), 422)) == [
        "/rates/0"
    ]


async def test_what_bundles_hold_is_planned(client):
    chair, lamp = await product(client), await product(client, list_price="7", cost="1")
    whole = await product(client, type="bundle", list_price="10", cost=None, status="draft")
    body = {"product_id": whole["id"], "component_id": chair["id"]}
    inside = await client.made("bundle-components", body)
    more = {"component_id": lamp["id"], "is_optional": True}
    option = await client.made("bundle-components", body | more)
    await client.changed(f"products/{whole['id']}", {"status": "active"})
    plain = await quote(client, lines=[{"product_id": whole["id"]}])
    chosen = [{"bundle_component_id": option["id"]}]
    full = await quote(client, lines=[{"product_id": whole["id"], "components": chosen}])
    assert (plain["net"], full["net"]) == ("110.00", "117.00")
    new = await product(client, list_price="3", cost="1")
    part = {"product_id": whole["id"]}
    for given, after in (
        ({"component_id": chair["id"], "quantity": "2"}, ("210.00", "217.00")),
        ({"component_id": chair["id"], "price_mode": "fixed", "price": "5"}, ("15.00", "22.00")),
        (
            {"component_id": chair["id"], "price_mode": "percent", "percent": "50"},
            ("60.00", "67.00"),
        ),
        ({"component_id": chair["id"], "is_there": False}, ("10.00", "17.00")),
        ({"component_id": new["id"], "quantity": "3"}, ("119.00", "126.00")),
    ):
        found = nets(await simulated(client, components=[part | given]))
        assert found == {plain["id"]: ("110.00", after[0]), full["id"]: ("117.00", after[1])}
    # What the bundle can do without changes for whoever has chosen it alone.
    given = {"component_id": lamp["id"], "price_mode": "fixed", "price": "1"}
    found = nets(await simulated(client, components=[part | given]))
    assert found == {full["id"]: ("117.00", "111.00")}
    given = {"component_id": whole["id"]}
    for change, at in (
        (part | given, "/components/0/component_id"),
        (part | {"component_id": str(uuid4())}, "/components/0/component_id"),
        (part | {"component_id": new["id"], "price": "1"}, "/components/0"),
    ):
        answer = await client.post("/v1/pricing/simulate", json={"components": [change]})
        assert pointers(problem(answer, 422)) == [at], change
    assert (await client.read(f"bundle-components/{inside['id']}"))["quantity"] == "1"


async def test_no_component_is_planned_that_the_catalogue_would_refuse(client):
    options = [{"key": "colour", "label": "Colour", "values": ["red"]}]
    chair, lamp = await product(client, options=options), await product(client)
    body = {"product_id": chair["id"], "sku": uuid4().hex, "options": {"colour": "red"}}
    red = await client.made("product-variants", body)
    first, second = [await product(client, type="bundle", status="draft") for _ in range(2)]
    body = {"product_id": first["id"], "component_id": chair["id"], "quantity": "2"}
    await client.made("bundle-components", body | {"min_quantity": "2", "max_quantity": "4"})
    in_first, in_second = {"product_id": first["id"]}, {"product_id": second["id"]}
    of_chair, of_lamp = {"component_id": chair["id"]}, {"component_id": lamp["id"]}
    for changes, told in (
        ([{"product_id": lamp["id"], **of_chair}], ("not_a_bundle", "/components/0/product_id")),
        (
            [in_first | of_lamp | {"variant_id": red["id"]}],
            ("unknown_reference", "/components/0/variant_id"),
        ),
        ([in_first | of_chair | {"quantity": "1"}], ("too_few", "/components/0/quantity")),
        ([in_first | of_chair | {"quantity": "5"}], ("too_many", "/components/0/quantity")),
        ([in_first | of_lamp, in_first | of_lamp], ("repeated", "/components/1/component_id")),
        (
            [in_first | {"component_id": second["id"]}, in_second | {"component_id": first["id"]}],
            ("bundle_cycle", "/components/0/component_id"),
        ),
    ):
        answer = await client.post("/v1/pricing/simulate", json={"components": changes})
        found = problem(answer, 422)["errors"]
        assert (found[0]["code"], found[0]["pointer"]) == told, changes
    # What would go stands in the way of nothing.
    await client.made("bundle-components", in_first | {"component_id": second["id"]})
    gone = in_first | {"component_id": second["id"], "is_there": False}
    await simulated(client, components=[gone, in_second | {"component_id": first["id"]}])


async def test_bundles_are_planned_no_deeper_than_they_are_priced(client):
    """A chain of which the middle is planned: as many above it as below, and one too many."""
    deep = DEEPEST_BUNDLES // 2
    above, below = [
        [(await product(client, type="bundle", status="draft"))["id"] for _ in range(size)]
        for size in (deep, deep + 1)
    ]
    for chain in (above, below):
        for outer, inner in pairwise(chain):
            body = {"product_id": outer, "component_id": inner}
            await client.made("bundle-components", body)
    link = {"product_id": above[-1], "component_id": below[0]}
    # 9 and 10 of them, and the one between: as deep as may be.
    await simulated(client, components=[link])
    good = await product(client)
    more = {"product_id": below[-1], "component_id": good["id"]}
    beside = {"product_id": above[0], "component_id": good["id"]}
    for changes, at in (([link, more], [0, 1]), ([beside, more, link], [1, 2])):
        answer = await client.post("/v1/pricing/simulate", json={"components": changes})
        found = problem(answer, 422)["errors"]
        assert [(e["code"], e["pointer"]) for e in found] == [
            ("bundle_too_deep", f"/components/{n}/component_id") for n in at
        ]
    # What is there already, and what would go, stands in nobody's way.
    await client.made("bundle-components", link)
    problem(await client.post("/v1/bundle-components", json=more), 409, "bundle_too_deep")
    await simulated(client, components=[link | {"quantity": "2"}])
    await simulated(client, components=[link | {"is_there": False}, more])
    document = "query($i: SimulationInput!) { simulatePrices(input: $i) { lookedAt } }"
    planned = {"productId": more["product_id"], "componentId": more["component_id"]}
    (error,) = (await client.gql(document, i={"components": [planned]}))["errors"]
    assert [one["code"] for one in error["extensions"]["problem"]["errors"]] == ["bundle_too_deep"]


async def test_coupons_are_planned(client):
    sold = await product(client)
    fair = {"name": "Fair", "percent": "10", "needs_coupon": True}
    fair = await client.made("promotions", fair)
    code = f"C{uuid4().hex[:10]}".upper()
    await client.made("coupons", {"promotion_id": fair["id"], "code": code})
    made = await quote(client, lines=[{"product_id": sold["id"]}], coupon_codes=[code])
    assert made["net"] == "90.00"
    found = await simulated(client, coupons=[{"code": code.lower(), "is_active": False}])
    assert nets(found) == {made["id"]: ("90.00", "100.00")}
    assert found["quotes"][0]["after"]["warnings"][0]["code"] == "coupon_not_valid"
    (coupon,) = (await client.read("coupons"))["data"]
    await client.changed(f"coupons/{coupon['id']}", {"valid_to": "2020-01-01"})
    found = await simulated(client, coupons=[{"code": code, "is_active": True}])
    assert nets(found) == {made["id"]: ("100.00", "90.00")}
    none = {"coupons": [{"code": "NOBODY", "is_active": True}]}
    answer = await client.post("/v1/pricing/simulate", json=none)
    assert pointers(problem(answer, 422)) == ["/coupons/0/code"]
    query = "query($i: SimulationInput!) { simulatePrices(input: $i) { quotes { after { net } } } }"
    given = {"coupons": [{"code": code, "isActive": True}]}
    found = (await client.data(query, i=given))["simulatePrices"]
    assert found["quotes"] == [{"after": {"net": "90.00"}}]
