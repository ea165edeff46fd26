"""Quotes and clauses in files: a line each row, what they come to, and what was sent."""

import pytest

from support.quoting import act, approval_policy, approved, product, sellers, told

pytestmark = pytest.mark.usefixtures("worker")
COLUMNS = ["Quote ID", "Quote Name", "Company", "Currency", "Line", "SKU", "Line Name"]
COLUMNS += ["Qty", "Unit Price", "Discount %", "Section", "Optional"]
HEAD = ["Office", "Example Industries", "EUR"]


async def ran(files, csv_of, columns, *rows, entity="quote"):
    made, found = await files.tried(csv_of(columns, *rows), entity)
    return made["id"], *found


async def test_rows_of_a_quote_are_its_lines_and_come_to_what_the_api_says(client, files, csv_of):
    company = await client.made("companies", {"name": "Example Industries"})
    deal = {"name": "New office", "company_id": company["id"]}
    deal = await client.made("deals", deal)
    chair = await product(client, sku="C-1")
    columns = [*COLUMNS, "Deal", "Expiration Date"]
    more = ["New office", "2031-01-31"]
    rows = [
        ["A", *HEAD, "1", "c-1", "", "3", "", "10", "base", "", *more],
        ["A", *HEAD, "2", "", "Assembly", "1", "90", "", "base", "", *more],
        ["A", *HEAD, "3", "", "Cushion", "3", "10.01", "", "more", "yes", *more],
        ["B", *HEAD, "1", "none", "", "1", "1", "", "", "", *more],
        ["C", "Other", "Nobody Ltd", "EUR", "1", "C-1", "", "1", "", "", "", "", "", ""],
        ["D", *HEAD, "2", "C-1", "", "1", "", "", "", "", *more],
        ["E", *HEAD, "1", "", "Assembly", "1", "9", "101", "", "", *more],
        ["F", *HEAD, "1", "C-1", "", "1", "", "", "two words", "", *more],
        ["G", *HEAD, "1", "C-1", "", "1", "", "", "", "", "No such", ""],
        ["H", "Office", "", "XXQ", "1", "C-1", "", "1", "", "", "", "", "", ""],
    ]
    id, (_, dry), (errors, counts) = await ran(files, csv_of, columns, *rows)
    assert errors == {
        "4": ("unknown_product", "SKU"),
        "5": ("unknown_company", "Company"),
        "6": ("line_missing", "Line"),
        "7": ("invalid", "Discount %"),
        "8": ("invalid", "Section"),
        "9": ("unknown_deal", "Deal"),
        "10": ("invalid_currency", "Currency"),
    }
    assert (counts["create"], counts["update"], counts["error"]) == (1, 2, 7)
    # That a place is not the next one only storing shows.
    assert dry["error"] == 5
    (quote,) = (await client.read("quotes"))["data"]
    discounts = [{"percent": "10"}]
    lines = [
        {"product_id": chair["id"], "quantity": "3", "section": "base", "discounts": discounts},
        {"name": "Assembly", "unit_price": "90", "section": "base"},
        {"name": "Cushion", "quantity": "3", "unit_price": "10.01", "section": "more",
         "is_optional": True},
    ]  # fmt: skip
    body = {"currency": "EUR", "company_id": company["id"], "lines": lines}
    body["sections"] = [{"key": "base"}, {"key": "more"}]
    like = await client.made("quotes", body)
    for name in ("net", "tax", "gross", "discount_percent", "manual_percent", "margin", "totals"):
        assert quote[name] == like[name], name
    # 3 * 100 - 10 % + 90; what is optional does not count.
    assert (quote["net"], quote["deal_id"]) == ("360.00", deal["id"])
    assert (quote["number"], quote["status"], quote["valid_until"]) == (None, "draft", more[1])
    assert [section["key"] for section in quote["sections"]] == ["base", "more"]
    assert told(quote) == told(like)
    _, (_, dry), (_, counts) = await ran(files, csv_of, columns, *rows[:3])
    assert dry["unchanged"] == counts["unchanged"] == 3
    assert (await files.done(id, "revert"))["removed"] == 1


