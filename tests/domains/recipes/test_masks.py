"""What roles hide is not told by the reasons, and does not stand in the way."""

from support.members import custom_role, member
from support.proposing import company, draft, proposed, recipe, relation, sold
from support.quoting import REACH


async def seller(client, **masks):
    """A client for somebody from whom this is hidden."""
    hidden = {kind: {"hidden": fields} for kind, fields in masks.items()}
    role = await custom_role(client, levels={"*": REACH}, masks=hidden)
    return (await member(client, role)).api


async def test_reasons_of_relations(client):
    desk, lamp = [await sold(client, name) for name in ("Desk", "Lamp")]
    await relation(client, desk, "cross_sell", lamp, reason="It pays best.")
    customer = await company(client)
    asked = {"products": [{"product_id": desk["id"]}]}
    lines = draft(await proposed(client, customer, **asked), "better")["lines"]
    assert lines[1]["reason"]["text"] == "It pays best."
    told = await proposed(await seller(client, product_relation=["reason"]), customer, **asked)
    assert draft(told, "better")["lines"][1]["reason"]["text"] == "Goes with Desk."


async def test_needs_of_products(client):
    await sold(client, "Lamp", needs=["light"])
    await recipe(client, {"good": [{"need": "light"}]})
    customer = await company(client)
    (line,) = draft(await proposed(client, customer))["lines"]
    assert line["reason"]["need"] == "light"
    (line,) = draft(await proposed(await seller(client, product=["needs"]), customer))["lines"]
    assert (line["name"], line["reason"]["need"]) == ("Lamp", None)


async def test_who_may_not_set_the_source_still_commits(client):
    """Nobody named it, so it is left out."""
    asked = {"products": [{"product_id": (await sold(client, "Desk"))["id"]}], "commit": True}
    api = await seller(client, quote=["source"])
    found = draft(await proposed(api, await company(client), **asked))
    assert (await client.read(f"quotes/{found['quote_id']}"))["source"] is None
