"""What planned changes would do to open deals and quotes, by hand in the comments."""

from domains.quotes.test_simulating import retail, simulated
from support.clients import pointers, problem
from support.members import custom_role, member
from support.quoting import REACH, act, product, quote

_TABLES = """
    SELECT table_name FROM information_schema.columns
    WHERE table_schema = 'public' AND column_name = 'organization_id' ORDER BY table_name
"""


async def deal(client, **more):
    return await client.made("deals", {"name": "New office", "currency": "EUR", **more})


async def customer(client, **more):
    return await client.made("companies", {"name": "Example Industries", **more})


async def written(owner):
    """What stands in each table."""
    return {
        row["table_name"]: await owner.fetchval(
            f'SELECT md5(string_agg(t::text, E"\\n" ORDER BY t::text)) FROM "{row["table_name"]}" t'.replace(
                'E"\\n"', "chr(10)"
            )
        )
        for row in await owner.fetch(_TABLES)
    }


async def test_deals_are_told_by_their_lines(client):
    """3 at 90 less 10 % are 243; at 100, 270. One at 20 a month is 240 for a year, and stays.

    The stage makes it 50 % probable: 241.50 and 255 of 483 and 510.
    """
    sold = await product(client)
    listed = await retail(client, sold)
    seat = {"name": "Support", "unit_price": "20", "interval": "month"}
    chairs = {"product_id": sold["id"], "quantity": "3", "discount_percent": "10"}
    made = await deal(client, lines=[chairs, seat], amount_mode="lines", probability_override=50)
    await deal(client, lines=[seat])
    await deal(client, amount="500")
    price = {"price_list_id": listed["id"], "product_id": sold["id"], "unit_price": "100"}
    found = await simulated(client, prices=[price])
    assert (found["deals_looked_at"], found["next_deal"], found["failed_deals"]) == (2, None, [])
    (told,) = found["deals"]
    assert told == {
        "id": made["id"],
        "name": "New office",
        "company_id": None,
        "by": "lines",
        "quote_id": None,
        "currency": "EUR",
        "probability": 50,
        "amount": "483.00",
        "amount_mode": "lines",
        "before": {"one_time": "243.00", "mrr": "20.00", "tcv": "483.00", "expected": "241.50"},
        "after": {"one_time": "270.00", "mrr": "20.00", "tcv": "510.00", "expected": "255.00"},
        "lines": [
            {
                "place": 0,
                "name": "Chair",
                "price_before": "90.00",
                "price_after": "100.00",
                "net_before": "243.00",
                "net_after": "270.00",
            }
        ],
    }
    assert found["deal_totals"] == [
        {
            "currency": "EUR",
            "deals": 1,
            "tcv_before": "483.00",
            "tcv_after": "510.00",
            "expected_before": "241.50",
            "expected_after": "255.00",
        }
    ]


async def test_a_deal_without_lines_is_told_by_its_newest_open_quote(client):
    """2 at 100 are 200, at 80 they are 160: with 25 % expected 50 and 40."""
    sold, buyer = await product(client), await customer(client)
    mine = await deal(client, company_id=buyer["id"], amount="999", probability_override=25)
    given = {"company_id": buyer["id"], "deal_id": mine["id"]}
    _, offered, last = [
        await quote(client, lines=[{"product_id": sold["id"], "quantity": quantity}], **given)
        for quantity in ("1", "2", "3")
    ]
    await act(client, last["id"], "send")
    await act(client, last["id"], "decline")
    change = {"products": [{"product_id": sold["id"], "list_price": "80"}]}
    (told,) = (await simulated(client, **change))["deals"]
    assert (told["by"], told["quote_id"], told["amount"]) == ("quote", offered["id"], "999.00")
    assert (told["before"]["tcv"], told["after"]["tcv"]) == ("200.00", "160.00")
    assert (told["before"]["expected"], told["after"]["expected"]) == ("50.00", "40.00")
    assert [line["price_after"] for line in told["lines"]] == ["80.00"]


