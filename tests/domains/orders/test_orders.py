"""Orders: of accepted quotes and by hand, confirmed, handed over and delivered."""

import asyncio

from support.clients import pointers, problem
from support.ordering import accepted, act, order, order_of
from support.pricing import price_list, rule
from support.quoting import OPTIONS, approval_policy, link, product, quote, sellers
from support.quoting import act as act_on_quote

SUMS = ("net", "tax", "gross", "one_time", "mrr", "arr", "acv", "tcv")


async def test_an_order_is_what_was_accepted_by_a_link(client):
    """With the options that were chosen, to the cent, and without those that were not."""
    made = await quote(client, **OPTIONS, discounts=[{"percent": "3", "reason": "Welcome"}])
    await act_on_quote(client, made["id"], "send")
    path = await link(client, made["id"])
    ids = {line["name"]: line["id"] for line in made["lines"]}
    chosen = [ids["Cushion"], ids["Full"]]
    answer = await client.post(
        f"{path}/accept", json={"name": "An example", "revision": 1, "selected": chosen}
    )
    assert answer.is_success, answer.text
    shown = await client.read(f"quotes/{made['id']}")
    found = await order_of(client, made["id"])
    assert {name: found[name] for name in SUMS} == {name: shown[name] for name in SUMS}
    assert [line["name"] for line in found["lines"]] == ["Chair", "Cushion", "Full"]
    assert [line["id"] for line in found["lines"]] == [ids["Chair"], *chosen]
    assert [one["gross"] for one in found["totals"]] == [one["gross"] for one in shown["totals"]]
    (version,) = (await client.read(f"quotes/{made['id']}/versions"))["data"]
    assert (found["quote_version_id"], found["status"]) == (version["id"], "draft")
    body = {"lines": [{"name": "Chair", "unit_price": "1"}], "currency": "USD"}
    answer = await client.patch(f"/v1/orders/{found['id']}", json=body)
    assert pointers(problem(answer, 409, "order_agreed")) == ["/currency", "/lines"]
    document = "query($id: UUID!) { orderOfQuote(quoteId: $id) { id quote { number } } }"
    same = (await client.data(document, id=made["id"]))["orderOfQuote"]
    assert same == {"id": found["id"], "quote": {"number": shown["number"]}}


