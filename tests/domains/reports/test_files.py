"""Results as files and as charts."""

import csv
import io
import json
from datetime import datetime
from uuid import UUID

import openpyxl
import pytest
from pypdf import PdfReader

from support.clients import problem
from support.printing import fonts_of
from support.reporting import by, measure
from support.scripts import SCRIPTS
from support.selling import pipeline

REPORT = {
    "source": "company",
    "groupings": [by("founded_on", "month"), by("source")],
    "measures": [
        measure("count"),
        measure("avg", "employees"),
        {"name": "big", "function": "count", "filter": {"employees": {"gte": 20}}},
        {"name": "share", "function": "ratio", "of": ["big", "count"]},
    ],
    "totals": True,
}
STORED = "UPDATE companies SET source = $2 WHERE id = $1"


COMPANIES = (
    ("=1+1", "2026-01-05", 10),
    ("=1+1", "2026-01-25", 25),
    ("Банк", "2026-02-05", None),
)


@pytest.fixture
async def companies(client, worker):
    for source, founded, size in COMPANIES:
        body = {"name": "A", "source": source, "founded_on": founded, "employees": size}
        await client.made("companies", body)


async def run_of(client, definition):
    begun = (await client.post("/v1/report-runs", json={"definition": definition})).json()
    await client.ended(begun["job_id"])
    return f"/v1/report-runs/{begun['run']['id']}"


async def test_csv_has_no_formulas(client, companies):
    path = await run_of(client, REPORT)
    answer = await client.get(f"{path}/file")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="report.csv"'
    assert list(csv.reader(io.StringIO(answer.text))) == [
        ["founded_on", "source", "count", "avg", "big", "share"],
        ["2026-01-01", "'=1+1", "2", "17.5", "1", "0.5"],
        ["2026-02-01", "Банк", "1", "", "0", "0"],
    ]
    lines = (await client.get(f"{path}/file", params={"format": "ndjson"})).text.splitlines()
    assert json.loads(lines[0])["source"] == "=1+1"
    assert json.loads(lines[1])["avg"] is None


async def test_a_sheet_has_typed_cells_and_totals(client, companies):
    path = await run_of(client, REPORT)
    answer = await client.get(f"{path}/file", params={"format": "xlsx"})
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    rows = [tuple(cell.value for cell in row) for row in sheet.iter_rows()]
    assert rows[1] == (datetime(2026, 1, 1), "=1+1", 2, 17.5, 1, 0.5)
    assert {cell.data_type for cell in list(sheet.iter_rows())[1][:2]} == {"d", "s"}
    assert rows[3] == ("Total", None, 3, 17.5, 1, 0.333333)
    assert rows[4] == (datetime(2026, 1, 1), "Total", 2, 17.5, 1, 0.5)
    problem(await client.get(f"{path}/file", params={"format": "pdf"}), 422)


async def test_a_sheet_of_what_is_grouped_by_numbers_has_totals(client, companies):
    by_size = {"source": "company", "groupings": [{"field": "employees"}], "totals": True}
    path = await run_of(client, by_size)
    answer = await client.get(f"{path}/file", params={"format": "xlsx"})
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    assert list(sheet.iter_rows(values_only=True))[-1] == ("Total", 3)


async def test_totals_of_groups_without_a_value_are_not_the_total(client, worker):
    for size, industry in ((10, None), (20, None), (30, "retail")):
        body = {"name": "A", "source": "fair", "employees": size, "industry": industry}
        await client.made("companies", body)
    await client.made("companies", {"name": "B", "industry": "retail", "employees": 40})
    report = {
        "source": "company",
        "groupings": [by("source"), by("industry")],
        "measures": [measure("count")],
        "totals": True,
    }
    path = await run_of(client, report)
    book = (await client.get(f"{path}/file", params={"format": "xlsx"})).content
    sheet = openpyxl.load_workbook(io.BytesIO(book)).active
    assert list(sheet.iter_rows(values_only=True))[-3:] == [
        ("Total", None, 4),
        ("fair", "Total", 3),
        (None, "Total", 1),
    ]
    pdf = (await client.get(f"{path}/document")).content
    printed = PdfReader(io.BytesIO(pdf)).pages[0].extract_text()
    lines = [line for line in printed.splitlines() if "Total" in line]
    assert [line.split() for line in lines] == [
        ["Total", "4"],
        ["fair", "Total", "3"],
        ["–", "Total", "1"],
    ]


