"""Cases in files."""

import pytest

pytestmark = pytest.mark.usefixtures("worker")
COLUMNS = ["Ticket ID", "Subject", "Priorität", "Firma", "Contact Email", "Tags"]


async def test_rows_become_cases_with_numbers(files, client, csv_of):
    email = {"value": "person@example.com"}
    contact = await client.made("contacts", {"last_name": "Person", "emails": [email]})
    before = await client.made("cases", {"subject": "Before"})
    rows = [
        ["T-1", "The display stays dark", "High", "Example Industries", "person@example.com", "a"],
        ["T-2", "How does it start?", "", "Example Industries", "", ""],
        ["T-3", "Nobody", "", "", "nobody@example.com", ""],
    ]
    content = csv_of(COLUMNS, *rows)
    record = await files.made(content, entity="case")
    assert await files.done(record["id"], "validate") == await files.done(record["id"], "start")
    assert [(e["row"], e["code"]) for e in await files.errors(record["id"])] == [
        ("3", "unknown_contact")
    ]
    found = (await client.read("cases", sort="number"))["data"]
    assert [one["number"][-5:] for one in found] == ["00001", "00002", "00003"]
    assert found[0]["id"] == before["id"]
    assert (found[1]["priority"], found[1]["tags"]) == ("high", ["a"])
    assert (found[1]["contact_id"], found[2]["priority"]) == (contact["id"], "normal")
    assert found[1]["company_id"] == found[2]["company_id"] is not None
    # A row that means a case which is there takes no number.
    later = csv_of(COLUMNS, ["T-1", "The display stays grey", "", "", "", "b"])
    assert (await files.imported(later, entity="case"))["counts"]["update"] == 1
    changed = (await client.read("cases", sort="number"))["data"][1]
    assert (changed["subject"], changed["tags"]) == ("The display stays grey", ["a", "b"])
    assert (await client.made("cases", {"subject": "After"}))["number"].endswith("00004")
