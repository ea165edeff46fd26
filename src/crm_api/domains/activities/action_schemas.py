"""What is said with the actions of activities and tasks, and what these answer."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from crm_api.domains.activities.models import ActivityStatus, Mood, TaskStatus
from crm_api.domains.activities.schemas import (
    ActivityCreate,
    ActivityOut,
    ActivityUpdate,
    Minutes,
    Seconds,
    TaskCreate,
    TaskOut,
)
from crm_api.kit.crud.transitions import Blocker
from crm_api.kit.schema import Instant, Line, Name, Prose, Schema, Shape

TaskVerb = Literal["start", "wait", "complete", "reopen", "cancel"]
ActivityVerb = Literal["complete", "cancel", "reopen"]


class Planned(Schema):
    """What is planned in the same moment."""

    next_task: TaskCreate | None = Field(None, description="A task that is made with it.")
    next_activity: ActivityCreate | None = Field(
        None, description="An activity that is made with it."
    )


class ActivityCompletion(Planned):
    """How a planned activity went."""

    body: Prose | None = None
    outcome: Name | None = None
    sentiment: Mood | None = None
    ended_at: Instant | None = Field(None, description="Without it now, or when it was planned.")
    duration: Seconds | None = Field(None, description="In seconds.")


class Correction(Schema):
    """What was wrong about a completed activity."""

    reason: Line
    changes: ActivityUpdate = Field(description="A merge patch.")  # pyright: ignore[reportInvalidTypeForm, reportUnknownVariableType]


class ActivityCompleted(ActivityOut):
    """An activity that was completed, and what was planned in the same moment."""

    next_task_id: UUID | None
    next_activity_id: UUID | None


class TaskStep(Schema):
    """What is said with an action."""

    comment: Line | None = None


class TaskCompletion(Planned):
    """What is said of a task that is done."""

    comment: Line | None = None
    spent_minutes: Minutes | None = Field(None, description="In all.")


class TaskCompleted(TaskOut):
    """A task that is done, and what was made in the same moment."""

    next_occurrence_id: UUID | None = Field(description="The next one by its recurrence.")
    next_task_id: UUID | None
    next_activity_id: UUID | None


class Snooze(Schema):
    """Until when nobody is told of a task."""

    until: Instant


class Reassignment(Schema):
    """Who is to do a task."""

    owner_id: UUID | None = None
    team_id: UUID | None = None
    comment: Line | None = None


class TaskWay(Shape):
    """An action, and what stands in its way."""

    action: TaskVerb
    blockers: list[Blocker]


class TaskTransitions(Shape):
    """Where a task stands, and what may be done with it."""

    status: TaskStatus
    allowed: list[TaskWay]


class ActivityTransitions(Shape):
    """Where an activity stands, and what may be done with it."""

    status: ActivityStatus
    allowed: list[ActivityVerb]
