"""What reports may cost, and runs that are found again."""

from uuid import uuid4

import pytest

from crm_api.domains.reports.declared import Declared
from crm_api.domains.reports.library import Library
from crm_api.domains.reports.running import Bounds, Reports
from crm_api.domains.reports.schemas import ReportQuery
from crm_api.kit.db.beside import beside
from crm_api.kit.db.guarding import Guard, reads_of
from crm_api.kit.db.tx import at_one_moment
from crm_api.kit.errors import CrmError, Invalid
from crm_api.kit.reporting import ComputedReport
from support.clients import pointers, problem, tx_of
from support.reporting import by

TABLE = {"source": "company", "kind": "table", "columns": ["name"]}
SUMMARY = {"source": "company", "groupings": [by("industry")]}


@pytest.mark.parametrize("body", [TABLE, SUMMARY], ids=["table", "summary"])
async def test_what_would_take_too_much_is_refused(client, database, org, body):
    await client.made("companies", {"name": "Example"})
    query = ReportQuery.model_validate(body)
    assert (await Reports(tx_of(database, org)).run(query))["rows"]
    with pytest.raises(Invalid) as error:
        await Reports(tx_of(database, org), Bounds(4, 0)).run(query)
    assert error.value.own_code == "too_expensive"
    checked = await client.post("/v1/reports/validate", json=body)
    assert checked.json()["cost"] > 0


async def test_runs_are_filtered_and_sorted(client, worker):
    ran = []
    for name in ("deal_outcomes_by_owner", "pipeline_velocity"):
        started = (await client.post(f"/v1/standard-reports/{name}/runs", json={})).json()
        await client.ended(started["job_id"])
        ran.append(started["run"]["id"])
    made = await client.made("reports", {"name": "Example", "definition": SUMMARY})
    started = (await client.post(f"/v1/reports/{made['id']}/run")).json()
    await client.ended(started["job_id"])
    ran.append(started["run"]["id"])
    for asked, wanted in (
        ({}, ran[::-1]),
        ({"sort": "created_at"}, ran),
        ({"filter[standard_report]": "pipeline_velocity"}, ran[1:2]),
        ({"filter[standard_report][is_null]": "true"}, ran[2:]),
        ({"filter[report_id]": made["id"]}, ran[2:]),
        ({"filter[report][name]": "Example"}, ran[2:]),
        ({"filter[finished_at][is_null]": "true"}, []),
        ({"filter[finished_at][gte]": "@now-1d", "limit": "2"}, ran[:0:-1]),
    ):
        found = await client.read("report-runs", **asked)
        assert [one["id"] for one in found["data"]] == wanted, asked
    page = await client.read("report-runs", **{"filter[finished_at][gte]": "@now-1d", "limit": 2})
    more = {"filter[finished_at][gte]": "@now-1d", "cursor": page["next_cursor"]}
    assert [one["id"] for one in (await client.read("report-runs", **more))["data"]] == ran[:1]
    for asked in ({"filter[nothing]": "1"}, {"filter[row_count]": "x"}):
        answer = await client.get("/v1/report-runs", params=asked)
        (at,) = pointers(problem(answer, 422))
        assert at.startswith("/filter/")


COMPUTED = [one for one in Declared.standard.values() if isinstance(one, ComputedReport)]


@pytest.mark.parametrize("report", COMPUTED, ids=lambda report: report.name)
async def test_computed_reports_are_looked_at_by_what_they_read(database, org, report):
    sample = {"uuid": str(uuid4()), "text": "x"}
    given = {
        one.name: one.choices[0] if one.choices else sample[one.type]
        for one in report.parameters
        if one.default is None and not one.is_optional
    }
    asked = await Library(tx_of(database, org)).asked(report.name, given)
    with pytest.raises(CrmError) as error:
        await Library(tx_of(database, org), Bounds(4, 0)).run(asked.question)
    assert error.value.own_code == "too_expensive"


async def test_only_what_is_read_of_tables_counts(database, org):
    """Not what joins of parts are expected to come to, which is far too much or too little."""
    series = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b"
    some = "SELECT count(*) FROM companies WHERE organization_id = $1"
    twice = f"SELECT ({some}) + ({some})"
    async with at_one_moment(tx_of(database, org)) as tx:
        driver = (await (await tx.session()).connection()).get_raw_connection
        reads = [
            await reads_of((await driver()).driver_connection, sql, args)
            for sql, args in ((series, []), (some, [org.id]), (twice, [org.id]))
        ]
        assert reads[0] == 0 < reads[1]
        assert reads[2] == pytest.approx(2 * reads[1])
        tx.guard = Guard(0, ZeroDivisionError)
        assert len(await tx.fetch("SELECT 1")) == 1
        async with beside(tx) as other:
            with pytest.raises(ZeroDivisionError):
                await other.fetch(some, org.id)
        with pytest.raises(ZeroDivisionError):
            await tx.fetch(some, org.id)
