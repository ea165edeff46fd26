"""What somebody could take off, or learn, by the way: by hand in the comments."""

import pytest

from support.clients import pointers, problem
from support.members import custom_role, member
from support.pricing import price_list, rule
from support.quoting import (
    REACH,
    act,
    approval_policy,
    approved,
    calculated,
    product,
    quote,
    sellers,
    ways,
)


async def masked(client, **hidden):
    masks = {entity: {"hidden": fields} for entity, fields in hidden.items()}
    role = await custom_role(client, levels={"*": REACH}, masks=masks)
    return await member(client, role)


async def promoted(client, percent="10"):
    await client.made("promotions", {"name": "Spring", "percent": percent})


@pytest.mark.parametrize(
    ("price", "discounts", "by_hand"),
    [
        # Ten times the price, and all of it off: nothing is left, whatever a promotion took first.
        ("1000", [{"percent": "100"}], "100"),
        # 1000 less 10 % is 900; 890 off leaves 10 of it: 10 x 10/900 = 11.11 % of the list price.
        ("1000", [{"amount": "890"}], "88.89"),
        # A promotion of 10 % and 11 % by hand: 11 %, as where prices are resolved.
        (None, [{"percent": "11"}], "11"),
        # 90 instead of 100, and 10 % off that: 19 %, with a promotion or without.
        ("90", [{"percent": "10"}], "19"),
        ("120", [{"percent": "5"}], "0"),
    ],
)
async def test_a_promotion_hides_nothing_that_is_given_by_hand(client, price, discounts, by_hand):
    await promoted(client)
    sold = await product(client)
    line = {"product_id": sold["id"], "discounts": discounts}
    found = await calculated(client, line | ({"unit_price": price} if price else {}))
    assert float(found["manual_percent"]) == pytest.approx(float(by_hand), abs=1e-4)


async def test_a_raised_price_opens_no_way_around_the_policy(client):
    await promoted(client)
    sold = await product(client)
    seller, _ = await sellers(client, "10")
    line = {"product_id": sold["id"], "unit_price": "1000", "discounts": [{"percent": "100"}]}
    made = await quote(seller.api, lines=[line])
    assert (await ways(seller.api, made["id"]))["send"] == ["discount_over_policy"]


async def test_an_option_beyond_the_policy_is_not_sent_either(client):
    sold = await product(client)
    seller, _ = await sellers(client, "10")
    lines = [
        {"product_id": sold["id"]},
        {"product_id": sold["id"], "is_optional": True, "discounts": [{"percent": "95"}]},
    ]
    made = await quote(seller.api, lines=lines)
    assert (await ways(seller.api, made["id"]))["send"] == ["discount_over_policy"]


@pytest.mark.parametrize(
    "shared", [{"percent": "90"}, {"amount": "900"}, {"percent": "90", "section": "x"}]
)
async def test_what_is_off_all_is_off_options_too(client, shared):
    # 900 off an option of 1000 that nobody has chosen yet: 90 %, also beside another one.
    seller, _ = await sellers(client, "10")
    lines = [
        {"name": "Base", "unit_price": "0.01"},
        {"name": "More", "unit_price": "1000", "is_optional": True, "section": "x"},
        {"name": "Most", "unit_price": "9000", "is_optional": True, "section": "x"},
    ]
    more = {"sections": [{"key": "x", "title": "X"}], "discounts": [shared]}
    made = await quote(seller.api, lines=lines, **more)
    assert "discount_over_policy" in (await ways(seller.api, made["id"]))["send"]
    assert float(made["manual_percent"]) >= 89


async def test_an_amount_is_not_all_off_the_little_that_is_kept(client):
    """An amount that is 5 % of everything is half of what is left without the option."""
    seller, _ = await sellers(client, "10")
    option = {"name": "More", "unit_price": "9000", "is_optional": True, "is_selected": True}
    lines = [{"name": "Base", "unit_price": "1000"}, option]
    made = await quote(seller.api, lines=lines, discounts=[{"amount": "500"}])
    assert made["net"] == "9500.00"
    assert [line["manual_percent"] for line in made["lines"]] == ["50", "5"]
    assert "discount_over_policy" in (await ways(seller.api, made["id"]))["send"]