async def test_what_was_sent_stays_and_is_found_by_its_number(client, files, csv_of):
    await client.made("companies", {"name": "Example Industries"})
    rows = [["A", *HEAD, "1", "", "Assembly", "1", "90", "", "", ""]]
    await ran(files, csv_of, COLUMNS, *rows)
    (quote,) = (await client.read("quotes"))["data"]
    sent = await act(client, quote["id"], "send")
    other = await client.made("quotes", {"currency": "EUR", "lines": sent["lines"][:0]})
    columns = ["Quote Number", "Currency", "Line", "Unit Price", "Tags"]
    dearer = [sent["number"], "EUR", "1", "95", ""]
    strange = ["NO-1", "EUR", "1", "95", ""]
    _, _, (errors, _) = await ran(files, csv_of, columns, dearer, strange)
    assert errors["1"][0] == "quote_sent"
    assert errors["2"] == ("unknown_number", "Quote Number")
    # What is told beside is none of what was offered.
    tagged = [sent["number"], "EUR", "", "", "key"]
    _, _, (errors, counts) = await ran(files, csv_of, columns, tagged)
    assert (errors, counts["update"]) == ({}, 1)
    shown = await client.read(f"quotes/{quote['id']}")
    assert (shown["net"], shown["tags"], shown["status"]) == ("90.00", ["key"], "sent")
    await act(client, quote["id"], "revise")
    id, _, (errors, counts) = await ran(files, csv_of, columns, dearer)
    assert (errors, counts["update"]) == ({}, 1)
    shown = await client.read(f"quotes/{quote['id']}")
    assert (shown["net"], shown["lines"][0]["name"]) == ("95.00", "Assembly")
    assert (await files.done(id, "revert"))["restored"] == 1
    shown = await client.read(f"quotes/{quote['id']}")
    assert (shown["net"], shown["number"], shown["revision"]) == ("90.00", sent["number"], 2)
    # Files give no numbers, so the series goes on without a gap.
    line = [{"name": "Assembly", "unit_price": "9"}]
    assert (await client.patch(f"/v1/quotes/{other['id']}", json={"lines": line})).is_success
    await client.patch(f"/v1/quotes/{other['id']}", json={"company_id": sent["company_id"]})
    after = (await act(client, other["id"], "send"))["number"]
    assert int(after[-4:]) == int(sent["number"][-4:]) + 1


async def test_an_undo_brings_no_approval_back(client, files, csv_of):
    _, approver = await sellers(client, "5")
    await approval_policy(client, approver)
    await client.made("companies", {"name": "Example Industries"})
    rows = [["A", *HEAD, "1", "", "Assembly", "1", "90", "20", "", ""]]
    await ran(files, csv_of, COLUMNS, *rows)
    (quote,) = (await client.read("quotes"))["data"]
    await approved(client, approver, quote["id"])
    assert (await client.read(f"quotes/{quote['id']}"))["status"] == "approved"
    rows[0][9] = "30"
    id, _, (errors, _) = await ran(files, csv_of, COLUMNS, *rows)
    shown = await client.read(f"quotes/{quote['id']}")
    assert (errors, shown["status"], shown["net"]) == ({}, "draft", "63.00")
    assert (await files.done(id, "revert"))["restored"] == 1
    shown = await client.read(f"quotes/{quote['id']}")
    assert (shown["status"], shown["net"]) == ("draft", "72.00")


async def test_rows_become_clauses(client, files, csv_of):
    columns = ["Clause", "Name (German)", "Text", "Text (de)", "Key", "Position", "Default"]
    columns += ["Active"]
    rows = [
        ["Delivery", "Lieferung", "Within 4 weeks.", "In 4 Wochen.", "delivery", "1", "yes", ""],
        ["Payment", "", "Within 30 days.", "", "", "2", "", "no"],
        ["Empty", "", "", "", "", "", "", ""],
        ["Broken", "", "Text.", "", "two words", "", "", ""],
    ]
    id, (errors, dry), (again, counts) = await ran(files, csv_of, columns, *rows, entity="clause")
    assert errors == again == {"3": ("required", ""), "4": ("invalid", "Key")}
    assert counts == dry
    delivery, payment = (await client.read("clauses", sort="position"))["data"]
    assert (delivery["names"], delivery["texts"]) == ({"de": "Lieferung"}, {"de": "In 4 Wochen."})
    assert (delivery["is_default"], payment["is_active"]) == (True, False)
    rows[0][:3] = ["Shipping", "", "Within 3 weeks."]
    rows[1][5] = "3"
    _, (_, dry), (_, counts) = await ran(files, csv_of, columns, *rows[:2], entity="clause")
    assert counts["update"] == dry["update"] == 2
    shown = await client.read(f"clauses/{delivery['id']}")
    assert (shown["name"], shown["text"]) == ("Shipping", "Within 3 weeks.")
    assert shown["names"] == {"de": "Lieferung"}
    _, _, (_, counts) = await ran(files, csv_of, columns, *rows[:2], entity="clause")
    assert counts["unchanged"] == 2
    # Somebody has changed them since.
    assert (await files.done(id, "revert"))["kept"] == 2
