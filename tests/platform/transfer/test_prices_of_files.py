"""Price sheets in files: what rows refer to, what overlaps, and what a corrected sheet does."""

from uuid import uuid4

import pytest

pytestmark = pytest.mark.usefixtures("worker")
COLUMNS = ["Preisliste", "Artikelnummer", "Ab Menge", "Preis", "Gültig ab", "Gültig bis"]


async def sold(client, **more):
    body = {"sku": f"S-{uuid4().hex[:10]}", "name": "Chair", "type": "good", **more}
    return await client.made("products", body)


async def listed(client, **more):
    return await client.made("price-lists", {"name": "Retail", "currency": "EUR", **more})


async def rules(files):
    found = await files.all("price-rules", sort="created_at")
    return {(rule["min_quantity"], rule["valid_from"]): rule for rule in found}


def told(errors):
    return [(error["row"], error["code"], error["column"]) for error in errors]


async def test_rows_become_rules_for_what_they_name(files, client, csv_of):
    of = await listed(client)
    other = await listed(client, name="Wholesale", external_ids={"import": "W-1"})
    chair = await sold(
        client,
        sku="C 1",
        barcode="4006381333931",
        options=[{"key": "colour", "label": "Colour", "values": ["red"]}],
    )
    red = await client.made(
        "product-variants",
        {"product_id": chair["id"], "sku": "C 1 R", "options": {"colour": "red"}},
    )
    above = await client.made("product-categories", {"name": "Seats"})
    chairs = await client.made("product-categories", {"name": "Chairs", "parent_id": above["id"]})
    columns = [
        *("Price list", "SKU", "EAN", "Category", "Min quantity", "Unit price"),
        *("Percent", "Base", "Floor", "Valid from", "Price ID"),
    ]
    rows = [
        ["retail", "c1", "", "Seats", "", "12,50", "", "", "9", "2026-01-01", "r-1"],
        ["W-1", "C1R", "", "", "10", "11.00", "", "", "", "", "r-2"],
        ["Retail", "", "4006381333931", "", "5", "1.234,5", "", "", "", "", ""],
        ["Retail", "", "", "Seats > Chairs", "", "", "-10", "List price", "", "", ""],
        ["Retail", "", "", "", "", "", "35", "EK", "", "", ""],
    ]
    record = await files.imported(csv_of(columns, *rows), entity="price_rule")
    assert (record["counts"]["create"], record["counts"]["error"]) == (5, 0), await files.errors(
        record["id"]
    )
    first, second, third, fourth, fifth = await files.all("price-rules", sort="created_at")
    assert (first["price_list_id"], first["product_id"]) == (of["id"], chair["id"])
    assert (first["unit_price"], first["floor"], first["min_quantity"]) == ("12.50", "9.00", "0")
    assert (first["valid_from"], first["external_ids"]) == ("2026-01-01", {"import": "r-1"})
    assert (second["price_list_id"], second["variant_id"]) == (other["id"], red["id"])
    assert (second["product_id"], second["min_quantity"]) == (None, "10")
    assert (third["product_id"], third["unit_price"]) == (chair["id"], "1234.50")
    assert (fourth["category_id"], fourth["method"]) == (chairs["id"], "percent")
    assert (fourth["percent"], fourth["base"]) == ("-10", "list")
    assert (fifth["product_id"], fifth["category_id"], fifth["base"]) == (None, None, "cost")
    # The answer of the one who asks for a price is made of them.
    asked = {"lines": [{"product_id": chair["id"], "quantity": "6"}], "currency": "EUR"}
    await client.post(f"/v1/price-lists/{of['id']}/activate", json={})
    answer = await client.post("/v1/pricing/resolve", json=asked)
    assert answer.json()["lines"][0]["unit_price"] == "1234.50"


