"""Reports at once: what they come to, for whom, and what they refuse."""

import pytest

from crm_api.domains.reports.results import cell_of
from support.clients import pointers, problem
from support.members import custom_role, member
from support.reporting import behind, by, measure, reported, values
from support.selling import act, deal, pipeline, reason

COMPANIES = (
    {"name": "A", "industry": "bank", "employees": 10, "annual_revenue": "100.10"},
    {"name": "B", "industry": "bank", "employees": 20, "annual_revenue": "200.20"},
    {"name": "C", "industry": "bank", "employees": 60},
    {"name": "D", "industry": "steel", "employees": 5, "annual_revenue": "1.00"},
    {"name": "E", "employees": None},
)


@pytest.fixture
async def companies(client):
    return [await client.made("companies", {"currency": "EUR", **company}) for company in COMPANIES]


async def test_groups_with_every_measure(client, companies):
    answer = await reported(
        client,
        groupings=[by("industry"), by("currency")],
        measures=[
            measure("count"),
            measure("count_distinct", "employees"),
            measure("sum", "annual_revenue"),
            measure("avg", "employees"),
            measure("min", "employees"),
            measure("max", "annual_revenue"),
            measure("median", "employees"),
            measure("percentile", "employees", percentile="75"),
            {
                "name": "big",
                "function": "count",
                "filter": {"employees": {"gte": 20}},
                "hidden": True,
            },
            {"name": "share", "function": "ratio", "of": ["big", "count"]},
        ],
        sort=["-count", "industry"],
    )
    assert values(answer) == [
        {
            "industry": "bank",
            "currency": "EUR",
            "count": 3,
            "count_distinct": 3,
            "sum": "300.30",
            "avg": "30",
            "min": 10,
            "max": "200.20",
            "median": "20",
            "percentile": "40",
            "share": "0.666667",
        },
        {
            "industry": "steel",
            "currency": "EUR",
            "count": 1,
            "count_distinct": 1,
            "sum": "1.00",
            "avg": "5",
            "min": 5,
            "max": "1.00",
            "median": "5",
            "percentile": "5",
            "share": "0",
        },
        {
            "industry": None,
            "currency": "EUR",
            "count": 1,
            "count_distinct": 0,
            "sum": None,
            "avg": None,
            "min": None,
            "max": None,
            "median": None,
            "percentile": None,
            "share": "0",
        },
    ]
    kinds = {column["name"]: (column["role"], column["kind"]) for column in answer["columns"]}
    assert kinds["sum"] == ("measure", "amount")
    assert kinds["industry"] == ("grouping", "text")
    assert len(answer["definition_hash"]) == 64


async def test_totals_having_sort_and_limit(client, companies):
    asked = {
        "groupings": [by("industry"), by("lifecycle")],
        "measures": [measure("count"), measure("sum", "employees")],
    }
    answer = await reported(client, **asked, totals=True, having={"count": {"gte": 2}})
    assert [row["industry"] for row in values(answer)] == ["bank"]
    found = {
        (*total["by"], total["values"].get("industry", "")): total["values"]["sum"]
        for total in answer["totals"]
    }
    assert found == {
        ("",): 95,
        ("industry", "bank"): 90,
        ("industry", "steel"): 5,
        ("industry", None): None,
    }
    matrix = await reported(client, kind="matrix", **asked, totals=True)
    assert sorted(total["by"] for total in matrix["totals"]) == [
        [],
        *[["industry"]] * 3,
        ["lifecycle"],
    ]
    first = await reported(client, **asked, sort=["-sum"], limit=1)
    assert values(first)[0]["sum"] == 90
    assert first["truncated"]
    none = await reported(client, filter={"name": "Nobody"}, groupings=[by("industry")])
    assert none["rows"] == []
    whole = await reported(client, measures=[measure("count")])
    assert values(whole) == [{"count": 5}]


