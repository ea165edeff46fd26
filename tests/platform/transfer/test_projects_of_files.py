"""Projects in files: whom they are for, and that an undo takes them back."""

import pytest

pytestmark = pytest.mark.usefixtures("worker")
COLUMNS = ["Project ID", "Project Name", "Company", "Start Date", "Budget", "Currency"]


async def test_rows_become_projects_and_an_undo_takes_them_back(files, client, csv_of):
    rows = [
        ["1", "Office", "Example Industries", "2031-06-02", "1,200.50", "EUR"],
        ["2", "Annex", "Example Industries", "", "", ""],
        ["3", "Wrong", "", "2031-06-02", "", "No such"],
    ]
    record = await files.imported(csv_of(COLUMNS, *rows), entity="project")
    errors = await files.errors(record["id"])
    assert [(error["row"], error["column"]) for error in errors] == [("3", "Currency")]
    found = {one["name"]: one for one in (await client.read("projects"))["data"]}
    assert found.keys() == {"Office", "Annex"}
    one, two = found["Office"], found["Annex"]
    assert (one["starts_on"], one["cost_budget"], one["status"]) == (
        "2031-06-02",
        "1200.50",
        "planned",
    )
    assert one["company_id"] == two["company_id"] is not None
    again = [["1", "Head office", "", "2031-07-01", "", ""]]
    await files.imported(csv_of(COLUMNS, *again), entity="project")
    after = await client.read(f"projects/{one['id']}")
    assert (after["name"], after["starts_on"]) == ("Head office", "2031-07-01")
    await files.done(record["id"], "revert")
    left = (await client.read("projects"))["data"]
    assert [one["name"] for one in left] == ["Head office"]
