"""Projects over GraphQL."""

from datetime import datetime
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.companies.graphql import Company
from crm_api.domains.deals.graphql import Deal
from crm_api.domains.orders.graphql import Order
from crm_api.domains.projects import schemas, work_schemas
from crm_api.domains.projects.actions import MilestoneActions, ProjectActions
from crm_api.domains.projects.delivering import DeliverableService
from crm_api.domains.projects.figures import figures_of
from crm_api.domains.projects.ordering import OrderProjects
from crm_api.domains.projects.service import ProjectService, ProjectTemplateService
from crm_api.domains.projects.tasks import ProjectTaskService
from crm_api.domains.projects.timing import TimeSettingsService
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import related, related_many
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.platform.calendars.graphql import WorkingCalendar


def _later(name: str) -> Any:
    """A type of this file that stands below."""
    return Annotated[name, strawberry.lazy(__name__)]


@type_from(schemas.ProjectTemplateOut)
class ProjectTemplate:
    """What projects begin with."""


@type_from(schemas.ProjectOut)
class Project:
    """What is done for a customer."""

    company = related(ProjectService, "company", Company)
    deal = related(ProjectService, "deal", Deal)
    order = related(ProjectService, "order", Order)
    calendar = related(ProjectService, "calendar", WorkingCalendar)
    tasks = related_many(ProjectService, "tasks", _later("ProjectTaskConnection"))


@type_from(schemas.ProjectTaskOut)
class ProjectTask:
    """A task, a milestone, or a phase that holds others."""

    project = related(ProjectTaskService, "project", Project)
    calendar = related(ProjectTaskService, "calendar", WorkingCalendar)


@type_from(work_schemas.DeliverableOut)
class Deliverable:
    """Something that was promised, and what became of it."""

    project = related(DeliverableService, "project", Project)


@type_from(schemas.ProjectSchedule)
class ProjectSchedule:
    """The plan of a project, as it is made of its tasks."""


@type_from(schemas.ProjectTransitions)
class ProjectTransitions:
    """Where a project stands, and what may be done with it."""


@type_from(work_schemas.ProjectFigures)
class ProjectFigures:
    """How a project fares: money in its currency, net, null where it is not known."""


@type_from(work_schemas.TimeSettingsOut)
class TimeSettings:
    """Which time is closed."""


_TEMPLATES = Collection(ProjectTemplateService, ProjectTemplate)
_PROJECTS = Collection(ProjectService, Project)
_TASKS = Collection(ProjectTaskService, ProjectTask)
_DELIVERABLES = Collection(DeliverableService, Deliverable)
ProjectTaskConnection = _TASKS.connection


@strawberry.type
class ProjectQuery:
    """Projects as they are planned, and how they fare."""

    @strawberry.field
    async def project_schedule(self, info: GraphInfo, id: UUID) -> ProjectSchedule:
        """Early and late times, floats, the critical path, and the slip behind the baseline."""
        return cast("Any", await ProjectActions(info.context.tx).schedule(id))

    @strawberry.field
    async def project_transitions(self, info: GraphInfo, id: UUID) -> ProjectTransitions:
        """What may be done with a project, and what stands in the way."""
        return cast("Any", await ProjectActions(info.context.tx).transitions(id))

    @strawberry.field
    async def project_figures(self, info: GraphInfo, id: UUID) -> ProjectFigures:
        """Its money as quoted, forecast and actual, its work, and its health with the reasons."""
        return cast("Any", await figures_of(info.context.tx, id))

    @strawberry.field
    async def order_project(self, info: GraphInfo, id: UUID) -> Project:
        """The project of an order."""
        return await OrderProjects(info.context.tx).of(id)

    @strawberry.field
    async def time_settings(self, info: GraphInfo) -> TimeSettings:
        """Which time is closed."""
        return cast("Any", TimeSettingsService(info.context.tx).get())


def _step(verb: schemas.ProjectVerb, description: str) -> Any:
    async def resolver(
        info: GraphInfo, id: UUID, comment: str | None = None, expected_version: int | None = None
    ) -> Project:
        data = shape_given(schemas.ProjectStep, {"comment": comment})
        return await ProjectActions(info.context.tx).go(id, verb, data, expected_version)

    return mutation(resolver, description=description)