async def test_days_are_those_of_the_organization_over_daylight_saving(client, owner, org):
    await client.changed("organization", {"time_zone": "Europe/Berlin", "fiscal_year_starts_in": 4})
    moments = {
        "2026-03-28T22:59:59Z": "2026-03-28",
        "2026-03-28T23:00:00Z": "2026-03-29",
        "2026-03-29T21:59:59Z": "2026-03-29",
        "2026-03-29T22:00:00Z": "2026-03-30",
        "2026-10-24T22:00:00Z": "2026-10-25",
        "2026-10-25T22:59:59Z": "2026-10-25",
        "2026-10-25T23:00:00Z": "2026-10-26",
    }
    for turn, moment in enumerate(moments):
        made = await client.made("companies", {"name": f"C{turn}"})
        await owner.execute(
            "UPDATE companies SET created_at = $2::text::timestamptz WHERE id = $1",
            made["id"],
            moment,
        )
    report = {"source": "company", "groupings": [by("created_at", "day")]}
    answer = (await client.post("/v1/reports/run", json=report)).json()
    assert answer["time_zone"] == "Europe/Berlin"
    counts = {}
    for day in moments.values():
        counts[day] = counts.get(day, 0) + 1
    assert {row["created_at"]: row["count"] for row in values(answer)} == counts
    for row in answer["rows"]:
        found = await behind(client, report, row["cell"])
        assert len(found) == row["values"]["count"]
    years = await reported(client, groupings=[by("created_at", "fiscal_year")])
    assert [(row["created_at"], row["count"]) for row in values(years)] == [
        ("2025-04-01", 4),
        ("2026-04-01", 3),
    ]
    quarters = await reported(client, groupings=[by("created_at", "fiscal_quarter")])
    assert [row["created_at"] for row in values(quarters)] == ["2026-01-01", "2026-10-01"]


async def test_a_series_misses_no_bucket_and_knows_what_was_before(client, owner):
    for turn, (moment, size) in enumerate(
        (("2025-01-15", 10), ("2026-01-10", 20), ("2026-01-20", 10), ("2026-03-05", 5))
    ):
        made = await client.made("companies", {"name": f"C{turn}", "employees": size})
        await owner.execute(
            "UPDATE companies SET created_at = $2::text::timestamptz WHERE id = $1",
            made["id"],
            moment + "T12:00:00Z",
        )
    answer = await reported(
        client,
        kind="time_series",
        groupings=[by("created_at", "month")],
        measures=[
            measure("count"),
            measure("sum", "employees"),
            {"name": "so_far", "function": "running", "of": ["sum"]},
            {"name": "growth", "function": "change", "of": ["sum"]},
            {"name": "growth_year", "function": "change", "of": ["sum"], "over": "year"},
        ],
    )
    found = {row["created_at"]: row for row in values(answer)}
    assert len(found) == 15
    assert found["2025-02-01"]["count"] == 0
    assert found["2025-02-01"]["sum"] is None
    assert found["2026-01-01"]["growth_year"] == "2"
    assert found["2026-01-01"]["growth"] is None
    assert [found[f"2026-0{n}-01"]["so_far"] for n in (1, 2, 3)] == [40, 40, 45]
    # Behind what adds up stands all of it, and behind a change what it came to.
    report = {
        "source": "company",
        "kind": "time_series",
        "groupings": [by("created_at", "month")],
        "measures": [
            measure("sum", "employees"),
            {"name": "so_far", "function": "running", "of": ["sum"]},
        ],
    }
    cells = {row["values"]["created_at"]: row["cell"] for row in answer["rows"]}
    for name, total in (("so_far", 40), ("sum", 30)):
        rows = await behind(client, report, cells["2026-01-01"], measure=name)
        assert sum(row["employees"] for row in rows) == total


async def test_only_what_adds_up_is_added_up(client):
    answer = await reported(
        client,
        status=422,
        kind="time_series",
        groupings=[by("created_at", "month")],
        measures=[
            measure("avg", "employees"),
            {"name": "so_far", "function": "running", "of": ["avg"]},
        ],
    )
    assert pointers(answer) == ["/measures/1/of/0"]


