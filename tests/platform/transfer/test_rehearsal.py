"""The dry run: what it foresees, and what it leaves behind."""

import gc
import tracemalloc
from uuid import uuid4

import pytest

from crm_api.domains.contacts.importer import ContactImporter
from crm_api.kit.actor import Actor
from crm_api.kit.custom.catalogue import CustomFields
from crm_api.kit.db.tx import unit_of_work
from crm_api.platform.transfer import engine
from crm_api.platform.transfer.importer import Column, Draft, Plan
from crm_api.platform.transfer.rehearsal import Rehearsal

COLUMNS = [
    "Record ID", "Last Name", "Email", "Phone", "Company Name", "Website URL", "City", "Tags",
    "Date of birth",
]  # fmt: skip


def people(count):
    return [
        [
            str(n),
            f"Sample {n}",
            f"{n}@example.com",
            f"+4930901820{n % 10}{n // 10}",
            f"Works {n % 3}",
            f"https://works{n % 3}.example" if n % 3 else "",
            "Berlin",
            "a, b",
            "1980-02-29",
        ]
        for n in range(count)
    ]


def plan_of(*fields):
    columns = tuple(Column(n, name, name, None) for n, name in enumerate(fields))
    return Plan(
        columns=columns,
        match=("external_id", "email", "phone"),
        chosen=False,
        source="import",
        country="DE",
        currency="EUR",
        day_first=None,
        tags=(),
        on_duplicate="update",
        custom=CustomFields(),
        actor=Actor(uuid4(), "system"),
    )


@pytest.mark.parametrize("chunk", [4, 1000])
async def test_the_same_file_again_changes_nothing(
    files, client, worker, csv_of, monkeypatch, chunk
):
    monkeypatch.setattr(engine, "CHUNK", chunk)
    rows = people(12)
    content = csv_of(COLUMNS, *rows)
    assert (await files.imported(content))["counts"]["create"] == 12
    versions = {c["id"]: c["version"] for c in await files.all("contacts")}
    rows[3][1] = "Renamed"
    rows[6][4] = "Another Works"
    record = await files.made(csv_of(COLUMNS, *rows))
    expected = {"create": 0, "update": 2, "unchanged": 10, "skip": 0, "error": 0}
    assert await files.done(record["id"], "validate") == expected
    assert {c["id"]: c["version"] for c in await files.all("contacts")} == versions
    assert len(await files.all("companies")) == 3
    assert await files.done(record["id"], "start") == expected
    found = await client.data(
        "query($id: UUID!) { import(id: $id) { counts { update unchanged } } }", id=record["id"]
    )
    assert found == {"import": {"counts": {"update": 2, "unchanged": 10}}}
    again = {c["id"]: c["version"] for c in await files.all("contacts")}
    assert sorted(again[id] - versions[id] for id in again) == [0] * 10 + [1] * 2


@pytest.mark.parametrize("chunk", [2, 1000])
async def test_the_same_companies_again(files, client, worker, csv_of, monkeypatch, chunk):
    monkeypatch.setattr(engine, "CHUNK", chunk)
    columns = ["Company Name", "Domain", "Industry", "Annual Revenue", "Parent Company", "City"]
    rows = [
        ["Example Group", "group.example", "Banking", "1,200.50", "", "Berlin"],
        ["Example North", "north.example", "", "", "Example Group", "Kiel"],
        ["Example South", "", "", "", "Example Group", ""],
    ]
    await files.imported(csv_of(columns, *rows), entity="company")
    record = await files.made(csv_of(columns, *rows), entity="company")
    expected = {"create": 0, "update": 0, "unchanged": 3, "skip": 0, "error": 0}
    assert await files.done(record["id"], "validate") == expected
    assert await files.done(record["id"], "start") == expected


@pytest.mark.parametrize("chunk", [1, 3, 1000])
async def test_rows_that_repeat_each_other(files, client, worker, csv_of, monkeypatch, chunk):
    monkeypatch.setattr(engine, "CHUNK", chunk)
    await client.made("contacts", {"last_name": "Old", "email": "old@example.com"})
    rows = [
        ["Old", "old@example.com"],  # as it is
        ["New", "new@example.com"],
        ["New", "new@example.com"],
        ["Other", "new@example.com"],
        ["New", "new@example.com"],
        ["New", "new@example.com"],
        ["Changed", "old@example.com"],
        ["Changed", "old@example.com"],
        ["Old", "old@example.com"],
    ]
    record = await files.made(csv_of(["Last Name", "Email"], *rows))
    expected = {"create": 1, "update": 4, "unchanged": 4, "skip": 0, "error": 0}
    assert await files.done(record["id"], "validate") == expected
    assert await files.done(record["id"], "start") == expected


async def test_memory_does_not_grow_with_the_file(tx_of, org, tmp_path):
    plan = plan_of("last_name", "email")
    path = tmp_path / "notes"

    def rows(first):
        for n in range(first, first + 1000):
            draft = Draft(n + 1, [f"Sample {n}", f"{n}@example.com"])
            draft.keys = [("external", f"import:{n}"), ("email", f"{n}@example.com")]
            yield draft

    async with Rehearsal(ContactImporter(), plan, path) as rehearsal:
        assert not path.exists(), "nothing is left behind, however it ends"

        async def take(chunk):
            async with unit_of_work(tx_of(org, read_only=True)) as tx:
                assert await rehearsal.take(tx, list(rows(chunk * 1000))) == []

        for chunk in range(5):
            await take(chunk)
        # What waits for the collector is not held.
        gc.collect()
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        for chunk in range(5, 45):
            await take(chunk)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        # The first rows are still known at the end.
        await take(0)
        await take(20)
    assert rehearsal.counts == {"create": 45_000, "unchanged": 2_000}
    # 40,000 rows of two keys took some 8 MB when they were remembered here.
    assert after - before < 1_000_000


async def test_a_rehearsal_leaves_no_file(files, client, worker, csv_of, settings, org):
    record = await files.made(csv_of(COLUMNS, *people(5)))
    await files.done(record["id"], "validate")
    assert len(list((settings.files_dir / "imports" / str(org.id)).iterdir())) == 1


async def test_a_circle_among_known_companies_does_not_stop_a_rehearsal(
    files, client, worker, csv_of
):
    for name in ("A Works", "B Works"):
        await client.made("companies", {"name": name})
    rows = [["A Works", "B Works"], ["B Works", "A Works"]]
    record = await files.made(csv_of(["Company Name", "Parent Company"], *rows), entity="company")
    assert (await files.done(record["id"], "validate"))["update"] == 2
    assert (await files.done(record["id"], "start"))["error"] == 1
