"""Products in files: what their columns are called, and what rows refer to."""

import pytest

from support.exports import exported

pytestmark = pytest.mark.usefixtures("worker")
COLUMNS = ["Artikelnummer", "Bezeichnung", "Warengruppe", "Einheit", "Preis", "Währung", "Status"]


async def test_rows_become_products_of_their_category_and_unit(files, client, csv_of):
    devices = await client.made("product-categories", {"name": "Devices"})
    printers = await client.made(
        "product-categories", {"name": "Printers", "parent_id": devices["id"]}
    )
    unit = await client.made("units", {"key": "pcs", "name": "Штука", "dimension": "count"})
    rows = [
        ["P-1", "Drucker", "Devices > Printers", "штука", "1.234,50", "EUR", "active"],
        ["P-2", "Toner", "printers", "pcs", "", "", ""],
        ["P-3", "Nothing", "No such", "pcs", "", "", ""],
        ["P-4", "Nothing", "", "no such", "", "", ""],
        ["P-5", "Nothing", "", "", "5", "", ""],
        ["P-6", "Nothing", "", "", "", "", "archived"],
        ["p 1", "Drucker neu", "", "", "", "", ""],
    ]
    record = await files.imported(csv_of(COLUMNS, *rows), entity="product")
    found = {product["sku"]: product for product in (await client.read("products"))["data"]}
    errors = await files.errors(record["id"])
    assert [(error["row"], error["code"], error["column"]) for error in errors] == [
        ("3", "unknown_category", "Warengruppe"),
        ("4", "unknown_unit", "Einheit"),
        ("5", "required", ""),
        ("6", "not_a_beginning", "Status"),
    ]
    assert found.keys() == {"P-1", "P-2", "p 1"}
    first = found["P-1"]
    assert (first["list_price"], first["currency"], first["status"]) == ("1234.50", "EUR", "active")
    for product in (first, found["P-2"]):
        assert (product["category_id"], product["unit_id"]) == (printers["id"], unit["id"])


async def test_a_row_changes_the_product_of_its_sku(files, client, csv_of):
    made = await client.made(
        "products", {"sku": "P 1", "name": "Old", "type": "service", "names": {"fr": "Vieux"}}
    )
    content = csv_of(["SKU", "Name", "Name (Russian)", "Type"], ["p1", "New", "Новый", "service"])
    record = await files.imported(content, entity="product")
    assert record["counts"]["update"] == 1, record
    after = await client.read(f"products/{made['id']}")
    assert (after["name"], after["sku"]) == ("New", "p1")
    assert after["names"] == {"fr": "Vieux", "ru": "Новый"}


async def test_rows_become_units_by_their_keys(files, client, csv_of):
    columns = [
        "Unit Code",
        "Unit Name",
        "Name (Russian)",
        "Symbol",
        "Dimension",
        "Ratio",
        "Decimals",
    ]
    rows = [
        ["kg", "Kilogram", "Килограмм", "kg", "mass", "1", "3"],
        ["g", "Gram", "", "", "mass", "0,001", ""],
        ["x y", "Nothing", "", "", "mass", "", ""],
        ["t", "Ton", "", "", "", "", ""],
        ["oz", "Ounce", "", "", "mass", "0", ""],
    ]
    record = await files.imported(csv_of(columns, *rows), entity="unit")
    errors = await files.errors(record["id"])
    assert [(error["row"], error["code"], error["column"]) for error in errors] == [
        ("3", "invalid", "Unit Code"),
        ("4", "required", ""),
        ("5", "invalid", "Ratio"),
    ]
    again = csv_of(columns, [*rows[0][:6], "2"], rows[1])
    record = await files.imported(again, entity="unit")
    assert (record["counts"]["update"], record["counts"]["unchanged"]) == (1, 1)
    found = {unit["key"]: unit for unit in (await client.read("units"))["data"]}
    assert (found["kg"]["decimals"], found["kg"]["names"]) == (2, {"ru": "Килограмм"})
    assert (found["g"]["ratio"], found["g"]["symbol"]) == ("0.001", None)


def measured(key, label, type, **more):
    return {"key": key, "label": label, "type": type, **more}