@strawberry.type
class ProjectActionMutation:
    """What is done with projects."""

    start_project = _step("start", "Start a project.")
    hold_project = _step("hold", "Put a project on hold.")
    resume_project = _step("resume", "Resume a project that was on hold.")
    complete_project = _step("complete", "Complete a project of which nothing is open.")
    reopen_project = _step("reopen", "Reopen a completed project.")
    accept_project = _step("accept", "Have a completed project accepted, for good.")
    cancel_project = _step("cancel", "Cancel a project, for good.")

    @mutation
    async def make_order_project(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(schemas.OrderProject) | None = None,  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType, reportOperatorIssue]
    ) -> Project:
        """Make the project of an order, or get the one that is there."""
        data = shape_given(schemas.OrderProject, input or {})
        return (await OrderProjects(info.context.tx).make(id, data))[0]

    @mutation
    async def reschedule_project(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> ProjectSchedule:
        """Plan a project anew, for calendars that have changed."""
        found = await ProjectActions(info.context.tx).reschedule(id, expected_version)
        return cast("Any", found)

    @mutation
    async def set_project_baseline(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> ProjectSchedule:
        """Hold on to the plan of a project, to compare with it."""
        found = await ProjectActions(info.context.tx).baseline(id, expected_version)
        return cast("Any", found)

    @mutation
    async def accept_milestone(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> ProjectTask:
        """Have a milestone accepted, once; its share of the revenue falls due with it."""
        return await MilestoneActions(info.context.tx).accept(id, expected_version)

    @mutation
    async def bill_milestone(
        self,
        info: GraphInfo,
        id: UUID,
        reference: str,
        billed_at: datetime | None = None,
        expected_version: int | None = None,
    ) -> ProjectTask:
        """Write down that what was due is billed, once."""
        given = {"reference": reference, "billed_at": billed_at}
        data = shape_given(schemas.MilestoneBilling, given)
        return await MilestoneActions(info.context.tx).bill(id, data, expected_version)


@strawberry.type
class DeliverableMutation:
    """What is done with deliverables."""

    @mutation
    async def submit_deliverable(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(work_schemas.Delivery) | None = None,  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType, reportOperatorIssue]
        expected_version: int | None = None,
    ) -> Deliverable:
        """Hand over a deliverable, all of it or so much by now."""
        data = shape_given(work_schemas.Delivery, input or {})
        return await DeliverableService(info.context.tx).submit(id, data, expected_version)

    @mutation
    async def accept_deliverable(
        self,
        info: GraphInfo,
        id: UUID,
        decided_by: str | None = None,
        expected_version: int | None = None,
    ) -> Deliverable:
        """Have a deliverable accepted, once."""
        data = shape_given(work_schemas.Acceptance, {"decided_by": decided_by})
        return await DeliverableService(info.context.tx).accept(id, data, expected_version)

    @mutation
    async def reject_deliverable(
        self,
        info: GraphInfo,
        id: UUID,
        reasons: list[str],
        decided_by: str | None = None,
        expected_version: int | None = None,
    ) -> Deliverable:
        """Have a deliverable rejected, for reasons."""
        given = {"reasons": reasons, "decided_by": decided_by}
        data = shape_given(work_schemas.Rejection, given)
        return await DeliverableService(info.context.tx).reject(id, data, expected_version)


@strawberry.type
class TimeMutation:
    """What is done with time."""

    @mutation
    async def set_time_settings(
        self,
        info: GraphInfo,
        input: input_from(work_schemas.TimeSettings),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> TimeSettings:
        """Close time up to a day."""
        data = shape_given(work_schemas.TimeSettings, input)
        return cast("Any", await TimeSettingsService(info.context.tx).replace(data))


QUERIES = (
    _TEMPLATES.query(),
    _PROJECTS.query(),
    _TASKS.query(),
    _DELIVERABLES.query(),
    ProjectQuery,
)
MUTATIONS = (
    _TEMPLATES.mutation(),
    _PROJECTS.mutation(),
    _TASKS.mutation(),
    _DELIVERABLES.mutation(),
    ProjectActionMutation,
    DeliverableMutation,
    TimeMutation,
)
