"""What quotes come to: by hand in the comments, the same whether they are stored or not."""

from decimal import Decimal
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from support.clients import pointers, problem
from support.quoting import calculated, product


async def vat(client, rate="19", **more):
    return await client.made("tax-rates", {"name": "VAT", "country": "DE", "rate": rate, **more})


async def test_once_and_again_are_bills_of_their_own(client):
    """2 chairs at 100 less 10 % are 180; 3 % off everything leaves 174.60, with 19 % 207.77.

    Support costs 10.01 a month, 3 % less is 9.71, the tax 1.84. A year of it is 116.52; the
    maintenance of 120 a year is 116.40 for 2 years: MRR 9.71 + 9.70, TCV 174.60 + 116.52 + 232.80.
    """
    sold = await product(client)
    await vat(client)
    lines = [
        {"product_id": sold["id"], "quantity": "2", "discounts": [{"percent": "10"}]},
        {"name": "Support", "kind": "service", "unit_price": "10.01", "interval": "month"},
        {"name": "Maintenance", "unit_price": "120", "interval": "year", "term": 2},
        {"name": "As agreed by phone.", "kind": "text"},
    ]
    found = await calculated(client, *lines, discounts=[{"percent": "3", "reason": "Fair"}])
    once, month, year = found["totals"]
    assert [one["interval"] for one in found["totals"]] == [None, "month", "year"]
    assert (once["list_amount"], once["net"], once["tax"], once["gross"]) == (
        "200.00",
        "174.60",
        "33.17",
        "207.77",
    )
    assert (month["net"], month["tax"]) == ("9.71", "1.84")
    assert (year["net"], year["gross"]) == ("116.40", "138.52")
    assert [found[name] for name in ("one_time", "mrr", "arr", "acv", "tcv")] == [
        "174.60",
        "19.41",
        "232.92",
        "232.92",
        "523.92",
    ]
    assert [one["stage"] for one in found["lines"][0]["deductions"]] == ["manual", "document"]
    assert found["lines"][0]["deductions"][1]["reason"] == "Fair"
    # 200.00 became 174.60 by hand.
    assert found["manual_percent"] == found["lines"][0]["manual_percent"] == "12.7"
    assert (found["lines"][0]["price"], found["lines"][0]["unit_net"]) == ("100.00", "87.30")
    # Of two lines the cost is not known, so that of all of them is not.
    assert (found["costs"][0]["cost"], found["costs"][0]["margin"]) == ("80.00", "94.60")
    assert found["cost"] is found["margin"] is None


async def test_amounts_off_everything_are_off_once(client):
    lines = [
        {"name": "Desk", "unit_price": "100"},
        {"name": "Support", "unit_price": "50", "interval": "month"},
    ]
    found = await calculated(client, *lines, discounts=[{"amount": "30"}])
    assert [one["net"] for one in found["totals"]] == ["70.00", "50.00"]
    off = [{"amount": "30", "interval": "month"}]
    found = await calculated(client, *lines, discounts=off)
    assert [one["net"] for one in found["totals"]] == ["100.00", "20.00"]


async def test_options_and_alternatives_count_where_they_are_selected(client):
    sections = [
        {"key": "seats", "kind": "alternatives"},
        {"key": "more", "kind": "optional"},
    ]

    def line(price, section, **more):
        return {"name": "Seat", "unit_price": price, "section": section, **more}

    lines = [
        line("100", "seats", is_selected=True),
        line("150", "seats"),
        line("20", "more"),
        line("30", "more", is_selected=True),
        {"name": "Tray", "unit_price": "5", "is_optional": True},
    ]
    found = await calculated(client, *lines, sections=sections)
    assert [one["counts"] for one in found["lines"]] == [True, False, False, True, False]
    assert found["net"] == "130.00"
    # What an option would come to is told.
    assert found["lines"][1]["net"] == "150.00"
    lines[1]["is_selected"] = True
    body = {"currency": "EUR", "lines": lines, "sections": sections}
    answer = await client.post("/v1/quotes/calculate", json=body)
    assert pointers(problem(answer, 422)) == ["/lines/1/is_selected"]
    lines[0]["is_selected"] = lines[1]["is_selected"] = False
    found = await calculated(client, *lines, sections=sections)
    assert [one["code"] for one in found["warnings"]] == ["none_selected"]


async def test_prices_come_from_lists_and_say_why(client):
    sold = await product(client)
    company = await client.made("companies", {"name": "Buyer"})
    agreed = {"company_id": company["id"], "product_id": sold["id"], "unit_price": "80"}
    contract = await client.made("contract-prices", {**agreed, "currency": "EUR"})
    found = await calculated(client, {"product_id": sold["id"]}, company_id=company["id"])
    (line,) = found["lines"]
    assert (line["list_price"], line["name"], line["code"]) == ("80.00", "Chair", sold["sku"])
    assert line["trace"]["contract_price_id"] == contract["id"]
    # Another price by hand is a discount of a quarter.
    other = {"product_id": sold["id"], "unit_price": "60", "price_reason": "Scratched"}
    found = await calculated(client, other, company_id=company["id"])
    (line,) = found["lines"]
    assert (line["list_price"], line["price"], line["manual_percent"]) == ("80.00", "60.00", "25")
    assert [one["code"] for one in found["warnings"]] == ["discount_by_hand"]


