"""Recipes of proposals in files: an item each row, and that every part of an offer is exported."""

import json

import pytest

from crm_api.platform.transfer.service import ImportService
from support.exports import begun, exported
from support.quoting import product, quote

pytestmark = pytest.mark.usefixtures("worker")
COLUMNS = ["Recipe", "Status", "Needs", "Condition", "Clauses", "Tier", "Item", "SKU", "Category"]
COLUMNS += ["Need", "Qty", "Per", "Section", "Interval", "Optional"]
HEAD = ["Office", "active", "light", '{"industry": "bank"}', "terms; Payment"]
OFFERED = {
    "product": "products",
    "product_variant": "product-variants",
    "product_category": "product-categories",
    "unit": "units",
    "bundle_component": "bundle-components",
    "product_relation": "product-relations",
    "service_specification": "service-specifications",
    "price_list": "price-lists",
    "price_rule": "price-rules",
    "contract_price": "contract-prices",
    "promotion": "promotions",
    "coupon": "coupons",
    "discount_policy": "discount-policies",
    "tax_rate": "tax-rates",
    "quote": "quotes",
    "clause": "clauses",
    "proposal_recipe": "proposal-recipes",
}


async def test_rows_of_a_recipe_are_its_items(client, files, csv_of):
    chair = await product(client, sku="C-1")
    seats = await client.made("product-categories", {"name": "Seats"})
    terms = await client.made("clauses", {"name": "Terms", "text": "Text.", "key": "terms"})
    payment = await client.made("clauses", {"name": "Payment", "text": "Text."})
    rows = [
        [*HEAD, "good", "1", "c-1", "", "", "2", "seats", "base", "", ""],
        [*HEAD, "good", "2", "", "Seats", "", "", "", "", "monthly", "yes"],
        [*HEAD, "Best", "1", "", "", "light", "", "", "more", "", ""],
        ["A", *HEAD[1:], "good", "1", "none", "", "", "", "", "", "", ""],
        ["B", *HEAD[1:], "good", "1", "", "None", "", "", "", "", "", ""],
        ["C", *HEAD[1:4], "No such", "good", "1", "C-1", "", "", "", "", "", "", ""],
        ["D", *HEAD[1:3], '{"nonsense": 1}', "", "good", "1", "C-1", *[""] * 7],
        ["E", *HEAD[1:3], "{", "", "good", "1", "C-1", *[""] * 7],
        ["F", *HEAD[1:], "dear", "1", "C-1", "", "", "", "", "", "", ""],
        ["G", *HEAD[1:], "good", "1", "C-1", "Seats", "", "", "", "", "", ""],
        ["H", *HEAD[1:], "good", "", "C-1", "", "", "", "", "", "", ""],
        ["I", *HEAD[1:], "good", "2", "C-1", "", "", "", "", "", "", ""],
    ]
    _, ((errors, _), (again, counts)) = await files.tried(csv_of(COLUMNS, *rows), "proposal_recipe")
    expected = {
        "4": ("unknown_product", "SKU"),
        "5": ("unknown_category", "Category"),
        "6": ("unknown_clause", "Clauses"),
        "7": ("unknown_field", "Condition"),
        "8": ("invalid_json", "Condition"),
        "9": ("not_a_choice", "Tier"),
        "10": ("invalid", "SKU"),
        "11": ("required", "Tier"),
    }
    assert errors == expected
    assert again == {**expected, "12": ("item_missing", "Item")}
    assert (counts["create"], counts["update"]) == (1, 2)
    (recipe,) = (await client.read("proposal-recipes"))["data"]
    good, best = recipe["tiers"]
    assert [item["product_id"] for item in good["items"]] == [chair["id"], None]
    assert (good["items"][0]["quantity"], good["items"][0]["per"]) == ("2", "seats")
    second = good["items"][1]
    assert (second["category_id"], second["interval"]) == (seats["id"], "month")
    assert (second["is_optional"], best["items"][0]["need"]) == (True, "light")
    assert [section["key"] for section in recipe["sections"]] == ["base", "more"]
    assert [one["clause_id"] for one in recipe["clauses"]] == [terms["id"], payment["id"]]
    assert (recipe["condition"], recipe["needs"]) == ({"industry": "bank"}, ["light"])
    _, ((_, dry), (_, counts)) = await files.tried(csv_of(COLUMNS, *rows[:3]), "proposal_recipe")
    assert dry["unchanged"] == counts["unchanged"] == 3
    # What is not said of the same item stays.
    changed = [[*HEAD, "good", "1", "C-1", "", "", "3", "", "", "", ""]]
    again, ((_, dry), (_, counts)) = await files.tried(csv_of(COLUMNS, *changed), "proposal_recipe")
    assert dry["update"] == counts["update"] == 1
    (recipe,) = (await client.read("proposal-recipes"))["data"]
    item = recipe["tiers"][0]["items"][0]
    assert (item["quantity"], item["per"], item["section"]) == ("3", "seats", "base")
    assert (await files.done(again["id"], "revert"))["restored"] == 1
    assert (await client.read("proposal-recipes"))["data"][0]["tiers"] == [good, best]


async def test_all_that_offers_are_made_of_comes_from_files_and_goes_into_them(client, files):
    assert OFFERED.keys() <= ImportService.importers.keys()
    for path in OFFERED.values():
        await begun(client, path, format="csv")
    await client.idle()
    done = (await client.read("exports", limit=200))["data"]
    assert {one["target"] for one in done} == OFFERED.keys()
    assert {one["status"] for one in done} == {"succeeded"}
    made = await quote(client)
    answer = await exported(client, "quotes", format="ndjson", fields=["id", "lines"])
    assert json.loads(answer.text) == {"id": made["id"], "lines": made["lines"]}
