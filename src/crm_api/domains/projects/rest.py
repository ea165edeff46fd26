"""Projects over REST."""

from collections.abc import Mapping
from typing import Any

from fastapi import Response

from crm_api.domains.projects.actions import MilestoneActions, ProjectActions
from crm_api.domains.projects.cost_rest import ROUTERS as COSTS
from crm_api.domains.projects.cost_rest import looks
from crm_api.domains.projects.delivering import DeliverableService
from crm_api.domains.projects.figures import figures_of
from crm_api.domains.projects.ordering import OrderProjects
from crm_api.domains.projects.schemas import (
    MilestoneBilling,
    OrderProject,
    ProjectOut,
    ProjectSchedule,
    ProjectStep,
    ProjectTaskOut,
    ProjectTransitions,
    ProjectVerb,
)
from crm_api.domains.projects.service import ProjectService, ProjectTemplateService
from crm_api.domains.projects.tasks import ProjectTaskService
from crm_api.domains.projects.timing import TimeEntryService, TimeSettingsService
from crm_api.domains.projects.work_schemas import (
    Acceptance,
    DeliverableOut,
    Delivery,
    ProjectFigures,
    Rejection,
    TimeSettings,
    TimeSettingsOut,
)
from crm_api.kit.rest import answers
from crm_api.kit.rest.actions import add_action
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id, IfMatch
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router, new_router
from crm_api.kit.rest.settings import add_settings

Responses = dict[int | str, dict[str, Any]]
_CHANGES = problems(400, 403, 404, 409, 412, 415, 422)


def _done(shape: type) -> Responses:
    return {200: {"model": shape}, **_CHANGES}


_PLANNED: Responses = {200: {"model": ProjectSchedule}}
_FIGURES: Responses = {200: {"model": ProjectFigures}}
_TRANSITIONS: Responses = {200: {"model": ProjectTransitions}}
_READS = problems(403, 404, 409, 422)
projects = crud_router(ProjectService)
tasks = crud_router(ProjectTaskService)
deliverables = crud_router(DeliverableService)
orders = new_router(ProjectService.plural, "orders")
settings = new_router(TimeEntryService.plural, TimeEntryService.route_of())


@projects.get(
    "/{id}/schedule",
    operation_id="getProjectSchedule",
    summary="The plan of a project",
    responses=_PLANNED | _READS,
)
async def schedule(id: Id, tx: Reading) -> Response:
    """Early and late times, floats, the critical path, and how far it is behind the baseline."""
    return answers.plain(await ProjectActions(tx).schedule(id))


@projects.post(
    "/{id}/schedule",
    operation_id="rescheduleProject",
    summary="Plan a project anew",
    responses=_PLANNED | _CHANGES,
)
async def reschedule(id: Id, tx: Writing, if_match: IfMatch = None) -> Response:
    """For calendars that have changed; changes of its tasks do so by themselves."""
    return answers.plain(await ProjectActions(tx).reschedule(id, answers.version_of(if_match)))


@projects.post(
    "/{id}/baseline",
    operation_id="setProjectBaseline",
    summary="Hold on to the plan of a project",
    responses=_PLANNED | _CHANGES,
)
async def baseline(id: Id, tx: Writing, if_match: IfMatch = None) -> Response:
    """To compare with it; it takes the place of the baseline before."""
    return answers.plain(await ProjectActions(tx).baseline(id, answers.version_of(if_match)))


@projects.get(
    "/{id}/transitions",
    operation_id="getProjectTransitions",
    summary="What may be done with a project",
    responses=_TRANSITIONS | _READS,
)
async def transitions(id: Id, tx: Reading) -> Response:
    """Every action that is for its status, and all that stands in the way of each."""
    return answers.plain(await ProjectActions(tx).transitions(id))


@projects.get(
    "/{id}/figures",
    operation_id="getProjectFigures",
    summary="How a project fares",
    responses=_FIGURES | _READS,
)
async def figures(id: Id, tx: Reading) -> Response:
    """Its money as quoted, forecast and actual, its work, and its health with the reasons."""
    return answers.plain(await figures_of(tx, id))


STEPS: Mapping[ProjectVerb, tuple[str, str]] = {
    "start": ("Start a project", "From here on it is active."),
    "hold": ("Put a project on hold", "It may be resumed."),
    "resume": ("Resume a project", "One that was on hold."),
    "complete": (
        "Complete a project",
        "409 `blocked_transition` names everything that is open: tasks, deliverables, billing.",
    ),
    "reopen": ("Reopen a completed project", "Until it is accepted."),
    "accept": ("Have a project accepted", "For good; nothing of it is open."),
    "cancel": ("Cancel a project", "For good."),
}


