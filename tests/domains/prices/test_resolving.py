"""What lines cost: the order in which prices are looked for, and everything that is told of it."""

import asyncio
from uuid import uuid4

import pytest

from support.clients import Api, pointers, problem
from support.pricing import ask, one, price_list, product, resolved, rule


async def test_a_least_list_and_price_are_what_is_asked(client):
    sold = await product(client)
    made = await price_list(client)
    answer = await client.post(
        f"/v1/price-lists/{made['id']}/prices",
        json={"product_id": sold["id"], "min_quantity": "1", "unit_price": "9.90"},
    )
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"/v1/price-rules/{answer.json()['id']}"
    line = await one(client, sold["id"], "3")
    assert (line["unit_price"], line["net"], line["gross"]) == ("9.90", "29.70", "29.70")
    assert line["trace"]["price_rule_id"] == answer.json()["id"]
    query = "query($i: PriceQuestionInput!) { resolvePrices(input: $i) { totals { net } lines { net } } }"
    data = await client.data(
        query, i={"currency": "EUR", "lines": [{"productId": sold["id"], "quantity": "3"}]}
    )
    assert data["resolvePrices"] == {"totals": {"net": "29.70"}, "lines": [{"net": "29.70"}]}


async def test_prices_are_looked_for_in_a_fixed_order(client):
    company = await client.made("companies", {"name": "Buyer"})
    sold = await product(client, list_price="100", currency="EUR")
    whom = {"company_id": company["id"], "segments": ["gold"], "channel": "web", "region": "BY"}

    async def found():
        line = await one(client, sold["id"], **whom)
        return line["trace"]["way"], line["unit_price"]

    assert await found() == ("list_price", "100.00")
    for audience, more, price in (
        ("default", {}, "90"),
        ("region", {"audience_key": "BY"}, "80"),
        ("channel", {"audience_key": "web"}, "70"),
        ("segment", {"audience_key": "gold"}, "60"),
        ("account", {"company_id": company["id"]}, "50"),
    ):
        made = await price_list(client, audience=audience, **more)
        await rule(client, made, price, product_id=sold["id"])
        assert await found() == ("rule", f"{price}.00")
    agreed = {"company_id": company["id"], "product_id": sold["id"], "currency": "EUR"}
    await client.made("contract-prices", {**agreed, "unit_price": "40"})
    assert await found() == ("contract", "40.00")
    line = await one(client, sold["id"], **whom)
    assert {lost["reason"] for lost in line["trace"]["lost"]} == {"list_asked_later"}
    assert len(line["trace"]["lost"]) == 5
    # Whoever is not that customer has none of it.
    assert (await one(client, sold["id"]))["unit_price"] == "90.00"


async def test_in_a_list_the_most_specific_counts_then_quantity_then_start(client):
    root = await client.made("product-categories", {"name": "Furniture"})
    below = await client.made("product-categories", {"name": "Chairs", "parent_id": root["id"]})
    sold = await product(
        client, category_id=below["id"], options=[{"key": "size", "label": "Size"}]
    )
    variant = await client.made(
        "product-variants",
        {"product_id": sold["id"], "sku": uuid4().hex, "name": "M", "options": {"size": "M"}},
    )
    made = await price_list(client)
    line = {"variant_id": variant["id"], "quantity": "10"}

    async def found():
        [priced] = (await resolved(client, line))["lines"]
        return priced["unit_price"], priced["trace"]["scope"]

    for price, scope, more in (
        ("9", "all", {}),
        ("8", "category", {"category_id": root["id"]}),
        ("7", "category", {"category_id": below["id"]}),
        ("6", "product", {"product_id": sold["id"]}),
        ("5", "variant", {"variant_id": variant["id"]}),
        ("4", "variant", {"variant_id": variant["id"], "min_quantity": "10"}),
    ):
        await rule(client, made, price, **more)
        assert await found() == (f"{price}.00", scope)
    [priced] = (await resolved(client, line | {"quantity": "9.5"}))["lines"]
    assert priced["unit_price"] == "5.00"
    assert priced["trace"]["lost"][0]["reason"] == "quantity_not_reached"
    # 9.5 at 5 are 47.50, ten at 4 are 40.
    assert priced["cheaper"] == {"quantity": "10", "amount": "40.00", "saves": "7.50"}


