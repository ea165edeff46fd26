"""The rules of products and their variants."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from crm_api.domains.catalogue.jobs import follow_dates
from support.clients import pointers, problem


def body(**more):
    return {"sku": f"SKU-{uuid4().hex[:12]}", "name": "Printer", "type": "good", **more}


async def product(client, **more):
    return await client.made("products", body(**more))


async def test_a_sku_belongs_to_one_product_or_variant_however_it_is_written(client):
    made = await product(client, sku="Prn 200", barcode="4006381333931")
    for sku in ("PRN200", "prn 200", "ＰＲＮ２００"):
        answer = await client.post("/v1/products", json=body(sku=sku))
        assert pointers(problem(answer, 409, "duplicate")) == ["/sku"]
        variant = {"product_id": made["id"], "sku": sku}
        answer = await client.post("/v1/product-variants", json=variant)
        assert pointers(problem(answer, 409, "duplicate")) == ["/sku"]
    answer = await client.post("/v1/products", json=body(barcode="04006381333931"))
    assert pointers(problem(answer, 409, "duplicate")) == ["/barcode"]
    given = {**body(sku="prn200"), "name": "Other"}
    answer = await client.post("/v1/products/upsert", params={"match": "sku"}, json=given)
    assert (answer.status_code, answer.json()["id"]) == (200, made["id"])
    await client.delete(f"/v1/products/{made['id']}")
    again = await product(client, sku="PRN-200", barcode="4006381333931")
    answer = await client.post(f"/v1/products/{made['id']}/restore")
    assert pointers(problem(answer, 409, "duplicate")) == ["/barcode"]
    assert again["id"] != made["id"]


async def test_of_parallel_products_with_one_sku_one_is_made(client):
    sku = f"S-{uuid4().hex}"
    answers = await asyncio.gather(
        *(client.post("/v1/products", json=body(sku=sku)) for _ in range(5))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]


async def test_names_in_other_languages_are_merged_and_found(client):
    made = await product(
        client, name="Printer", names={"ru": "Лазерный принтер", "de-at": "Laserdrucker"}
    )
    assert made["names"] == {"ru": "Лазерный принтер", "de-AT": "Laserdrucker"}
    after = await client.changed(f"products/{made['id']}", {"names": {"de-AT": None, "fr": "X"}})
    assert after["names"] == {"ru": "Лазерный принтер", "fr": "X"}
    found = await client.read("products", q="лазерный")
    assert [row["id"] for row in found["data"]] == [made["id"]]
    answer = await client.patch(f"/v1/products/{made['id']}", json={"names": {"nonsense!": "X"}})
    assert pointers(problem(answer, 422))[0].startswith("/names")


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"list_price": "1"}, "/currency"),
        ({"list_price": "1", "currency": "XXZ"}, "/currency"),
        ({"list_price": "-1", "currency": "EUR"}, "/list_price"),
        ({"list_price": 1, "currency": "EUR"}, "/list_price"),
        ({"type": "thing"}, "/type"),
        ({"status": "archived"}, "/status"),
        ({"valid_from": "2031-01-02", "valid_to": "2031-01-01"}, "/valid_to"),
        ({"attributes": {"weight": "1"}}, "/attributes/weight"),
        ({"category_id": str(uuid4())}, "/category_id"),
        ({"unit_id": str(uuid4())}, "/unit_id"),
        ({"successor_id": str(uuid4())}, "/successor_id"),
        ({"options": [{"key": "a", "label": "A"}] * 2}, "/options/1/key"),
        ({"status": "active", "type": "bundle"}, "/status"),
    ],
)
async def test_a_wrong_product_is_an_error_with_its_place(client, given, pointer):
    answer = await client.post("/v1/products", json=body(**given))
    assert pointers(problem(answer, 422)) == [pointer]
    assert (await client.read("products"))["data"] == []


async def test_the_status_follows_its_machine_and_events_tell(client):
    made = await product(client)
    path = f"products/{made['id']}"
    found = await client.read(f"{path}/transitions")
    assert [one["status"] for one in found["allowed"]] == ["active", "archived"]
    answer = await client.patch(f"/v1/{path}", json={"status": "discontinued"})
    refused = problem(answer, 409, "illegal_transition")
    assert (pointers(refused), refused["allowed"]) == (["/status"], ["active", "archived"])
    for status in ("active", "discontinued", "archived"):
        assert (await client.changed(path, {"status": status}))["status"] == status
    types = [event["type"] for event in await client.told(made["id"], 4)]
    assert types == [
        "product.created",
        "product.activated",
        "product.discontinued",
        "product.archived",
    ]
    document = f'{{ productTransitions(id: "{made["id"]}") {{ status allowed {{ status }} }} }}'
    found = (await client.data(document))["productTransitions"]
    assert found == {"status": "archived", "allowed": [{"status": "discontinued"}]}


async def test_attributes_fit_the_category(client):
    voltage = {"key": "voltage", "label": "Voltage", "type": "integer", "required": True}
    colour = {"key": "colour", "label": "Colour", "type": "select", "choices": ["red", "blue"]}
    devices = await client.made("product-categories", {"name": "D", "attributes": [voltage]})
    other = await client.made("product-categories", {"name": "O", "attributes": [colour]})
    printers = await client.made(
        "product-categories", {"name": "P", "parent_id": devices["id"], "attributes": [colour]}
    )
    made = await product(client, category_id=printers["id"], attributes={"colour": "Red"})
    path = f"products/{made['id']}"
    assert made["attributes"] == {"colour": "red"}
    answer = await client.patch(f"/v1/{path}", json={"status": "active"})
    assert pointers(problem(answer, 422, "not_ready")) == ["/attributes/voltage"]
    (to_active, _) = (await client.read(f"{path}/transitions"))["allowed"]
    assert [one["code"] for one in to_active["blockers"]] == ["required"]
    wrong = {"attributes": {"voltage": "230", "colour": "green", "size": 1}}
    answer = await client.patch(f"/v1/{path}", json=wrong)
    wanted = ["/attributes/colour", "/attributes/size", "/attributes/voltage"]
    assert sorted(pointers(problem(answer, 422))) == wanted
    after = await client.changed(path, {"status": "active", "attributes": {"voltage": 230}})
    assert after["attributes"] == {"colour": "red", "voltage": 230}
    answer = await client.patch(f"/v1/{path}", json={"attributes": {"voltage": None}})
    assert pointers(problem(answer, 422)) == ["/attributes/voltage"]
    # Nothing is lost in silence: what the new category does not know has to go first.
    answer = await client.patch(f"/v1/{path}", json={"category_id": other["id"]})
    assert pointers(problem(answer, 422)) == ["/attributes/voltage"]
    move = {"category_id": other["id"], "attributes": {"voltage": None}}
    assert (await client.changed(path, move))["attributes"] == {"colour": "red"}
    # A schema may change: what is there stays, and is looked at when it is written.
    await client.changed(f"product-categories/{other['id']}", {"attributes": []})
    assert (await client.changed(path, {"name": "Changed"}))["attributes"] == {"colour": "red"}


async def test_successors_form_no_circle(client):
    a, b, c = [await product(client) for _ in range(3)]
    await client.changed(f"products/{a['id']}", {"successor_id": b["id"]})
    await client.changed(f"products/{b['id']}", {"successor_id": c["id"]})
    for successor in (a, c):
        answer = await client.patch(
            f"/v1/products/{c['id']}", json={"successor_id": successor["id"]}
        )
        assert pointers(problem(answer, 409, "hierarchy_cycle")) == ["/successor_id"]


async def test_variants_have_each_option_once(client):
    size = {"key": "size", "label": "Size", "values": ["S", "M"]}
    shirt = await product(client, name="Shirt", options=[size, {"key": "hue", "label": "Hue"}])

    def variant(**options):
        sku = f"V-{uuid4().hex}"
        return {"product_id": shirt["id"], "sku": sku, "options": options}

    made = await client.made("product-variants", variant(size="M", hue="red"))
    assert made["name"] == "Shirt, M, red"
    for options, code, pointer in (
        ({"size": "L", "hue": "red"}, 422, "/options/size"),
        ({"size": "M"}, 422, "/options/hue"),
        ({"size": "M", "hue": "red", "cut": "slim"}, 422, "/options/cut"),
        ({"hue": "red", "size": "M"}, 409, "/options"),
    ):
        answer = await client.post("/v1/product-variants", json=variant(**options))
        assert pointers(problem(answer, code)) == [pointer]
    both = {**variant(size="S", hue="red"), "list_price": "1", "list_price_delta": "-1"}
    answer = await client.post("/v1/product-variants", json=both)
    assert pointers(problem(answer, 422)) == ["/list_price_delta"]
    answer = await client.patch(f"/v1/products/{shirt['id']}", json={"options": [size]})
    assert pointers(problem(answer, 422)) == ["/options"]
    answer = await client.patch(f"/v1/product-variants/{made['id']}", json={"status": "archived"})
    assert answer.status_code == 200


async def test_days_move_products_on(client, database):
    today = datetime.now(UTC).date()
    day = lambda n: (today + timedelta(days=n)).isoformat()  # noqa: E731
    required = {"key": "a", "label": "A", "type": "text", "required": True}
    category = await client.made("product-categories", {"name": "C", "attributes": [required]})
    wanted = {
        "active": await product(client, valid_from=day(-1)),
        "discontinued": await product(client, status="active", valid_to=day(-2)),
    }
    stays = {
        "draft": await product(client, valid_from=day(2)),
        "active": await product(client, status="active", valid_to=day(2)),
    }
    unfinished = await product(client, valid_from=day(-1), category_id=category["id"])
    await follow_dates(database, None)
    for group in (wanted, stays):
        for status, one in group.items():
            assert (await client.read(f"products/{one['id']}"))["status"] == status
    assert (await client.read(f"products/{unfinished['id']}"))["status"] == "draft"
    events = await client.told(wanted["discontinued"]["id"], 2)
    assert events[-1]["type"] == "product.discontinued"
