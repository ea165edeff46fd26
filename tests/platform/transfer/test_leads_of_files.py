"""Leads in files, and lists of those that came by one."""

import pytest

from support.clients import pointers, problem
from support.leads import pool_of, rule_of, users_of
from support.waiting import patiently

pytestmark = pytest.mark.usefixtures("worker")
COLUMNS = ["Lead ID", "Name", "Firma", "E-Mail", "Website", "Branche", "PLZ", "Campaign",
           "utm_source", "Required Skills", "Employees"]  # fmt: skip
ROWS = [
    ["L-1", "Ada Sample", "Example Industries", "ada@example.com", "www.example.com",
     "Banking & Finance", "10115", "Spring", "newsletter", "leasing; fleet", "120"],
    ["L-2", "", "Sample Works", "", "", "", "", "", "", "", ""],
    ["L-3", "Bad Mail", "", "nothing", "", "", "", "", "", "", ""],
    ["L-4", "", "", "", "", "", "", "Spring", "", "", ""],
]  # fmt: skip


async def test_rows_become_leads_that_know_who_they_may_be(files, client, csv_of):
    company = await client.made(
        "companies", {"name": "Example Industries", "domains": ["example.com"]}
    )
    contact = await client.made(
        "contacts", {"last_name": "Sample", "email": "ada@example.com", "company_id": company["id"]}
    )
    rule = {"name": "Banks", "category": "fit", "points": 40,
            "filter": {"industry": {"eq": "banking_finance"}}}  # fmt: skip
    await client.made("lead-score-rules", rule)
    record = await files.made(csv_of(COLUMNS, *ROWS), entity="lead")
    assert await files.done(record["id"], "validate") == await files.done(record["id"], "start")
    assert [(e["row"], e["code"]) for e in await files.errors(record["id"])] == [
        ("3", "invalid_email"),
        ("4", "invalid"),
    ]
    found = {one["name"]: one for one in (await client.read("leads"))["data"]}
    assert found.keys() == {"Ada Sample", "Sample Works"}
    lead = found["Ada Sample"]
    assert (lead["first_name"], lead["last_name"], lead["postal_code"]) == (
        "Ada",
        "Sample",
        "10115",
    )
    assert (lead["industry"], lead["employees"], lead["campaign"]) == (
        *("banking_finance", 120),
        "Spring",
    )
    assert (lead["utm"], lead["skills"]) == ({"source": "newsletter"}, ["leasing", "fleet"])
    assert (lead["matched_contact_id"], lead["matched_company_id"]) == (
        contact["id"],
        company["id"],
    )
    assert (lead["fit_score"], lead["score"], lead["status"]) == (40, 40, "new")
    assert found["Sample Works"]["candidates"] == []
    # The same id means the same lead; what is new of it is looked up anew.
    later = csv_of(["Lead ID", "E-Mail"], ["L-2", "other@example.com"])
    other = await client.made("contacts", {"last_name": "Other", "email": "other@example.com"})
    assert (await files.imported(later, entity="lead"))["counts"]["update"] == 1
    again = await client.read(f"leads/{found['Sample Works']['id']}")
    assert again["matched_contact_id"] == other["id"]


async def test_leads_of_files_are_shared_out_and_then_stay(files, client, csv_of):
    (user,) = await users_of(client, 1)
    rows = csv_of(["Lead ID", "Name"], ["1", "One Person"], ["2", "Two Person"])
    kept = await files.imported(rows, entity="lead")
    assert (await files.done(kept["id"], "revert"))["removed"] == 2
    assert (await client.read("leads"))["data"] == []
    await rule_of(client, await pool_of(client, {user: 1}))
    kept = await files.imported(
        csv_of(["Lead ID", "Name"], ["3", "Three Person"], ["4", "Four Person"]), entity="lead"
    )
    async for _ in patiently():
        found = (await client.read("leads"))["data"]
        if {one["owner_id"] for one in found} == {user}:
            break
    # Somebody works with them: their work counts more than the file.
    assert (await files.done(kept["id"], "revert"))["kept"] == 2
    assert len((await client.read("leads"))["data"]) == 2


async def test_a_list_takes_the_leads_of_an_import(files, client, csv_of, keyed):
    await client.made("leads", {"last_name": "Elsewhere"})
    rows = [[f"{n}", f"Sample Person{n}"] for n in range(3)]
    record = await files.imported(csv_of(["Lead ID", "Name"], *rows), entity="lead")
    made = await client.made("prospect-lists", {"name": "Fair"})
    path = f"/v1/prospect-lists/{made['id']}/members"
    told = await client.post(path, json={"import_id": record["id"]})
    assert told.status_code == 200, told.text
    assert (told.json()["changed"], told.json()["more"]) == (3, False)
    found = (await client.read("leads", **{"filter[last_name][starts_with]": "Person"}))["data"]
    on_it = (await client.read(f"prospect-lists/{made['id']}/members"))["data"]
    assert {one["lead_id"] for one in on_it} == {one["id"] for one in found}
    assert (await client.post(path, json={"import_id": record["id"]})).json()["changed"] == 0
    people = await files.imported(csv_of(["Last name"], ["Nobody"]))
    for id, code in ((people["id"], "other_target"), (made["id"], "unknown_reference")):
        wrong = problem(await client.post(path, json={"import_id": id}), 422)
        assert (pointers(wrong), wrong["errors"][0]["code"]) == (["/import_id"], code)
    blind = await keyed("leads:read", "prospect_lists:write", "prospect_lists:read")
    problem(await blind.post(path, json={"import_id": record["id"]}), 403)
    query = """mutation($id: UUID!, $input: ProspectAdditionInput!) {
        addProspects(id: $id, input: $input) { changed } }"""
    given = {"importId": record["id"]}
    other = await client.made("prospect-lists", {"name": "Other"})
    answer = await client.data(query, id=other["id"], input=given)
    assert answer["addProspects"]["changed"] == 3