async def test_attributes_and_options_stand_in_columns(files, client, csv_of):
    devices = await client.made("product-categories", {"name": "Devices", "attributes": [
        measured("voltage", "Voltage", "decimal", required=True),
        measured("made_on", "Made on", "date"),
        measured("ports", "Ports", "multiselect", choices=["USB", "LAN", "HDMI"]),
    ]})  # fmt: skip
    beside = [measured("voltage", "Volts", "text"), measured("color", "Color", "text")]
    await client.made("product-categories", {"name": "Toys", "attributes": beside})
    fields = (await client.read("imports/fields/product"))["data"]
    own = {one["field"]: one["kind"] for one in fields if one["field"].startswith("attributes.")}
    assert own == {
        "attributes.voltage": "text",
        "attributes.made_on": "date",
        "attributes.ports": "tags",
        "attributes.color": "text",
    }
    columns = ["SKU", "Name", "Category", "Status", "Voltage", "Made on", "Ports", "Color"]
    columns += ["Options"]
    rows = [
        [
            "D-1",
            "Radio",
            "Devices",
            "active",
            "230",
            "31.12.2025",
            "USB, LAN",
            "",
            "Size: S, M; Cut",
        ],
        ["D-2", "Radio", "Devices", "active", "", "", "", "", ""],
        ["D-3", "Radio", "Devices", "", "much", "", "", "", ""],
        ["D-4", "Radio", "Devices", "", "", "", "", "red", ""],
        ["D-5", "Radio", "", "", "5", "", "", "", ""],
        ["D-6", "Ball", "Toys", "", "none", "", "", "red", ""],
    ]
    _, told = await files.tried(csv_of(columns, *rows), "product")
    errors, counts = told[-1]
    assert errors == {
        "2": ("required", ""),
        "3": ("invalid", "Voltage"),
        "4": ("unknown_attribute", "Color"),
        "5": ("unknown_attribute", "Voltage"),
    }
    assert counts["create"] == 2
    found = {one["sku"]: one for one in await files.all("products")}
    first = found["D-1"]
    assert first["attributes"] == {
        "voltage": "230",
        "made_on": "2025-12-31",
        "ports": ["USB", "LAN"],
    }
    assert first["options"] == [
        {"key": "size", "label": "Size", "values": ["S", "M"]},
        {"key": "cut", "label": "Cut", "values": []},
    ]
    assert found["D-6"]["attributes"] == {"voltage": "none", "color": "red"}
    assert first["category_id"] == devices["id"]
    # Of a product that is there a row need not say the category; what it leaves blank stays.
    columns = ["SKU", "Name", "Voltage", "Options"]
    rows = [["D-1", "Radio", "110", "Size: S, M, L; Cut"]]
    _, ((errors, dry), (_, counts)) = await files.tried(csv_of(columns, *rows), "product")
    assert (errors, dry["update"], counts["update"]) == ({}, 1, 1)
    _, ((errors, dry), (_, counts)) = await files.tried(csv_of(columns, *rows), "product")
    assert (errors, dry["unchanged"], counts["unchanged"]) == ({}, 1, 1)
    after = await client.read(f"products/{first['id']}")
    assert after["attributes"] == {**first["attributes"], "voltage": "110"}
    assert after["options"][0] == {"key": "size", "label": "Size", "values": ["S", "M", "L"]}


async def test_attributes_and_options_of_exports_come_back(files, client):
    about = [measured("voltage", "Voltage", "decimal"), measured("on", "Made on", "date")]
    devices = await client.made("product-categories", {"name": "Devices", "attributes": about})
    given = {"attributes": {"voltage": "230.5", "on": "2025-12-31"}, "category_id": devices["id"]}
    options = [{"key": "s", "label": "Size", "values": ["S", "M"]}]
    body = {"sku": "D-1", "name": "Radio", "type": "good", "options": options, **given}
    made = await client.made("products", body)
    fields = ["sku", "name", "type", "category.name", "attributes", "options"]
    content = (await exported(client, "products", fields=fields, format="csv")).content
    record = await files.made(content, entity="product", name="products.csv")
    assert (await files.done(record["id"], "validate"))["unchanged"] == 1
    assert (await files.done(record["id"], "start"))["unchanged"] == 1
    await client.delete(f"/v1/products/{made['id']}")
    record = await files.imported(content, entity="product")
    assert record["counts"]["create"] == 1, await files.errors(record["id"])
    (again,) = await files.all("products")
    assert {name: again[name] for name in ("options", *given)} == {"options": options, **given}
