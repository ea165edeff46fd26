"""What bundles of quotes hold, and which products go together."""

from crm_api.domains.quotes.printing import proposal_of
from crm_api.platform.proposals.printing import printed
from support.quoting import (
    act,
    approval_policy,
    calculated,
    link,
    product,
    quote,
    sellers,
    told,
    ways,
)


async def bundle(client, *parts):
    """A bundle of so many of some products."""
    made = await product(client, type="bundle", name="Set", status="draft")
    for position, (part, quantity, is_optional) in enumerate(parts):
        body = {"product_id": made["id"], "component_id": part["id"], "quantity": quantity}
        await client.made(
            "bundle-components", body | {"position": position, "is_optional": is_optional}
        )
    return await client.changed(f"products/{made['id']}", {"status": "active"})


async def related(client, one, other, kind):
    body = {"product_id": one["id"], "related_id": other["id"], "kind": kind}
    await client.made("product-relations", body)


async def test_what_a_bundle_holds_is_said_and_printed(client, anonymous):
    chair = await product(client, name="Chair", names={"de": "Stuhl"})
    rope, lamp = await product(client, name="Rope"), await product(client, name="Lamp")
    sold = await bundle(client, (chair, "2", False), (rope, "1.5", False), (lamp, "1", True))
    made = await quote(client, lines=[{"product_id": sold["id"]}], language="de")
    (line,) = made["lines"]
    held = [(one["product_id"], one["name"], one["quantity"]) for one in line["contents"]]
    assert held == [(chair["id"], "Stuhl", "2"), (rope["id"], "Rope", "1.5")]
    await act(client, made["id"], "send")
    (version,) = (await client.read(f"quotes/{made['id']}/versions"))["data"]
    sheet = printed(proposal_of(version["content"], version["customer"]))
    (item,) = sheet["sections"][0]["items"]
    assert item["contents"] == ["2 × Stuhl", "1,5 × Rope"]
    # Whoever has a link reads it, too.
    path = await link(client, made["id"])
    (line,) = (await anonymous.get(path)).json()["lines"]
    assert line["contents"] == [
        {"name": "Stuhl", "quantity": "2"},
        {"name": "Rope", "quantity": "1.5"},
    ]
    assert "1,5 × Rope" in (await anonymous.get(f"{path}/page")).text
    # As they were sent, whatever becomes of the bundle; those from before it was kept have none.
    for line in version["content"]["lines"]:
        del line["contents"]
    sheet = printed(proposal_of(version["content"], version["customer"]))
    assert sheet["sections"][0]["items"][0]["contents"] == []


async def test_what_a_product_requires_is_missed(client):
    saw, blade = await product(client, name="Saw"), await product(client, name="Blade")
    await related(client, saw, blade, "requires")
    first, second = {"product_id": saw["id"]}, {"product_id": blade["id"]}
    alone = await calculated(client, first)
    assert told(alone) == [("required_missing", "/lines/0", False)]
    assert "Blade" in alone["warnings"][0]["message"]
    assert told(await calculated(client, second, first)) == []
    option = second | {"is_optional": True}
    assert told(await calculated(client, first, option)) == [
        ("required_missing", "/lines/0", False)
    ]
    assert told(await calculated(client, first | {"is_optional": True}, option)) == []
    # What is in a bundle is there; it is a warning, and sent all the same.
    kit = await bundle(client, (blade, "1", False))
    assert told(await calculated(client, first, {"product_id": kit["id"]})) == []
    made = await quote(client, lines=[first])
    assert (await ways(client, made["id"]))["send"] == []


async def test_what_a_product_excludes_is_told(client):
    one, other = await product(client, name="Left"), await product(client, name="Right")
    await related(client, one, other, "excludes")
    first, second = {"product_id": one["id"]}, {"product_id": other["id"]}
    assert told(await calculated(client, first)) == []
    found = await calculated(client, second, first)
    assert told(found) == [("excluded_there", f"/lines/{n}", False) for n in range(2)]
    messages = [one["message"] for one in found["warnings"]]
    assert messages == ["It does not go with Left.", "It does not go with Right."]
    # Of two options the customer chooses one.
    lines = [line | {"is_optional": True} for line in (first, second)]
    assert told(await calculated(client, *lines)) == []


