"""Calculated columns agree with plain Python, and decide which groups stay and in which order."""

import random
from decimal import Decimal

import pytest

from support.clients import pointers, problem
from support.members import custom_role, member
from support.reporting import by, measure, reported, values

LARGE = {"name": "large", "function": "count", "filter": {"employees": {"gte": 50}}}


def calculated(name, expression, **more):
    return {"name": name, "function": "calculated", "expression": expression, **more}


NUMBERS = [
    measure("count"),
    measure("sum", "employees"),
    LARGE,
    {"name": "share", "function": "ratio", "of": ["large", "count"]},
]
COLUMNS = [
    *NUMBERS,
    calculated("each", "sum / large"),
    calculated("more", "each * 2 + count", shown_as="ratio"),
    calculated("label", "upper(coalesce(industry, 'none')) if count > 3 else 'few'"),
]


@pytest.fixture
async def companies(client):
    rng = random.Random(4)
    reader = await member(client, await custom_role(client, levels={"*": {"read": "own"}}))
    rows = [
        {
            "name": f"C{turn}",
            "industry": rng.choice(["bank", "steel", "wood", "glass", "paper", None]),
            "employees": rng.choice([None, rng.randrange(100)]),
            "owner_id": reader.id if rng.random() < 0.5 else None,
        }
        for turn in range(40)
    ]
    for row in rows:
        await client.made("companies", row)
    return rows, reader


def expected(rows):
    sizes = [row["employees"] for row in rows if row["employees"] is not None]
    large = sum(size >= 50 for size in sizes)
    each = Decimal(sum(sizes)) / large if large else None
    word = (rows[0]["industry"] or "none").upper() if len(rows) > 3 else "few"
    more = None if each is None else each * 2 + len(rows)
    return each, more, word


def grouped(rows):
    groups = {}
    for row in rows:
        groups.setdefault(row["industry"], []).append(row)
    return groups


async def test_they_agree_with_python_for_all_and_for_some(client, companies):
    rows, reader = companies
    own = [row for row in rows if row["owner_id"]]
    for api, seen in ((client, rows), (reader.api, own)):
        answer = await reported(
            api, groupings=[by("industry")], measures=COLUMNS, totals=True, sort=["industry"]
        )
        groups = grouped(seen)
        assert len(answer["rows"]) == len(groups)
        for row in values(answer):
            _agree(row, expected(groups[row["industry"]]))
        (total,) = answer["totals"]
        whole = expected(seen)
        _agree(total["values"], (*whole[:2], "NONE"))


def _agree(row, wanted):
    each, more, word = wanted
    assert row["label"] == word
    for name, value in (("each", each), ("more", more)):
        assert (row[name] is None) == (value is None)
        if value is not None:
            assert abs(Decimal(row[name]) - value) < Decimal("0.000002")


async def test_groups_stay_and_are_sorted_by_them(client, companies):
    rows, _ = companies
    wanted = {name: expected(own)[0] for name, own in grouped(rows).items()}
    report = {"groupings": [by("industry")], "measures": COLUMNS}
    kept = sorted(
        (name for name, each in wanted.items() if each is not None and each >= 80),
        key=lambda name: (-wanted[name], name is None, name or ""),
    )
    answer = await reported(client, **report, having={"each": {"gte": 80}}, sort=["-each"])
    assert [row["industry"] for row in values(answer)] == kept
    one = await reported(client, **report, having={"each": {"gte": 80}}, sort=["-each"], limit=1)
    assert [row["industry"] for row in values(one)] == kept[:1]
    assert one["truncated"] is (len(kept) > 1)
    none = await reported(client, **report, having={"each": {"is_null": True}})
    assert {row["industry"] for row in values(none)} == {
        n for n, each in wanted.items() if not each
    }
    by_label = await reported(client, **report, sort=["label", "-industry"])
    told = [(row["label"], row["industry"]) for row in values(by_label)]
    assert [label for label, _ in told] == sorted(label for label, _ in told)


async def test_they_are_reckoned_along_the_time_as_well(client, owner, companies):
    await owner.execute("UPDATE companies SET created_at = '2026-01-05' WHERE name = 'C1'")
    await owner.execute("UPDATE companies SET created_at = '2026-03-05' WHERE name <> 'C1'")
    answer = await reported(
        client,
        kind="time_series",
        groupings=[by("created_at", "month", name="month")],
        measures=[
            measure("count"),
            {"name": "all", "function": "running", "of": ["count"]},
            calculated("left", "40 - all"),
            calculated("since", "days_between(month, add_months(month, 1))"),
        ],
    )
    assert [(row["left"], row["since"]) for row in values(answer)] == [
        ("39", "31"),
        ("39", "28"),
        ("0", "31"),
    ]


WRONG = [
    ("/measures/1/expression", [calculated("x", "count + nothing")]),
    ("/measures/1/expression", [calculated("x", "y + 1"), calculated("y", "count")]),
    ("/measures/1/expression", [calculated("x", "count +")]),
    ("/measures/1/expression", [calculated("x", "count + 'a'")]),
    ("/measures/1/expression", [calculated("x", "__import__('os')")]),
    ("/measures/1/expression", [{"name": "x", "function": "calculated"}]),
    ("/measures/1/expression", [{**measure("sum", "employees"), "expression": "count"}]),
    ("/measures/1/field", [calculated("x", "count", field="employees")]),
    ("/measures/1/shown_as", [{**measure("sum", "employees"), "shown_as": "ratio"}]),
    ("/measures/1/name", [calculated("count", "1")]),
    ("/measures/2/of/0", [calculated("x", "count"), measure("ratio", of=["x", "count"])]),
]


@pytest.mark.parametrize(("at", "more"), WRONG)
async def test_mistakes_are_pointed_at(client, at, more):
    body = {"source": "company", "measures": [measure("count"), *more]}
    answer = await client.post("/v1/reports/run", json=body)
    assert pointers(problem(answer, 422)) == [at]


async def test_mistakes_of_what_they_decide(client):
    body = {"source": "company", "measures": [measure("count"), calculated("x", "text(count)")]}
    for more, at in (
        ({"having": {"x": {"gte": 1}}}, "/having/x/gte"),
        ({"having": {"x": {"like": "a"}}}, "/having/x/like"),
        ({"sort": ["x", "y"]}, "/sort/1"),
    ):
        answer = await client.post("/v1/reports/run", json={**body, **more})
        assert pointers(problem(answer, 422)) == [at]
