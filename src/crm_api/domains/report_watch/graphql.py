"""Schedules and alerts over GraphQL."""

from typing import Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.report_watch import schemas
from crm_api.domains.report_watch.service import AlertService, ReportScheduleService
from crm_api.domains.reports.graphql import Report
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation
from crm_api.kit.graphql.paging import page_size
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import type_from


@type_from(schemas.ReportScheduleOut)
class ReportSchedule:
    """When a saved or standard report is told to whom."""

    report = related(ReportScheduleService, "report", Report)


@type_from(schemas.AlertOut)
class Alert:
    """A metric that is looked at, and how it stands."""


@type_from(schemas.ReportDelivery)
class ReportDelivery:
    """What became of one occurrence for one recipient."""


@type_from(schemas.ReportScheduleResult)
class ReportScheduleResult:
    """What the report of a schedule comes to for whoever asks."""


_SCHEDULES = Collection(ReportScheduleService, ReportSchedule)
_ALERTS = Collection(AlertService, Alert)


@strawberry.type
class ReportWatchQueries:
    """What became of schedules."""

    @strawberry.field
    async def report_deliveries(
        self, info: GraphInfo, schedule_id: UUID, first: int = 50
    ) -> list[ReportDelivery]:
        """The last deliveries of a schedule, for each recipient."""
        service = ReportScheduleService(info.context.tx)
        await service.get(schedule_id)
        found = await service.records.last(schedule_id, page_size(first))
        return cast("Any", found)

    @strawberry.field
    async def report_schedule_result(self, info: GraphInfo, id: UUID) -> ReportScheduleResult:
        """What its report comes to now, with its parameters, as whoever asks sees it."""
        return cast("Any", await ReportScheduleService(info.context.tx).result(id))


@strawberry.type
class ReportWatchMutations:
    """What is done with schedules."""

    @mutation
    async def run_report_schedule(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> ReportSchedule:
        """Have it told now to all its recipients, if its condition holds; not while it is told."""
        return await ReportScheduleService(info.context.tx).run(id, expected_version)


QUERIES = (_SCHEDULES.query(), _ALERTS.query(), ReportWatchQueries)
MUTATIONS = (_SCHEDULES.mutation(), _ALERTS.mutation(), ReportWatchMutations)
