"""Companies in files: their hierarchy, and which company a row means."""

import pytest

from crm_api.kit.db import copies
from crm_api.platform.transfer import engine

PARENTS = ["Company Name", "Parent Company", "Domain"]


async def hierarchy(files):
    found = {c["id"]: c for c in await files.all("companies")}
    return {
        c["name"]: found[c["parent_id"]]["name"] if c["parent_id"] else None for c in found.values()
    }


def assert_is_a_tree(parents):
    for name in parents:
        seen, at = set(), name
        while at is not None:
            assert at not in seen, parents
            seen.add(at)
            at = parents[at]


@pytest.mark.parametrize("chunk", [1, 2, 3, 1000])
@pytest.mark.parametrize("size", [2, 3, 5])
async def test_a_circle_is_a_fault_of_the_row_that_closes_it(
    files, client, worker, csv_of, monkeypatch, chunk, size
):
    monkeypatch.setattr(engine, "CHUNK", chunk)
    ring = [[f"Ring {n}", f"Ring {(n + 1) % size}", f"r{n}.example"] for n in range(size)]
    rows = [["Before", "", ""], *ring, ["After", "Ring 0", ""]]
    record = await files.imported(csv_of(PARENTS, *rows), entity="company")
    assert record["counts"]["error"] == 1
    (error,) = await files.errors(record["id"])
    assert (error["code"], error["column"], error["row"], error["value"]) == (
        "hierarchy_cycle",
        "Parent Company",
        str(size + 1),
        "Ring 0",
    )
    parents = await hierarchy(files)
    assert_is_a_tree(parents)
    expected = {f"Ring {n}": f"Ring {n + 1}" for n in range(size - 1)}
    last = {f"Ring {size - 1}": None}
    assert parents == {"Before": None, "After": "Ring 0", **expected, **last}


async def test_two_circles_and_a_company_below_itself(files, client, worker, csv_of):
    rows = [
        ["A", "B", ""],
        ["B", "A", ""],
        ["Own", "Own", ""],
        ["C", "D", ""],
        ["D", "C", ""],
        ["E", "C", ""],
    ]
    record = await files.imported(csv_of(PARENTS, *rows), entity="company")
    assert [e["row"] for e in await files.errors(record["id"])] == ["2", "5"]
    assert await hierarchy(files) == {
        "A": "B",
        "B": None,
        "Own": None,
        "C": "D",
        "D": None,
        "E": "C",
    }


async def test_a_circle_through_a_company_that_was_there(files, client, worker, csv_of):
    top = await client.made("companies", {"name": "Top"})
    await client.made("companies", {"name": "Middle", "parent_id": top["id"]})
    rows = [["New", "Middle", ""], ["Top", "New", ""]]
    record = await files.imported(csv_of(PARENTS, *rows), entity="company")
    assert [e["code"] for e in await files.errors(record["id"])] == ["hierarchy_cycle"]
    assert await hierarchy(files) == {"Top": None, "Middle": "Top", "New": "Middle"}


@pytest.mark.parametrize(
    ("on_duplicate", "domains", "counted"),
    [("update", ["works.example"], "update"), ("skip", [], "skip")],
)
async def test_a_company_without_domain_is_found_by_its_name(
    files, client, worker, csv_of, on_duplicate, domains, counted
):
    old = await client.made("companies", {"name": "Example Works"})
    record = await files.made(
        csv_of(["Company Name", "Domain"], ["example works", "works.example"]), entity="company"
    )
    await client.changed(f"imports/{record['id']}", {"options": {"on_duplicate": on_duplicate}})
    for verb in ("validate", "start"):
        assert (await files.done(record["id"], verb))[counted] == 1
    (found,) = await files.all("companies")
    assert (found["id"], found["domains"]) == (old["id"], domains)


async def test_people_work_for_the_company_that_has_their_domain_or_none(
    files, client, worker, csv_of
):
    bare = await client.made("companies", {"name": "Example Works"})
    await client.made("companies", {"name": "Example Works"})
    other = await client.made("companies", {"name": "Taken", "domains": ["taken.example"]})
    named = await client.made("companies", {"name": "Else", "domains": ["known.example"]})
    rows = [
        # A name without a domain, so it may have this one.
        ["A", "EXAMPLE works", "https://works.example"],
        # A name whose company has another domain: not the one that is meant.
        ["B", "Taken", "https://new.example"],
        # The domain says more than the name.
        ["C", "Example Works", "https://known.example"],
        ["D", "Example Works", ""],
    ]
    record = await files.imported(csv_of(["Last Name", "Company Name", "Website URL"], *rows))
    assert record["counts"]["create"] == 4
    works = {c["last_name"]: c["company_id"] for c in await files.all("contacts")}
    companies = {c["id"]: c for c in await files.all("companies")}
    assert works["A"] == works["D"] == bare["id"]
    assert companies[bare["id"]]["domains"] == [], "linked only"
    assert companies[bare["id"]]["version"] == 1
    assert works["C"] == named["id"]
    assert works["B"] not in {bare["id"], other["id"], named["id"]}
    assert companies[works["B"]]["domains"] == ["new.example"]
    assert len(companies) == 5


@pytest.mark.parametrize("enough", [1, 1_000])
@pytest.mark.parametrize("chunk", [1, 2, 5])
async def test_a_chunk_knows_what_the_one_before_is_about_to_make(
    files, client, worker, csv_of, monkeypatch, chunk, enough
):
    monkeypatch.setattr(engine, "CHUNK", chunk)
    monkeypatch.setattr(copies, "ENOUGH", enough)
    # Each address twice; two companies, one of them by its domain.
    rows = [
        [f"Name {n}", f"{n // 2}@example.com", f"Works {n % 2}", "works.example" * (n % 2)]
        for n in range(14)
    ]
    content = csv_of(["Last Name", "Email", "Company Name", "Company Domain"], *rows)
    record = await files.imported(content)
    counts = {"create": 7, "update": 7, "unchanged": 0, "skip": 0, "error": 0}
    assert record["counts"] == counts
    companies = {c["name"]: c["id"] for c in await files.all("companies")}
    assert set(companies) == {"Works 0", "Works 1"}
    people = await files.all("contacts")
    assert sorted(p["name"] for p in people) == sorted(f"Name {n}" for n in range(1, 14, 2))
    assert {p["company_id"] for p in people} == {companies["Works 1"]}
