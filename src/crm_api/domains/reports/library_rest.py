"""The library of standard reports over REST."""

from typing import Annotated

from fastapi import Query, Response

from crm_api.domains.reports.charts import ChartFormat
from crm_api.domains.reports.files import FileFormat
from crm_api.domains.reports.library import Library
from crm_api.domains.reports.outputs import CHART, FILE, PDF, charted, filed, printed
from crm_api.domains.reports.printing import Paper
from crm_api.domains.reports.saved_schemas import ReportRunCellInput, ReportRunInput
from crm_api.domains.reports.shown import (
    ReportRowsBehind,
    StandardReportAnswer,
    StandardReportList,
    StandardReportOut,
)
from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.requests import Reading
from crm_api.kit.rest.router import Id, new_router
from crm_api.kit.schema import Day

library = new_router("standard_reports", "standard-reports")
products = new_router("standard_reports", "products")
_REFUSED = problems(400, 403, 404, 409, 415, 422)
_AS_IT_IS = ReportRunInput()


@library.get(
    "",
    operation_id="listStandardReports",
    summary="List standard reports with their definitions",
    responses={200: {"model": StandardReportList}} | problems(403),
)
async def list_standard(tx: Reading) -> Response:
    """Of the records that may be read."""
    return answers.plain({"data": Library(tx).all()})


@library.get(
    "/{name}",
    operation_id="getStandardReport",
    summary="The definition of a standard report",
    responses={200: {"model": StandardReportOut}} | problems(403, 404),
)
async def read_standard(name: str, tx: Reading) -> Response:
    """With its formula and parameters."""
    return answers.plain(Library(tx).named(name))


@library.post(
    "/{name}/run",
    operation_id="runStandardReport",
    summary="Run a standard report at once",
    responses={200: {"model": StandardReportAnswer}} | _REFUSED,
)
async def run_standard(name: str, tx: Reading, body: ReportRunInput = _AS_IT_IS) -> Response:
    """As far as the records are seen: a field that is hidden is 403 `hidden_field`."""
    return answers.plain(await Library(tx).result(name, body.parameters))


@library.post(
    "/{name}/drilldown",
    operation_id="drillStandardReport",
    summary="The records behind a cell of a standard report",
    responses={200: {"model": ReportRowsBehind}} | _REFUSED,
)
async def drill_standard(name: str, tx: Reading, body: ReportRunCellInput) -> Response:
    """As a filter of their collection; `cell` stands beside each row and total."""
    found = await Library(tx).drilled(name, body.parameters, body.cell, body.measure)
    return answers.plain(found)


@library.post(
    "/{name}/file",
    operation_id="downloadStandardReport",
    summary="A standard report as a file",
    responses=FILE | _REFUSED,
)
async def file_standard(
    name: str, tx: Reading, body: ReportRunInput = _AS_IT_IS, format: FileFormat = "csv"
) -> Response:
    """CSV without formulas, NDJSON, or a sheet of typed cells with its totals."""
    answer = (await Library(tx).result(name, body.parameters))["answer"]
    return await filed(answer, answer["rows"], format, name)


@library.post(
    "/{name}/chart",
    operation_id="drawStandardReport",
    summary="A standard report as a chart",
    responses=CHART | _REFUSED,
)
async def chart_standard(
    name: str, tx: Reading, body: ReportRunInput = _AS_IT_IS, format: ChartFormat = "vega-lite"
) -> Response:
    """A specification of Vega-Lite with its data, or the picture that it is."""
    found = await Library(tx).result(name, body.parameters)
    answer = found["answer"]
    return await charted(answer, answer["rows"], format, found["standard"]["chart"])


@library.post(
    "/{name}/document",
    operation_id="printStandardReport",
    summary="A standard report as a PDF",
    responses=PDF | _REFUSED,
)
async def print_standard(
    name: str, tx: Reading, body: ReportRunInput = _AS_IT_IS, paper: Paper | None = None
) -> Response:
    """With its chart and table, in the organization's language and, if none is said, on its
    paper.
    """
    found = await Library(tx).result(name, body.parameters)
    own, answer = found["standard"], found["answer"]
    return await printed(tx, own["title"], answer, answer["rows"], paper, own["chart"], name)


@products.get(
    "/{id}/performance",
    operation_id="getProductPerformance",
    summary="How a product fares within some days",
    responses={200: {"model": StandardReportAnswer}} | problems(403, 404, 422),
)
async def performance(
    id: Id,
    tx: Reading,
    first: Annotated[Day | None, Query(alias="from", description="A year ago without it.")] = None,
    last: Annotated[Day | None, Query(alias="to", description="Today without it.")] = None,
    *,
    with_margin: Annotated[bool, Query(description="To whoever sees costs.")] = False,
) -> Response:
    """The standard report `product_performance` of one product, a row for each currency.

    How often it was offered, won and lost, what was taken off, how much of it was ordered, and
    with which share of its orders something else was.
    """
    found = await Library(tx).of_product(id, first, last, with_margin=with_margin)
    return answers.plain(found)