async def test_a_quote_has_one_order_whoever_makes_it(client):
    made = await accepted(client)
    answers = await asyncio.gather(
        *(client.post(f"/v1/quotes/{made['id']}/order") for _ in range(6))
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    found = await client.read("orders", **{"filter[quote_id]": made["id"]}, count="exact")
    assert found["total"] == 1
    draft = await quote(client)
    problem(await client.post(f"/v1/quotes/{draft['id']}/order"), 409, "not_accepted")
    problem(await client.get(f"/v1/quotes/{draft['id']}/order"), 404, "no_order")


async def test_what_was_promised_and_the_checklist_go_along(client):
    items = [
        {"key": "keys", "title": "Keys", "is_required": True},
        {"key": "cake", "title": "Cake", "is_required": False},
    ]
    answer = await client.put("/v1/orders/settings", json={"handover": items})
    assert answer.json() == {"handover": items, "renewal_days": [90, 60, 30]}
    company = await client.made("companies", {"name": "Example Industries"})
    promised = {"company_id": company["id"], "promises": ["Training", "A spare"]}
    deal = await client.made("deals", {"name": "Office", **promised})
    mine = {"company_id": company["id"], "deal_id": deal["id"]}
    made = await accepted(client, **mine, promises=["A spare", "On Monday"])
    found = await order_of(client, made["id"])
    assert found["promises"] == ["Training", "A spare", "On Monday"]
    await act(client, found["id"], "confirm")
    blocked = await act(client, found["id"], "start", 409)
    assert [(one["code"], one["pointer"]) for one in blocked["errors"]] == [
        ("not_handed_over", "/handover/0")
    ]
    wrong = await act(client, found["id"], "handover", 422, done=["keys", "none"])
    assert pointers(wrong) == ["/done/1"]
    done = await act(client, found["id"], "handover", done=["keys"])
    assert [bool(item["done_at"]) for item in done["handover"]] == [True, False]
    assert (await act(client, found["id"], "start"))["status"] == "in_fulfilment"


async def test_taxes_are_rounded_as_the_organization_has_it(client):
    """Ten times 0.49 at 19 %: 0.93 together, 0.09 on each line."""
    rate = {"name": "VAT", "country": "DE", "rate": "19", "valid_from": "2020-01-01"}
    await client.made("tax-rates", rate)
    body = {"currency": "EUR", "lines": [{"name": "Part", "unit_price": "0.49"}] * 10}
    before = await client.made("quotes", body | {"country": "DE"})
    assert (before["tax_rounding"], before["tax"]) == ("document", "0.93")
    answer = await client.put("/v1/pricing/settings", json={"tax_rounding": "line"})
    assert answer.status_code == 200, answer.text
    asked = await client.post("/v1/quotes/calculate", json=body | {"country": "DE"})
    assert asked.json()["tax"] == "0.90"
    made = await client.made("quotes", body | {"country": "DE"})
    assert (made["tax_rounding"], made["tax"]) == ("line", "0.90")
    said = {"tax_rounding": "document", "country": "DE"}
    assert (await client.made("quotes", body | said))["tax"] == "0.93"
    # What there was stays as it was.
    kept = await client.changed(f"quotes/{before['id']}", {"lines": [*body["lines"][:9]]})
    assert (kept["tax_rounding"], kept["tax"]) == ("document", "0.84")
    company = await client.made("companies", {"name": "Buyer", "addresses": [{"country": "DE"}]})
    ordered = await client.made("orders", body | {"company_id": company["id"]})
    assert (ordered["tax_rounding"], ordered["tax"]) == ("line", "0.90")
    said = {"tax_rounding": "document", "company_id": company["id"]}
    assert (await client.made("orders", body | said))["tax"] == "0.93"


async def test_an_order_is_confirmed_once_and_then_stays(client):
    """All that is in the way is told at once; numbers have no gaps, and drafts have none."""
    empty = await client.made("orders", {"currency": "EUR"})
    blocked = await act(client, empty["id"], "confirm", 409)
    assert [one["code"] for one in blocked["errors"]] == ["empty", "customer_needed"]
    orders = [await order(client) for _ in range(3)]
    assert orders[0]["net"] == "180.00"
    for _ in range(2):
        answers = await asyncio.gather(
            *(client.post(f"/v1/orders/{one['id']}/confirm") for one in [*orders, empty])
        )
    assert {answer.status_code for answer in answers} == {409}
    found = [await client.read(f"orders/{one['id']}") for one in orders]
    numbers = sorted(one["number"].rpartition("-")[2] for one in found)
    assert numbers == ["00001", "00002", "00003"]
    body = {"due_on": "2031-01-01", "lines": [], "currency": "USD", "name": "Office"}
    answer = await client.patch(f"/v1/orders/{found[0]['id']}", json=body)
    told = problem(answer, 409, "order_confirmed")
    assert pointers(told) == ["/currency", "/due_on", "/lines"]
    assert "/v1/change-requests" in told["detail"]
    again = {"lines": found[0]["lines"], "name": "Office"}
    plain = [
        {n: line[n] for n in ("id", "name", "quantity", "unit_price")} for line in again["lines"]
    ]
    answer = await client.patch(f"/v1/orders/{found[0]['id']}", json={**again, "lines": plain})
    assert (answer.status_code, answer.json()["net"]) == (200, "180.00")
    problem(await client.delete(f"/v1/orders/{found[0]['id']}"), 409, "order_confirmed")


async def test_an_order_goes_its_way(client):
    made = await order(client)
    ways = [("confirm", "confirmed"), ("start", "in_fulfilment"), ("fulfil", "fulfilled")]
    for verb, status in (*ways, ("close", "closed")):
        allowed = (await client.read(f"orders/{made['id']}/transitions"))["allowed"]
        assert verb in [one["verb"] for one in allowed]
        assert (await act(client, made["id"], verb))["status"] == status
    told = await act(client, made["id"], "cancel", 409)
    assert told["code"] == "illegal_transition"
    other = await order(client)
    ended = await act(client, other["id"], "cancel", comment="Not needed")
    assert (ended["status"], ended["end_comment"], ended["number"]) == (
        "cancelled",
        "Not needed",
        None,
    )


async def test_an_order_by_hand_has_the_prices_of_its_customer(client):
    desk = await product(client)
    company = await client.made("companies", {"name": "Example Industries"})
    contract = {"company_id": company["id"], "product_id": desk["id"], "unit_price": "70"}
    await client.made("contract-prices", {**contract, "currency": "EUR"})
    made = await order(
        client, company_id=company["id"], lines=[{"product_id": desk["id"], "quantity": "3"}]
    )
    assert (made["net"], made["lines"][0]["code"]) == ("210.00", desk["sku"])
    body = {"currency": "USD", "lines": [{"product_id": desk["id"]}]}
    answer = await client.post("/v1/orders", json=body)
    assert pointers(problem(answer, 422)) == ["/lines/0"]


async def test_a_cancelled_order_gives_its_coupons_back(client):
    """What the quote used under its number; what was used for something else stays used."""
    spring = await client.made(
        "promotions", {"name": "Spring", "percent": "10", "needs_coupon": True}
    )
    coupon = await client.made(
        "coupons", {"code": "SPRING-1", "promotion_id": spring["id"], "max_redemptions": 2}
    )
    sold = await product(client)
    made = await quote(client, lines=[{"product_id": sold["id"]}], coupon_codes=["SPRING-1"])
    body = {"company_id": made["company_id"], "reference": "By hand"}
    await client.post(f"/v1/coupons/{coupon['id']}/redeem", json=body)
    for verb in ("send", "accept"):
        await act_on_quote(client, made["id"], verb)
    assert (await client.read(f"coupons/{coupon['id']}"))["redeemed"] == 2
    found = await order_of(client, made["id"])
    closed = await accepted(client)
    await act(client, (await order_of(client, closed["id"]))["id"], "cancel")
    assert (await client.read(f"coupons/{coupon['id']}"))["redeemed"] == 2
    await act(client, found["id"], "cancel")
    assert (await client.read(f"coupons/{coupon['id']}"))["redeemed"] == 1
    (kept,) = (await client.read("coupon-redemptions"))["data"]
    assert kept["reference"] == "By hand"
    events = (await client.read("events", limit=200))["data"]
    assert "coupon.released" in {one["type"] for one in events}


async def test_orders_by_hand_keep_to_discount_policies(client):
    seller, boss = await sellers(client)
    sold = await product(client)
    company = await client.made("companies", {"name": "Example Industries"})
    line = {"product_id": sold["id"], "unit_price": "80"}
    body = {"currency": "EUR", "company_id": company["id"], "lines": [line]}
    made = await seller.api.made("orders", body)
    assert made["lines"][0]["manual_percent"] == "20"
    found = await act(seller.api, made["id"], "confirm", 409)
    assert [(e["code"], e["pointer"]) for e in found["errors"]] == [
        ("discount_over_policy", "/lines/0")
    ]
    (way, _) = (await seller.api.read(f"orders/{made['id']}/transitions"))["allowed"]
    assert [one["code"] for one in way["blockers"]] == ["discount_over_policy"]
    # Whoever may give it confirms it, and so does whoever has an approval.
    assert (await act(client, made["id"], "confirm"))["status"] == "confirmed"
    other = await seller.api.made("orders", body)
    await approval_policy(client, boss, target="order")
    found = await act(seller.api, other["id"], "confirm", 409)
    assert [e["code"] for e in found["errors"]] == ["approval_needed"]
    asked = {"target": "order", "record_id": other["id"]}
    answer = await seller.api.post("/v1/approvals", json=asked)
    assert answer.status_code < 300, answer.text
    (request,) = (await boss.api.read("approvals/to-decide"))["data"]
    answer = await boss.api.post(f"/v1/approvals/{request['id']}/approve")
    assert answer.status_code == 200, answer.text
    assert (await act(seller.api, other["id"], "confirm"))["status"] == "confirmed"


async def test_orders_by_hand_keep_to_the_lowest_price(client):
    sold = await product(client)
    offers = await price_list(client)
    await rule(client, offers, "90", product_id=sold["id"], floor="70")
    company = await client.made("companies", {"name": "Example Industries"})
    line = {"product_id": sold["id"], "unit_price": "60"}
    body = {"currency": "EUR", "company_id": company["id"], "lines": [line]}
    made = await client.made("orders", body)
    assert made["lines"][0]["below_floor"] is True
    found = await act(client, made["id"], "confirm", 409)
    assert [e["code"] for e in found["errors"]] == ["below_floor"]
    await client.changed(f"orders/{made['id']}", {"lines": [line | {"unit_price": "75"}]})
    assert (await act(client, made["id"], "confirm"))["status"] == "confirmed"