async def test_promotions_contract_prices_and_taxes_are_changes_too(client):
    """100 net: with 25 % off 75, with 10 off 90, at 60 by contract, at 20 % tax 120 in all."""
    sold, buyer = await product(client), await customer(client, country="DE")
    await client.made("tax-rates", {"name": "VAT", "country": "DE", "rate": "19"})
    sale = await client.made("promotions", {"name": "Sale", "percent": "10", "is_active": False})
    line = {"product_id": sold["id"]}
    made = await quote(client, company_id=buyer["id"], lines=[line])
    mine = await deal(client, company_id=buyer["id"], lines=[line])
    assert (made["net"], made["gross"]) == ("100.00", "119.00")

    async def told(**change):
        found = await simulated(client, **change)
        (one,) = found["quotes"]
        deals = {one["id"]: one["after"]["tcv"] for one in found["deals"]}
        return one["after"]["net"], one["after"]["gross"], deals.get(mine["id"])

    agreed = {"company_id": buyer["id"], "product_id": sold["id"], "currency": "EUR"}
    # Lines of deals take no promotions, and are without taxes.
    for change, expected in (
        ({"promotions": [{"promotion_id": sale["id"]}]}, ("90.00", "107.10", None)),
        ({"promotions": [{"promotion_id": sale["id"], "percent": "25"}]}, ("75.00", "89.25", None)),
        ({"promotions": [{"amount": "10", "currency": "EUR"}]}, ("90.00", "107.10", None)),
        ({"contract_prices": [{**agreed, "unit_price": "60"}]}, ("60.00", "71.40", "60.00")),
        ({"taxes": [{"country": "DE", "rate": "20"}]}, ("100.00", "120.00", None)),
        (
            {"taxes": [{"country": "DE", "code": "ECO", "rate": "5"}]},
            ("100.00", "124.00", None),
        ),
    ):
        assert await told(**change) == expected, change
    # What is there is changed or ended.
    await client.changed(f"promotions/{sale['id']}", {"is_active": True})
    await client.made("contract-prices", {**agreed, "unit_price": "60"})
    await client.changed(f"quotes/{made['id']}", {"introduction": "Dear customer"})
    ended = {"promotions": [{"promotion_id": sale["id"], "is_active": False}]}
    assert await told(**ended) == ("60.00", "71.40", None)
    swapped = {"promotion_id": sale["id"], "amount": "5", "currency": "EUR"}
    assert await told(promotions=[swapped]) == ("55.00", "65.45", None)
    over = {"contract_prices": [{**agreed, "unit_price": None}]}
    (one,) = (await simulated(client, **over))["quotes"]
    assert (one["before"]["net"], one["after"]["net"]) == ("54.00", "90.00")
    # Those of others, in other currencies and countries, change nothing.
    other = await customer(client)
    for change in (
        {"contract_prices": [{**agreed, "company_id": other["id"], "unit_price": "1"}]},
        {"contract_prices": [{**agreed, "currency": "USD", "unit_price": "1"}]},
        {
            "taxes": [
                {"country": "FR", "rate": "50"},
                {"country": "DE", "region": "BY", "rate": "50"},
            ]
        },
    ):
        found = await simulated(client, **change)
        assert (found["quotes"], found["deals"]) == ([], []), change


async def test_nothing_is_written(client, owner):
    sold, buyer = await product(client), await customer(client, country="DE")
    listed = await retail(client, sold)
    line = {"product_id": sold["id"]}
    await quote(client, company_id=buyer["id"], lines=[line])
    await deal(client, company_id=buyer["id"], lines=[line], amount_mode="lines")
    change = {
        "end": [listed["id"]],
        "products": [{"product_id": sold["id"], "list_price": "80", "cost": "10"}],
        "adjust": [{"price_list_id": listed["id"], "percent": "5"}],
        "prices": [{"price_list_id": listed["id"], **line, "unit_price": "1"}],
        "contract_prices": [
            {"company_id": buyer["id"], **line, "currency": "EUR", "unit_price": "7"}
        ],
        "promotions": [{"percent": "10"}],
        "taxes": [{"country": "DE", "rate": "20"}],
    }
    before = await written(owner)
    found = await simulated(client, **change)
    assert (len(found["quotes"]), len(found["deals"])) == (1, 1)
    assert await written(owner) == before


async def test_deals_are_looked_at_some_at_a_time(client):
    sold = await product(client)
    made = [await deal(client, lines=[{"product_id": sold["id"]}]) for _ in range(4)]
    await quote(client, lines=[{"product_id": sold["id"]}])
    answer = await client.post(f"/v1/deals/{made[0]['id']}/win", json={})
    assert answer.status_code == 200, answer.text
    change = {
        "products": [{"product_id": sold["id"], "list_price": "80"}],
        "look_at": ["deals"],
        "limit": 2,
    }
    found = await simulated(client, **change)
    assert (found["looked_at"], found["quotes"], len(found["deals"])) == (0, [], 2)
    rest = await simulated(client, **change, after_deal=found["next_deal"])
    assert (len(rest["deals"]), rest["next_deal"]) == (1, None)
    assert {one["id"] for one in [*found["deals"], *rest["deals"]]} == {
        one["id"] for one in made[1:]
    }
    found = await simulated(client, **{**change, "look_at": ["quotes"]})
    assert (len(found["quotes"]), found["deals_looked_at"]) == (1, 0)


