"""The rules of units and categories."""

import asyncio

import pytest

from support.clients import pointers, problem


async def some_units(client):
    for key, dimension, ratio in (
        ("kg", "mass", "1"),
        ("g", "mass", "0.001"),
        ("lb", "mass", "0.45359237"),
        ("m", "length", "1"),
    ):
        body = {"key": key, "name": key, "dimension": dimension, "ratio": ratio}
        await client.made("units", body)


async def test_quantities_are_converted_exactly(client):
    await some_units(client)
    # 1 lb is 0.45359237 kg by definition (international pound, 1959).
    for quantity, source, target, wanted, exact in (
        ("2.5", "kg", "g", "2500", True),
        ("1", "lb", "g", "453.59237", True),
        ("1", "kg", "lb", "2.204622621848776", False),
    ):
        body = {"quantity": quantity, "from_unit": source, "to_unit": target}
        answer = await client.post("/v1/units/convert", json=body)
        assert answer.json() == {"quantity": wanted, "unit": target, "is_exact": exact}
        document = f"""{{ convertQuantity(quantity: "{quantity}", fromUnit: "{source}",
            toUnit: "{target}") {{ quantity unit isExact }} }}"""
        found = (await client.data(document))["convertQuantity"]
        assert found == {"quantity": wanted, "unit": target, "isExact": exact}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"quantity": "1", "from_unit": "kg", "to_unit": "m"}, "/to_unit"),
        ({"quantity": "1", "from_unit": "st", "to_unit": "kg"}, "/from_unit"),
        ({"quantity": 1.5, "from_unit": "kg", "to_unit": "g"}, "/quantity"),
        ({"quantity": "-1", "from_unit": "kg", "to_unit": "g"}, "/quantity"),
    ],
)
async def test_what_cannot_be_converted_is_named(client, body, pointer):
    await some_units(client)
    answer = await client.post("/v1/units/convert", json=body)
    assert pointers(problem(answer, 422)) == [pointer]


async def test_a_key_belongs_to_one_unit(client):
    await some_units(client)
    body = {"key": "kg", "name": "Kilo", "dimension": "mass"}
    assert pointers(problem(await client.post("/v1/units", json=body), 409)) == ["/key"]
    answer = await client.post("/v1/units/upsert", params={"match": "key"}, json=body)
    assert (answer.status_code, answer.json()["name"]) == (200, "Kilo")
    for ratio in ("0", "-1", 1.5, "0.0000000000000001"):
        answer = await client.post("/v1/units", json={**body, "key": "x", "ratio": ratio})
        assert pointers(problem(answer, 422)) == ["/ratio"]


async def test_categories_stay_a_tree_under_parallel_changes(client):
    for _ in range(10):
        ring = [await client.made("product-categories", {"name": f"C{n}"}) for n in range(2)]
        answers = await asyncio.gather(
            *(
                client.patch(
                    f"/v1/product-categories/{ring[n]['id']}",
                    json={"parent_id": ring[1 - n]["id"]},
                )
                for n in range(2)
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        (lost,) = [answer for answer in answers if answer.status_code == 409]
        assert pointers(problem(lost, 409, "hierarchy_cycle")) == ["/parent_id"]


async def test_attributes_are_inherited_and_the_nearest_counts(client):
    await some_units(client)
    weight = {"key": "weight", "label": "Weight", "type": "decimal", "unit": "kg"}
    colour = {"key": "colour", "label": "Colour", "type": "select", "choices": ["red", "blue"]}
    top = await client.made("product-categories", {"name": "All", "attributes": [weight, colour]})
    narrowed = {**colour, "choices": ["red"], "required": True}
    below = await client.made(
        "product-categories", {"name": "Red", "parent_id": top["id"], "attributes": [narrowed]}
    )
    found = (await client.read(f"product-categories/{below['id']}/attributes"))["data"]
    assert [(one["key"], one["choices"], one["required"], one["category_id"]) for one in found] == [
        ("weight", [], False, top["id"]),
        ("colour", ["red"], True, below["id"]),
    ]
    document = f"""{{ productCategoryAttributes(id: "{below["id"]}")
        {{ key choices required categoryId }} }}"""
    rows = (await client.data(document))["productCategoryAttributes"]
    assert [row["key"] for row in rows] == ["weight", "colour"]


@pytest.mark.parametrize(
    ("attributes", "pointer"),
    [
        ([{"key": "a", "label": "A", "type": "select"}], "/attributes/0/choices"),
        ([{"key": "a", "label": "A", "type": "text", "choices": ["x"]}], "/attributes/0/choices"),
        ([{"key": "a", "label": "A", "type": "decimal", "unit": "no"}], "/attributes/0/unit"),
        ([{"key": "a", "label": "A", "type": "text"}] * 2, "/attributes/1/key"),
        ([{"key": "A b", "label": "A", "type": "text"}], "/attributes/0/key"),
        ([{"key": "a", "label": "A", "type": "formula"}], "/attributes/0/type"),
    ],
)
async def test_a_wrong_schema_is_an_error_with_its_place(client, attributes, pointer):
    body = {"name": "C", "attributes": attributes}
    answer = await client.post("/v1/product-categories", json=body)
    assert pointers(problem(answer, 422)) == [pointer]
