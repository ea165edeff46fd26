"""No draft is above the budget, unless that is asked for: by hand, and over many of them."""

from decimal import Decimal
from random import Random

from support.clients import pointers, problem
from support.proposing import (
    ask,
    company,
    draft,
    missing,
    names,
    proposed,
    recipe,
    relation,
    sold,
)


async def office(client):
    """A desk at 100 with a lamp at 30, a mat at 50 and a bin at 60 as options."""
    found = {
        name: await sold(client, name, price)
        for name, price in (("Desk", "100"), ("Lamp", "30"), ("Mat", "50"), ("Bin", "60"))
    }
    items = [
        {"product_id": one["id"], "is_optional": name != "Desk"} for name, one in found.items()
    ]
    await recipe(client, {"good": items})
    return found


async def test_options_fill_the_room_there_is(client):
    """185 leave 85 for options: 30 + 50 are worth two, 60 only one."""
    await office(client)
    customer = await company(client)
    found = await proposed(client, customer, budget="185")
    assert names(found) == {"good": ["Desk", "Lamp", "Mat"]}
    good = draft(found)
    assert (good["calculation"]["net"], good["over_budget"]) == ("180.00", False)
    assert missing(good) == [("over_budget", "Bin")]
    assert good["left_out"][0]["text"] == "There is no room in the budget for its 60.00."
    factor = next(one for one in good["factors"] if one["name"] == "budget")
    assert (factor["weight"], factor["value"]) == ("20", "0.973")
    assert [one["is_selected"] for one in good["content"]["lines"][1:]] == [True, True]


async def test_gross_counts_where_it_is_said(client):
    """With 20 % the desk is 120 and the lamp 36."""
    await office(client)
    await client.made("tax-rates", {"name": "VAT", "country": "DE", "rate": "20"})
    customer = await company(client)
    found = await proposed(client, customer, budget="156", budget_of="gross")
    assert names(found) == {"good": ["Desk", "Lamp"]}
    found = await proposed(client, customer, budget="155.99", budget_of="gross")
    assert names(found) == {"good": ["Desk"]}


async def test_above_the_budget_only_where_it_is_allowed(client):
    await office(client)
    customer = await company(client)
    found = await proposed(client, customer, budget="99")
    assert found["drafts"] == []
    assert {(one["code"], one["amount"]) for one in found["withheld"]} == {
        ("over_budget", "100.00")
    }
    found = await proposed(client, customer, budget="99", allow_over_budget=True)
    good = draft(found)
    assert (good["over_budget"], good["over_by"]) == (True, "1.00")
    assert names(found) == {"good": ["Desk"]}
    problem(await ask(client, customer, budget="99", commit=True), 409, "nothing_proposed")


async def test_senseless_budgets_are_refused(client):
    customer = await company(client)
    for budget in ("0", "-5"):
        found = problem(await ask(client, customer, budget=budget), 422)
        assert pointers(found) == ["/budget"]
    assert pointers(problem(await ask(client, customer, budget=5), 422)) == ["/budget"]


async def test_an_option_goes_with_what_it_requires(client):
    """The lamp takes a cable at 40: 70 in all, so there is room for the mat alone."""
    goods = await office(client)
    cable = await sold(client, "Cable", "40")
    await relation(client, goods["Lamp"], "requires", cable)
    found = await proposed(client, await company(client), budget="160")
    assert names(found) == {"good": ["Desk", "Mat"]}
    assert {name for _, name in missing(draft(found))} == {"Lamp", "Cable", "Bin"}


async def test_what_others_require_goes_with_the_last_of_them(client):
    """The first of two alternatives has no room, so the other one counts, and then one thing less.

    100 for the desk, 100 for the case, 50 each for the lamp and the cable that it requires: 300.
    """
    prices = (("Desk", "100"), ("Cable", "50"), ("Lamp", "50"), ("Chest", "300"), ("Case", "100"))
    desk, cable, lamp, chest, case = [await sold(client, *one) for one in prices]
    await relation(client, lamp, "requires", cable)
    either = [{"product_id": one["id"], "section": "either"} for one in (chest, case)]
    plain = [{"product_id": one["id"]} for one in (cable, lamp)]
    options = [{**one, "is_optional": True} for one in (*plain, *either)]
    await recipe(
        client,
        {"good": [{"product_id": desk["id"]}, *options]},
        sections=[{"key": "either", "kind": "alternatives"}],
    )
    found = await proposed(client, await company(client), budget="250", labels=["good"])
    assert names(found) == {"good": ["Desk", "Cable", "Case"]}
    assert draft(found)["calculation"]["net"] == "250.00"


async def test_neither_budget_nor_relations_are_ever_broken(client):
    """Of ten products with relations by chance, under thirty budgets by chance."""
    chance = Random(6)
    prices = [chance.randrange(5, 90) for _ in range(10)]
    goods = [await sold(client, f"P{n}", str(price)) for n, price in enumerate(prices)]
    for _ in range(14):
        one, other = chance.sample(goods, 2)
        kind = chance.choice(["requires", "excludes", "cross_sell"])
        body = {"product_id": one["id"], "related_id": other["id"], "kind": kind}
        # What contradicts others is refused.
        await client.post("/v1/product-relations", json=body)
    items = [{"product_id": one["id"], "is_optional": n > 2} for n, one in enumerate(goods)]
    await recipe(client, {"good": items[:6], "better": items[:8], "best": items})
    customer, seen = await company(client), 0
    for _ in range(30):
        asked = [{"product_id": one["id"]} for one in chance.sample(goods, 2)]
        budget = chance.randrange(120, 700)
        found = await proposed(client, customer, products=asked, budget=str(budget))
        for one in found["drafts"]:
            seen += 1
            assert Decimal(one["calculation"]["net"]) <= budget
            ids = [line["product_id"] for line in one["lines"]]
            path = f"products/{ids[0]}/compatibility"
            fit = await client.read(path, **{"with": ids[1:]} if ids[1:] else {})
            assert fit["is_compatible"], fit
    assert seen > 20