async def test_what_has_no_price_is_told_and_not_guessed(client):
    priceless = await product(client, list_price=None)
    foreign = await product(client, currency="USD")
    draft = await product(client, status="draft")
    lines = [{"product_id": one["id"]} for one in (priceless, foreign, draft)]
    found = await calculated(client, {"name": "Note", "kind": "text"}, *lines)
    told = [(one["code"], one["pointer"], one["blocks"]) for one in found["warnings"]]
    assert told == [
        ("no_price", "/lines/1", True),
        ("no_rate", "/lines/2", True),
        ("not_sold", "/lines/3", True),
    ]
    assert found["net"] == "100.00"
    rates = {"rates": [{"base": "USD", "quote": "EUR", "day": "2026-01-01", "rate": "0.5"}]}
    answer = await client.put("/v1/exchange-rates", json=rates)
    assert answer.status_code == 200, answer.text
    found = await calculated(client, lines[1], priced_on="2026-01-02")
    assert found["lines"][0]["price"] == "50.00"
    assert found["rates"] == [{"currency": "USD", "to": "EUR", "rate": "0.5"}]


async def test_mistakes_are_named_where_they_are(client):
    sold = await product(client)
    lines = [
        {"name": "Note", "kind": "text"},
        {"product_id": str(uuid4())},
        {"product_id": sold["id"]},
    ]
    for change, at in (
        ({"lines": lines}, "/lines/1/product_id"),
        ({"lines": [{"product_id": sold["id"], "section": "none"}]}, "/lines/0/section"),
        ({"discounts": [{"percent": "5", "section": "none"}]}, "/discounts/0/section"),
        ({"discounts": [{"percent": "5", "amount": "5"}]}, "/discounts/0"),
        ({"lines": [{"name": "Free"}]}, "/lines/0"),
        ({"lines": [{"name": "Free", "unit_price": 5}]}, "/lines/0/unit_price"),
        ({"lines": [{"name": "Free", "unit_price": "-5"}]}, "/lines/0/unit_price"),
        ({"lines": [{"name": "Free", "unit_price": "5", "term": 2}]}, "/lines/0"),
        ({"coupon_codes": ["NOSUCH"]}, "/coupon_codes/0"),
        ({"company_id": str(uuid4())}, "/company_id"),
        ({"contact_id": str(uuid4())}, "/contact_id"),
        (
            {"lines": [{"name": "A", "unit_price": "99999999999999", "quantity": "999999999999"}]},
            "/lines/0",
        ),
    ):
        answer = await client.post("/v1/quotes/calculate", json={"currency": "EUR", **change})
        assert at in pointers(problem(answer, 422)), change
        assert pointers(
            problem(await client.post("/v1/quotes", json={"currency": "EUR", **change}), 422)
        )


async def test_a_stored_quote_is_calculated_in_the_same_way(client):
    sold = await product(client)
    await vat(client)
    body = {
        "currency": "EUR",
        "sections": [{"key": "a", "title": "A"}],
        "lines": [
            {"product_id": sold["id"], "quantity": "3", "section": "a"},
            {"name": "Assembly", "unit_price": "33.33", "unit_cost": "20"},
        ],
        "discounts": [{"amount": "10", "section": "a", "reason": "Fair"}],
    }
    found = await calculated(client, *body["lines"], **{k: body[k] for k in body if k != "lines"})
    made = await client.made("quotes", body)
    same = ("net", "tax", "gross", "tcv", "cost", "margin", "totals", "discount_percent")
    assert {name: made[name] for name in same} == {name: found[name] for name in same}
    assert made["status"] == "draft"
    assert made["number"] is None
    # What was read is written back, but for what was calculated.
    given = ("id", "section", "product_id", "name", "quantity", "unit_price", "discounts")
    lines = [{name: line[name] for name in given} for line in made["lines"]]
    again = await client.changed(f"quotes/{made['id']}", {"lines": lines})
    assert (again["lines"], again["costs"]) == (made["lines"], made["costs"])
    lines[0]["quantity"] = "4"
    after = await client.changed(f"quotes/{made['id']}", {"lines": lines})
    assert (after["lines"][0]["id"], after["net"]) == (made["lines"][0]["id"], "423.33")
    assert after["version"] == made["version"] + 1
    # The cost of what is no product is kept.
    after = await client.changed(f"quotes/{made['id']}", {"currency": "EUR", "region": "BY"})
    assert after["costs"][1]["unit_cost"] == "20.00"


async def test_the_same_over_graphql(client):
    sold = await product(client)
    query = """
        query($i: QuoteContentInput!) { calculateQuote(input: $i) {
            net mrr lines { name price deductions { stage amount } } totals { interval gross } } }
    """
    given = {
        "currency": "EUR",
        "lines": [{"productId": sold["id"], "discounts": [{"amount": "5"}]}],
    }
    data = (await client.data(query, i=given))["calculateQuote"]
    assert data["net"] == "95.00"
    assert data["lines"][0]["deductions"] == [{"stage": "manual", "amount": "5.00"}]
    mutation = (
        "mutation($i: QuoteCreateInput!) { createQuote(input: $i) { id net lines { name } } }"
    )
    made = (await client.data(mutation, i=given))["createQuote"]
    assert (made["net"], made["lines"]) == ("95.00", [{"name": "Chair"}])


