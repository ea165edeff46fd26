"""Price lists, promotions and discount policies in files."""

import pytest

pytestmark = pytest.mark.usefixtures("worker")


def told(errors):
    return [(error["row"], error["code"], error["column"]) for error in errors]


async def test_rows_become_price_lists(files, client, csv_of):
    base = await client.made("price-lists", {"name": "Base", "currency": "EUR"})
    company = await client.made("companies", {"name": "Example Industries"})
    columns = [
        "Price List",
        "Currency",
        "Company",
        "Parent",
        "Factor",
        "Gross",
        "Audience",
        "Region",
    ]
    rows = [
        ["Retail", "eur", "", "Base", "1.1", "yes", "", ""],
        ["Special", "EUR", "Example Industries", "", "", "", "", ""],
        ["North", "EUR", "", "", "", "", "region", "NO"],
        ["Bad", "EUR", "Nobody", "", "", "", "", ""],
        ["Worse", "EUR", "", "No such", "", "", "", ""],
        ["Keyless", "EUR", "", "", "", "", "region", ""],
        ["", "EUR", "", "", "", "", "", ""],
    ]
    made = await files.imported(csv_of(columns, *rows), entity="price_list")
    assert told(await files.errors(made["id"])) == [
        ("4", "unknown_company", "Company"),
        ("5", "unknown_parent", "Parent"),
        ("6", "required", ""),
        ("7", "required", ""),
    ]
    found = {one["name"]: one for one in (await client.read("price-lists"))["data"]}
    assert found.keys() == {"Base", "Retail", "Special", "North"}
    retail, special, north = (found[name] for name in ("Retail", "Special", "North"))
    assert (retail["parent_id"], retail["factor"], retail["tax_included"]) == (
        base["id"], "1.1", True
    )  # fmt: skip
    assert (special["audience"], special["company_id"]) == ("account", company["id"])
    assert (north["audience"], north["audience_key"], north["status"]) == ("region", "NO", "draft")
    again = csv_of(["Price List", "Currency", "Priority"], ["retail", "EUR", "5"])
    made = await files.imported(again, entity="price_list")
    assert made["counts"]["update"] == 1, made["counts"]
    assert (await client.read(f"price-lists/{retail['id']}"))["priority"] == 5


async def test_lists_in_files_stand_above_one_another_so_far(files, client, csv_of):
    parent = None
    for number in range(10):
        body = {"name": f"L{number}", "currency": "EUR", "parent_id": parent}
        parent = (await client.made("price-lists", body))["id"]
    columns = ["Price List", "Currency", "Parent"]
    content = csv_of(columns, ["M", "EUR", "L9"], ["N", "EUR", "L8"])
    made = await files.imported(content, entity="price_list")
    assert told(await files.errors(made["id"])) == [("1", "too_deep", "Parent")]
    assert made["counts"]["create"] == 1


async def test_rows_become_promotions_and_policies(files, client, csv_of):
    product = await client.made("products", {"sku": "C-1", "name": "Chair", "type": "good"})
    columns = ["Promotion", "Percent", "Amount", "Currency", "SKU", "Category", "Coupon Required"]
    rows = [
        ["Sale", "10", "", "", "C-1", "", "no"],
        ["Off", "", "5", "EUR", "", "", "yes"],
        ["Both", "1", "", "", "C-1", "Devices", ""],
        ["None", "", "", "", "", "", ""],
        ["Gone", "1", "", "", "C-2", "", ""],
    ]
    made = await files.imported(csv_of(columns, *rows), entity="promotion")
    assert told(await files.errors(made["id"])) == [
        ("3", "not_allowed", "Category"),
        ("4", "required", ""),
        ("5", "unknown_product", "SKU"),
    ]
    found = {one["name"]: one for one in (await client.read("promotions"))["data"]}
    assert (found["Sale"]["product_id"], found["Off"]["needs_coupon"]) == (product["id"], True)
    role = await client.made("roles", {"name": "Sellers"})
    rows = [["Own", "sellers", "12.5"], ["Everybody", "", "5"], ["Bad", "No such", "5"]]
    content = csv_of(["Policy", "Role", "Max Percent"], *rows)
    made = await files.imported(content, entity="discount_policy")
    assert told(await files.errors(made["id"])) == [("3", "unknown_role", "Role")]
    policies = {p["name"]: p for p in (await client.read("discount-policies"))["data"]}
    assert (policies["Own"]["role_id"], policies["Own"]["max_percent"]) == (role["id"], "12.5")
