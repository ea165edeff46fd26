"""What ids of groups are called, beside them: for whom, in charts and in files."""

import csv
import io

import pytest
from pypdf import PdfReader

from support.members import custom_role, member
from support.reporting import behind, by, measure, reported, values
from support.selling import deal, pipeline

COUNT = [measure("count")]


async def called(client, user, name):
    await client.changed(f"users/{user.id}", {"name": name})


async def run_of(client, definition):
    begun = (await client.post("/v1/report-runs", json={"definition": definition})).json()
    await client.ended(begun["job_id"])
    return f"/v1/report-runs/{begun['run']['id']}"


async def test_names_stand_beside_ids(client):
    own = await member(client, "admin")
    await called(client, own, "Example Owner")
    for name, owner in (("A", own.id), ("B", own.id), ("C", None)):
        await client.made("companies", {"name": name, "owner_id": owner, "industry": "bank"})
    report = {"groupings": [by("owner_id"), by("industry")], "measures": COUNT, "totals": True}
    answer = await reported(client, **report)
    assert [(c["name"], c["role"], c["label"]) for c in answer["columns"]] == [
        ("owner_id", "grouping", "owner"),
        ("owner", "column", None),
        ("industry", "grouping", None),
        ("count", "measure", None),
    ]
    mine = {"owner_id": own.id, "owner": "Example Owner"}
    assert values(answer) == [
        {**mine, "industry": "bank", "count": 2},
        {"owner_id": None, "owner": None, "industry": "bank", "count": 1},
    ]
    assert [one["values"] for one in answer["totals"]] == [
        {"count": 3},
        {**mine, "count": 2},
        {"owner_id": None, "owner": None, "count": 1},
    ]
    found = await behind(client, {"source": "company", **report}, answer["rows"][0]["cell"])
    assert {one["name"] for one in found} == {"A", "B"}


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("company.owner_id", "company.owner"),
        ("company_id", "company"),
        ("stage_id", "stage"),
        ("id", "id_name"),
    ],
)
async def test_whatever_leads_to_records_has_their_names(client, field, name):
    own = await member(client, "admin")
    await called(client, own, "Example Owner")
    company = await client.made("companies", {"name": "Example Company", "owner_id": own.id})
    await deal(client, await pipeline(client), name="Example Deal", company_id=company["id"])
    answer = await reported(client, "deal", groupings=[by(field)], measures=COUNT)
    (row,) = values(answer)
    expected = {
        "company.owner": "Example Owner",
        "company": "Example Company",
        "stage": "New",
        "id_name": "Example Deal",
    }
    assert row[name] == expected[name]


async def test_a_name_that_is_taken_is_given_to_no_other(client):
    await client.made("companies", {"name": "A", "owner_id": (await member(client, "admin")).id})
    groupings = [by("owner_id"), by("industry", name="owner")]
    answer = await reported(client, groupings=groupings, measures=COUNT)
    (row,) = values(answer)
    assert (row["owner"], row["owner_name"]) == (None, "Sample Member")


async def test_custom_relations_and_choices_are_called_by_their_names(client):
    options = [{"value": "gold", "label": "Gold card"}, {"value": "none", "label": "No card"}]
    custom = {"target": "contact"}
    await client.made(
        "custom-fields", {**custom, "name": "card", "type": "select", "options": options}
    )
    await client.made(
        "custom-fields", {**custom, "name": "via", "type": "relation", "relates_to": "company"}
    )
    company = await client.made("companies", {"name": "Example Partner"})
    given = {"card": "gold", "via": company["id"]}
    await client.made("contacts", {"last_name": "A", "custom": given})
    await client.made("contacts", {"last_name": "B"})
    groupings = [by("custom.card", name="card"), by("custom.via", name="via")]
    answer = await reported(client, "contact", groupings=groupings, measures=COUNT)
    assert values(answer) == [
        {
            "card": "gold",
            "card_name": "Gold card",
            "via": company["id"],
            "via_name": "Example Partner",
            "count": 1,
        },
        {"card": None, "card_name": None, "via": None, "via_name": None, "count": 1},
    ]


async def test_only_what_is_seen_is_called_by_its_name(client):
    levels = {"*": {"read": "all"}, "companies": {"read": "own"}}
    part = await member(client, await custom_role(client, levels=levels))
    blind = await member(
        client, await custom_role(client, levels={**levels, "companies": {"read": "none"}})
    )
    mine = await client.made("companies", {"name": "Mine", "owner_id": part.id})
    other = await client.made("companies", {"name": "Other"})
    where = await pipeline(client)
    for company in (mine, other):
        await deal(client, where, company_id=company["id"])
    asked = {"groupings": [by("company_id")], "measures": COUNT}
    told = {
        row["company_id"]: row["company"]
        for row in values(await reported(part.api, "deal", **asked))
    }
    assert told == {mine["id"]: "Mine", other["id"]: other["id"]}
    answer = await reported(blind.api, "deal", **asked)
    assert [column["name"] for column in answer["columns"]] == ["company_id", "count"]
    assert [column["label"] for column in answer["columns"]] == [None, None]
    assert all(set(row) == {"company_id", "count"} for row in values(answer))


async def test_records_in_the_bin_keep_their_names_until_they_are_purged(client):
    company = await client.made("companies", {"name": "Gone"})
    await deal(client, await pipeline(client), company_id=company["id"])
    asked = {"groupings": [by("company_id")], "measures": COUNT}
    await client.delete(f"/v1/companies/{company['id']}")
    (row,) = values(await reported(client, "deal", **asked))
    assert row["company"] == "Gone"


async def test_a_renamed_owner_is_called_anew(client):
    own = await member(client, "admin")
    await client.made("companies", {"name": "A", "owner_id": own.id})
    for name in ("First Name", "Second Name"):
        await called(client, own, name)
        (row,) = values(await reported(client, groupings=[by("owner_id")], measures=COUNT))
        assert row["owner"] == name


async def test_charts_and_files_have_names(client, worker):
    both = [await member(client, "admin"), await member(client, "admin")]
    third = await member(client, "admin")
    await called(client, third, "Third Owner")
    for own in (*both, third):
        await client.made("companies", {"name": "A", "owner_id": own.id})
    report = {"source": "company", "groupings": [by("owner_id")], "measures": COUNT}
    path = await run_of(client, report)
    chart = await client.read(path.removeprefix("/v1/") + "/chart")
    assert chart["encoding"]["x"]["title"] == "owner"
    # Those who are called alike are two bars all the same.
    assert {one["g0"] for one in chart["data"]["values"]} == {
        "Third Owner",
        *(f"Sample Member ({own.id[-4:]})" for own in both),
    }
    table = list(csv.reader(io.StringIO((await client.get(f"{path}/file")).text)))
    assert table[0] == ["owner_id", "owner", "count"]
    assert [third.id, "Third Owner", "1"] in table
    pdf = (await client.get(f"{path}/document")).content
    printed = PdfReader(io.BytesIO(pdf)).pages[0].extract_text()
    assert "Third Owner" in printed
    assert third.id not in printed
