"""Products in files: what their columns are called, and what rows refer to."""

import pytest

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
