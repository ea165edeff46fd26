"""What is told of a quote before it is sent, and what counts as given by hand."""

import pytest

from support.clients import pointers, problem
from support.quoting import act, approval_policy, calculated, product, quote, sellers, told, ways


async def test_a_price_by_hand_where_nothing_says_another_is_all_by_hand(client):
    """In a currency without a rate no policy could tell how much is off: so it takes approval."""
    sold = await product(client)
    seller, _ = await sellers(client, "10")
    line = {"product_id": sold["id"], "unit_price": "0.01"}
    made = await quote(seller.api, currency="CHF", lines=[line])
    assert told(made) == [("no_list_price", "/lines/0", False)]
    assert made["manual_percent"] == made["lines"][0]["manual_percent"] == "100"
    assert (await ways(seller.api, made["id"]))["send"] == ["discount_over_policy"]
    filter = {"manual_percent": {"gt": "10"}}
    await approval_policy(client, seller, purpose="discount", filter=filter)
    assert (await ways(seller.api, made["id"]))["send"] == ["approval_needed"]
    # What is no product has no other price than that.
    free = await quote(seller.api, currency="CHF", lines=[{"name": "Help", "unit_price": "0.01"}])
    assert (free["manual_percent"], told(free)) == ("0", [])
    await act(seller.api, free["id"], "send")


@pytest.mark.parametrize("stacking", ["stackable", "exclusive"])
async def test_what_a_promotion_takes_off_nobody_gave_by_hand(client, stacking):
    sold = await product(client)
    seller, _ = await sellers(client, "10")
    offer = {"name": "Spring", "amount": "20", "currency": "EUR", "stacking": stacking}
    await client.made("promotions", offer)
    made = await quote(seller.api, lines=[{"product_id": sold["id"]}])
    assert (made["net"], made["discount_percent"], made["manual_percent"]) == ("80.00", "20", "0")
    assert told(made) == []
    assert (await act(seller.api, made["id"], "send"))["status"] == "sent"
    # 5 euros of 100 are off by hand besides, of what is left of them or not.
    line = {"product_id": sold["id"]}
    found = await calculated(seller.api, line, discounts=[{"amount": "5"}])
    assert (found["net"], found["manual_percent"]) == ("75.00", "5")


async def test_an_amount_that_was_agreed_is_not_lost(client):
    """20 euros off what is due once, where all is due each month; off a section of nothing."""
    month = {"name": "Support", "unit_price": "50", "interval": "month"}
    found = await calculated(client, month, discounts=[{"amount": "20"}])
    assert (found["net"], told(found)) == ("50.00", [("discount_unused", "/discounts/0", True)])
    made = await quote(client, lines=[month], discounts=[{"amount": "20"}])
    assert (await ways(client, made["id"]))["send"] == ["discount_unused"]
    off = [{"amount": "20", "interval": "month"}]
    made = await client.changed(f"quotes/{made['id']}", {"discounts": off})
    assert (made["net"], told(made)) == ("30.00", [("discount_by_hand", "/lines/0", False)])
    sections = [{"key": "a"}, {"key": "b"}, {"key": "c", "kind": "optional"}]
    lines = [
        {"name": "Desk", "unit_price": "15", "section": "a"},
        {"name": "As agreed.", "kind": "text", "section": "b"},
        {"name": "Tray", "unit_price": "15", "section": "c"},
    ]
    # Of 20 only 15 are there; a remark costs nothing; what is off an option is told beforehand.
    off = [{"amount": "20", "section": key} for key in "abc"]
    found = await calculated(client, *lines, sections=sections, discounts=off)
    assert told(found) == [
        ("discount_by_hand", "/lines/0", False),
        ("discount_by_hand", "/lines/2", False),
        ("discount_unused", "/discounts/0", False),
        ("discount_unused", "/discounts/1", True),
    ]
    assert "15.00" in found["warnings"][2]["message"]


async def test_a_percentage_is_off_all_intervals(client):
    body = {"currency": "EUR", "lines": [{"name": "Desk", "unit_price": "100"}]}
    body["discounts"] = [{"percent": "10", "interval": "month"}]
    for path in ("/v1/quotes/calculate", "/v1/quotes"):
        answer = await client.post(path, json=body)
        assert pointers(problem(answer, 422)) == ["/discounts/0"]


async def test_a_margin_that_no_column_holds_is_named(client):
    """(0.01 - 999,999,999) / 0.01 are -9,999,999,989,900 percent."""
    body = {"name": "Gold", "unit_price": "0.01", "unit_cost": "999999999"}
    for path in ("/v1/quotes/calculate", "/v1/quotes"):
        answer = await client.post(path, json={"currency": "EUR", "lines": [body]})
        found = problem(answer, 422)
        assert pointers(found) == ["/lines"]
        assert found["errors"][0]["code"] == "too_large"


async def test_a_unit_is_one_that_there_is(client):
    hours = await client.made(
        "units", {"key": "hr", "name": "Hour", "symbol": "h", "dimension": "time", "ratio": "1"}
    )
    line = {"name": "Assembly", "unit_price": "90", "unit_id": hours["id"]}
    found = await calculated(client, line)
    assert (found["lines"][0]["unit"], found["lines"][0]["looked_up"]) == ("h", ["unit"])
    found = await calculated(client, {**line, "unit": "hrs."})
    assert (found["lines"][0]["unit"], found["lines"][0]["looked_up"]) == ("hrs.", [])
    line["unit_id"] = "018f0000-0000-7000-8000-000000000000"
    note = {"name": "Note", "kind": "text"}
    for path in ("/v1/quotes/calculate", "/v1/quotes"):
        answer = await client.post(path, json={"currency": "EUR", "lines": [note, line]})
        assert pointers(problem(answer, 422)) == ["/lines/1/unit_id"]
