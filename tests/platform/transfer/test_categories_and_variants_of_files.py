"""Categories and variants in files: what rows stand below, and which options they have."""

import pytest

pytestmark = pytest.mark.usefixtures("worker")


def mistakes(errors):
    return [(error["row"], error["code"], error["column"]) for error in errors]


async def paths(client):
    """By the paths of categories, their positions."""
    found = (await client.read("product-categories", limit=200))["data"]
    by_id = {one["id"]: one for one in found}

    def path(one):
        above = by_id.get(one["parent_id"])
        return one["name"] if above is None else f"{path(above)} > {one['name']}"

    return {path(one): one["position"] for one in found}


async def test_rows_become_a_tree(files, client, csv_of):
    await client.made("product-categories", {"name": "Furniture"})
    columns = ["Kategorie", "Übergeordnete Kategorie", "Reihenfolge", "Name (Russian)"]
    rows = [
        ["Devices", "", "2", "Устройства"],
        ["Printers", "Devices", "1", ""],
        ["Devices > Printers > Laser", "", "", ""],
        ["Chairs", "furniture", "", ""],
        ["Lost", "No such", "", ""],
        ["Child of lost", "Lost", "", ""],
        ["Spare", "Chairs", "", ""],
        ["Spare", "Printers", "", ""],
        ["Below which", "Spare", "", ""],
        ["Below this", "Chairs > Spare", "", ""],
        ["Below that", "Furniture > Chairs > Spare", "", ""],
    ]
    content = csv_of(columns, *rows)
    record = await files.made(content, entity="product_category")
    assert await files.done(record["id"], "validate") == await files.done(record["id"], "start")
    assert mistakes(await files.errors(record["id"])) == [
        ("5", "unknown_parent", "Übergeordnete Kategorie"),
        ("6", "unknown_parent", "Übergeordnete Kategorie"),
        ("9", "ambiguous_parent", "Übergeordnete Kategorie"),
        ("10", "unknown_parent", "Übergeordnete Kategorie"),
    ]
    tree = {
        "Furniture": 0,
        "Devices": 2,
        "Devices > Printers": 1,
        "Devices > Printers > Laser": 0,
        "Furniture > Chairs": 0,
        "Furniture > Chairs > Spare": 0,
        "Devices > Printers > Spare": 0,
        "Furniture > Chairs > Spare > Below that": 0,
    }
    assert await paths(client) == tree
    # A path is one category, so the same file once more changes nothing.
    again = await files.imported(content, entity="product_category")
    assert (again["counts"]["unchanged"], again["counts"]["error"]) == (7, 4)
    undone = await files.done(record["id"], "revert")
    assert undone == {"removed": 7, "restored": 0, "kept": 0}
    assert await paths(client) == {"Furniture": 0}


async def test_a_path_is_one_category(files, client, csv_of):
    columns = ["Name", "Parent", "Position"]
    rows = [["Devices", "", "1"], ["Devices > Printers", "", "1"], ["Printers", "", "1"]]
    await files.imported(csv_of(columns, *rows), entity="product_category")
    moved = csv_of(columns, ["devices", "", "7"], ["printers", "DEVICES", "8"])
    assert (await files.imported(moved, entity="product_category"))["counts"]["update"] == 2
    # Names are written as the last file writes them.
    assert await paths(client) == {"devices": 7, "devices > printers": 8, "Printers": 1}


async def test_a_path_has_no_empty_parts(files, client, csv_of):
    rows = [["Devices"], ["Devices >"], ["> Devices"], ["Devices > > Printers"], [">"]]
    record = await files.imported(csv_of(["Name"], *rows), entity="product_category")
    expected = [(str(row), "invalid_path", "Name") for row in range(2, 6)]
    assert mistakes(await files.errors(record["id"])) == expected
    assert set(await paths(client)) == {"Devices"}


async def test_parents_are_known_by_their_ids_in_the_other_system(files, client, csv_of):
    columns = ["Category ID", "Name", "Parent ID"]
    rows = [["1", "Devices", ""], ["2", "Printers", "1"], ["3", "Printers", "2"], ["4", "X", "9"]]
    record = await files.imported(csv_of(columns, *rows), entity="product_category")
    assert mistakes(await files.errors(record["id"])) == [("4", "unknown_parent", "Parent ID")]
    nested = "Devices > Printers > Printers"
    assert set(await paths(client)) == {"Devices", "Devices > Printers", nested}
    # What has an id is found by it, and may get another name and another parent, but no circle.
    rows = [["3", "Inkjet", "1"], ["1", "Machines", ""], ["2", "Printers", "3"], ["1", "M", "2"]]
    record = await files.imported(csv_of(columns, *rows), entity="product_category")
    assert [error["code"] for error in await files.errors(record["id"])] == ["hierarchy_cycle"]
    assert set(await paths(client)) == {
        "Machines",
        "Machines > Inkjet",
        "Machines > Inkjet > Printers",
    }


