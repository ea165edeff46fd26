"""What is chosen for needs, and what is offered in place of what was asked for."""

from support.proposing import company, draft, missing, names, proposed, recipe, relation, sold


def asked_for(*products):
    return [{"product_id": one["id"]} for one in products]


async def set_of(client, inner):
    """A bundle that is sold, with one thing in it."""
    made = await sold(client, "Set", "500", type="bundle", status="draft")
    part = {"product_id": made["id"], "component_id": inner["id"]}
    await client.made("bundle-components", part)
    await client.changed(f"products/{made['id']}", {"status": "active"})
    return made


async def test_what_two_would_be_replaced_by_takes_the_place_of_one(client):
    desk, table, big = [await sold(client, name) for name in ("Desk", "Table", "Big")]
    for one in (desk, table):
        await relation(client, one, "up_sell", big)
    found = await proposed(client, await company(client), products=asked_for(desk, table))
    assert names(found)["best"] == ["Big", "Table"]
    assert missing(draft(found, "best")) == []


async def test_nothing_is_replaced_by_what_clashes_with_what_another_requires(client):
    desk, table, big, frame = [
        await sold(client, name) for name in ("Desk", "Table", "Big", "Frame")
    ]
    await relation(client, desk, "up_sell", big)
    await relation(client, table, "requires", frame)
    await relation(client, big, "excludes", frame)
    found = await proposed(client, await company(client), products=asked_for(desk, table))
    assert names(found) == {"good": ["Desk", "Table", "Frame"]}


async def test_what_is_gone_is_not_replaced_by_more(client):
    desk, big = [await sold(client, name) for name in ("Desk", "Big")]
    await relation(client, desk, "up_sell", big)
    body = {"currency": "EUR", "lines": asked_for(desk)}
    quote = await client.made("quotes", body)
    await client.delete(f"/v1/products/{desk['id']}")
    found = await proposed(client, await company(client), past_quote_id=quote["id"])
    assert found["drafts"] == []


async def test_what_is_in_a_bundle_answers_a_need(client):
    bundle = await set_of(client, await sold(client, "Lamp", needs=["light"]))
    asked = {"products": asked_for(bundle), "needs": ["light"]}
    found = await proposed(client, await company(client), **asked)
    assert names(found) == {"good": ["Set"]}
    assert draft(found)["factors"][0]["value"] == "1"


async def test_for_a_need_something_is_found_that_goes_with_what_is_required(client):
    """The cheap lamp clashes with the frame that the desk requires."""
    desk, frame = [await sold(client, name) for name in ("Desk", "Frame")]
    cheap, lamp = [
        await sold(client, name, price, needs=["light"])
        for name, price in (("Cheap lamp", "10"), ("Lamp", "30"))
    ]
    await relation(client, desk, "requires", frame)
    await relation(client, cheap, "excludes", frame)
    asked = {"products": asked_for(desk), "needs": ["light"]}
    found = await proposed(client, await company(client), **asked)
    assert names(found) == {"good": ["Desk", "Frame", "Lamp"]}
    assert lamp["id"] == draft(found)["lines"][2]["product_id"]


async def test_a_recipe_answers_needs_only_on_its_levels(client):
    await sold(client, "Lamp", needs=["light"])
    hall = await sold(client, "Lights of a hall")
    await recipe(client, {"best": asked_for(hall)}, needs=["light"])
    found = await proposed(client, await company(client), needs=["light"])
    assert names(found) == {"good": ["Lamp"], "best": ["Lights of a hall"]}


async def test_what_is_required_counts_though_it_is_one_of_alternatives(client):
    desk, frame, shelf = [await sold(client, name) for name in ("Desk", "Frame", "Shelf")]
    await relation(client, shelf, "requires", frame)
    items = [{**one, "section": "either"} for one in asked_for(desk, frame)]
    sections = [{"key": "either", "kind": "alternatives"}]
    await recipe(client, {"good": [*items, *asked_for(shelf)]}, sections=sections)
    lines = draft(await proposed(client, await company(client)))["calculation"]["lines"]
    assert [(one["name"], one["counts"]) for one in lines] == [
        ("Desk", True),
        ("Frame", True),
        ("Shelf", True),
    ]


async def test_long_names_are_cut(client):
    tiers = [{"tier": "good", "name": "T" * 200, "items": asked_for(await sold(client, "Desk"))}]
    await client.made("proposal-recipes", {"name": "R" * 200, "status": "active", "tiers": tiers})
    name = draft(await proposed(client, await company(client)))["content"]["name"]
    assert name == "R" * 100 + ": " + "T" * 90
