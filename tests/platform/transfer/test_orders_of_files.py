"""Orders and contracts in files: a line each row, what they come to, and what was agreed."""

import pytest

from support.clients import problem
from support.members import custom_role, member

pytestmark = pytest.mark.usefixtures("worker")
ORDER = ["Order Number", "Order Name", "Company", "Currency", "Line", "SKU", "Line Name"]
ORDER += ["Qty", "Unit Price", "Interval"]
CONTRACT = ["Contract ID", "Contract Name", "Company", "Currency", "Start Date", "Months"]
CONTRACT += ["Auto Renew", "Line", "Line Name", "Qty", "Unit Price", "Interval"]


async def ran(files, csv_of, entity, columns, *rows):
    made = await files.made(csv_of(columns, *rows), entity=entity)
    dry = await files.done(made["id"], "validate")
    counts = await files.done(made["id"], "start")
    return made["id"], dry, counts, await files.errors(made["id"])


def codes(errors):
    return {error["row"]: (error["code"], error["column"]) for error in errors}


async def test_rows_of_an_order_are_its_lines_and_come_to_what_the_api_says(client, files, csv_of):
    company = await client.made("companies", {"name": "Example Industries"})
    product = {
        "name": "Desk",
        "type": "good",
        "sku": "D-1",
        "list_price": "200.00",
        "currency": "EUR",
    }
    product = await client.made("products", {**product, "status": "active"})
    head = ["Office", "Example Industries", "EUR"]
    rows = [
        ["A", *head, "1", "d-1", "", "3", "150", ""],
        ["A", *head, "2", "", "Support", "2", "10.50", "monthly"],
        ["B", *head, "1", "none", "", "1", "1", ""],
        ["C", "Other", "Nobody Ltd", "EUR", "1", "D-1", "", "1", "1", ""],
        ["D", *head, "2", "D-1", "", "1", "1", ""],
        ["E", *head, "", "D-1", "", "1", "1", ""],
        ["F", *head, "1", "", "No price", "1", "", ""],
    ]
    id, _, counts, errors = await ran(files, csv_of, "order", ORDER, *rows)
    found = codes(errors)
    assert found.pop("7")[0] == "invalid", errors
    assert found == {
        "3": ("unknown_product", "SKU"),
        "4": ("unknown_company", "Company"),
        "5": ("line_missing", "Line"),
        "6": ("required", ""),
    }
    assert (counts["create"], counts["update"]) == (1, 1)
    (order,) = (await client.read("orders"))["data"]
    lines = [{"product_id": product["id"], "quantity": "3", "unit_price": "150"}]
    lines += [{"name": "Support", "quantity": "2", "unit_price": "10.50", "interval": "month"}]
    body = {"currency": "EUR", "company_id": company["id"], "lines": lines}
    like = await client.made("orders", body)
    for name in ("net", "tax", "gross", "one_time", "mrr", "arr", "tcv", "totals", "company_id"):
        assert order[name] == like[name], name
    assert [one["net"] for one in order["lines"]] == ["450.00", "21.00"]
    assert (await files.done(id, "revert"))["removed"] == 1


async def test_what_is_agreed_stays_and_the_same_says_nothing_new(client, files, csv_of):
    await client.made("companies", {"name": "Example Industries"})
    rows = [["A", "Office", "Example Industries", "EUR", "1", "", "Desk", "3", "150", ""]]
    await ran(files, csv_of, "order", ORDER, *rows)
    _, dry, counts, _ = await ran(files, csv_of, "order", ORDER, *rows)
    assert dry["unchanged"] == counts["unchanged"] == 1
    more = [["A", "Office", "Example Industries", "EUR", "1", "", "", "4", "", ""]]
    _, _, counts, errors = await ran(files, csv_of, "order", ORDER, *more)
    assert (counts["update"], errors) == (1, [])
    (order,) = (await client.read("orders"))["data"]
    assert (order["net"], order["lines"][0]["name"]) == ("600.00", "Desk")
    answer = await client.post(f"/v1/orders/{order['id']}/confirm")
    assert answer.status_code == 200, answer.text
    _, _, counts, errors = await ran(files, csv_of, "order", ORDER, *rows, more[0])
    assert {code for code, _ in codes(errors).values()} == {"order_confirmed"}
    assert (await client.read(f"orders/{order['id']}"))["net"] == "600.00"


async def test_rows_of_a_contract_are_its_lines(client, files, csv_of):
    head = ["Support", "Example Industries", "EUR", "2031-01-01", "12", "yes"]
    rows = [
        ["1", *head, "1", "Hotline", "2", "50", "monthly"],
        ["1", *head, "2", "Audit", "1", "1200", "yearly"],
        ["2", *head[:4], "", "yes", "1", "Hotline", "1", "50", "monthly"],
        ["3", *head, "1", "Hotline", "1", "50", "weekly"],
    ]
    id, _, counts, errors = await ran(files, csv_of, "contract", CONTRACT, *rows)
    assert codes(errors)["3"] == ("no_term", "Auto Renew")
    assert codes(errors)["4"][1] == "Interval"
    assert (counts["create"], counts["update"], counts["error"]) == (1, 1, 2)
    (one,) = (await client.read("contracts"))["data"]
    assert (one["mrr"], one["arr"], one["ends_on"]) == ("200.00", "2400.00", "2031-12-31")
    assert (one["status"], one["auto_renew"]) == ("draft", True)
    _, dry, counts, _ = await ran(files, csv_of, "contract", CONTRACT, *rows[:2])
    assert (counts["unchanged"], dry["error"]) == (2, 0)
    answer = await client.post(f"/v1/contracts/{one['id']}/activate")
    assert answer.status_code == 200, answer.text
    dearer = ["1", *head, "1", "Hotline", "2", "60", "monthly"]
    _, _, _, errors = await ran(files, csv_of, "contract", CONTRACT, dearer)
    assert codes(errors)["1"][0] == "contract_active"
    # What was agreed stays, with the company that it was agreed with.
    assert (await files.done(id, "revert"))["kept"] == 2
    assert (await client.read(f"contracts/{one['id']}"))["mrr"] == "200.00"


async def test_lines_that_a_role_keeps_closed_are_not_filled(client, files, csv_of):
    all_ = dict.fromkeys(("read", "create", "update", "delete"), "all")
    masks = {"order": {"hidden": [], "read_only": ["lines"]}}
    role = await custom_role(client, levels={"*": all_}, permissions=["import"], masks=masks)
    files.client = (await member(client, role)).api
    rows = [
        ["A", "Office", "", "EUR", "1", "", "Desk", "3", "150", ""],
        ["B", "Annex", "", "EUR", "", "", "", "", "", ""],
    ]
    _, _, counts, errors = await ran(files, csv_of, "order", ORDER, *rows)
    assert {code for code, _ in codes(errors).values()} == {"read_only_field"}
    assert counts["create"] == 1
    role = await custom_role(client, levels={"*": all_, "orders": {**all_, "create": "none"}})
    files.client = (await member(client, role)).api
    problem(await files.upload(csv_of(ORDER, *rows), entity="order"), 403, "missing_right")
