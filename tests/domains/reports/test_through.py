"""What the many records of each record come to, as plain Python adds it up, without fan-out."""

import random
from statistics import mean, median

import pytest

from support.clients import pointers, problem
from support.members import custom_role, member
from support.reporting import behind, by, measure, values
from support.selling import deal, pipeline

CONTACTED = {"through": "children", "each": "count"}
REPORT = {
    "source": "company",
    "filter": {"parent_id": {"is_null": True}},
    "groupings": [by("industry")],
    "measures": [
        measure("count"),
        measure("sum", "employees", name="staff"),
        measure("sum", name="people", **CONTACTED),
        measure("max", name="most", **CONTACTED),
        measure("median", name="middle", **CONTACTED),
        measure("sum", name="chiefs", **CONTACTED, through_filter={"lifecycle": "customer"}),
        measure(
            "sum",
            name="large",
            **CONTACTED,
            through_filter={"lifecycle": "customer"},
            filter={"employees": {"gte": 50}},
        ),
    ],
    "totals": True,
}


@pytest.fixture
async def tree(client):
    rng = random.Random(5)
    reader = await member(client, await custom_role(client, levels={"*": {"read": "own"}}))
    companies = []
    for turn in range(14):
        body = {
            "name": f"C{turn}",
            "industry": rng.choice(["bank", "steel", None]),
            "employees": rng.randrange(100),
            "owner_id": reader.id if rng.random() < 0.6 else None,
        }
        companies.append({**(await client.made("companies", body)), "people": []})
        for place in range(rng.randrange(4)):
            person = {
                "name": f"C{turn}.{place}",
                "parent_id": companies[-1]["id"],
                "lifecycle": rng.choice(["customer", "target"]),
                "owner_id": reader.id if rng.random() < 0.5 else None,
            }
            made = await client.made("companies", person)
            if rng.random() < 0.2:
                await client.delete(f"/v1/companies/{made['id']}")
            else:
                companies[-1]["people"].append(made)
    own = [
        {**one, "people": [p for p in one["people"] if p["owner_id"]]}
        for one in companies
        if one["owner_id"]
    ]
    return [(client, companies), (reader.api, own)]


def expected(rows):
    sizes = [len(row["people"]) for row in rows]

    def chiefs(some):
        return sum(p["lifecycle"] == "customer" for row in some for p in row["people"])

    large = [row for row in rows if row["employees"] >= 50]
    return {
        "count": len(rows),
        "staff": sum(row["employees"] for row in rows),
        "people": sum(sizes),
        "most": max(sizes),
        "middle": median(sizes),
        "chiefs": chiefs(rows),
        "large": chiefs(large) if large else None,
    }


def agree(found, wanted):
    for name, value in wanted.items():
        assert (found[name] is None) == (value is None), (name, found, wanted)
        assert value is None or float(found[name]) == value, (name, found, wanted)


@pytest.mark.parametrize("totals", [True, False])
async def test_they_agree_with_python_for_all_and_for_some(tree, totals):
    report = {**REPORT, "totals": totals}
    if totals:
        # Without a median they add up from groups.
        report["measures"] = [m for m in REPORT["measures"] if m["name"] != "middle"]
    names = [m["name"] for m in report["measures"]]
    for api, rows in tree:
        answer = (await api.post("/v1/reports/run", json=report)).json()
        assert {row["industry"] for row in values(answer)} == {row["industry"] for row in rows}
        for row in answer["rows"]:
            own = [one for one in rows if one["industry"] == row["values"]["industry"]]
            agree(row["values"], {name: expected(own)[name] for name in names})
            found = {one["id"] for one in await behind(api, report, row["cell"])}
            assert found == {one["id"] for one in own}
        for total in answer["totals"]:
            agree(total["values"], {name: expected(rows)[name] for name in names})


async def test_fields_of_them_custom_ones_too(client, tree):
    await client.made("custom-fields", {"target": "company", "name": "score", "type": "integer"})
    parents = (await client.read("companies", limit=2))["data"]
    numbers = {parents[0]["id"]: [3, 5], parents[1]["id"]: [10]}
    for parent, given in numbers.items():
        for one in given:
            body = {"name": f"Child {one}", "parent_id": parent, "custom": {"score": one}}
            await client.made("companies", {**body, "employees": one * 2})
    relations = {"through": "children"}
    report = {
        "source": "company",
        "filter": {"id": {"in": list(numbers)}},
        "measures": [
            measure("sum", "custom.score", name="scores", **relations),
            measure("sum", "employees", name="staff", **relations),
            measure("avg", "employees", name="mean", each="avg", **relations),
            measure("max", "custom.score", name="least", each="min", **relations),
        ],
    }
    (row,) = values((await client.post("/v1/reports/run", json=report)).json())
    assert (float(row["scores"]), row["staff"]) == (18, 36)
    assert float(row["mean"]) == mean([mean([6, 10]), 20])
    assert float(row["least"]) == 10


WRONG = [
    ("/measures/0/through", measure("sum", through="nothing", each="count")),
    ("/measures/0/through", measure("sum", through="parent", each="count")),
    ("/measures/0/field", measure("sum", through="children")),
    ("/measures/0/field", measure("sum", "name", through="children")),
    ("/measures/0/field", measure("sum", "parent.employees", through="children")),
    ("/measures/0/field", measure("sum", "employees", through="children", each="count")),
    ("/measures/0/field", measure("count", through="children", each="count")),
    ("/measures/0/field", measure("sum", "annual_revenue", through="children")),
    ("/measures/0/each", measure("sum", "employees", each="avg")),
    (
        "/measures/0/through_filter/nothing",
        measure("sum", through="children", each="count", through_filter={"nothing": 1}),
    ),
]


@pytest.mark.parametrize(("at", "one"), WRONG)
async def test_mistakes_are_pointed_at(client, at, one):
    answer = await client.post("/v1/reports/run", json={"source": "company", "measures": [one]})
    assert pointers(problem(answer, 422)) == [at]


async def test_what_is_hidden_is_refused(client, tree):
    role = await custom_role(
        client,
        levels={"*": {"read": "all"}},
        masks={"company": {"hidden": ["employees", "industry"]}},
    )
    reader = (await member(client, role)).api
    for one, at in (
        (measure("sum", "employees", through="children"), "/measures/0/field"),
        (
            measure("sum", **CONTACTED, through_filter={"industry": "bank"}),
            "/measures/0/through_filter/industry",
        ),
    ):
        body = {"source": "company", "measures": [one]}
        answer = await reader.post("/v1/reports/run", json=body)
        assert pointers(problem(answer, 403, "hidden_field")) == [at]


async def test_amounts_of_them_are_in_the_organizations_currency(client):
    where = await pipeline(client)
    for amount in ("100.50", "20.25"):
        await deal(client, where, name="D", amount=amount, currency="EUR", closes_on="2026-03-31")
    report = {
        "source": "stage",
        "measures": [measure("sum", "amount", name="worth", through="deals")],
    }
    answer = await client.post("/v1/reports/run", json=report)
    assert pointers(problem(answer, 422)) == ["/measures/0/field"]
    answer = (await client.post("/v1/reports/run", json={**report, "currency": "at_close"})).json()
    assert values(answer) == [{"worth": "120.75"}]
    assert answer["columns"][0]["currency"] == "EUR"
