"""Reports and metrics over REST."""

from typing import Annotated, Any

from fastapi import Query, Response

from crm_api.domains.reports.metrics import Metrics, metrics_of
from crm_api.domains.reports.running import Reports, sources_of
from crm_api.domains.reports.schemas import (
    MetricAnswer,
    ReportAnswer,
    ReportCellInput,
    ReportCheck,
    ReportMetricList,
    ReportQuery,
    ReportRowsBehind,
    ReportSourceList,
)
from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import new_router
from crm_api.kit.schema import Day

Responses = dict[int | str, dict[str, Any]]
sources = new_router("report_sources", "report-sources")
pure = new_router("reports", "reports")
metrics = new_router("metrics", "metrics")

By = Annotated[
    str | None,
    Query(max_length=400, description="Groupings: `owner_id,closes_on:month`, three at most."),
]
First = Annotated[Day | None, Query(alias="from", description="The first day.")]
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
    responses={200: {"model": ReportAnswer}} | problems(400, 403, 409, 415, 422),
)
async def run(tx: Writing, body: ReportQuery) -> Response:
    """As far as the records are seen: a hidden field is 403 `hidden_field`, and what would take
    too long is 422 `too_slow` or `too_expensive`.
    """
    return answers.plain(await Reports(tx).run(body))


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
)
async def metric(
    name: str, tx: Reading, by: By = None, first: First = None, last: Last = None
) -> Response:
    """With the definition it was computed by."""
    return answers.plain(await Metrics(tx).of(name, by, first, last))


ROUTERS = (sources, pure, metrics)