async def shirt(client, **more):
    options = [
        {"key": "size", "label": "Size", "values": ["S", "M", "L"]},
        {"key": "colour", "label": "Colour"},
    ]
    body = {"sku": "SHIRT", "name": "Shirt", "type": "good", "options": options}
    return await client.made("products", {**body, **more})


async def test_rows_become_variants_of_their_product(files, client, csv_of):
    made = await shirt(client, status="active")
    columns = ["Product SKU", "Variant SKU", "Options", "Price", "Status", "EAN", "Name"]
    rows = [
        ["shirt", "SHIRT-M-RED", "Size: M; Colour: red", "19,90", "active", "4006381333931", ""],
        ["SHIRT", "SHIRT-L-RED", "size=L|colour=red", "", "", "", "Large red shirt"],
        ["SHIRT", "SHIRT-XL", "Size: XL; Colour: red", "", "", "", ""],
        ["SHIRT", "SHIRT-S", "Size: S", "", "", "", ""],
        ["SHIRT", "SHIRT-N", "", "", "", "", ""],
        ["SHIRT", "SHIRT-Y", "Size", "", "", "", ""],
        ["SHIRT", "SHIRT-Z", "Size: S; Colour: red; Cut: slim", "", "", "", ""],
        ["TROUSERS", "T-1", "", "", "", "", ""],
        ["", "T-2", "", "", "", "", ""],
        ["SHIRT", "SHIRT-A", "Size: S; Colour: blue", "", "archived", "", ""],
        ["SHIRT", "SHIRT-M-RED-2", "Size: M; Colour: red", "", "", "", ""],
    ]
    record = await files.imported(csv_of(columns, *rows), entity="product_variant")
    assert mistakes(await files.errors(record["id"])) == [
        ("3", "not_a_choice", "Options"),
        ("4", "required", "Options"),
        ("5", "required", ""),
        ("6", "invalid_options", "Options"),
        ("7", "unknown_option", "Options"),
        ("8", "unknown_product", "Product SKU"),
        ("9", "required", ""),
        ("10", "not_a_beginning", "Status"),
        ("11", "duplicate", "Options"),
    ]
    found = {one["sku"]: one for one in (await client.read("product-variants"))["data"]}
    assert found.keys() == {"SHIRT-M-RED", "SHIRT-L-RED"}
    red = found["SHIRT-M-RED"]
    assert (red["product_id"], red["options"]) == (made["id"], {"size": "M", "colour": "red"})
    assert (red["name"], red["list_price"], red["status"]) == ("Shirt, M, red", "19.90", "active")
    assert found["SHIRT-L-RED"]["name"] == "Large red shirt"
    # What is blank says nothing of a variant that is there; it stays one of its product.
    await client.made("products", {"sku": "OTHER", "name": "Other", "type": "good"})
    rows = [["SHIRT", "shirt-m-red", "21"], ["OTHER", "SHIRT-L-RED", "21"]]
    record = await files.imported(
        csv_of(["Product SKU", "Variant SKU", "Price"], *rows), entity="product_variant"
    )
    assert mistakes(await files.errors(record["id"])) == [("2", "other_target", "Product SKU")]
    after = await client.read(f"product-variants/{red['id']}")
    assert (after["list_price"], after["options"]) == ("21.00", red["options"])


async def test_options_stand_in_pairs_of_columns_as_shops_export_them(files, client, csv_of):
    await shirt(client)
    columns = [
        "Parent SKU",
        "SKU",
        "Option1 Name",
        "Option1 Value",
        "Option2 Name",
        "Option2 Value",
    ]
    rows = [
        ["SHIRT", "S-1", "Colour", "red", "Size", "M"],
        # Named in the first row alone: by their places.
        ["SHIRT", "S-2", "", "S", "", "red"],
    ]
    record = await files.imported(csv_of(columns, *rows), entity="product_variant")
    assert record["counts"]["create"] == 2, record
    found = {one["sku"]: one["options"] for one in (await client.read("product-variants"))["data"]}
    assert found == {
        "S-1": {"size": "M", "colour": "red"},
        "S-2": {"size": "S", "colour": "red"},
    }