async def test_what_a_list_does_not_say_the_list_above_does(client):
    first, second = await product(client), await product(client)
    base = await price_list(client, audience="channel", audience_key="none")
    child = await price_list(client, parent_id=base["id"], factor="1.1")
    await rule(client, base, "10", product_id=first["id"])
    await rule(client, base, "20", product_id=second["id"])
    await rule(
        client, child, product_id=second["id"], method="percent", base="parent", percent="-5"
    )
    line = await one(client, first["id"])
    assert (line["trace"]["way"], line["unit_price"]) == ("parent", "11.00")
    # 20 x 1.1 = 22, less 5 %.
    assert (await one(client, second["id"]))["unit_price"] == "20.90"


async def test_days_and_drafts(client):
    sold = await product(client, list_price="5", currency="EUR")
    made = await price_list(client, active=False)
    await rule(client, made, "1", product_id=sold["id"], valid_to="2026-06-30")
    await rule(client, made, "2", product_id=sold["id"], valid_from="2026-07-01")
    assert (await one(client, sold["id"]))["unit_price"] == "5.00"
    await client.post(f"/v1/price-lists/{made['id']}/activate", json={})
    for day, price in (("2026-06-30", "1.00"), ("2026-07-01", "2.00")):
        assert (await one(client, sold["id"], date=day))["unit_price"] == price
        found = await client.read(f"products/{sold['id']}/prices", as_of=day)
        assert [row["unit_price"] for row in found["data"]] == [price, "5.00"]
    document = 'query($id: UUID!) { productPrices(productId: $id, asOf: "2026-06-30") { data { unitPrice } } }'
    data = await client.data(document, id=sold["id"])
    assert data["productPrices"]["data"][0] == {"unitPrice": "1.00"}


async def test_methods_margins_and_floors(client):
    sold = await product(client, list_price="100", cost="60", currency="EUR")
    made = await price_list(client)
    terms = {"method": "percent", "percent": "-50", "min_margin": "25"}
    await rule(client, made, product_id=sold["id"], **terms)
    line = await one(client, sold["id"], "2")
    # 60 / 0.75 = 80
    assert (line["unit_price"], line["floor"], line["cost"]) == ("80.00", "80.00", "120.00")
    assert (line["margin"], line["margin_percent"]) == ("40.00", "25")
    assert [step["step"] for step in line["trace"]["steps"]] == ["percent", "floor"]
    asked = {"product_id": sold["id"], "quantity": "2", "discount_percent": "10"}
    [line] = (await resolved(client, asked))["lines"]
    assert (line["net"], line["needs_approval"]) == ("144.00", ["below_floor"])


async def test_tiers(client):
    sold = await product(client)
    made = await price_list(client)
    tiers = [
        {"unit_price": "7", "up_to": "5"},
        {"unit_price": "6.50", "up_to": "10"},
        {"unit_price": "6"},
    ]
    await rule(client, made, product_id=sold["id"], tier_mode="graduated", tiers=tiers)
    # Stripe's example: 5 x 7 + 5 x 6.50 + 10 x 6.
    assert (await one(client, sold["id"], "20"))["net"] == "127.50"


async def test_units_of_one_dimension(client):
    least = {"dimension": "count-x", "decimals": 0}
    piece = await client.made("units", {"key": "pc-x", "name": "Piece", "ratio": "1", **least})
    dozen = await client.made("units", {"key": "dz-x", "name": "Dozen", "ratio": "12", **least})
    sold = await product(client, unit_id=piece["id"])
    made = await price_list(client)
    await rule(client, made, "2", product_id=sold["id"])
    await rule(client, made, "1.50", product_id=sold["id"], min_quantity="24")
    line = {"product_id": sold["id"], "unit_id": dozen["id"]}
    found = await resolved(client, line | {"quantity": "1"}, line | {"quantity": "2"})
    # Twelve at 2; 24 at 1.50.
    assert [row["net"] for row in found["lines"]] == ["24.00", "36.00"]
    assert [row["unit_price"] for row in found["lines"]] == ["24.00", "18.00"]


