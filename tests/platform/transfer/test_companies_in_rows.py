"""Which company a row means, what it says of it, and what it may not say."""

import pytest

from support.members import custom_role, member


@pytest.mark.usefixtures("worker")
async def test_another_address_is_a_further_one(files, client, csv_of):
    home = {"city": "Berlin", "postal_code": "10115", "primary": True}
    for name, addresses in (("Kept", [home]), ("Short", [home]), ("None", [])):
        domains = [f"{name.lower()}.example"]
        await client.made("companies", {"name": name, "domains": domains, "addresses": addresses})
    rows = [
        ["Kept", "kept.example", "Hamburg", "20095"],
        ["Short", "short.example", "Berlin", ""],
        ["None", "none.example", "Hamburg", "20095"],
    ]
    made = await files.made(
        csv_of(["Company Name", "Domain", "City", "Postal Code"], *rows), entity="company"
    )
    counts = {"create": 0, "update": 2, "unchanged": 1, "skip": 0, "error": 0}
    for verb in ("validate", "start"):
        assert await files.done(made["id"], verb) == counts
    found = {
        c["name"]: [(a["city"], a["primary"]) for a in c["addresses"]]
        for c in await files.all("companies")
    }
    assert found == {
        "Kept": [("Berlin", True), ("Hamburg", False)],
        "Short": [("Berlin", True)],
        "None": [("Hamburg", True)],
    }


@pytest.mark.usefixtures("worker")
async def test_domains_of_many_tell_no_company(files, client, csv_of):
    await client.made("companies", {"name": "Somebody", "domains": ["gmail.com"]})
    rows = [
        ["a@gmail.com", "Bakery", "gmail.com", ""],
        ["b@gmail.com", "Garage", "gmail.com", ""],
        ["c@gmail.com", "", "gmail.com", ""],
        ["d@own.example", "", "", "https://de-de.facebook.com/garage"],
        ["e@own.example", "", "", "https://own.example/about"],
    ]
    columns = ["Email", "Company Name", "Email Domain", "Website URL", "Last Name"]
    record = await files.imported(csv_of(columns, *([*row, "X"] for row in rows)))
    assert record["counts"]["create"] == 5
    companies = {c["id"]: c for c in await files.all("companies")}
    assert {(c["name"], *c["domains"]) for c in companies.values()} == {
        ("Somebody", "gmail.com"),
        ("Bakery",),
        ("Garage",),
        ("own.example", "own.example"),
    }
    works = {c["email"][0]: c["company_id"] for c in await files.all("contacts")}
    names = {who: id and companies[id]["name"] for who, id in works.items()}
    assert names == {"a": "Bakery", "b": "Garage", "c": None, "d": None, "e": "own.example"}


@pytest.mark.usefixtures("worker")
async def test_revenue_is_in_the_currency_of_the_organization_or_of_the_record(
    files, client, csv_of
):
    await client.changed("organization", {"currency": "USD"})
    await client.made("companies", {"name": "Swiss", "currency": "CHF"})
    rows = [["Swiss", "1000", ""], ["New", "2000", ""], ["British", "3000", "gbp"]]
    columns = ["Company Name", "Annual Revenue", "Currency"]
    await files.imported(csv_of(columns, *rows), entity="company")
    people = csv_of(["Last Name", "Company Name", "Annual Revenue"], ["Doe", "Of People", "4000"])
    await files.imported(people)
    found = {c["name"]: (c["annual_revenue"], c["currency"]) for c in await files.all("companies")}
    assert {name: (float(amount), currency) for name, (amount, currency) in found.items()} == {
        "Swiss": (1000, "CHF"),
        "New": (2000, "USD"),
        "British": (3000, "GBP"),
        "Of People": (4000, "USD"),
    }


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("entity", "column", "cell", "field", "value"),
    [
        ("company", "Type", "Customer - Direct", "lifecycle", "customer"),
        ("company", "Lifecycle Stage", "Opportunity", "lifecycle", "prospect"),
        ("company", "Lifecycle Stage", "Lead", "lifecycle", "target"),
        ("contact", "Lead Status", "Open - Not Contacted", "lifecycle", "lead"),
        ("company", "Industry", "Банки", "industry", "banki"),
        ("company", "Industry", "\u94f6\u884c", "industry", "inxing"),
    ],
)
async def test_what_other_systems_call_it(
    files, client, csv_of, entity, column, cell, field, value
):
    own = "Company Name" if entity == "company" else "Last Name"
    record = await files.imported(csv_of([own, column], ["Example", cell]), entity=entity)
    assert record["counts"]["create"] == 1, await files.errors(record["id"])
    (found,) = await files.all("companies" if entity == "company" else "contacts")
    assert found[field] == value


async def test_the_id_of_a_parent_is_not_its_name(files, csv_of):
    for columns in (["Account Name", "Parent Account ID"], ["Account Name", "Parent ID"]):
        record = await files.made(csv_of(columns, ["A", "001B"]), entity="company")
        assert [m["field"] for m in record["mapping"]] == ["name", None]


@pytest.mark.usefixtures("worker")
async def test_companies_of_people_need_their_own_fields(files, client, csv_of):
    field = {"target": "company", "name": "district", "type": "text"}
    await client.made("custom-fields", {**field, "required": True})
    known = await client.made("companies", {"name": "Known", "custom": {"district": "N"}})
    content = csv_of(["Last Name", "Company Name"], ["A", "Known"], ["B", "New"])
    _, told = await files.tried(content, "contact")
    for faults, counts in told:
        assert faults == {"2": ("required", "Company Name")}
        assert (counts["create"], counts["error"]) == (1, 1)
    (found,) = await files.all("contacts")
    assert found["company_id"] == known["id"]


@pytest.mark.usefixtures("worker")
async def test_companies_of_people_have_default_fields(files, client, csv_of):
    field = {"target": "company", "name": "district", "type": "text"}
    await client.made("custom-fields", {**field, "default": "N"})
    await files.imported(csv_of(["Last Name", "Company Name"], ["A", "New"]))
    (found,) = await files.all("companies")
    assert found["custom"] == {"district": "N"}


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("mask", ["hidden", "read_only"])
async def test_people_bring_nothing_to_closed_fields_of_companies(files, client, csv_of, mask):
    await client.made("companies", {"name": "Known"})
    closed = {"hidden": [], "read_only": [], mask: ["industry"]}
    levels = {"*": dict.fromkeys(("read", "create", "update", "delete"), "all")}
    masks = {"company": closed}
    role = await custom_role(client, levels=levels, permissions=["import"], masks=masks)
    files.client = (await member(client, role)).api
    rows = [["A", "Known", "Bank"], ["B", "New", "Bank"], ["C", "Other", ""]]
    content = csv_of(["Last Name", "Company Name", "Industry"], *rows)
    _, told = await files.tried(content, "contact")
    for faults, counts in told:
        assert faults == {"2": ("read_only_field", "Industry")}
        assert (counts["create"], counts["error"]) == (2, 1)
    names = {c["name"]: c["industry"] for c in (await client.read("companies"))["data"]}
    assert names == {"Known": None, "Other": None}
