"""Activities and tasks over REST."""

from collections.abc import Mapping
from typing import Any

from fastapi import Response

from crm_api.domains.activities.action_schemas import (
    ActivityCompleted,
    ActivityCompletion,
    ActivityTransitions,
    ActivityVerb,
    Correction,
    Reassignment,
    Snooze,
    TaskCompleted,
    TaskCompletion,
    TaskStep,
    TaskTransitions,
    TaskVerb,
)
from crm_api.domains.activities.actions import ActivityActions
from crm_api.domains.activities.schemas import ActivityOut, TaskOut
from crm_api.domains.activities.service import ActivityService
from crm_api.domains.activities.task_actions import TaskActions, complete_one
from crm_api.domains.activities.tasks import TaskService
from crm_api.kit.rest import answers
from crm_api.kit.rest.actions import add_action
from crm_api.kit.rest.bulk import add_bulk_action
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id, IfMatch
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router

Responses = dict[int | str, dict[str, Any]]
_CHANGES = problems(400, 403, 404, 409, 412, 415, 422)
_READS = problems(403, 404, 422)


def _done(shape: type) -> Responses:
    return {200: {"model": shape}, **_CHANGES}


_ACTIVITY_WAYS: Responses = {200: {"model": ActivityTransitions}}
_TASK_WAYS: Responses = {200: {"model": TaskTransitions}}
activities = crud_router(ActivityService)
tasks = crud_router(TaskService)


@activities.get(
    "/{id}/transitions",
    operation_id="getActivityTransitions",
    summary="What may be done with an activity",
    responses=_ACTIVITY_WAYS | _READS,
)
async def activity_transitions(id: Id, tx: Reading) -> Response:
    """Every action that is for its status."""
    return answers.plain(await ActivityActions(tx).transitions(id))


@activities.post(
    "/{id}/complete",
    operation_id="completeActivity",
    summary="Complete a planned activity",
    responses=_done(ActivityCompleted),
)
async def complete_activity(
    id: Id, tx: Writing, body: ActivityCompletion | None = None, if_match: IfMatch = None
) -> Response:
    """With how it went and, in the same moment, what is planned next."""
    data, expected = body or ActivityCompletion.model_validate({}), answers.version_of(if_match)
    return answers.record(await ActivityActions(tx).complete(id, data, expected))


@activities.post(
    "/{id}/correct",
    operation_id="correctActivity",
    summary="Correct a completed activity",
    responses=_done(ActivityOut),
)
async def correct(id: Id, tx: Writing, body: Correction, if_match: IfMatch = None) -> Response:
    """For a reason; what it said before is in its history."""
    expected = answers.version_of(if_match)
    return answers.record(await ActivityActions(tx).correct(id, body, expected))


def _add_activity(verb: ActivityVerb, *texts: str) -> None:
    summary, description = texts
    add_action(
        activities,
        verb,
        lambda tx, one, _data, expected: ActivityActions(tx).go(one, verb, expected),
        ActivityOut,
        (summary, description),
    )


_add_activity("cancel", "Cancel a planned activity", "It may be planned again by `reopen`.")
_add_activity("reopen", "Plan a cancelled activity again", "What is completed is corrected.")


@activities.post(
    "/{id}/start-timer",
    operation_id="startActivityTimer",
    summary="Begin to count the time of an activity",
    responses=_done(ActivityOut),
)
async def start_timer(id: Id, tx: Writing, if_match: IfMatch = None) -> Response:
    """A planned one; one timer of each user runs at a time, else 409 `timer_running`."""
    expected = answers.version_of(if_match)
    return answers.record(await ActivityActions(tx).start_timer(id, expected))


@activities.post(
    "/{id}/stop-timer",
    operation_id="stopActivityTimer",
    summary="Stop counting the time of an activity",
    responses=_done(ActivityOut),
)
async def stop_timer(id: Id, tx: Writing, if_match: IfMatch = None) -> Response:
    """Its `duration` grows by the time since the start."""
    expected = answers.version_of(if_match)
    return answers.record(await ActivityActions(tx).stop_timer(id, expected))


@tasks.get(
    "/{id}/transitions",
    operation_id="getTaskTransitions",
    summary="What may be done with a task",
    responses=_TASK_WAYS | _READS,
)
async def task_transitions(id: Id, tx: Reading) -> Response:
    """Every action that is for its status, and all that stands in the way of each."""
    return answers.plain(await TaskActions(tx).transitions(id))


add_bulk_action(
    tasks,
    TaskService,
    "complete",
    complete_one,
    (
        "Complete many tasks at once",
        "Up to 1,000, each as if it were completed alone; each item has its own result.",
    ),
    body=TaskCompletion,
)


@tasks.post(
    "/{id}/complete",
    operation_id="completeTask",
    summary="Complete a task",
    responses=_done(TaskCompleted),
)
async def complete_task(
    id: Id, tx: Writing, body: TaskCompletion | None = None, if_match: IfMatch = None
) -> Response:
    """With the next one where it recurs, once, and what is planned next in the same moment.

    409 `blocked_transition` names the tasks before it that are open, and what is required of its
    checklist.
    """
    data, expected = body or TaskCompletion.model_validate({}), answers.version_of(if_match)
    return answers.record(await TaskActions(tx).complete(id, data, expected))


STEPS: Mapping[TaskVerb, tuple[str, str]] = {
    "start": ("Start a task", "It is in progress from here on."),
    "wait": ("Have a task wait", "For somebody or something; `start` goes on."),
    "reopen": ("Reopen a task", "One that is done or cancelled."),
    "cancel": ("Cancel a task", "Where it recurs, that ends with it."),
}


def _add_step(verb: TaskVerb, texts: tuple[str, str]) -> None:
    add_action(
        tasks,
        verb,
        lambda tx, one, data, expected: TaskActions(tx).go(one, verb, data.comment, expected),
        TaskOut,
        texts,
        body=TaskStep,
    )


for _verb, _texts in STEPS.items():
    _add_step(_verb, _texts)


@tasks.post(
    "/{id}/snooze", operation_id="snoozeTask", summary="Put a task off", responses=_done(TaskOut)
)
async def snooze(id: Id, tx: Writing, body: Snooze, if_match: IfMatch = None) -> Response:
    """Until then nobody is told of it; it stays due when it is."""
    return answers.record(await TaskActions(tx).snooze(id, body, answers.version_of(if_match)))


@tasks.post(
    "/{id}/reassign",
    operation_id="reassignTask",
    summary="Hand a task on",
    responses=_done(TaskOut),
)
async def reassign(id: Id, tx: Writing, body: Reassignment, if_match: IfMatch = None) -> Response:
    """To a user, a team, or both; of many at once `POST /v1/tasks/bulk/by-filter` does."""
    return answers.record(await TaskActions(tx).reassign(id, body, answers.version_of(if_match)))


ROUTERS = (activities, tasks)