async def test_what_has_not_come_yet_has_taken_no_time(client, owner):
    where, because = await pipeline(client), await reason(client)
    lost, _ = [await deal(client, where, name=name) for name in ("Lost", "Open")]
    await act(client, lost["id"], "lose", loss_reason_id=because)
    await owner.execute(
        "UPDATE deals SET created_at = closed_at - interval '48 hours' WHERE id = $1", lost["id"]
    )
    elapsed = {"field": "closed_at", "since": "created_at"}
    report = {
        "source": "deal",
        "measures": [
            {"name": "days", "function": "avg", **elapsed},
            {"name": "hours", "function": "median", "unit": "hours", **elapsed},
            {"name": "deals", "function": "count"},
        ],
    }
    answer = (await client.post("/v1/reports/run", json=report)).json()
    (row,) = values(answer)
    assert [float(row[one]) for one in ("days", "hours", "deals")] == [2, 48, 2]


async def test_a_funnel_and_a_cohort(client, owner):
    for turn, (life, size) in enumerate(
        (("customer", 50), ("customer", 5), ("prospect", 50), ("target", None))
    ):
        await client.made("companies", {"name": f"C{turn}", "lifecycle": life, "employees": size})
    report = {
        "source": "company",
        "kind": "funnel",
        "steps": [
            {"name": "All", "filter": {}},
            {"name": "Approached", "filter": {"lifecycle": {"ne": "target"}}},
            {"name": "Large", "filter": {"employees": {"gte": 10}}},
            {"name": "Won", "filter": {"lifecycle": "customer"}},
        ],
    }
    answer = (await client.post("/v1/reports/run", json=report)).json()
    assert [(row["step"], row["count"], row["of_first"]) for row in values(answer)] == [
        ("All", 4, "1"),
        ("Approached", 3, "0.75"),
        ("Large", 2, "0.5"),
        ("Won", 1, "0.25"),
    ]
    for row in answer["rows"]:
        assert len(await behind(client, report, row["cell"])) == row["values"]["count"]
    where, because = await pipeline(client), await reason(client)
    for turn, (made, closed) in enumerate(
        (("2026-01-31", "2026-02-01"), ("2026-01-05", "2026-01-06"), ("2026-02-01", "2026-04-30"))
    ):
        one = await deal(client, where, name=f"D{turn}")
        await act(client, one["id"], "lose", loss_reason_id=because)
        await owner.execute(
            "UPDATE deals SET created_at = $2::text::timestamptz, "
            "closed_at = $3::text::timestamptz WHERE id = $1",
            one["id"],
            made + "T12:00:00Z",
            closed + "T12:00:00Z",
        )
    cohort = {
        "source": "deal",
        "kind": "cohort",
        "groupings": [by("created_at", "month"), by("closed_at", "month", since="created_at")],
    }
    answer = (await client.post("/v1/reports/run", json=cohort)).json()
    assert [tuple(row.values()) for row in values(answer)] == [
        ("2026-01-01", 0, 1),
        ("2026-01-01", 1, 1),
        ("2026-02-01", 2, 1),
    ]
    for row in answer["rows"]:
        assert len(await behind(client, cohort, row["cell"])) == row["values"]["count"]
    for distance in (100_000, -100_000):
        body = {
            "report": cohort,
            "cell": cell_of({"created_at": "2026-01-01", "closed_at": distance}),
        }
        answer = await client.post("/v1/reports/drilldown", json=body)
        assert pointers(problem(answer, 422)) == ["/cell"]


async def test_fields_of_one_other_record_and_custom_ones(client, companies):
    await client.made("custom-fields", {"target": "contact", "name": "tier", "type": "text"})
    await client.made("custom-fields", {"target": "contact", "name": "size", "type": "decimal"})
    await client.made("custom-fields", {"target": "contact", "name": "met_on", "type": "date"})
    for turn, company in enumerate([*companies[:3], None]):
        body = {"last_name": f"P{turn}", "custom": {"tier": "gold" if turn % 2 else "silver"}}
        body["custom"] |= {"size": f"{turn}.5", "met_on": f"2026-0{turn + 1}-15"}
        if company:
            body["company_id"] = company["id"]
        await client.made("contacts", body)
    report = {
        "source": "contact",
        "groupings": [by("company.industry"), by("custom.tier"), by("custom.met_on", "quarter")],
        "measures": [measure("count"), measure("sum", "custom.size")],
    }
    answer = (await client.post("/v1/reports/run", json=report)).json()
    assert [tuple(row.values()) for row in values(answer)] == [
        ("bank", "gold", "2026-01-01", 1, "1.5"),
        ("bank", "silver", "2026-01-01", 2, "3"),
        (None, "gold", "2026-04-01", 1, "3.5"),
    ]
    for row in answer["rows"]:
        found = await behind(client, report, row["cell"])
        assert len(found) == row["values"]["count"]