async def test_taxes_by_place_category_and_day(client):
    rates = (
        {"rate": "16", "valid_from": "2020-07-01", "valid_to": "2020-12-31"},
        {"rate": "19", "valid_from": "2021-01-01"},
        {"rate": "7", "tax_category": "books", "kind": "reduced"},
    )
    for more in rates:
        await client.made("tax-rates", {"name": "VAT", "country": "DE", **more})
    book, chair = await product(client, tax_category="books"), await product(client)
    made = await price_list(client)
    for sold in (book, chair):
        await rule(client, made, "10", product_id=sold["id"])
    lines = [{"product_id": sold["id"], "quantity": "1"} for sold in (book, chair)]
    found = await resolved(client, *lines, country="DE")
    assert [(tax["rate"], tax["amount"]) for tax in found["taxes"]] == [
        ("7", "0.70"),
        ("19", "1.90"),
    ]
    found = await resolved(client, *lines, country="DE", date="2020-08-01")
    assert [tax["rate"] for tax in found["taxes"]] == ["7", "16"]
    found = await resolved(client, *lines, country="FR")
    assert (found["taxes"], found["totals"]["gross"]) == ([], "20.00")


async def test_included_taxes_are_taken_out(client):
    await client.made("tax-rates", {"name": "VAT", "country": "DE", "rate": "19"})
    sold = await product(client)
    made = await price_list(client, tax_included=True)
    await rule(client, made, "119", product_id=sold["id"])
    line = await one(client, sold["id"], country="DE")
    assert (line["net"], line["tax"], line["gross"]) == ("100.00", "19.00", "119.00")


async def test_list_prices_are_exchanged_and_missing_rates_named(client):
    sold = await product(client, list_price="100", currency="EUR")
    asked = {"product_id": sold["id"], "quantity": "1"}
    found = problem(await ask(client, asked, currency="USD", date="2026-03-02"), 409, "no_rate")
    assert pointers(found) == ["/currency"]
    rate = {"base": "EUR", "quote": "USD", "day": "2026-03-01", "rate": "1.2345"}
    await client.put("/v1/exchange-rates", json={"rates": [rate]})
    found = await resolved(client, asked, currency="USD", date="2026-03-02")
    [line] = found["lines"]
    assert line["unit_price"] == "123.45"
    assert line["trace"]["steps"][-1]["factor"] == "1.2345"