async def test_what_is_chosen_of_a_bundle_has_relations_too(client):
    """Whichever of the two has the relation; also what a part requires."""
    left, right, key = [await product(client, name=name) for name in ("Left", "Right", "Key")]
    await related(client, left, right, "excludes")
    await related(client, left, key, "requires")
    sold = await bundle(client, (right, "1", False), (left, "1", True))
    (_, option) = (await client.read("bundle-components", sort="position"))["data"]
    plain = {"product_id": sold["id"]}
    taken = plain | {"components": [{"bundle_component_id": option["id"]}]}
    assert told(await calculated(client, plain)) == []
    at = "/lines/0"
    assert told(await calculated(client, taken, {"product_id": key["id"]})) == [
        ("excluded_there", at, False), ("excluded_there", at, False)
    ]  # fmt: skip
    found = await calculated(client, {"product_id": left["id"]}, plain)
    assert told(found) == [
        ("required_missing", at, False),
        ("excluded_there", at, False),
        ("excluded_there", "/lines/1", False),
    ]
    lone = await bundle(client, (left, "1", False))
    assert told(await calculated(client, {"product_id": lone["id"]})) == [
        ("required_missing", at, False)
    ]


async def test_relations_look_into_bundles_in_bundles(client):
    """Three deep: what a part of a part requires and excludes, and that it is there."""
    saw, blade = await product(client, name="Saw"), await product(client, name="Blade")
    left, right = await product(client, name="Left"), await product(client, name="Right")
    await related(client, saw, blade, "requires")
    await related(client, left, right, "excludes")

    async def around(*parts):
        inner = await bundle(client, *((part, "1", False) for part in parts))
        for _ in range(2):
            inner = await bundle(client, (inner, "1", False))
        return {"product_id": inner["id"]}, inner

    of_saw, _ = await around(saw)
    assert told(await calculated(client, of_saw)) == [("required_missing", "/lines/0", False)]
    of_blade, _ = await around(blade)
    found = await calculated(client, of_saw, of_blade)
    assert told(found) == []
    assert found["lines"][1]["held_ids"][-1] == blade["id"]
    assert len(found["lines"][1]["contents"]) == 1
    made = await quote(client, lines=[of_blade])
    document = "query($id: UUID!) { quote(id: $id) { lines { heldIds } } }"
    (line,) = (await client.data(document, id=made["id"]))["quote"]["lines"]
    assert line["heldIds"] == found["lines"][1]["held_ids"]
    of_left, whole = await around(left)
    found = await calculated(client, of_left, {"product_id": right["id"]})
    assert told(found) == [("excluded_there", f"/lines/{n}", False) for n in range(2)]
    # Of what a bundle may do without, only what is chosen; nobody chooses inside of another one.
    either = await bundle(client, (whole, "1", True), (right, "1", False))
    plain = {"product_id": either["id"]}
    options = await client.read("bundle-components", **{"filter[is_optional]": "true"})
    (option,) = options["data"]
    chosen = plain | {"components": [{"bundle_component_id": option["id"]}]}
    assert told(await calculated(client, plain)) == []
    assert told(await calculated(client, chosen)) == [("excluded_there", "/lines/0", False)] * 2
    outer = await bundle(client, (either, "1", False))
    assert told(await calculated(client, {"product_id": outer["id"]})) == []


async def test_approvals_see_what_is_off_options(client):
    seller, boss = await sellers(client, "100")
    await approval_policy(client, boss, filter={"manual_percent": {"gt": "10"}})
    lines = [
        {"name": "Base", "unit_price": "100"},
        {
            "name": "More",
            "unit_price": "100",
            "is_optional": True,
            "discounts": [{"percent": "40"}],
        },
    ]
    made = await quote(seller.api, lines=lines)
    assert made["manual_percent"] == "40"
    assert (await ways(seller.api, made["id"]))["send"] == ["approval_needed"]