async def test_mistakes_of_rows_are_theirs_alone(files, client, csv_of):
    await listed(client)
    await listed(client, name="Twice")
    await listed(client, name="twice")
    await sold(client, sku="A")
    columns = ["List", "SKU", "Category", "Min quantity", "Price", "Percent", "Currency", "Until"]
    rows = [
        ["No such", "A", "", "", "1", "", "", ""],
        ["Twice", "A", "", "", "1", "", "", ""],
        ["Retail", "B", "", "", "1", "", "", ""],
        ["Retail", "", "Nowhere", "", "1", "", "", ""],
        ["Retail", "A", "", "-1", "1", "", "", ""],
        ["Retail", "A", "", "", "-1", "", "", ""],
        ["Retail", "A", "", "", "", "", "", ""],
        ["Retail", "A", "", "", "1", "5", "", ""],
        ["Retail", "A", "", "", "1", "", "XXX", ""],
        ["Retail", "A", "", "", "much", "", "", ""],
        ["", "A", "", "", "1", "", "", ""],
        ["Retail", "A", "", "", "1", "", "eur", ""],
    ]
    made = await files.made(csv_of(columns, *rows), entity="price_rule")
    expected = [
        ("1", "unknown_price_list", "List"),
        ("2", "ambiguous_price_list", "List"),
        ("3", "unknown_product", "SKU"),
        ("4", "unknown_category", "Category"),
        ("5", "invalid", "Min quantity"),
        ("6", "invalid", "Price"),
        ("7", "required", ""),
        ("8", "not_allowed", "Percent"),
        ("9", "other_currency", "Currency"),
        ("10", "invalid_number", "Price"),
        ("11", "required", ""),
    ]
    counts = await files.done(made["id"], "validate")
    assert told(await files.errors(made["id"])) == expected
    assert counts == await files.done(made["id"], "start")
    assert told(await files.errors(made["id"])) == expected
    assert (counts["create"], counts["error"]) == (1, 11)


async def test_a_corrected_sheet_changes_the_rules_of_the_first(files, client, csv_of):
    await listed(client)
    await sold(client, sku="A")
    first = csv_of(
        COLUMNS,
        ["Retail", "A", "", "10", "2026-01-01", "2026-06-30"],
        ["Retail", "A", "", "11", "2026-07-01", ""],
        ["Retail", "A", "5", "9", "", ""],
    )
    await files.imported(first, entity="price_rule")
    before = await rules(files)
    again = csv_of(
        COLUMNS,
        ["Retail", "A", "0", "10.50", "2026-01-01", ""],
        ["Retail", "A", "", "11", "2026-07-01", ""],
        ["Retail", "A", "5", "8", "", ""],
        ["Retail", "A", "10", "7", "", ""],
    )
    made = await files.made(again, entity="price_rule")
    rehearsed = await files.done(made["id"], "validate")
    counts = await files.done(made["id"], "start")
    assert counts == rehearsed == {"create": 1, "update": 2, "unchanged": 1, "skip": 0, "error": 0}
    after = await rules(files)
    assert len(after) == 4
    assert {key: after[key]["id"] for key in before} == {k: v["id"] for k, v in before.items()}
    assert after["0", "2026-01-01"]["unit_price"] == "10.50"
    assert after["0", "2026-01-01"]["valid_to"] == "2026-06-30"
    assert after["5", None]["unit_price"] == "8.00"
    undone = await files.done(made["id"], "revert")
    assert (undone["removed"], undone["restored"]) == (1, 2)


async def test_what_overlaps_is_at_fault_alone_and_names_the_other(files, client, csv_of):
    of = await listed(client)
    product = await sold(client, sku="A")
    body = {"price_list_id": of["id"], "product_id": product["id"], "unit_price": "1"}
    stored = await client.made("price-rules", body | {"valid_from": "2026-03-01"})
    content = csv_of(
        [*COLUMNS, "Rule ID"],
        ["Retail", "A", "", "1", "2026-01-01", "2026-03-01", ""],
        ["Retail", "A", "", "2", "2026-01-01", "2026-02-28", ""],
        ["Retail", "A", "", "3", "2026-02-28", "2026-02-28", ""],
        ["Retail", "A", "", "4", "", "2025-12-31", "x"],
        ["Retail", "A", "", "5", "2026-05-01", "2026-04-01", ""],
        ["Retail", "A", "7", "6", "", "", ""],
        ["Retail", "", "", "6", "", "", "x"],
    )
    made = await files.made(content, entity="price_rule")
    for verb in ("validate", "start"):
        counts = await files.done(made["id"], verb)
        errors = await files.errors(made["id"])
        assert told(errors) == [
            ("1", "overlap", "Gültig ab"),
            ("3", "overlap", "Gültig ab"),
            ("5", "ends_before_start", "Gültig bis"),
            ("7", "other_target", ""),
        ], verb
        assert stored["id"] in errors[0]["message"]
        assert "Row 2 " in errors[1]["message"]
        assert (counts["create"], counts["error"]) == (3, 4)
    assert len(await rules(files)) == 4


