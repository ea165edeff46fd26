"""Rules of prices in files: each method, tiers, and that an exported file is what it was made of."""

import pytest

from support.exports import exported

pytestmark = pytest.mark.usefixtures("worker")
OWN = ["min_quantity", "method", "unit_price", "percent", "base", "formula", "surcharge"]
OWN += ["round_to", "direction", "ending", "floor", "ceiling", "min_margin", "max_margin"]
OWN += ["tier_mode", "tiers", "valid_from", "valid_to"]
BY_ID = ["price_list_id", "variant_id", "product_id", "category_id", *OWN]
BY_NAME = ["list.name", "product.sku", "variant.sku", "category.name", *OWN]


async def stocked(client):
    """A list and what it prices: a product, one of its variants and a category."""
    of = await client.made("price-lists", {"name": "Retail", "currency": "EUR"})
    options = [{"key": "colour", "label": "Colour", "values": ["red"]}]
    body = {"sku": "C-1", "name": "Chair", "type": "good", "options": options}
    chair = await client.made("products", body)
    red = {"product_id": chair["id"], "sku": "C-1-R", "options": {"colour": "red"}}
    red = await client.made("product-variants", red)
    seats = await client.made("product-categories", {"name": "Seats"})
    return of, chair, red, seats


async def rules(files):
    found = await files.all("price-rules", sort="created_at")
    return sorted([{name: rule[name] for name in BY_ID} for rule in found], key=str)


async def test_an_exported_file_comes_back_as_what_it_was_made_of(client, files):
    of, chair, red, seats = await stocked(client)
    up_to = [{"unit_price": "9.50", "up_to": "10", "flat_fee": "2"}, {"unit_price": "8"}]
    product = {"product_id": chair["id"]}
    for rule in (
        {**product, "unit_price": "12.50", "floor": "9", "valid_from": "2026-01-01"},
        {**product, "min_quantity": "10", "tier_mode": "volume", "tiers": up_to},
        {**product, "min_quantity": "20", "tier_mode": "graduated", "tiers": up_to, "floor": "1"},
        {**product, "min_quantity": "30", "tier_mode": "package", "tiers": [
            {"unit_price": "50", "package": "12"}]},
        {"variant_id": red["id"], "method": "formula", "formula": "max(cost * 1.3, 5)",
         "surcharge": "-1", "round_to": "0.50", "direction": "up", "ending": "-0.01"},
        {"category_id": seats["id"], "method": "cost_plus", "percent": "35", "min_margin": "20",
         "max_margin": "60", "ceiling": "99"},
        {"method": "percent", "percent": "-10", "base": "parent", "valid_to": "2031-12-31"},
    ):  # fmt: skip
        await client.made("price-rules", {"price_list_id": of["id"], **rule})
    before = await rules(files)
    contents = {}
    for fields in (BY_ID, BY_NAME):
        for format in ("csv", "xlsx"):
            answer = await exported(client, "price-rules", fields=fields, format=format)
            contents[format, fields[0]] = answer.content
            made = await files.made(answer.content, entity="price_rule", name=f"rules.{format}")
            assert (await files.done(made["id"], "validate"))["unchanged"] == 7
            assert (await files.done(made["id"], "start"))["unchanged"] == 7
    for rule in await files.all("price-rules"):
        await client.delete(f"/v1/price-rules/{rule['id']}")
    for name in (BY_ID[0], BY_NAME[0]):
        record = await files.imported(contents["csv", name], entity="price_rule")
        assert record["counts"]["error"] == 0, await files.errors(record["id"])
        assert record["counts"]["create"] == 7
        assert await rules(files) == before
        await files.done(record["id"], "revert")
        assert await rules(files) == []


