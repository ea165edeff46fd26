"""Components, relations and specifications in files: what rows name, and what contradicts."""

from uuid import uuid4

import pytest

from support.clients import problem

pytestmark = pytest.mark.usefixtures("worker")


async def sold(client, sku, **more):
    return await client.made("products", {"sku": sku, "name": sku, "type": "good", **more})


def told(errors):
    return [(error["row"], error["code"], error["column"]) for error in errors]


async def test_rows_become_components_of_bundles(files, client, csv_of):
    whole = await sold(client, "KIT", type="bundle", currency="EUR")
    inner = await sold(client, "INNER", type="bundle")
    await sold(client, "LONE")
    options = [{"key": "size", "label": "Size", "values": ["m"]}]
    shirt = await sold(client, "SHIRT", options=options)
    body = {"product_id": shirt["id"], "sku": "SHIRT-M", "options": {"size": "m"}}
    medium = await client.made("product-variants", body)
    columns = ["Bundle SKU", "Component SKU", "Quantity", "Price", "Percent", "Optional"]
    rows = [
        ["KIT", "LONE", "2", "", "", ""],
        ["KIT", "SHIRT-M", "", "5", "", "yes"],
        ["KIT", "INNER", "", "", "90", ""],
        ["INNER", "KIT", "", "", "", ""],
        ["LONE", "SHIRT", "", "", "", ""],
        ["KIT", "NONE", "", "", "", ""],
        ["", "LONE", "", "", "", ""],
    ]
    made = await files.imported(csv_of(columns, *rows), entity="bundle_component")
    assert told(await files.errors(made["id"])) == [
        ("4", "bundle_cycle", "Component SKU"),
        ("5", "not_a_bundle", "Bundle SKU"),
        ("6", "unknown_product", "Component SKU"),
        ("7", "required", ""),
    ]
    found = (await client.read("bundle-components"))["data"]
    assert {
        (c["component_id"], c["variant_id"], c["quantity"], c["price_mode"], c["is_optional"])
        for c in found
    } == {
        ((await product_of(client, "LONE"))["id"], None, "2", "sum", False),
        (shirt["id"], medium["id"], "1", "fixed", True),
        (inner["id"], None, "1", "percent", False),
    }
    again = csv_of(columns, ["KIT", "LONE", "3", "", "", ""], rows[1])
    made = await files.imported(again, entity="bundle_component")
    counts = made["counts"]
    assert (counts["update"], counts["unchanged"], counts["create"]) == (1, 1, 0), counts
    assert whole["id"] == found[0]["product_id"]


async def product_of(client, sku):
    (found,) = (await client.read("products", **{"filter[sku]": sku}))["data"]
    return found


async def test_what_active_bundles_need_stays_when_an_import_is_undone(files, client, csv_of):
    whole = await sold(client, "KIT", type="bundle")
    await sold(client, "A")
    content = csv_of(["Bundle SKU", "Component SKU"], ["KIT", "A"])
    made = await files.imported(content, entity="bundle_component")
    await client.patch(f"/v1/products/{whole['id']}", json={"status": "active"})
    await files.done(made["id"], "revert")
    (left,) = (await client.read("bundle-components"))["data"]
    problem(await client.delete(f"/v1/bundle-components/{left['id']}"), 409, "last_component")


async def test_rows_become_relations_without_contradictions(files, client, csv_of):
    for sku in ("A", "B", "C"):
        await sold(client, sku)
    columns = ["SKU", "Related SKU", "Relation", "Reason"]
    rows = [
        ["A", "B", "requires", "Runs on it"],
        ["B", "C", "Requires", ""],
        ["A", "C", "excludes", ""],
        ["A", "B", "cross-sell", ""],
        ["C", "A", "alternative", ""],
        ["A", "C", "substitute", "The same"],
        ["A", "A", "upsell", ""],
        ["A", "B", "likes", ""],
    ]
    made = await files.imported(csv_of(columns, *rows), entity="product_relation")
    assert [(row, code) for row, code, _ in told(await files.errors(made["id"]))] == [
        ("3", "contradiction"),
        ("7", "itself"),
        ("8", "not_a_choice"),
    ]
    found = (await client.read("product-relations"))["data"]
    assert sorted((one["kind"], one["reason"] or "") for one in found) == [
        ("cross_sell", ""),
        ("requires", ""),
        ("requires", "Runs on it"),
        ("substitute", "The same"),
    ]


async def test_rows_become_specifications_of_services(files, client, csv_of):
    service = await sold(client, f"S-{uuid4().hex[:6]}", type="service")
    await sold(client, "GOOD")
    columns = ["Service SKU", "Duration", "Buffer Before", "Skills", "Resources"]
    rows = [
        [service["sku"], "90", "15", "welding: 3; driving", "room"],
        ["GOOD", "10", "", "", ""],
        [service["sku"], "90", "15", "welding: much", ""],
    ]
    made = await files.imported(csv_of(columns, *rows), entity="service_specification")
    assert told(await files.errors(made["id"])) == [
        ("2", "not_a_service", "Service SKU"),
        ("3", "invalid_number", "Skills"),
    ]
    (found,) = (await client.read("service-specifications"))["data"]
    assert (found["duration_minutes"], found["buffer_before_minutes"]) == (90, 15)
    skills = [{"skill": "welding", "level": 3}, {"skill": "driving", "level": 1}]
    assert (found["skills"], found["resources"][0]["kind"]) == (skills, "room")
    again = csv_of(columns[:2], [service["sku"], "60"])
    made = await files.imported(again, entity="service_specification")
    assert made["counts"]["update"] == 1
    (found,) = (await client.read("service-specifications"))["data"]
    assert (found["duration_minutes"], found["skills"]) == (60, skills)
