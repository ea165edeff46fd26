"""What reports refuse: mistakes with their pointers, and what is too much."""

import pytest

from support.clients import pointers, problem
from support.reporting import by, measure, reported

WRONG = [
    ("/source", {"source": "nothing"}),
    ("/groupings/0/field", {"groupings": [by("nothing")]}),
    ("/groupings/0/field", {"groupings": [by("description")]}),
    ("/groupings/0/field", {"groupings": [by("tags")]}),
    ("/groupings/0/field", {"groupings": [by("annual_revenue")]}),
    ("/groupings/0/bucket", {"groupings": [by("created_at")]}),
    ("/groupings/0/bucket", {"groupings": [by("industry", "month")]}),
    ("/groupings/0/bucket", {"groupings": [by("created_at", "decade")]}),
    ("/groupings/0/field", {"groupings": [by("children.name")]}),
    ("/groupings", {"groupings": [by("name")] * 4}),
    ("/groupings/1/name", {"groupings": [by("name"), by("name")]}),
    ("/measures/0/field", {"measures": [measure("sum", "name")]}),
    ("/measures/0/field", {"measures": [measure("sum")]}),
    ("/measures/0/field", {"measures": [measure("count", "name")]}),
    ("/measures/0/function", {"measures": [measure("mode", "name")]}),
    ("/measures/0/percentile", {"measures": [measure("percentile", "employees")]}),
    (
        "/measures/0/percentile",
        {"measures": [measure("percentile", "employees", percentile="100")]},
    ),
    ("/measures/0/field", {"measures": [measure("sum", "annual_revenue")]}),
    ("/measures/0/of/0", {"measures": [measure("ratio", of=["a", "b"])]}),
    ("/measures/0/filter/nothing", {"measures": [measure("count", filter={"nothing": 1})]}),
    ("/filter/nothing", {"filter": {"nothing": 1}}),
    ("/having/nothing", {"having": {"nothing": {"gte": 1}}}),
    ("/having/count/like", {"having": {"count": {"like": 1}}}),
    ("/having/count/gte", {"having": {"count": {"gte": "many"}}}),
    ("/sort/0", {"sort": ["nothing"]}),
    ("/limit", {"limit": 10**9}),
    ("/limit", {"limit": 0}),
    ("/steps", {"kind": "funnel"}),
    ("/columns", {"columns": ["name"]}),
    ("/groupings", {"kind": "matrix", "groupings": [by("name")]}),
    ("/groupings", {"kind": "time_series", "groupings": [by("name")]}),
    ("/groupings", {"kind": "cohort", "groupings": [by("name")]}),
    ("/nonsense", {"nonsense": 1}),
]


@pytest.mark.parametrize(("at", "body"), WRONG)
async def test_mistakes_are_pointed_at(client, at, body):
    answer = await client.post("/v1/reports/run", json={"source": "company", **body})
    assert pointers(problem(answer, 422)) == [at]


async def test_too_much_is_refused(client, owner, org):
    first = await client.made("companies", {"name": "A"})
    await owner.execute(
        "INSERT INTO companies SELECT (r).* FROM (SELECT jsonb_populate_record(c, "
        "jsonb_build_object('id', gen_random_uuid(), 'industry', 'x' || n)) AS r "
        "FROM companies c, generate_series(1, 10100) n WHERE c.id = $1) AS made",
        first["id"],
    )
    asked = {"source": "company", "groupings": [by("industry")]}
    found = problem(await client.post("/v1/reports/run", json=asked), 422)
    assert found["errors"][0]["code"] == "too_many_groups"
    assert len((await reported(client, groupings=[by("industry")], limit=10_000))["rows"]) == 10_000
    await owner.execute("UPDATE companies SET created_at = '1900-01-02' WHERE id = $1", first["id"])
    series = {"source": "company", "kind": "time_series", "groupings": [by("created_at", "day")]}
    found = problem(await client.post("/v1/reports/run", json=series), 422)
    assert pointers(found) == ["/groupings/0/bucket"]