async def test_clauses_are_kept_as_they_were(client):
    texts = {"names": {"de": "Lieferung"}, "texts": {"de": "In vier Wochen."}}
    body = {"name": "Delivery", "text": "Within four weeks.", "is_default": True, **texts}
    clause = await client.made("clauses", body)
    made = await client.made("quotes", {"currency": "EUR", "language": "de"})
    (kept,) = made["clauses"]
    assert (kept["title"], kept["text"]) == ("Lieferung", "In vier Wochen.")
    await client.changed(f"clauses/{clause['id']}", {"texts": {"de": "Sofort."}})
    own = [{name: kept[name] for name in ("clause_id", "title", "text")}, {"text": "Cash."}]
    after = await client.changed(f"quotes/{made['id']}", {"clauses": own})
    assert [one["text"] for one in after["clauses"]] == ["In vier Wochen.", "Cash."]
    assert (await client.changed(f"quotes/{made['id']}", {"clauses": None}))["clauses"] == []
    answer = await client.patch(
        f"/v1/quotes/{made['id']}", json={"clauses": [{"clause_id": str(uuid4())}]}
    )
    assert pointers(problem(answer, 422)) == ["/clauses/0/clause_id"]


async def test_promotions_are_taken_once(client):
    """10 % off go for each line; 30 euros off are taken once, off what is due once."""
    sold = await product(client)
    lines = [
        {"product_id": sold["id"]},
        {"product_id": sold["id"], "interval": "month"},
    ]
    made = await client.made("promotions", {"name": "Spring", "amount": "30", "currency": "EUR"})
    found = await calculated(client, *lines)
    assert [one["net"] for one in found["totals"]] == ["70.00", "100.00"]
    assert found["lines"][0]["deductions"][0]["promotion_id"] == made["id"]
    await client.changed(
        f"promotions/{made['id']}", {"amount": None, "currency": None, "percent": "10"}
    )
    found = await calculated(client, *lines)
    assert [one["net"] for one in found["totals"]] == ["90.00", "90.00"]
    # What a promotion takes off nobody gives by hand.
    assert (found["discount_percent"], found["manual_percent"]) == ("10", "0")


_LINE = st.fixed_dictionaries(
    {
        "name": st.just("Item"),
        "quantity": st.decimals("0.1", "50", places=1).map(str),
        "unit_price": st.decimals("0", "999", places=2).map(str),
        "interval": st.sampled_from([None, "month", "year"]),
        "is_optional": st.booleans(),
        "is_selected": st.booleans(),
        "discounts": st.lists(
            st.fixed_dictionaries({"percent": st.integers(0, 100).map(str)}), max_size=2
        ),
    }
)


@settings(max_examples=25)
@given(
    lines=st.lists(_LINE, min_size=1, max_size=8),
    off=st.lists(
        st.one_of(
            st.fixed_dictionaries({"percent": st.integers(0, 100).map(str)}),
            st.fixed_dictionaries({"amount": st.integers(0, 500).map(str)}),
        ),
        max_size=2,
    ),
    currency=st.sampled_from(["EUR", "JPY", "KWD"]),
)
async def test_the_sum_of_lines_is_the_total(client, lines, off, currency):
    if currency == "JPY":
        lines = [{**line, "unit_price": line["unit_price"].split(".")[0]} for line in lines]
    await _need_tax(client)
    found = await calculated(client, *lines, currency=currency, discounts=off)
    counting = [line for line in found["lines"] if line["counts"]]
    for group in found["totals"]:
        mine = [line for line in counting if line["interval"] == group["interval"]]
        for name in ("list_amount", "net", "tax", "gross"):
            assert sum(Decimal(one[name]) for one in mine) == Decimal(group[name])
        assert Decimal(group["net"]) + Decimal(group["tax"]) == Decimal(group["gross"])
        assert sum(Decimal(one["amount"]) for one in group["taxes"]) == Decimal(group["tax"])
    assert sum(Decimal(one["net"]) for one in counting) == Decimal(found["net"])


async def _need_tax(client):
    if not (await client.read("tax-rates"))["data"]:
        await vat(client)


async def test_a_price_by_hand_is_taxed_as_its_product_is(client):
    """Also where nothing else says what it costs."""
    await vat(client)
    await vat(client, "7", tax_category="books")
    book = await product(client, list_price=None, tax_category="books")
    line = {"product_id": book["id"], "unit_price": "100", "discounts": [{"percent": "33.333333"}]}
    found = await calculated(client, line)
    assert (found["net"], found["tax"]) == ("66.67", "4.67")
    assert (found["cost"], found["margin"]) == ("40.00", "26.67")
    assert [one["code"] for one in found["warnings"]] == ["no_list_price"]
