"""The library of standard reports over REST."""

from fastapi import Response

from crm_api.domains.reports.library import Library
from crm_api.domains.reports.saved_schemas import ReportRunInput
from crm_api.domains.reports.schemas import (
    StandardReportAnswer,
    StandardReportList,
    StandardReportOut,
)
from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.requests import Reading
from crm_api.kit.rest.router import new_router

library = new_router("standard_reports", "standard-reports")


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
    responses={200: {"model": StandardReportAnswer}} | problems(400, 403, 404, 409, 415, 422),
)
async def run_standard(name: str, tx: Reading, body: ReportRunInput | None = None) -> Response:
    """As far as the records are seen; `report` and a cell ask for the records behind it."""
    given = {} if body is None else body.parameters
    return answers.plain(await Library(tx).result(name, given))
