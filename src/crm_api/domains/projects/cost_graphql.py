"""Times, expenses, status reports, load and earned value of projects over GraphQL."""

from datetime import date
from typing import Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.projects import cost_schemas, work_schemas
from crm_api.domains.projects.earning import earned_value_of
from crm_api.domains.projects.graphql import Project, ProjectTask
from crm_api.domains.projects.loading import load_of
from crm_api.domains.projects.reporting import StatusReportService
from crm_api.domains.projects.timing import ExpenseService, TimeEntryService
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import input_from, type_from


@type_from(work_schemas.TimeEntryOut)
class TimeEntry:
    """Time that somebody worked for a project."""

    project = related(TimeEntryService, "project", Project)
    task = related(TimeEntryService, "task", ProjectTask)


@type_from(cost_schemas.ExpenseOut)
class Expense:
    """What somebody spent for a project."""

    project = related(ExpenseService, "project", Project)
    task = related(ExpenseService, "task", ProjectTask)


@type_from(cost_schemas.StatusReportOut)
class StatusReport:
    """How a project fared, as it was told; it never changes."""

    project = related(StatusReportService, "project", Project)


@type_from(cost_schemas.ProjectLoad)
class ProjectLoad:
    """What is planned, by who does it, of the open projects that are seen."""


@type_from(cost_schemas.EarnedValue)
class EarnedValue:
    """What is earned of a project by what is done, in its currency; null where not known."""


_TIMES = Collection(TimeEntryService, TimeEntry)
_EXPENSES = Collection(ExpenseService, Expense)
_REPORTS = Collection(StatusReportService, StatusReport)


@strawberry.type
class ProjectCostQuery:
    """Who has how much to do, and what is earned by it."""

    @strawberry.field
    async def project_load(self, info: GraphInfo, since: date, until: date) -> ProjectLoad:
        """What is left to do, by who does it and week, and the capacity."""
        return cast("Any", await load_of(info.context.tx, since, until))

    @strawberry.field
    async def project_earned_value(self, info: GraphInfo, id: UUID) -> EarnedValue:
        """PV, EV, AC, CPI, SPI and EAC, and how it burns week by week."""
        return cast("Any", await earned_value_of(info.context.tx, id))


def _step(service: Any, verb: str, node: Any, description: str) -> Any:
    async def resolver(info: GraphInfo, id: UUID, expected_version: int | None = None) -> Any:
        return await getattr(service(info.context.tx), verb)(id, expected_version)

    resolver.__annotations__["return"] = node
    return mutation(resolver, description=description)


def _rejection(service: Any, node: Any, description: str) -> Any:
    async def resolver(
        info: GraphInfo, id: UUID, reason: str, expected_version: int | None = None
    ) -> Any:
        data = shape_given(work_schemas.TimeRejection, {"reason": reason})
        return await service(info.context.tx).reject(id, data, expected_version)

    resolver.__annotations__["return"] = node
    return mutation(resolver, description=description)


@strawberry.type
class ProjectCostMutation:
    """What is done with time, expenses and reports."""

    submit_time_entry = _step(TimeEntryService, "submit", TimeEntry, "Have time approved.")
    recall_time_entry = _step(TimeEntryService, "recall", TimeEntry, "Take submitted time back.")
    approve_time_entry = _step(TimeEntryService, "approve", TimeEntry, "Approve time, for good.")
    reject_time_entry = _rejection(TimeEntryService, TimeEntry, "Send time back for a reason.")
    submit_expense = _step(ExpenseService, "submit", Expense, "Have an expense approved.")
    recall_expense = _step(ExpenseService, "recall", Expense, "Take a submitted expense back.")
    approve_expense = _step(ExpenseService, "approve", Expense, "Approve an expense, for good.")
    reject_expense = _rejection(ExpenseService, Expense, "Send an expense back for a reason.")

    @mutation
    async def publish_status_report(
        self,
        info: GraphInfo,
        project_id: UUID,
        input: input_from(cost_schemas.StatusReportInput),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> StatusReport:
        """Tell how a project fares, with its figures of this moment."""
        data = shape_given(cost_schemas.StatusReportInput, input)
        return await StatusReportService(info.context.tx).publish(project_id, data)


QUERIES = (_TIMES.query(), _EXPENSES.query(), _REPORTS.query(), ProjectCostQuery)
MUTATIONS = (_TIMES.mutation(), _EXPENSES.mutation(), ProjectCostMutation)
