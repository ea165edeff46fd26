"""Activities and tasks over GraphQL."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.activities import action_schemas, schemas
from crm_api.domains.activities.actions import ActivityActions
from crm_api.domains.activities.service import ActivityService
from crm_api.domains.activities.task_actions import TaskActions, complete_one
from crm_api.domains.activities.tasks import TaskService
from crm_api.domains.companies.graphql import Company
from crm_api.domains.contacts.graphql import Contact
from crm_api.domains.deals.graphql import Deal
from crm_api.kit.graphql.bulk import bulk_action_field
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.platform.identity.graphql import Team


@type_from(schemas.ActivityOut)
class Activity:
    """Something that is done with customers, or was."""

    company = related(ActivityService, "company", Company)
    contact = related(ActivityService, "contact", Contact)
    deal = related(ActivityService, "deal", Deal)
    team = related(ActivityService, "team", Team)


@type_from(schemas.TaskOut)
class Task:
    """Something to be done, once or again and again."""

    company = related(TaskService, "company", Company)
    contact = related(TaskService, "contact", Contact)
    deal = related(TaskService, "deal", Deal)
    team = related(TaskService, "team", Team)


@type_from(action_schemas.ActivityCompleted)
class CompletedActivity:
    """An activity that was completed, and what was planned in the same moment."""


@type_from(action_schemas.TaskCompleted)
class CompletedTask:
    """A task that is done, and what was made in the same moment."""


@type_from(action_schemas.ActivityTransitions)
class ActivityTransitions:
    """Where an activity stands, and what may be done with it."""


@type_from(action_schemas.TaskTransitions)
class TaskTransitions:
    """Where a task stands, and what may be done with it."""


_ACTIVITIES = Collection(ActivityService, Activity)
_TASKS = Collection(TaskService, Task)


@strawberry.type
class ActivityQuery:
    """What may be done with activities and tasks."""

    @strawberry.field
    async def activity_transitions(self, info: GraphInfo, id: UUID) -> ActivityTransitions:
        """Every action that is for the status of an activity."""
        return cast("Any", await ActivityActions(info.context.tx).transitions(id))

    @strawberry.field
    async def task_transitions(self, info: GraphInfo, id: UUID) -> TaskTransitions:
        """What may be done with a task, and what stands in the way."""
        return cast("Any", await TaskActions(info.context.tx).transitions(id))


@strawberry.type
class ActivityActionMutation:
    """What is done with activities."""

    @mutation
    async def complete_activity(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(action_schemas.ActivityCompletion) | None = None,  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType, reportOperatorIssue]
        expected_version: int | None = None,
    ) -> CompletedActivity:
        """Complete a planned activity, with what is planned next."""
        data = shape_given(action_schemas.ActivityCompletion, input or {})
        return await ActivityActions(info.context.tx).complete(id, data, expected_version)

    @mutation
    async def correct_activity(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(action_schemas.Correction),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        expected_version: int | None = None,
    ) -> Activity:
        """Correct a completed activity, for a reason."""
        data = shape_given(action_schemas.Correction, input)
        return await ActivityActions(info.context.tx).correct(id, data, expected_version)

    @mutation
    async def cancel_activity(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> Activity:
        """Cancel a planned activity."""
        return await ActivityActions(info.context.tx).go(id, "cancel", expected_version)

    @mutation
    async def reopen_activity(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> Activity:
        """Plan a cancelled activity again."""
        return await ActivityActions(info.context.tx).go(id, "reopen", expected_version)

    @mutation
    async def start_activity_timer(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> Activity:
        """Begin to count the time of an activity."""
        return await ActivityActions(info.context.tx).start_timer(id, expected_version)

    @mutation
    async def stop_activity_timer(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> Activity:
        """Stop counting the time of an activity."""
        return await ActivityActions(info.context.tx).stop_timer(id, expected_version)


def _step(verb: action_schemas.TaskVerb, description: str) -> Any:
    async def resolver(
        info: GraphInfo, id: UUID, comment: str | None = None, expected_version: int | None = None
    ) -> Task:
        data = shape_given(action_schemas.TaskStep, {"comment": comment})
        actions = TaskActions(info.context.tx)
        return await actions.go(id, verb, data.comment, expected_version)

    return mutation(resolver, description=description)


@strawberry.type
class TaskActionMutation:
    """What is done with tasks."""

    start_task = _step("start", "Start a task.")
    wait_task = _step("wait", "Have a task wait.")
    reopen_task = _step("reopen", "Reopen a task that is done or cancelled.")
    cancel_task = _step("cancel", "Cancel a task, and its recurring.")

    @mutation
    async def complete_task(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(action_schemas.TaskCompletion) | None = None,  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType, reportOperatorIssue]
        expected_version: int | None = None,
    ) -> CompletedTask:
        """Complete a task, with the next one where it recurs and what is planned next."""
        data = shape_given(action_schemas.TaskCompletion, input or {})
        return await TaskActions(info.context.tx).complete(id, data, expected_version)

    complete_tasks = bulk_action_field(
        TaskService,
        complete_one,
        CompletedTask,
        "Complete up to 1,000 tasks at once, each as if it were alone.",
        body=action_schemas.TaskCompletion,
    )

    @mutation
    async def snooze_task(
        self, info: GraphInfo, id: UUID, until: datetime, expected_version: int | None = None
    ) -> Task:
        """Put a task off."""
        data = shape_given(action_schemas.Snooze, {"until": until})
        return await TaskActions(info.context.tx).snooze(id, data, expected_version)

    @mutation
    async def reassign_task(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(action_schemas.Reassignment),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        expected_version: int | None = None,
    ) -> Task:
        """Hand a task on."""
        data = shape_given(action_schemas.Reassignment, input)
        return await TaskActions(info.context.tx).reassign(id, data, expected_version)


QUERIES = (_ACTIVITIES.query(), _TASKS.query(), ActivityQuery)
MUTATIONS = (
    _ACTIVITIES.mutation(),
    _TASKS.mutation(),
    ActivityActionMutation,
    TaskActionMutation,
)
