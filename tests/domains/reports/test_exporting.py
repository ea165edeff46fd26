"""Rows of tables as files of exports."""

import csv
import io
from uuid import uuid4

import pytest
from openpyxl import load_workbook

from support.clients import pointers, problem
from support.members import custom_role, member
from support.waiting import patiently

TABLE = {
    "source": "company",
    "kind": "table",
    "filter": {"employees": {"gte": 5}},
    "columns": ["name", "employees", "parent.name"],
    "sort": ["-name"],
}


@pytest.fixture
async def companies(client):
    for name, size in (("A", 10), ("B", 30), ("=C", 50), ("D", 1)):
        await client.made("companies", {"name": name, "employees": size})


async def file_of(api, body):
    answer = await api.post("/v1/report-exports", json=body)
    assert answer.status_code == 202, answer.text
    begun = answer.json()
    assert answer.headers["Location"] == f"/v1/jobs/{begun['job_id']}"
    return await downloaded(api, begun)


async def downloaded(api, begun):
    async for _ in patiently():
        found = await api.read(f"exports/{begun['export']['id']}")
        if found["status"] not in {"queued", "running"}:
            break
    assert found["status"] == "succeeded", found
    answer = await api.get(found["download_url"])
    assert answer.status_code == 200, answer.text
    return found, answer.content


async def test_all_rows_are_in_the_file(client, companies, worker):
    found, content = await file_of(client, {"definition": TABLE})
    assert found["rows"] == 3
    rows = list(csv.reader(io.StringIO(content.decode())))
    assert rows == [
        ["name", "employees", "parent.name"],
        ["'=C", "50", ""],
        ["B", "30", ""],
        ["A", "10", ""],
    ]
    _, content = await file_of(client, {"definition": TABLE, "format": "xlsx"})
    (sheet,) = load_workbook(io.BytesIO(content)).worksheets
    assert [cell.value for cell in list(sheet.rows)[1]] == ["=C", 50, None]


async def test_of_a_saved_report_as_whoever_asks(client, companies, worker):
    levels = {"*": {"read": "own"}, "exports": {"read": "all"}}
    reader = await member(client, await custom_role(client, levels=levels))
    definition = {**TABLE, "filter": {"employees": {"gte": {"$param": "least"}}}}
    body = {
        "name": "Sizes",
        "definition": definition,
        "parameters": [{"name": "least", "type": "integer"}],
        "sharing": "organization",
    }
    report = await client.made("reports", body)
    asked = {"report_id": report["id"], "parameters": {"least": 20}}
    found, _ = await file_of(client, asked)
    assert found["rows"] == 2
    refused = await reader.api.post("/v1/report-exports", json=asked)
    problem(refused, 403)


async def test_over_graphql(client, companies, worker):
    document = """mutation($input: ReportExportInput!) {
        createReportExport(input: $input) { jobId export { id format status } } }"""
    begun = (await client.data(document, input={"definition": TABLE, "format": "ndjson"}))[
        "createReportExport"
    ]
    _, content = await downloaded(client, begun)
    assert content.count(b"\n") == 3


WRONG = [
    ("/report_id", {}),
    ("/report_id", {"definition": TABLE, "report_id": str(uuid4())}),
    ("/parameters", {"definition": TABLE, "parameters": {"x": 1}}),
    ("/definition/kind", {"definition": {"source": "company"}}),
    ("/definition/limit", {"definition": {**TABLE, "limit": 5}}),
    ("/definition/columns", {"definition": {**TABLE, "columns": ["nothing"]}}),
    ("/definition/sort", {"definition": {**TABLE, "sort": ["nothing"]}}),
    ("/definition/filter/nothing", {"definition": {**TABLE, "filter": {"nothing": 1}}}),
    ("/definition/source", {"definition": {**TABLE, "source": "nothing"}}),
    ("/format", {"definition": TABLE, "format": "pdf"}),
]


@pytest.mark.parametrize(("at", "body"), WRONG)
async def test_mistakes_are_pointed_at(client, at, body):
    answer = await client.post("/v1/report-exports", json=body)
    assert pointers(problem(answer, 422)) == [at]
