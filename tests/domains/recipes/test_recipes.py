"""Recipes: what fits together, for whom they are, and which of them are taken."""

from uuid import uuid4

from support.clients import pointers, problem
from support.proposing import company, draft, names, proposed, recipe, sold


async def refused(client, **body):
    least = {"name": "Office", "tiers": [{"tier": "good", "items": [{"need": "light"}]}]}
    answer = await client.post("/v1/proposal-recipes", json={**least, **body})
    return pointers(problem(answer, 422))


async def test_parts_fit_together(client):
    one = {"need": "light"}
    tiers = [{"tier": "good", "items": [one]}] * 2
    assert await refused(client, tiers=tiers) == ["/tiers/1/tier"]
    items = [{**one, "section": "more"}]
    assert await refused(client, tiers=[{"tier": "good", "items": items}]) == [
        "/tiers/0/items/0/section"
    ]
    assert await refused(client, sections=[{"key": "a"}, {"key": "a"}]) == ["/sections/1/key"]
    assert await refused(client, condition={"nonsense": {"eq": 1}}) == ["/condition/nonsense"]
    assert await refused(client, condition={"owner_id": {"eq": "@me"}}) == [
        "/condition/owner_id/eq"
    ]
    for items in ([{}], [{**one, "product_id": str(uuid4())}], [{**one, "term": 3}]):
        found = await refused(client, tiers=[{"tier": "good", "items": items}])
        assert found == ["/tiers/0/items/0"]


async def test_what_is_named_is_there(client):
    gone = str(uuid4())
    items = [{"product_id": gone}, {"variant_id": gone}, {"category_id": gone}]
    assert await refused(
        client, tiers=[{"tier": "good", "items": items}], clauses=[{"clause_id": gone}]
    ) == [
        "/tiers/0/items/0/product_id",
        "/tiers/0/items/1/variant_id",
        "/tiers/0/items/2/category_id",
        "/clauses/0/clause_id",
    ]


async def test_what_is_gone_since_is_no_mistake_of_whoever_changes_something_else(client):
    desk = await sold(client, "Desk")
    made = await recipe(client, {"good": [{"product_id": desk["id"]}]})
    await client.delete(f"/v1/products/{desk['id']}")
    answer = await client.patch(
        f"/v1/proposal-recipes/{made['id']}", json={"tiers": made["tiers"], "priority": 7}
    )
    assert (answer.status_code, answer.json()["priority"]) == (200, 7)
    same = await client.patch(f"/v1/proposal-recipes/{made['id']}", json={"tiers": made["tiers"]})
    assert same.json()["version"] == answer.json()["version"]
    found = await proposed(client, await company(client))
    assert [one["code"] for one in found["withheld"][0]["left_out"]] == ["gone"]


async def test_conditions_say_for_whom(client):
    desk, lamp = [await sold(client, name) for name in ("Desk", "Lamp")]
    bank = {"condition": {"industry": {"eq": "bank"}}}
    await recipe(client, {"good": [{"product_id": desk["id"]}]}, **bank)
    everybody = await recipe(client, {"good": [{"product_id": lamp["id"]}]})
    await recipe(client, {"good": [{"product_id": desk["id"]}]}, status="draft")
    found = await proposed(client, await company(client, industry="bank"))
    assert names(found) == {"good": ["Desk", "Lamp"]}
    found = await proposed(client, await company(client, industry="retail"))
    assert names(found) == {"good": ["Lamp"]}
    assert draft(found)["recipe_ids"] == [everybody["id"]]


async def test_a_condition_that_fits_no_more_is_for_nobody(client):
    field = await client.made(
        "custom-fields", {"target": "company", "name": "tier", "type": "text"}
    )
    desk = await sold(client, "Desk")
    condition = {"custom": {"tier": {"eq": "gold"}}}
    await recipe(client, {"good": [{"product_id": desk["id"]}]}, condition=condition)
    customer = await company(client, custom={"tier": "gold"})
    assert names(await proposed(client, customer)) == {"good": ["Desk"]}
    answer = await client.delete(f"/v1/custom-fields/{field['id']}")
    assert answer.is_success, answer.text
    assert (await proposed(client, customer))["drafts"] == []


async def test_needs_are_answered_once(client):
    """The first answers light; the second answers it again, so only seats would be new."""
    goods = {name: await sold(client, name) for name in ("Lamp", "Other", "Chair", "Free")}

    async def answering(name, needs, priority):
        items = [{"product_id": goods[name]["id"]}]
        await recipe(client, {"good": items}, needs=needs, priority=priority)

    await answering("Lamp", ["light"], 1)
    await answering("Other", ["light"], 2)
    await answering("Chair", ["light", "seats"], 3)
    customer = await company(client)
    found = await proposed(client, customer, needs=["light"])
    assert names(found) == {"good": ["Lamp"]}
    found = await proposed(client, customer, needs=["light", "seats", "peace"])
    assert names(found) == {"good": ["Lamp", "Chair"]}
    factor = draft(found)["factors"][0]
    assert (factor["name"], factor["value"], factor["text"]) == (
        "needs",
        "0.6667",
        "2 of 3 needs answered.",
    )


async def test_products_answer_needs_from_the_cheapest_to_the_dearest(client):
    for name, price in (("Candle", "3"), ("Lamp", "30"), ("Chandelier", "300")):
        await sold(client, name, price, needs=["light"])
    await sold(client, "Sun", "9999", needs=["light"], status="draft")
    found = await proposed(client, await company(client), needs=["light"])
    assert names(found) == {"good": ["Candle"], "better": ["Lamp"], "best": ["Chandelier"]}
    assert [one["label"] for one in found["drafts"]] == ["good", "better", "best"]
    assert found["drafts"][0]["lines"][0]["reason"]["need"] == "light"


async def test_categories_choose_likewise(client):
    above = await client.made("product-categories", {"name": "Furniture"})
    below = await client.made("product-categories", {"name": "Chairs", "parent_id": above["id"]})
    for name, price in (("Stool", "50"), ("Throne", "500")):
        await sold(client, name, price, category_id=below["id"])
    items = [{"category_id": above["id"], "quantity": "2"}]
    await recipe(client, {"good": items})
    found = await proposed(client, await company(client))
    assert names(found) == {"good": ["Stool"], "best": ["Throne"]}


async def test_a_parameter_that_is_missing_is_told(client):
    desk = await sold(client, "Desk")
    items = [{"product_id": desk["id"], "per": "seats", "quantity": "0.5"}]
    await recipe(client, {"good": items})
    customer = await company(client)
    found = await proposed(client, customer)
    assert [one["code"] for one in found["withheld"][0]["left_out"]] == ["no_parameter"]
    found = await proposed(client, customer, parameters={"seats": "5"})
    assert draft(found)["lines"][0]["quantity"] == "2.5"
    found = await proposed(client, customer, parameters={"seats": "999999999999"})
    (told,) = found["withheld"][0]["left_out"]
    assert (told["code"], told["name"]) == ("not_possible", "Desk")