async def test_options_stay_above_their_floor_also_by_what_is_off_all(client):
    """A margin of 20 % over a cost of 40 is a floor of 50, and 54.00 less 8 % is 49.68."""
    sold = await product(client)
    prices = await price_list(client)
    await rule(client, prices, "54", product_id=sold["id"], min_margin="20")
    lines = [{"name": "Base", "unit_price": "100"}]
    lines += [{"product_id": sold["id"], "is_optional": True}]
    more = {"discounts": [{"percent": "8"}], "price_list_id": prices["id"]}
    made = await quote(client, lines=lines, **more)
    assert [line["below_floor"] for line in made["lines"]] == [False, True]
    assert (await ways(client, made["id"]))["send"] == ["below_floor"]


async def test_a_floor_that_costs_bound_is_not_told(client):
    """A margin of 20 % over a cost of 40 is a floor of 50."""
    sold = await product(client)
    prices = await price_list(client)
    await rule(client, prices, "100", product_id=sold["id"], min_margin="20")
    line = {"product_id": sold["id"], "unit_price": "45"}
    found = await calculated(client, line, price_list_id=prices["id"])
    assert (found["lines"][0]["floor"], found["lines"][0]["below_floor"]) == (None, True)


async def test_a_product_that_is_not_sold_is_not_sent_as_a_variant(client):
    options = [{"key": "color", "label": "Color", "values": ["red"]}]
    sold = await product(client, options=options)
    variant = await client.made(
        "product-variants",
        {"product_id": sold["id"], "sku": f"{sold['sku']}-R", "options": {"color": "red"},
         "status": "active"},
    )  # fmt: skip
    line = {"variant_id": variant["id"], "unit_price": "90"}
    made = await quote(client, currency="CHF", lines=[line])
    assert "not_sold" not in (await ways(client, made["id"]))["send"]
    await client.changed(f"products/{sold['id']}", {"status": "discontinued"})
    assert "not_sold" in (await ways(client, made["id"]))["send"]


async def test_nobody_finds_out_costs_by_what_would_change(client):
    sold = await product(client)
    one = await masked(client, product=["cost"])
    asked = {"products": [{"product_id": sold["id"], "cost": "40"}]}
    answer = await one.api.post("/v1/pricing/simulate", json=asked)
    assert pointers(problem(answer, 403, "hidden_field")) == ["/products/0/cost"]


async def test_what_is_hidden_of_quotes_is_not_told_by_a_simulation(client):
    sold = await product(client)
    await quote(client, lines=[{"product_id": sold["id"], "discounts": [{"percent": "5"}]}])
    asked = {"products": [{"product_id": sold["id"], "list_price": "120"}]}
    one = await masked(client, quote=["name", "lines", "margin", "warnings"])
    answer = await one.api.post("/v1/pricing/simulate", json=asked)
    assert answer.status_code == 200, answer.text
    (told,) = answer.json()["quotes"]
    assert (told["name"], told["lines"], told["after"]["margin"]) == (None, [], None)
    assert (told["after"]["net"], told["after"]["warnings"]) == ("114.00", [])
    assert answer.json()["totals"][0]["margin_after"] is None


async def test_an_approval_of_a_margin_ends_with_the_cost(client):
    """90 at a cost of 76.50 is a margin of 15 %."""
    boss, _ = await sellers(client, "100")
    await approval_policy(client, boss, filter={"margin_percent": {"lt": "20"}})
    made = await quote(
        client, lines=[{"name": "Assembly", "unit_price": "90", "unit_cost": "76.50"}]
    )
    await approved(client, boss, made["id"])
    line = {"id": made["lines"][0]["id"], "name": "Assembly", "unit_price": "90"}
    await client.changed(f"quotes/{made['id']}", {"lines": [{**line, "unit_cost": "100"}]})
    assert (await client.read(f"quotes/{made['id']}"))["status"] == "draft"
    assert "approval_needed" in (await ways(client, made["id"]))["send"]


async def test_an_address_is_no_name(client):
    contact = await client.made("contacts", {"email": "secret@example.com"})
    made = await quote(client, company_id=None, contact_id=contact["id"])
    await act(client, made["id"], "send")
    version = (await client.read(f"quotes/{made['id']}/versions"))["data"][0]
    assert version["customer"]["contact"]["name"] is None


async def test_a_margin_that_is_hidden_is_not_told_of_a_draft_either(client):
    sold = await product(client)
    one = await masked(client, quote=["margin"])
    found = await calculated(one.api, {"product_id": sold["id"]})
    assert (found["margin"], found["cost"], found["net"]) == (None, "40.00", "100.00")
    other = await masked(client, product=["cost"])
    found = await calculated(other.api, {"product_id": sold["id"]})
    assert (found["margin"], found["cost"], found["costs"]) == (None, None, [])
