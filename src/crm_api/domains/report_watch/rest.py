"""Schedules and alerts over REST."""

from typing import Any
from uuid import UUID

from fastapi import Response

from crm_api.domains.report_watch.schemas import (
    ReportDeliveryList,
    ReportScheduleOut,
    ReportScheduleResult,
)
from crm_api.domains.report_watch.service import AlertService, ReportScheduleService
from crm_api.kit.db.tx import Tx
from crm_api.kit.rest import answers
from crm_api.kit.rest.actions import add_action
from crm_api.kit.rest.params import Limit
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id
from crm_api.kit.rest.requests import Reading
from crm_api.kit.rest.router import crud_router

schedules = crud_router(ReportScheduleService)
alerts = crud_router(AlertService)


@schedules.get(
    "/{id}/deliveries",
    operation_id="listReportDeliveries",
    summary="What became of a schedule's occurrences",
    responses={200: {"model": ReportDeliveryList}} | problems(403, 404, 422),
)
async def deliveries(id: Id, tx: Reading, limit: Limit = 50) -> Response:
    """The last ones, for each recipient."""
    service = ReportScheduleService(tx)
    await service.get(id)
    return answers.plain({"data": await service.records.last(id, limit)})


@schedules.get(
    "/{id}/result",
    operation_id="getReportScheduleResult",
    summary="What the report of a schedule comes to",
    responses={200: {"model": ReportScheduleResult}} | problems(403, 404, 409, 422),
)
async def result(id: Id, tx: Reading) -> Response:
    """Now, with its parameters, as whoever asks sees it: where events of endpoints lead."""
    return answers.plain(await ReportScheduleService(tx).result(id))


_TOLD_NOW = (
    "To all its recipients, if its condition holds; when it is due next stays as it is. While "
    "somebody is yet to be told of the last hour it is 409 `still_telling`."
)


async def _run(tx: Tx, id: UUID, _: Any, expected: int | None) -> Any:
    return await ReportScheduleService(tx).run(id, expected)


add_action(
    schedules,
    "run",
    _run,
    ReportScheduleOut,
    (
        "Have a schedule told now",
        _TOLD_NOW,
    ),
)

ROUTERS = (schedules, alerts)