async def test_rows_far_apart_and_overlapping_are_found_as_well(files, client, csv_of):
    """More rows than a chunk has: what was said before is kept apart, and read again."""
    await listed(client)
    await sold(client, sku="A")
    await sold(client, sku="B")
    between = [["Retail", "B", str(n), "1", "", ""] for n in range(1, 1200)]
    content = csv_of(
        COLUMNS,
        ["Retail", "A", "", "1", "2026-01-01", "2026-06-30"],
        *between,
        ["Retail", "A", "", "2", "2026-06-30", ""],
        ["Retail", "A", "", "3", "2026-01-01", "2026-05-31"],
        ["Retail", "A", "", "4", "2026-06-01", ""],
    )
    made = await files.made(content, entity="price_rule")
    for verb in ("validate", "start"):
        counts = await files.done(made["id"], verb)
        assert told(await files.errors(made["id"])) == [("1201", "overlap", "Gültig ab")], verb
        assert (counts["create"], counts["update"]) == (1201, 1), verb


async def test_two_imports_at_the_same_moment_store_each_price_once(files, client, csv_of):
    await listed(client)
    await sold(client, sku="A")
    rows = [["Retail", "A", str(n), "1", "", ""] for n in range(300)]
    first = await files.made(csv_of(COLUMNS, *rows), entity="price_rule")
    second = await files.made(csv_of(COLUMNS, *reversed(rows)), entity="price_rule")
    jobs = [await files.begin(made["id"], "start") for made in (first, second)]
    counts = [(await files.wait(job))["result"]["counts"] for job in jobs]
    assert sum(found["create"] for found in counts) == 300
    assert sum(found["error"] for found in counts) == 0
    assert len(await rules(files)) == 300


async def test_rows_become_contract_prices(files, client, csv_of):
    acme = await client.made("companies", {"name": "Acme", "domains": ["acme.example"]})
    await client.made("companies", {"name": "Twin"})
    await client.made("companies", {"name": "Twin"})
    await client.made("companies", {"name": "Other", "external_ids": {"import": "K-7"}})
    product = await sold(client, sku="A")
    columns = ["Company", "Domain", "Customer number", "SKU", "Price", "Currency", "Valid from"]
    rows = [
        ["acme", "", "", "A", "9.50", "eur", "2026-01-01"],
        ["", "acme.example", "", "A", "9.00", "EUR", "2026-01-01"],
        ["", "", "K-7", "A", "9", "EUR", ""],
        ["Twin", "", "", "A", "9", "EUR", ""],
        ["Nobody", "", "", "A", "9", "EUR", ""],
        ["", "", "", "A", "9", "EUR", ""],
        ["Acme", "", "", "", "9", "EUR", ""],
        ["Acme", "", "", "A", "9", "EUX", ""],
        ["Acme", "", "", "A", "9", "EUR", "2026-02-01"],
    ]
    made = await files.made(csv_of(columns, *rows), entity="contract_price")
    for verb in ("validate", "start"):
        counts = await files.done(made["id"], verb)
        assert told(await files.errors(made["id"])) == [
            ("4", "ambiguous_company", "Company"),
            ("5", "unknown_company", "Company"),
            ("6", "required", ""),
            ("7", "required", ""),
            ("8", "invalid_currency", "Currency"),
            ("9", "overlap", "Valid from"),
        ], verb
        assert (counts["create"], counts["update"], counts["error"]) == (2, 1, 6), verb
    found = await files.all("contract-prices", sort="created_at")
    own = next(one for one in found if one["company_id"] == acme["id"])
    assert (own["unit_price"], own["product_id"], own["currency"]) == ("9.00", product["id"], "EUR")
