"""Schedules and alerts over REST."""

from fastapi import Response

from crm_api.domains.report_watch.schemas import ReportDeliveryList
from crm_api.domains.report_watch.service import AlertService, ReportScheduleService
from crm_api.kit.rest import answers
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


ROUTERS = (schedules, alerts)