async def test_a_file_with_all_columns_comes_back_as_itself(client, files):
    of, chair, *_ = await stocked(client)
    for quantity in ("1", "10"):
        rule = {"product_id": chair["id"], "min_quantity": quantity, "unit_price": "9"}
        await client.made("price-rules", {"price_list_id": of["id"], **rule})
    before = await files.all("price-rules")
    content = (await exported(client, "price-rules", format="csv")).content
    made = await files.made(content, entity="price_rule", name="rules.csv")
    assert (await files.done(made["id"], "validate"))["unchanged"] == 2
    assert (await files.done(made["id"], "start"))["unchanged"] == 2
    assert await files.all("price-rules") == before
    # What has changed in the file is a change of the rule that the row has come from.
    other = content.replace(b"10,fixed,9.00", b"12,fixed,8.50")
    assert other != content
    record = await files.imported(other, entity="price_rule")
    assert record["counts"]["update"] == 1, await files.errors(record["id"])
    after = await files.all("price-rules")
    assert {rule["id"] for rule in after} == {rule["id"] for rule in before}
    assert {rule["unit_price"] for rule in after} == {"9.00", "8.50"}
    assert all(rule["external_ids"] == {} for rule in after)


async def test_tiers_formulas_and_margins_are_written_in_cells(client, files, csv_of):
    _, chair, *_ = await stocked(client)
    columns = ["Price list", "SKU", "Min quantity", "Price", "Tier mode", "Tiers", "Formula"]
    columns += ["Margin %", "Markup %", "Method"]
    rows = [
        ["Retail", "C-1", "", "", "Graduated", "10: 9,50; 50: 9; 8", "", "", "", ""],
        ["Retail", "C-1", "5", "", "", "", "cost * 2", "20", "", ""],
        ["Retail", "C-1", "6", "", "", "", "", "", "35", "Cost-plus"],
        ["Retail", "C-1", "7", "", "volume", "9; 10: 8", "", "", "", ""],
        ["Retail", "C-1", "8", "", "volume", "ten: 8", "", "", "", ""],
        ["Retail", "C-1", "9", "", "", "", "cost +", "", "", ""],
        ["Retail", "C-1", "11", "1", "", "", "cost * 2", "", "", ""],
        ["Retail", "C-1", "12", "", "", "8", "", "", "", ""],
        ["Retail", "C-1", "13", "", "", "", "", "", "", "guess"],
    ]
    _, told = await files.tried(csv_of(columns, *rows), "price_rule")
    for errors, counts in told:
        assert errors == {
            "4": ("invalid", "Tiers"),
            "5": ("invalid_tiers", "Tiers"),
            "6": ("invalid", "Formula"),
            "7": ("not_allowed", "Formula"),
            "8": ("required", ""),
            "9": ("not_a_choice", "Method"),
        }
        assert counts["create"] == 3
    first, second, third = await files.all("price-rules", sort="created_at")
    ends = [(tier["up_to"], tier["unit_price"]) for tier in first["tiers"]]
    assert ends == [("10", "9.50"), ("50", "9.00"), (None, "8.00")]
    assert (first["tier_mode"], first["product_id"]) == ("graduated", chair["id"])
    assert (second["method"], second["min_margin"]) == ("formula", "20")
    assert (third["method"], third["percent"]) == ("cost_plus", "35")
    # What says all of a price takes the place of what was said before.
    rows = [
        ["Retail", "C-1", "", "7", "", "", "", "", "", ""],
        ["Retail", "C-1", "5", "", "volume", "10: 9; 8", "", "", "", ""],
    ]
    _, ((errors, dry), (_, counts)) = await files.tried(csv_of(columns, *rows), "price_rule")
    assert (errors, dry["update"], counts["update"]) == ({}, 2, 2)
    first, second, _ = await files.all("price-rules", sort="created_at")
    assert (first["unit_price"], first["tiers"], first["tier_mode"]) == ("7.00", [], None)
    assert (second["method"], second["formula"], second["min_margin"]) == ("fixed", None, None)
    assert [tier["unit_price"] for tier in second["tiers"]] == ["9.00", "8.00"]


async def test_ids_of_others_are_not_found(client, files, csv_of):
    of, chair, *_ = await stocked(client)
    await client.delete(f"/v1/products/{chair['id']}")
    columns = ["price_list_id", "product_id", "unit_price"]
    gone = "01990000-0000-7000-8000-00000000dead"
    rows = [[of["id"], chair["id"], "1"], [gone, "", "1"], [of["id"], "no id", "1"]]
    _, told = await files.tried(csv_of(columns, *rows), "price_rule")
    for errors, _ in told:
        assert errors == {
            "1": ("unknown_product", "product_id"),
            "2": ("unknown_price_list", "price_list_id"),
            "3": ("unknown_product", "product_id"),
        }
