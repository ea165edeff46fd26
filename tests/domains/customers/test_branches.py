"""Hierarchies of companies: who stands where, for whom, and what is added up."""

import pytest

from support.clients import problem
from support.members import custom_role, member

ALL = {"read": "all"}
TREE = """
    query($id: UUID!, $whole: Boolean! = false) { companyTree(id: $id, whole: $whole) {
        rootId currency ancestors { name }
        companies { id name parentId depth total { name count amount isWhole } } } }
"""


@pytest.fixture
async def group(client):
    """A company with two below it, of which the first has one of its own."""
    top = await client.made("companies", {"name": "Example Holding"})
    north = await client.made("companies", {"name": "North", "parent_id": top["id"]})
    south = await client.made("companies", {"name": "South", "parent_id": top["id"]})
    shop = await client.made("companies", {"name": "Shop", "parent_id": north["id"]})
    return top, north, south, shop


async def tree(api, company, **asked):
    return (await api.read(f"companies/{company['id']}/tree", **asked))["data"]


def sums(found, part, company):
    one = next(one for one in found["companies"] if one["id"] == company["id"])
    return {it["name"]: it for it in one[part]}


async def deal(client, company, amount=None, currency="EUR", **values):
    deal = {"name": "Deal", "company_id": company["id"], "currency": currency}
    return await client.made("deals", {**deal, "amount": amount, **values})


async def test_deals_people_and_cases_are_added_up(client, group):
    top, north, south, shop = group
    await deal(client, top, "1000")
    await deal(client, shop, "200.50")
    await deal(client, shop)
    won = await deal(client, north, "70")
    answer = await client.post(f"/v1/deals/{won['id']}/win")
    assert answer.status_code == 200, answer.text
    for company in (shop, shop, south):
        await client.made("contacts", {"last_name": "Person", "company_id": company["id"]})
    await client.made("cases", {"subject": "Broken", "company_id": south["id"]})
    found = await tree(client, top)
    assert [(one["name"], one["depth"], one["parent_id"]) for one in found["companies"]] == [
        ("Example Holding", 0, None),
        ("North", 1, top["id"]),
        ("South", 1, top["id"]),
        ("Shop", 2, north["id"]),
    ]
    assert (found["root_id"], found["currency"], found["ancestors"]) == (top["id"], "EUR", [])

    def told(part, company, name):
        one = sums(found, part, company)[name]
        return one["count"], one["amount"]

    assert told("own", top, "open_deals") == (1, "1000.00")
    assert told("total", top, "open_deals") == (3, "1200.50")
    assert told("total", north, "open_deals") == told("own", shop, "open_deals") == (2, "200.50")
    assert told("total", top, "won_deals") == told("own", north, "won_deals") == (1, "70.00")
    assert told("own", top, "people") == (0, None)
    assert told("total", top, "people") == (3, None)
    assert told("total", south, "open_cases") == (1, None)
    assert told("total", north, "open_cases") == (0, None)
    told_too = await client.data(TREE, id=top["id"])
    assert told_too["companyTree"]["companies"][0]["total"] == [
        {"name": i["name"], "count": i["count"], "amount": i["amount"], "isWhole": i["is_whole"]}
        for i in sums(found, "total", top).values()
    ]


async def test_a_branch_tells_what_is_above_it(client, group):
    top, north, _, shop = group
    found = await tree(client, shop)
    assert [one["name"] for one in found["companies"]] == ["Shop"]
    assert found["ancestors"] == [
        {"id": top["id"], "name": "Example Holding"},
        {"id": north["id"], "name": "North"},
    ]
    whole = await tree(client, shop, whole=True)
    assert whole == await tree(client, top)


async def test_amounts_without_a_rate_are_told(client, group):
    top, north, *_ = group
    await deal(client, top, "10")
    await deal(client, north, "5", currency="XAU")
    found = await tree(client, top)
    assert sums(found, "total", top)["open_deals"] == {
        "name": "open_deals", "count": 2, "amount": "10.00", "is_whole": False,
    }  # fmt: skip
    assert sums(found, "own", top)["open_deals"]["is_whole"]


async def test_those_below_a_company_in_the_bin_move_up(client, group):
    top, north, _, shop = group
    await deal(client, north, "10")
    await deal(client, shop, "5")
    assert (await client.delete(f"/v1/companies/{north['id']}")).status_code == 204
    found = await tree(client, top)
    places = {one["name"]: (one["parent_id"], one["depth"]) for one in found["companies"]}
    assert places["Shop"] == (top["id"], 1)
    assert "North" not in places
    assert sums(found, "total", top)["open_deals"]["amount"] == "5.00"


async def test_everybody_gets_what_they_may_see(client, group):
    top, north, *_ = group
    levels = {"companies": ALL, "customers": ALL, "deals": {"read": "own"}}
    masks = {"deal": {"hidden": ["base_amount"]}}
    role = await custom_role(client, levels=levels, masks=masks)
    rep = await member(client, role)
    await deal(client, top, "10")
    await deal(client, north, "10", owner_id=rep.id)
    found = await tree(rep.api, top)
    assert sums(found, "total", top) == {
        "open_deals": {"name": "open_deals", "count": 1, "amount": None, "is_whole": True},
        "won_deals": {"name": "won_deals", "count": 0, "amount": None, "is_whole": True},
    }


async def test_companies_that_are_not_seen_are_left_out(client, group):
    top, north, south, shop = group
    levels = {"companies": {"read": "own"}, "customers": ALL}
    rep = await member(client, await custom_role(client, levels=levels))
    for one in (top, shop):
        patch = {"owner_id": rep.id}
        assert (await client.patch(f"/v1/companies/{one['id']}", json=patch)).status_code == 200
    found = await tree(rep.api, top)
    assert [(one["name"], one["parent_id"]) for one in found["companies"]] == [
        ("Example Holding", None),
        ("Shop", top["id"]),
    ]
    assert (await tree(rep.api, shop))["ancestors"] == [{"id": top["id"], "name": top["name"]}]
    for hidden in (north, south):
        problem(await rep.api.get(f"/v1/companies/{hidden['id']}/tree"), 404)


async def test_a_tree_takes_so_many_statements_whatever_its_size(client, group, statements):
    top, *_ = group
    await tree(client, top)
    async with statements() as few:
        await tree(client, top)
    for n in range(5):
        await client.made("companies", {"name": f"More {n}", "parent_id": top["id"]})
    async with statements() as many:
        await tree(client, top)
    assert len(many) == len(few)


async def test_trees_have_an_end(client, group):
    top, *_ = group
    items = [{"name": f"Company {n}", "parent_id": top["id"]} for n in range(1_000)]
    answer = await client.post("/v1/companies/bulk", json={"op": "create", "items": items})
    assert answer.json()["succeeded"] == 1_000
    problem(await client.get(f"/v1/companies/{top['id']}/tree"), 422, "tree_too_large")