async def test_promotions_and_coupons(client):
    sold = await product(client, list_price="100", currency="EUR")
    await client.made("promotions", {"name": "Sale", "percent": "10"})
    line = await one(client, sold["id"])
    assert (line["net"], line["discounts"][0]["stage"]) == ("90.00", "campaign")
    off = {"name": "Friends", "amount": "20", "currency": "EUR", "needs_coupon": True}
    friends = await client.made("promotions", off)
    await client.made("coupons", {"promotion_id": friends["id"], "code": "friends-1"})
    assert (await one(client, sold["id"]))["net"] == "90.00"
    line = await one(client, sold["id"], coupon_codes=["Friends-1"])
    assert line["net"] == "70.00"
    # One that excludes the others counts where it is better.
    await client.made("promotions", {"name": "Half", "percent": "50", "stacking": "exclusive"})
    line = await one(client, sold["id"], coupon_codes=["FRIENDS-1"])
    assert line["net"] == "50.00"
    answer = await ask(client, {"product_id": sold["id"]}, coupon_codes=["none-such"])
    assert pointers(problem(answer, 422, "unknown_coupon")) == ["/coupon_codes/0"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"lines": [{"quantity": "-1"}]}, "/lines/0/quantity"),
        ({"lines": [{"quantity": 1.5}]}, "/lines/0/quantity"),
        ({"currency": "XXY"}, "/currency"),
        ({"lines": []}, "/lines"),
        ({"lines": [{}] * 501}, "/lines"),
        ({"company_id": str(uuid4())}, "/company_id"),
        ({"lines": [{"product_id": str(uuid4())}]}, "/lines/0/product_id"),
        ({"lines": [{"unit_id": str(uuid4())}]}, "/lines/0/unit_id"),
        ({"lines": [{}]}, "/lines/0/product_id"),
    ],
)
async def test_what_cannot_be_priced_is_named(client, body, pointer):
    sold = await product(client)
    lines = [{"product_id": sold["id"], **line} for line in body.get("lines", [{}])]
    answer = await client.post(
        "/v1/pricing/resolve", json={"currency": "EUR", **body, "lines": lines}
    )
    assert pointer in pointers(problem(answer, 422))
    if pointer != "/lines/0/quantity":
        given = {"currency": "EUR", **body, "lines": lines}
        words = {"product_id": "productId", "unit_id": "unitId"}
        given["lines"] = [{words.get(k, k): v for k, v in line.items()} for line in lines]
        given = {("companyId" if k == "company_id" else k): v for k, v in given.items()}
        query = "query($i: PriceQuestionInput!) { resolvePrices(input: $i) { currency } }"
        answer = await client.gql(query, i=given)
        assert answer["errors"][0]["extensions"]["problem"]["status"] == 422


async def test_the_number_of_statements_does_not_grow(client, statements):
    made = await price_list(client)
    products = [await product(client) for _ in range(6)]
    for sold in products:
        await rule(client, made, "10", product_id=sold["id"])
    lines = [{"product_id": sold["id"], "quantity": "2"} for sold in products]
    async with statements() as few:
        await resolved(client, lines[0])
    async with statements() as many:
        await resolved(client, *lines)
    assert len(few) == len(many) == 2


async def test_the_same_question_has_the_same_answer(client):
    sold = await product(client, list_price="3.33", currency="EUR")
    for name in ("One", "Two"):
        made = await price_list(client, name=name)
        await rule(client, made, "3", product_id=sold["id"])
    answers = await asyncio.gather(*(one(client, sold["id"]) for _ in range(5)))
    assert all(answer == answers[0] for answer in answers)


async def test_a_contact_of_no_company_is_asked_for_as_such(client, other):
    """Their country's taxes are due, and their segments' prices count; a company goes before."""
    sold = await product(client, list_price="100", currency="EUR")
    for country, rate in (("DE", "19"), ("AT", "20")):
        await client.made(
            "tax-rates", {"name": "VAT", "country": country, "code": "VAT", "rate": rate}
        )
    austrian = await client.made("contacts", {"last_name": "Sample", "country": "AT"})
    german = await client.made("companies", {"name": "Example Industries", "country": "DE"})
    line = {"product_id": sold["id"]}
    alone = await resolved(client, line, contact_id=austrian["id"])
    both = await resolved(client, line, contact_id=austrian["id"], company_id=german["id"])
    assert (alone["totals"]["gross"], both["totals"]["gross"]) == ("120.00", "119.00")
    segment = await client.made(
        "segments", {"name": "Friends", "kind": "static", "target": "contact"}
    )
    path = f"/v1/segments/{segment['id']}/members"
    assert (await client.post(path, json={"add": [austrian["id"]]})).is_success
    of = await price_list(client, audience="segment", audience_key=segment["id"])
    await rule(client, of, "50", product_id=sold["id"])
    alone = await resolved(client, line, contact_id=austrian["id"])
    assert alone["totals"]["net"] == "50.00"
    foreign = await other.made("contacts", {"last_name": "Foreign"})
    answer = await ask(client, line, contact_id=foreign["id"])
    assert pointers(problem(answer, 422)) == ["/contact_id"]
    scopes = ["prices:read", "products:read"]
    key = await client.made("api-keys", {"name": "K", "scopes": scopes})
    problem(await ask(Api(client.app, key["token"]), line, contact_id=austrian["id"]), 403)