def _add_step(verb: ProjectVerb, texts: tuple[str, str]) -> None:
    add_action(
        projects,
        verb,
        lambda tx, one, data, expected: ProjectActions(tx).go(one, verb, data, expected),
        ProjectOut,
        texts,
        body=ProjectStep,
    )


for _verb, _texts in STEPS.items():
    _add_step(_verb, _texts)


@tasks.post(
    "/{id}/accept",
    operation_id="acceptMilestone",
    summary="Have a milestone accepted",
    responses=_done(ProjectTaskOut),
)
async def accept_milestone(id: Id, tx: Writing, if_match: IfMatch = None) -> Response:
    """Once, with all its mandatory deliverables; its share of the revenue falls due with it."""
    return answers.record(await MilestoneActions(tx).accept(id, answers.version_of(if_match)))


@tasks.post(
    "/{id}/bill",
    operation_id="billMilestone",
    summary="Write down that what was due is billed",
    responses=_done(ProjectTaskOut),
)
async def bill(id: Id, tx: Writing, body: MilestoneBilling, if_match: IfMatch = None) -> Response:
    """Once, with the reference of whoever keeps the accounts."""
    expected = answers.version_of(if_match)
    return answers.record(await MilestoneActions(tx).bill(id, body, expected))


@deliverables.post(
    "/{id}/submit",
    operation_id="submitDeliverable",
    summary="Hand over a deliverable",
    responses=_done(DeliverableOut),
)
async def submit_deliverable(
    id: Id, tx: Writing, body: Delivery | None = None, if_match: IfMatch = None
) -> Response:
    """All of it, or so much by now; 409 `more_than_ordered` beyond what its line is of."""
    data, expected = body or Delivery.model_validate({}), answers.version_of(if_match)
    return answers.record(await DeliverableService(tx).submit(id, data, expected))


@deliverables.post(
    "/{id}/accept",
    operation_id="acceptDeliverable",
    summary="Have a deliverable accepted",
    responses=_done(DeliverableOut),
)
async def accept_deliverable(
    id: Id, tx: Writing, body: Acceptance | None = None, if_match: IfMatch = None
) -> Response:
    """Once, and all that was promised."""
    data, expected = body or Acceptance.model_validate({}), answers.version_of(if_match)
    return answers.record(await DeliverableService(tx).accept(id, data, expected))


@deliverables.post(
    "/{id}/reject",
    operation_id="rejectDeliverable",
    summary="Have a deliverable rejected",
    responses=_done(DeliverableOut),
)
async def reject_deliverable(
    id: Id, tx: Writing, body: Rejection, if_match: IfMatch = None
) -> Response:
    """For reasons; it may be submitted again."""
    expected = answers.version_of(if_match)
    return answers.record(await DeliverableService(tx).reject(id, body, expected))


add_settings(
    settings,
    TimeSettingsService,
    (TimeSettings, TimeSettingsOut),
    "Time",
    read=("Which time is closed", "Up to which day."),
    write=(
        "Close time up to a day",
        "No time of that day or before is written, changed or approved any more.",
    ),
)


@orders.get(
    "/{id}/project",
    operation_id="getOrderProject",
    summary="The project of an order",
    responses={200: {"model": ProjectOut}} | problems(403, 404, 422),
)
async def of_order(id: Id, tx: Reading) -> Response:
    """404 `no_project` while there is none."""
    return answers.record(await OrderProjects(tx).of(id))


@orders.post(
    "/{id}/project",
    status_code=201,
    operation_id="makeOrderProject",
    summary="Make the project of an order",
    responses={
        201: {"model": ProjectOut},
        200: {"model": ProjectOut, "description": "It was there."},
    }
    | problems(400, 403, 404, 409, 415, 422),
)
async def make_of_order(id: Id, tx: Writing, body: OrderProject | None = None) -> Response:
    """With the tasks of the templates of its products, and what was ordered as deliverables."""
    data = body or OrderProject.model_validate({})
    made, is_new = await OrderProjects(tx).make(id, data)
    if not is_new:
        return answers.record(made)
    return answers.made("projects", made)


ROUTERS = (
    orders,
    looks,
    settings,
    crud_router(ProjectTemplateService),
    projects,
    tasks,
    deliverables,
    *COSTS,
)