async def test_who_sees_less_of_deals_is_told_less(client):
    sold, buyer = await product(client), await customer(client)
    lined = await deal(client, lines=[{"product_id": sold["id"]}])
    mine = await deal(client, company_id=buyer["id"])
    await quote(
        client, company_id=buyer["id"], deal_id=mine["id"], lines=[{"product_id": sold["id"]}]
    )
    change = {"products": [{"product_id": sold["id"], "list_price": "80"}]}
    masks = {"deal": {"hidden": ["amount", "lines"]}}
    masked = await member(client, await custom_role(client, levels={"*": REACH}, masks=masks))
    for told in (await simulated(masked.api, **change))["deals"]:
        assert (told["amount"], told["lines"]) == (None, [])
        assert (told["after"]["tcv"], told["after"]["expected"]) == (None, None)
    own = {**REACH, "read": "own"}
    few = await member(client, await custom_role(client, levels={"*": REACH, "deals": own}))
    found = await simulated(few.api, **change)
    assert (found["deals_looked_at"], len(found["quotes"])) == (0, 1)
    # A quote that is not seen tells nothing of its deal.
    few = await member(client, await custom_role(client, levels={"*": REACH, "quotes": own}))
    assert [one["id"] for one in (await simulated(few.api, **change))["deals"]] == [lined["id"]]
    none = {"*": REACH, "deals": dict.fromkeys(REACH, "none")}
    none = await member(client, await custom_role(client, levels=none))
    problem(await none.api.post("/v1/pricing/simulate", json=change), 403)
    assert len((await simulated(none.api, **change, look_at=["quotes"]))["quotes"]) == 1


async def test_over_graphql(client):
    sold = await product(client)
    made = await deal(client, lines=[{"product_id": sold["id"]}])
    query = """
        query($i: SimulationInput!) { simulatePrices(input: $i) { dealsLookedAt nextDeal
            deals { id by before { tcv } after { tcv } lines { place priceAfter } }
            dealTotals { currency tcvAfter } quotes { id } } }
    """
    given = {"products": [{"productId": sold["id"], "listPrice": "80"}], "lookAt": ["deals"]}
    found = (await client.data(query, i=given))["simulatePrices"]
    assert found == {
        "dealsLookedAt": 1,
        "nextDeal": None,
        "deals": [
            {
                "id": made["id"],
                "by": "lines",
                "before": {"tcv": "100.00"},
                "after": {"tcv": "80.00"},
                "lines": [{"place": 0, "priceAfter": "80.00"}],
            }
        ],
        "dealTotals": [{"currency": "EUR", "tcvAfter": "80.00"}],
        "quotes": [],
    }
    given = {"promotions": [{"percent": "10"}], "taxes": [{"country": "DE", "rate": "1"}]}
    found = (await client.data(query, i=given))["simulatePrices"]
    assert found["deals"] == []


async def test_mistakes_of_the_change_are_named(client, other):
    sold, foreign = await product(client), await product(other)
    buyer, theirs = await customer(client), await customer(other)
    sale = await other.made("promotions", {"name": "Sale", "percent": "10"})
    agreed = {"currency": "EUR", "unit_price": "1"}
    for change, at in (
        ({"promotions": [{"promotion_id": sale["id"]}]}, "/promotions/0/promotion_id"),
        (
            {"promotions": [{"percent": "1", "product_id": foreign["id"]}]},
            "/promotions/0/product_id",
        ),
        (
            {"promotions": [{"percent": "1", "category_id": foreign["id"]}]},
            "/promotions/0/category_id",
        ),
        ({"promotions": [{"priority": 1}]}, "/promotions/0"),
        ({"promotions": [{"percent": "101"}]}, "/promotions/0/percent"),
        (
            {"contract_prices": [
                {**agreed, "company_id": theirs["id"], "product_id": sold["id"]}
            ]},
            "/contract_prices/0/company_id",
        ),
        (
            {"contract_prices": [
                {**agreed, "company_id": buyer["id"], "variant_id": foreign["id"]}
            ]},
            "/contract_prices/0/variant_id",
        ),
        ({"taxes": [{"country": "DE", "rate": "-1"}]}, "/taxes/0/rate"),
        ({"look_at": [], "taxes": [{"country": "DE", "rate": "1"}]}, "/look_at"),
        ({"look_at": ["deals"]}, ""),
    ):  # fmt: skip
        answer = await client.post("/v1/pricing/simulate", json=change)
        assert pointers(problem(answer, 422)) == [at], change


async def test_whoever_does_not_see_promotions_plans_none(client):
    levels = {"*": REACH, "promotions": dict.fromkeys(REACH, "none")}
    some = await member(client, await custom_role(client, levels=levels))
    change = {"promotions": [{"percent": "10"}]}
    problem(await some.api.post("/v1/pricing/simulate", json=change), 403)