async def test_amounts_are_printed_with_their_decimals(client, worker):
    await pipeline(client)
    report = {
        "source": "deal",
        "groupings": [by("name")],
        "measures": [measure("sum", "base_amount")],
    }
    for name, amount in (("First", "1250.5"), ("Second", "100")):
        await client.made("deals", {"name": name, "amount": amount, "currency": "EUR"})
    pdf = (await client.get(f"{await run_of(client, report)}/document")).content
    printed = PdfReader(io.BytesIO(pdf)).pages[0].extract_text()
    assert "1,250.50" in printed
    assert "100.00" in printed


async def test_what_does_not_fit_side_by_side_is_several_tables(client, worker):
    await client.made("companies", {"name": "A", "source": "fair"})
    names = [f"number_{n}" for n in range(14)]
    measures = [{"name": name, "function": "count"} for name in names]
    report = {"source": "company", "groupings": [by("source")], "measures": measures}
    pdf = (await client.get(f"{await run_of(client, report)}/document")).content
    words = PdfReader(io.BytesIO(pdf)).pages[0].extract_text().split()
    # Each of two tables says of what its numbers are; each number is in one of them.
    assert words.count("fair") == 2
    assert words.count("1") >= len(names)


async def test_a_table_as_a_file(client, companies):
    table = {"source": "company", "kind": "table", "columns": ["name", "tags", "created_at"]}
    path = await run_of(client, table)
    for format in ("csv", "xlsx", "ndjson"):
        answer = await client.get(f"{path}/file", params={"format": format})
        assert answer.status_code == 200, answer.text
    problem(await client.get(f"{path}/chart"), 422)


async def test_charts(client, companies):
    series = {**REPORT, "kind": "time_series", "totals": False}
    path = await run_of(client, series)
    spec = (await client.get(f"{path}/chart")).json()
    assert spec["mark"]["type"] == "line"
    assert [(row["g0"], row["g1"], row["value"]) for row in spec["data"]["values"]] == [
        ("2026-01-01", "=1+1", 2),
        ("2026-01-01", "Банк", 0),
        ("2026-02-01", "=1+1", 0),
        ("2026-02-01", "Банк", 1),
    ]
    assert "url" not in json.dumps(spec["data"])
    drawn = await client.get(f"{path}/chart", params={"format": "svg"})
    assert drawn.headers["content-type"] == "image/svg+xml"
    assert "Банк" in drawn.text
    assert drawn.text.startswith("<svg")
    picture = await client.get(f"{path}/chart", params={"format": "png"})
    assert picture.content.startswith(b"\x89PNG")
    told = await client.data(
        "query($id: UUID!) { reportRunChart(id: $id) }", id=path.rpartition("/")[2]
    )
    assert told["reportRunChart"] == spec
    for kind, mark in (("summary", "bar"), ("matrix", "rect")):
        other = await run_of(client, {**REPORT, "kind": kind, "totals": False})
        assert (await client.get(f"{other}/chart")).json()["mark"] == mark
        shown = await client.get(f"{other}/chart", params={"format": "png"})
        assert shown.status_code == 200


async def test_names_in_any_script_are_printed_and_drawn(client, worker, owner):
    names = [text for text, _ in SCRIPTS.values()]
    # Of characters that are two halves each to what draws charts, and that no font has.
    names += ["😀" * 60, "Sign 𓀀"]
    for name in names:
        await client.made("companies", {"name": "A", "source": name})
    # One that XML cannot hold is not taken any more, and may be stored.
    odd = await client.made("companies", {"name": "A"})
    await owner.execute(STORED, UUID(odd["id"]), "Odd \ufffe")
    report = {"source": "company", "groupings": [by("source")], "measures": [measure("count")]}
    path = await run_of(client, report)
    answer = await client.get(f"{path}/document")
    assert answer.status_code == 200, answer.text
    embedded = fonts_of(answer.content)
    for _, font in SCRIPTS.values():
        assert font in embedded
    printed = PdfReader(io.BytesIO(answer.content)).pages[0].extract_text()
    for text in ("王小明", "გიორგი", "Արմեն", "Sign □", "Odd □"):
        assert text in printed
    for format, begins in (("svg", b"<svg"), ("png", b"\x89PNG")):
        picture = await client.get(f"{path}/chart", params={"format": format})
        assert picture.status_code == 200, picture.text
        assert picture.content.startswith(begins)
    assert (await client.get(f"{path}/chart")).json()["data"]["values"]
