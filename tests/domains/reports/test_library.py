"""Standard reports: what all of them have in common."""

from pathlib import Path

import pytest

import crm_api.registry  # noqa: F401 - tells which reports there are
from crm_api.domains.reports.declared import Declared
from crm_api.domains.reports.reference import pages
from crm_api.kit.reporting import ComputedReport
from support.clients import pointers, problem
from support.members import custom_role, member
from support.reporting import behind_standard, standard
from support.selling import act, deal, pipeline, reason

REPORTS = sorted(Declared.standard)
ROOT = Path(__file__).parents[3]
SPAN = {"from": "2000-01-01", "to": "2100-01-01"}
FILES = {"csv": "text/csv", "ndjson": "application/x-ndjson", "xlsx": "application/vnd.openxml"}


async def test_each_runs_of_nothing_and_as_every_file(client):
    for name in REPORTS:
        assert (
            await client.read(f"standard-reports/{name}")
            in (await client.read("standard-reports"))["data"]
        )
        told = await standard(client, name)
        answer = told["answer"]
        known = {column["name"] for column in answer["columns"]}
        assert known
        for row in answer["rows"]:
            assert row["values"].keys() == known
        at = f"/v1/standard-reports/{name}"
        for format, media in FILES.items():
            made = await client.post(f"{at}/file?format={format}")
            assert made.status_code == 200, made.text
            assert made.headers["content-type"].startswith(media)
        chart = await client.post(f"{at}/chart")
        assert chart.status_code == 200, chart.text
        assert chart.json()["encoding"]


async def test_each_is_drawn_and_printed(client):
    for name in REPORTS:
        at = f"/v1/standard-reports/{name}"
        assert (await client.post(f"{at}/chart?format=svg")).text.startswith("<svg")
        assert (await client.post(f"{at}/document")).content.startswith(b"%PDF")


async def test_each_is_the_same_over_graphql(client):
    listed = "query { standardReports { name title } }"
    found = (await client.data(listed))["standardReports"]
    assert sorted(one["name"] for one in found) == REPORTS
    asked = (
        "query($name: String!) { standardReport(name: $name) { id formula } "
        "runStandardReport(name: $name) { parameters answer { kind columns { name } "
        "rows { cell values } } } standardReportChart(name: $name) }"
    )
    for name in REPORTS:
        told = await standard(client, name)
        own = await client.data(asked, name=name)
        assert own["standardReport"]["id"] == told["standard"]["id"]
        ran = own["runStandardReport"]
        assert ran["parameters"] == told["parameters"]
        assert ran["answer"]["kind"] == told["answer"]["kind"]
        assert ran["answer"]["rows"] == told["answer"]["rows"]
        assert own["standardReportChart"]["encoding"]


def test_each_is_documented_and_drawn():
    for path, text in pages().items():
        assert (ROOT / path).read_text() == text, "`crm-api schema reports --write` writes it"
    for name in REPORTS:
        picture = ROOT / "docs" / "reports" / f"{name}.svg"
        assert picture.read_text().startswith("<svg"), "`tools/report_pictures.py` draws it"


async def test_mistakes_are_named(client):
    for name, report in Declared.standard.items():
        for one in report.parameters:
            wrong = [] if one.type == "text" else {}
            faults = problem(await _ran(client, name, {one.name: wrong}), 422)
            assert pointers(faults) == [f"/parameters/{one.name}"]
            if one.choices:
                faults = problem(await _ran(client, name, {one.name: "no such"}), 422)
                assert pointers(faults) == [f"/parameters/{one.name}"]
            if one.type == "day":
                faults = problem(await _ran(client, name, {one.name: "0999-01-01"}), 422)
                assert pointers(faults) == [f"/parameters/{one.name}"]
            if one.type == "uuid":
                nobody = "019a0000-0000-7000-8000-000000000000"
                faults = problem(await _ran(client, name, {one.name: nobody}), 422)
                assert pointers(faults) == [f"/parameters/{one.name}"]
        if {"from", "to"} <= {one.name for one in report.parameters}:
            days = {"from": "2026-02-01", "to": "2026-01-01"}
            assert pointers(problem(await _ran(client, name, days), 422)) == ["/parameters/to"]
        faults = problem(await _ran(client, name, {"nothing": 1}), 422)
        assert pointers(faults) == ["/parameters/nothing"]
        at = f"/v1/standard-reports/{name}/drilldown"
        for cell in ("e30x", "eyJubyI6MX0"):
            problem(await client.post(at, json={"cell": cell}), 422)
    problem(await client.get("/v1/standard-reports/nothing"), 404)


async def _ran(client, name, parameters):
    body = {"parameters": parameters}
    return await client.post(f"/v1/standard-reports/{name}/run", json=body)


async def test_who_does_not_see_a_field_gets_no_report_of_it(client):
    for name, report in Declared.standard.items():
        if not isinstance(report, ComputedReport):
            continue
        for path in report.reads:
            masks = {report.source: {"hidden": [path], "read_only": []}}
            role = {"name": path, "levels": {"*": {"read": "all"}}, "masks": masks}
            made = await client.post("/v1/roles", json=role)
            if made.status_code == 422:
                # There are fields that nobody is kept from seeing.
                continue
            reader = await member(client, made.json()["id"])
            told = await standard(reader.api, name, 403)
            assert told["code"] == "hidden_field", told


@pytest.mark.parametrize("key", ["owner"])
async def test_who_sees_a_part_gets_that_part(client, key):
    where, because = await pipeline(client), await reason(client)
    role = await custom_role(client, levels={"*": {"read": "own"}})
    reader = await member(client, role)
    for place in range(6):
        owner = reader.id if place % 2 else None
        one = await deal(client, where, owner_id=owner)
        if place < 4:
            await act(client, one["id"], "win")
        else:
            await act(client, one["id"], "lose", loss_reason_id=because)
    name = f"deal_outcomes_by_{key}"
    for api, wanted in ((client, 6), (reader.api, 3)):
        (total,) = (await standard(api, name, **SPAN))["answer"]["totals"]
        assert total["values"]["decided"] == wanted
        assert len(await behind_standard(api, name, total["cell"], **SPAN)) == wanted
