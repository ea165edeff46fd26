"""Drafts by recipes, needs and products: by hand in the comments."""

from support.clients import pointers, problem
from support.proposing import (
    ask,
    company,
    draft,
    missing,
    names,
    proposed,
    reasons,
    recipe,
    relation,
    sold,
)


async def test_recipe_offers_three_tiers(client):
    """4 seats: good 4 * 100, better 4 * 150 and one lamp at 30, best 4 * 200 and a lamp."""
    chairs = [await sold(client, name, price) for name, price in _CHAIRS]
    lamp = await sold(client, "Lamp", "30")
    items = [{"product_id": one["id"], "per": "seats", "reason": "A seat each"} for one in chairs]
    more = {"product_id": lamp["id"], "is_optional": True}
    made = await recipe(
        client,
        {"good": items[:1], "better": [items[1], more], "best": [items[2], more]},
        needs=["seating"],
        valid_days=30,
    )
    customer = await company(client)
    found = await proposed(client, customer, needs=["seating"], parameters={"seats": "4"})
    assert names(found) == {
        "good": ["Stool"],
        "better": ["Chair", "Lamp"],
        "best": ["Throne", "Lamp"],
    }
    assert [draft(found, one)["calculation"]["net"] for one in ("good", "better", "best")] == [
        "400.00",
        "630.00",
        "830.00",
    ]
    line = draft(found, "better")["lines"][0]
    assert (line["quantity"], line["net"]) == ("4", "600.00")
    assert line["reason"]["kind"] == "recipe"
    assert (line["reason"]["text"], line["reason"]["recipe_id"]) == ("A seat each", made["id"])
    assert not (await client.read("quotes"))["data"]


_CHAIRS = (("Stool", "100"), ("Chair", "150"), ("Throne", "200"))


async def test_required_comes_along_and_what_clashes_stays_out(client):
    desk, frame, lamp, other = [
        await sold(client, name) for name in ("Desk", "Frame", "Lamp", "Other lamp")
    ]
    await relation(client, desk, "requires", frame)
    await relation(client, lamp, "excludes", other)
    asked = [{"product_id": one["id"]} for one in (desk, lamp, other)]
    found = draft(await proposed(client, await company(client), products=asked))
    assert reasons(found) == {"Desk": "asked_for", "Frame": "required", "Lamp": "asked_for"}
    assert missing(found) == [("excluded", "Other lamp")]
    assert found["left_out"][0]["by"] == lamp["id"]


async def test_unknown_products_are_told_by_their_place(client):
    desk, customer = await sold(client, "Desk"), await company(client)
    asked = [{"product_id": desk["id"]}, {"product_id": customer["id"]}]
    found = problem(await ask(client, customer, products=asked), 422)
    assert pointers(found) == ["/products/1/product_id"]