async def test_a_table_is_the_first_records(client, companies):
    answer = await reported(
        client, kind="table", columns=["name", "annual_revenue"], sort=["name"], limit=2
    )
    assert values(answer) == [
        {"name": "A", "annual_revenue": "100.10"},
        {"name": "B", "annual_revenue": "200.20"},
    ]
    assert answer["truncated"]


async def test_what_is_hidden_is_named_and_refused(client, companies):
    role = await custom_role(
        client,
        levels={"*": {"read": "all"}},
        masks={"company": {"hidden": ["employees", "industry"]}},
    )
    reader = (await member(client, role)).api
    for at, body in (
        ("/groupings/0/field", {"groupings": [by("industry")]}),
        ("/measures/0/field", {"measures": [measure("sum", "employees")]}),
        ("/filter/industry", {"filter": {"industry": "bank"}}),
        (
            "/measures/0/filter/industry",
            {"measures": [measure("count", filter={"industry": "bank"})]},
        ),
        ("/columns", {"kind": "table", "columns": ["employees"]}),
    ):
        answer = await reader.post("/v1/reports/run", json={"source": "company", **body})
        found = problem(answer, 403, "hidden_field")
        assert pointers(found) == [at]
        assert "employees" in found["detail"] or "industry" in found["detail"]
    shown = await reader.post(
        "/v1/reports/run", json={"source": "contact", "groupings": [by("company.industry")]}
    )
    problem(shown, 403, "hidden_field")
    (source,) = [
        one for one in (await reader.read("report-sources"))["data"] if one["source"] == "company"
    ]
    assert not {"employees", "industry"} & {field["path"] for field in source["fields"]}


async def test_only_what_is_seen_is_counted(client, companies):
    role = await custom_role(client, levels={"*": {"read": "own"}})
    reader = await member(client, role)
    for company in companies[:2]:
        await client.changed(f"companies/{company['id']}", {"owner_id": reader.id})
    await client.made(
        "contacts", {"last_name": "X", "company_id": companies[3]["id"], "owner_id": reader.id}
    )
    report = {"source": "company", "groupings": [by("industry")], "totals": True}
    answer = (await reader.api.post("/v1/reports/run", json=report)).json()
    assert values(answer) == [{"industry": "bank", "count": 2}]
    assert answer["totals"][0]["values"] == {"count": 2}
    assert len(await behind(reader.api, report, answer["rows"][0]["cell"])) == 2
    # A record that is not seen is none on the way, too.
    other = {"source": "contact", "groupings": [by("company.industry")]}
    answer = (await reader.api.post("/v1/reports/run", json=other)).json()
    assert values(answer) == [{"company.industry": None, "count": 1}]
    assert len(await behind(reader.api, other, answer["rows"][0]["cell"])) == 1
    cost = (await reader.api.post("/v1/reports/validate", json=report)).json()
    assert cost["cost"] is None
    assert (await client.post("/v1/reports/validate", json=report)).json()["cost"] > 0


async def test_over_graphql_it_is_the_same(client, companies):
    document = """query($input: ReportQueryInput!) {
        reportAnswer(input: $input) { definitionHash rows { cell values } totals { by values } }
        reportCheck(input: $input) { cost preview { values } }
        reportSources { source fields { path functions } relations { name source } }
    }"""
    asked = {"source": "company", "groupings": [{"field": "industry"}], "totals": True}
    found = await client.data(document, input=asked)
    rest = await reported(client, groupings=[by("industry")], totals=True)
    assert found["reportAnswer"]["rows"] == rest["rows"]
    assert found["reportAnswer"]["definitionHash"] == rest["definition_hash"]
    assert {one["source"] for one in found["reportSources"]} >= {"company", "contact", "deal"}
    cell = rest["rows"][0]["cell"]
    behind_it = (
        "query($input: ReportCellInput!) { reportRowsBehind(input: $input) { count filter } }"
    )
    told = await client.data(behind_it, input={"report": asked, "cell": cell})
    assert told["reportRowsBehind"]["count"] == 3
