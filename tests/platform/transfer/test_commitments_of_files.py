"""Promises in files."""

import pytest

pytestmark = pytest.mark.usefixtures("worker")
COLUMNS = ["ID", "Promise", "Promised by", "Firma", "Contact Email", "Fällig am"]


async def test_rows_become_commitments(files, client, csv_of):
    email = {"value": "person@example.com"}
    contact = await client.made("contacts", {"last_name": "Person", "emails": [email]})
    rows = [
        ["P-1", "Send the plan", "wir", "Example Industries", "person@example.com", "2031-03-31"],
        ["P-2", "Pay the rest", "Kunde", "Example Industries", "", "2031-04-30"],
        ["P-3", "Nobody", "us", "", "nobody@example.com", ""],
    ]
    content = csv_of(COLUMNS, *rows)
    record = await files.made(content, entity="commitment")
    assert await files.done(record["id"], "validate") == await files.done(record["id"], "start")
    assert [(e["row"], e["code"]) for e in await files.errors(record["id"])] == [
        ("3", "unknown_contact")
    ]
    found = (await client.read("commitments", sort="text"))["data"]
    assert [(one["text"], one["promised_by"], one["due_on"]) for one in found] == [
        ("Pay the rest", "customer", "2031-04-30"),
        ("Send the plan", "us", "2031-03-31"),
    ]
    assert found[1]["contact_id"] == contact["id"]
    assert found[0]["company_id"] == found[1]["company_id"] is not None
    assert found[1]["overdue_at"] == "2031-04-01T00:00:00Z"
    # By when it is promised changes by renegotiating alone.
    later = csv_of(COLUMNS, ["P-1", "Send the whole plan", "us", "", "", "2031-05-31"])
    assert (await files.imported(later, entity="commitment"))["counts"]["update"] == 1
    changed = (await client.read("commitments", sort="-text"))["data"][0]
    assert (changed["text"], changed["due_on"]) == ("Send the whole plan", "2031-03-31")
