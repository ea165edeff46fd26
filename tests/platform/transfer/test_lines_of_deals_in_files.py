"""Lines of deals in files: what they are of, what they come to, and that none is doubled."""

import pytest

pytestmark = pytest.mark.usefixtures("worker")
COLUMNS = ["Deal ID", "Deal Name", "Company", "Currency", "Line", "SKU", "Line Name", "Qty"]
COLUMNS += ["Unit Price"]


async def test_rows_of_a_deal_are_its_lines_and_its_amount(client, files, csv_of):
    company = await client.made("companies", {"name": "Example Industries"})
    body = {"name": "Desk", "type": "good", "sku": "D-1", "list_price": "200.00"}
    product = await client.made("products", {**body, "currency": "EUR", "status": "active"})
    old = {"name": "Old", "amount": "5.00", "currency": "EUR", "external_ids": {"import": "O"}}
    old = await client.made("deals", old)
    head = ["Office", "Example Industries", "EUR"]
    rows = [
        ["A", *head, "1", "D-1", "", "3", ""],
        ["A", *head, "2", "", "Fitting", "1", "50.50"],
        ["O", "Old", "", "EUR", "1", "D-1", "", "1", ""],
        ["B", "Other", "Nobody Ltd", "EUR", "1", "D-1", "", "1", ""],
        ["C", *head, "1", "none", "", "1", ""],
        ["D", *head, "3", "D-1", "", "1", ""],
    ]
    record = await files.imported(csv_of(COLUMNS, *rows), entity="deal")
    assert {e["row"]: (e["code"], e["column"]) for e in await files.errors(record["id"])} == {
        "4": ("unknown_company", "Company"),
        "5": ("unknown_product", "SKU"),
        "6": ("line_missing", "Line"),
    }
    found = {one["name"]: one for one in (await client.read("deals"))["data"]}
    assert found.keys() == {"Office", "Old"}
    lines = [{"product_id": product["id"], "quantity": "3"}]
    lines += [{"name": "Fitting", "unit_price": "50.50"}]
    body = {"name": "Like", "company_id": company["id"], "currency": "EUR", "lines": lines}
    like = await client.made("deals", {**body, "amount_mode": "lines"})
    for name in ("lines", "amount", "base_amount", "expected_amount", "tcv", "company_id"):
        assert found["Office"][name] == like[name], name
    assert (like["amount"], found["Old"]["amount"], found["Old"]["tcv"]) == (
        "650.50",
        "5.00",
        "200.00",
    )
    again = await files.imported(csv_of(COLUMNS, *rows[:3]), entity="deal")
    assert again["counts"]["unchanged"] == 3
    more = ["A", *head, "2", "", "Fitting", "2", "50.50"]
    await files.imported(csv_of(COLUMNS, more), entity="deal")
    after = await client.read(f"deals/{found['Office']['id']}")
    assert (after["amount"], len(after["lines"])) == ("701.00", 2)
    assert (await files.done(record["id"], "revert"))["restored"] == 1
    assert (await client.read(f"deals/{old['id']}"))["lines"] == []
