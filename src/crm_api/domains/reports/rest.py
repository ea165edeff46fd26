"""Reports and metrics over REST."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response

from crm_api.domains.reports.charts import ChartFormat
from crm_api.domains.reports.exporting import begin_export
from crm_api.domains.reports.files import FileFormat
from crm_api.domains.reports.library_rest import library, products
from crm_api.domains.reports.metrics import AskedMetric, Metrics, metrics_of
from crm_api.domains.reports.outputs import CHART, FILE, PDF, Responses, charted, filed, printed
from crm_api.domains.reports.printing import Paper
from crm_api.domains.reports.repository import RUNS
from crm_api.domains.reports.running import Reports, sources_of
from crm_api.domains.reports.runs import ReportRunService
from crm_api.domains.reports.saved_schemas import (
    ReportExportInput,
    ReportOut,
    ReportRunCreate,
    ReportRunInput,
    ReportRunOut,
    ReportRunRows,
    ReportRunStarted,
)
from crm_api.domains.reports.schemas import MAX_CELL, ReportCellInput, ReportQuery
from crm_api.domains.reports.service import ReportService
from crm_api.domains.reports.shown import (
    MetricAnswer,
    ReportAnswer,
    ReportCheck,
    ReportMetricList,
    ReportRowsBehind,
    ReportSourceList,
)
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.page import PageQuery
from crm_api.kit.query.selection import Selection
from crm_api.kit.rest import answers, params
from crm_api.kit.rest.actions import add_action
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id, IfMatch
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router, filtered, new_router, page_shape
from crm_api.kit.schema import Day
from crm_api.platform.exports.schemas import ExportStarted

sources = new_router("report_sources", "report-sources")
pure = new_router("reports", "reports")
saved = crud_router(ReportService)
runs = new_router("report_runs", "report-runs")
exports = new_router("report_runs", "report-exports")
metrics = new_router("metrics", "metrics")

_FILTERED: dict[str, Any] = filtered()
_STARTED: Responses = {200: {"model": ReportRunStarted}, 202: {"model": ReportRunStarted}}
_RUN: Responses = {200: {"model": ReportRunOut}}
_RUNS: Responses = {200: {"model": page_shape(ReportRunOut)}}

By = Annotated[
    str | None,
    Query(max_length=400, description="Groupings: `owner_id,closes_on:month`, three at most."),
]
First = Annotated[Day | None, Query(alias="from", description="The first day.")]
Cell = Annotated[str, Query(max_length=MAX_CELL, description="That of a row, total or value.")]
CellMeasure = Annotated[
    str | None, Query(max_length=100, description="Whose own filter holds, too.")
]
Last = Annotated[Day | None, Query(alias="to", description="The last day.")]


@sources.get(
    "",
    operation_id="listReportSources",
    summary="What reports are of",
    responses={200: {"model": ReportSourceList}} | problems(403),
)
async def list_sources(tx: Reading) -> Response:
    """The collections that may be read, with their fields, and what may be asked of each."""
    return answers.plain({"data": sources_of(tx)})


@pure.post(
    "/run",
    operation_id="runReportQuery",
    summary="Run a report at once",
    responses={200: {"model": ReportAnswer}, 202: {"model": ReportRunStarted}}
    | problems(400, 403, 409, 415, 422),
)
async def run(tx: Writing, body: ReportQuery) -> Response:
    """As far as the records are seen: a hidden field is 403 `hidden_field`. What takes more than
    two seconds, or is expected to, becomes a run by a job (202).
    """
    answer, started = await ReportRunService(tx).at_once(body)
    return answers.plain(answer) if started is None else _begun(started, at_once=True)


@pure.post(
    "/validate",
    operation_id="validateReport",
    summary="Check a report",
    responses={200: {"model": ReportCheck}} | problems(400, 403, 409, 415, 422),
)
async def validate(tx: Writing, body: ReportQuery) -> Response:
    """Its columns, what it costs, and its first rows."""
    return answers.plain(await Reports(tx).check(body))


@pure.post(
    "/drilldown",
    operation_id="drillReport",
    summary="The records behind a cell of a report",
    responses={200: {"model": ReportRowsBehind}} | problems(400, 403, 409, 415, 422),
)
async def drilldown(tx: Reading, body: ReportCellInput) -> Response:
    """As a filter of their collection; `cell` stands beside each row and total."""
    return answers.plain(await Reports(tx).drill(body))


@metrics.get(
    "",
    operation_id="listMetrics",
    summary="List metrics with their definitions",
    responses={200: {"model": ReportMetricList}} | problems(403),
)
async def list_metrics(tx: Reading) -> Response:
    """Of the records that may be read."""
    return answers.plain({"data": metrics_of(Reports(tx))})


@metrics.get(
    "/{name}",
    operation_id="getMetric",
    summary="A metric between two days",
    responses={200: {"model": MetricAnswer}} | problems(403, 404, 422),
    openapi_extra=_FILTERED,
)
async def metric(
    name: str,
    request: Request,
    tx: Reading,
    by: By = None,
    first: First = None,
    last: Last = None,
) -> Response:
    """With the definition it was computed by. `filter[…]` is as in lists of its source."""
    return answers.plain(await Metrics(tx).of(_asked(request, name, by, first, last)))


@metrics.get(
    "/{name}/drilldown",
    operation_id="drillMetric",
    summary="The records behind the value of a metric",
    responses={200: {"model": ReportRowsBehind}} | problems(403, 404, 422),
    openapi_extra=_FILTERED,
)
async def drill_metric(
    name: str,
    request: Request,
    tx: Reading,
    cell: Cell,
    measure: CellMeasure = None,
    by: By = None,
    first: First = None,
    last: Last = None,
) -> Response:
    """Asked for with what the value was asked for with: `cell` stands beside it and each row. Of
    a ratio they are those that it is divided by; `measure` is another one of its `measures`.
    """
    asked = _asked(request, name, by, first, last)
    return answers.plain(await Metrics(tx).opened(asked, cell, measure))


def _asked(
    request: Request, name: str, by: str | None, first: date | None, last: date | None
) -> AskedMetric:
    filter = params.filter_source(request)
    return AskedMetric(name=name, by=by, first=first, last=last, filter=filter, is_lax=True)


async def _certify(tx: Tx, id: UUID, _: Any, expected: int | None) -> Any:
    return await ReportService(tx).certify(id, expected, certified=True)


async def _uncertify(tx: Tx, id: UUID, _: Any, expected: int | None) -> Any:
    return await ReportService(tx).certify(id, expected, certified=False)


add_action(
    saved,
    "certify",
    _certify,
    ReportOut,
    ("Vouch for a report", "Takes the permission `certify_reports`."),
)
add_action(
    saved,
    "uncertify",
    _uncertify,
    ReportOut,
    ("Vouch for a report no longer", "Takes the permission `certify_reports`."),
)


@saved.post(
    "/{id}/run",
    status_code=202,
    operation_id="runReport",
    summary="Have a saved report run",
    responses=_STARTED | problems(400, 403, 404, 409, 415, 422),
)
async def run_saved(id: Id, tx: Writing, body: ReportRunInput | None = None) -> Response:
    """As a job; where nothing has changed since an earlier run, that one is answered with 200."""
    given = {} if body is None else body.parameters
    return _begun(await ReportRunService(tx).begin_saved(id, given))


@runs.post(
    "",
    status_code=202,
    operation_id="createReportRun",
    summary="Have a report run as a job",
    responses=_STARTED | problems(400, 403, 409, 415, 422),
)
async def create_run(tx: Writing, body: ReportRunCreate) -> Response:
    """That is not saved: for what takes too long to be answered at once."""
    return _begun(await ReportRunService(tx).begin(body.definition))


@library.post(
    "/{name}/runs",
    status_code=202,
    operation_id="createStandardReportRun",
    summary="Have a standard report run as a job",
    responses=_STARTED | problems(400, 403, 404, 409, 415, 422),
)
async def run_standard(name: str, tx: Writing, body: ReportRunInput | None = None) -> Response:
    """For what takes too long to be answered at once, and for its files later on. Where nothing
    has changed since an earlier run, that one is answered with 200.
    """
    given = {} if body is None else body.parameters
    return _begun(await ReportRunService(tx).begin_standard(name, given))


def _begun(started: dict[str, Any], *, at_once: bool = False) -> Response:
    if started["is_cached"] and not at_once:
        return answers.plain(started)
    is_there = started["is_cached"]
    place = f"report-runs/{started['run'].id}" if is_there else f"jobs/{started['job_id']}"
    headers = {"Location": f"/v1/{place}"}
    return answers.plain(started, status=202, headers=headers)


@exports.post(
    "",
    status_code=202,
    operation_id="createReportExport",
    summary="Have the rows of a table written to a file",
    responses={202: {"model": ExportStarted}} | problems(400, 403, 404, 409, 415, 422),
)
async def create_export(tx: Writing, body: ReportExportInput) -> Response:
    """As an export, by a job and without a limit. Takes the scope `export` of the source."""
    started = await begin_export(tx, body)
    headers = {"Location": f"/v1/jobs/{started['job_id']}"}
    return answers.plain(started, status=202, headers=headers)


@runs.get(
    "",
    operation_id="listReportRuns",
    summary="List runs of reports",
    responses=_RUNS | problems(403, 422),
    openapi_extra=filtered(RUNS),
)
async def list_runs(
    request: Request,
    tx: Reading,
    limit: params.Limit = 50,
    cursor: params.Cursor = None,
    sort: params.Sort = None,
) -> Response:
    """One's own, newest first: all, those of a report (`filter[standard_report]`), or those that
    have ended (`filter[finished_at][is_null]=false`).
    """
    service = ReportRunService(tx)
    shown = Selection(RUNS.shown)
    filter = params.filter_of(request, RUNS, tx)
    asked = PageQuery(shown, filter, limit=limit, cursor=cursor, sort=sort)
    page = await service.page(asked)
    page.data[:] = await service.completed(page.data)
    return answers.page(request, page)


@runs.get(
    "/{id}",
    operation_id="getReportRun",
    summary="Read a run of a report",
    responses=_RUN | problems(403, 404, 422),
)
async def read_run(id: Id, tx: Reading) -> Response:
    """How it stands, and what there is of its result beside the rows."""
    service = ReportRunService(tx)
    return answers.plain((await service.completed([await service.get(id)]))[0])


@runs.delete(
    "/{id}",
    status_code=204,
    operation_id="deleteReportRun",
    summary="Put a run of a report in the bin",
    responses=problems(403, 404, 412, 422),
)
async def delete_run(id: Id, tx: Writing, if_match: IfMatch = None) -> Response:
    """Its rows are removed."""
    await ReportRunService(tx).delete(id, expected_version=answers.version_of(if_match))
    return Response(status_code=204)


@runs.get(
    "/{id}/rows",
    operation_id="listReportRunRows",
    summary="The rows of a run",
    responses={200: {"model": ReportRunRows}} | problems(403, 404, 409, 410, 422),
)
async def read_rows(
    id: Id, tx: Reading, limit: params.Limit = 50, cursor: params.Cursor = None
) -> Response:
    """In the order of the report."""
    return answers.plain(await ReportRunService(tx).rows(id, cursor, limit))


@runs.get(
    "/{id}/drilldown",
    operation_id="drillReportRun",
    summary="The records behind a cell of a run",
    responses={200: {"model": ReportRowsBehind}} | problems(403, 404, 409, 410, 422),
)
async def drill_run(
    id: Id,
    tx: Reading,
    cell: Cell,
    measure: CellMeasure = None,
) -> Response:
    """As a filter of their collection; `is_current` says whether they still come to the cell."""
    return answers.plain(await ReportRunService(tx).drill(id, cell, measure))


@runs.get(
    "/{id}/file",
    operation_id="downloadReportRun",
    summary="The result of a run as a file",
    responses=FILE | problems(403, 404, 409, 410, 422),
)
async def run_file(id: Id, tx: Reading, format: FileFormat = "csv") -> Response:
    """CSV without formulas, NDJSON, or a sheet of typed cells with its totals."""
    found = await ReportRunService(tx).whole(id)
    return await filed(found.answer, found.rows, format, found.file)


@runs.get(
    "/{id}/chart",
    operation_id="drawReportRun",
    summary="The result of a run as a chart",
    responses=CHART | problems(403, 404, 409, 410, 422),
)
async def run_chart(id: Id, tx: Reading, format: ChartFormat = "vega-lite") -> Response:
    """A specification of Vega-Lite with its data, or the picture that it is."""
    found = await ReportRunService(tx).whole(id)
    return await charted(found.answer, found.rows, format, found.chart)


@runs.get(
    "/{id}/document",
    operation_id="printReportRun",
    summary="The result of a run as a PDF",
    responses=PDF | problems(403, 404, 409, 410, 422),
)
async def run_document(id: Id, tx: Reading, paper: Paper | None = None) -> Response:
    """With its chart and table, in the organization's language and, if none is said, on its
    paper.
    """
    found = await ReportRunService(tx).whole(id)
    told = found.title, found.answer, found.rows, paper, found.chart, found.file
    return await printed(tx, *told)


ROUTERS = (sources, pure, saved, runs, exports, metrics, library, products)
