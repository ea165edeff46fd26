"""What an import does not do for those whose roles hold them back."""

import pytest

from support.clients import problem
from support.members import custom_role, member

ALL = dict.fromkeys(("read", "create", "update", "delete"), "all")


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("mask", ["hidden", "read_only"])
async def test_closed_fields_are_not_filled(client, files, csv_of, mask):
    field = {"target": "contact", "name": "tier", "type": "text"}
    await client.made("custom-fields", field)
    for name in ("First", "Second"):
        body = {"last_name": name, "title": name, "external_ids": {"import": name}}
        await client.made("contacts", {**body, "custom": {"tier": "gold"}})
    closed = {"hidden": [], "read_only": [], mask: ["title", "emails", "custom.tier"]}
    role = await custom_role(
        client, levels={"*": ALL}, permissions=["import"], masks={"contact": closed}
    )
    files.client = (await member(client, role)).api
    rows = csv_of(
        ("External ID", "Last name", "Title", "Email", "tier"),
        ("First", "Changed", None, None, None),
        ("Second", "Changed", "Chief", None, None),
        ("Third", "New", None, "a@example.com", None),
        ("Fourth", "New", None, None, None),
    )
    made = await files.made(rows)
    for verb in ("validate", "start"):
        counts = await files.done(made["id"], verb)
        assert (counts["update"], counts["create"], counts["error"]) == (1, 1, 2), counts
    assert {error["code"] for error in await files.errors(made["id"])} == {"read_only_field"}
    rows = (await client.read("contacts"))["data"]
    told = {row["external_ids"]["import"]: (row["last_name"], row["title"]) for row in rows}
    assert told == {
        "First": ("Changed", "First"),
        "Second": ("Second", "Second"),
        "Fourth": ("New", None),
    }


async def test_who_makes_no_records_imports_none(client, files, csv_of):
    levels = {"*": {**ALL, "create": "none"}, "imports": ALL}
    role = await custom_role(client, levels=levels, permissions=["import"])
    files.client = (await member(client, role)).api
    answer = await files.upload(csv_of(("Last name",), ("A",)))
    assert problem(answer, 403, "missing_right")["right"].endswith(":create")


@pytest.mark.usefixtures("worker")
async def test_companies_out_of_sight_are_not_found(client, files, csv_of):
    own = dict.fromkeys(ALL, "own")
    role = await custom_role(client, levels={"*": own}, permissions=["import"])
    hidden = await client.made("companies", {"name": "Sample Works"})
    files.client = (await member(client, role)).api
    columns = ("Last name", "Company", "Company domain")
    record = await files.imported(csv_of(columns, ("A", "Sample Works", "works.example.com")))
    assert record["counts"]["create"] == 1
    (made,) = (await files.client.read("contacts"))["data"]
    assert made["company_id"] not in {None, hidden["id"]}
