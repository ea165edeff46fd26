"""What activities and tasks look like from outside."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field

from crm_api.domains.activities.models import (
    ActivityKind,
    ActivityStatus,
    Direction,
    Mood,
    Priority,
    TaskKind,
    TaskStatus,
)
from crm_api.kit.recurrence import LONGEST
from crm_api.kit.schema import (
    Code,
    Create,
    Day,
    Instant,
    Name,
    Out,
    Prose,
    Schema,
    Shape,
    Tags,
    TimeZone,
    patch_of,
)

MOST_LINKS = 100
MOST_BLOCKERS = 100
LONGEST_DURATION = 100_000_000
Seconds = Annotated[int, Field(ge=0, le=LONGEST_DURATION)]
Minutes = Annotated[int, Field(ge=0, le=1_000_000)]
_DURATION = "In seconds; without it what lies between `starts_at` and `ended_at`."


def _distinct(*names: str) -> Any:
    def check(items: list[Any]) -> list[Any]:
        if len({tuple(getattr(item, name) for name in names) for item in items}) < len(items):
            raise ValueError("the same stands twice")
        return items

    return AfterValidator(check)


class Link(Schema):
    """A record that something is about, and what it is in it."""

    target: Name = Field(description="The word for its kind.", examples=["contact"])
    record_id: UUID
    role: Code = Field("about", examples=["participant", "organizer"])


class LinkOut(Shape):
    """A record that something is about, and what it is in it."""

    target: str
    record_id: UUID
    role: str


Links = Annotated[
    list[Link], Field(max_length=MOST_LINKS), _distinct("target", "record_id", "role")
]


class _LinkedFields(Create):
    company_id: UUID | None = None
    contact_id: UUID | None = None
    deal_id: UUID | None = None
    links: Links = Field(
        default_factory=list, description="Further records that it is about, of any kind."
    )
    team_id: UUID | None = Field(None, description="The team that is responsible.")
    tags: Tags = Field(default_factory=list)


class _LinkedOut(Shape):
    company_id: UUID | None
    contact_id: UUID | None
    deal_id: UUID | None
    links: list[LinkOut]
    team_id: UUID | None
    tags: list[str]


class _ActivityFields(_LinkedFields):
    kind: ActivityKind
    subject: Name = Field(examples=["Call about the offer"])
    body: Prose | None = None
    direction: Direction | None = None
    channel: Code | None = Field(None, description="By what, such as `phone`.", examples=["phone"])
    outcome: Name | None = Field(None, examples=["reached"])
    sentiment: Mood | None = None
    starts_at: Instant | None = None
    ended_at: Instant | None = None
    duration: Seconds | None = Field(None, description=_DURATION)
    remind_minutes: Annotated[int, Field(ge=0, le=40_320)] | None = Field(
        None,
        description="How long before its start its owner is reminded of what is planned.",
        examples=[15],
    )


class ActivityCreate(_ActivityFields):
    """A new activity, which has happened (`completed`) or will (`planned`)."""

    status: ActivityStatus | None = Field(
        None, description="Without it `planned` where it starts later than now, else `completed`."
    )
    is_billable: bool = False
    is_internal: bool = Field(False, description="Whether it has no party outside.")


class _ActivityKept(_ActivityFields):
    is_billable: bool = False
    is_internal: bool = False


ActivityUpdate = patch_of("ActivityUpdate", _ActivityKept, required=("is_billable", "is_internal"))


class ActivityOut(_LinkedOut, Out):
    """Something that is done with customers, or was."""

    kind: ActivityKind
    status: ActivityStatus
    subject: str
    body: str | None
    direction: Direction | None
    channel: str | None
    outcome: str | None
    sentiment: Mood | None
    starts_at: datetime | None
    ended_at: datetime | None
    duration: int | None = Field(description="In seconds.")
    remind_minutes: int | None
    remind_at: datetime | None = Field(description="Null where it has no start.")
    is_billable: bool
    is_internal: bool
    completed_at: datetime | None
    corrected_at: datetime | None
    correction_reason: str | None = Field(description="Of the last correction.")
    timer_started_at: datetime | None = Field(description="Set while a timer runs.")
    timer_user_id: UUID | None = Field(description="Whose timer runs.")


class TaskItem(Schema):
    """Something to be done within a task."""

    key: Code
    title: Name
    is_required: bool = Field(False, description="Whether the task is not done without it.")
    is_done: bool = False


class TaskItemOut(Shape):
    """Something to be done within a task."""

    key: str
    title: str
    is_required: bool
    is_done: bool


class _TaskFields(_LinkedFields):
    subject: Name = Field(examples=["Send the offer"])
    description: Prose | None = None
    due_on: Day | None = Field(None, description="A day, in its time zone; or `due_at`.")
    due_at: Instant | None = Field(None, description="A moment; or `due_on`.")
    time_zone: TimeZone | None = Field(
        None, description="By which it is due and recurs; without it the organization's."
    )
    remind_at: Instant | None = Field(None, description="When its owner is reminded of it.")
    recurrence: Annotated[str, Field(max_length=LONGEST)] | None = Field(
        None,
        description="An RFC 5545 recurrence rule without times of day, which counts from when the "
        "task is due; completing the task makes the next one.",
        examples=["FREQ=WEEKLY;BYDAY=MO"],
    )
    checklist: Annotated[list[TaskItem], Field(max_length=100), _distinct("key")] = Field(
        default_factory=list
    )
    depends_on: Annotated[list[UUID], Field(max_length=MOST_BLOCKERS)] = Field(
        default_factory=list, description="The tasks that have to be done before."
    )
    estimate_minutes: Minutes | None = None
    spent_minutes: Minutes | None = None


class TaskCreate(_TaskFields):
    """A new task, which is open."""

    kind: TaskKind = "todo"
    priority: Priority = "normal"


class _TaskKept(_TaskFields):
    kind: TaskKind = "todo"
    priority: Priority = "normal"


TaskUpdate = patch_of("TaskUpdate", _TaskKept, required=("kind", "priority"))


class TaskOut(_LinkedOut, Out):
    """Something to be done, once or again and again."""

    subject: str
    description: str | None
    kind: TaskKind
    priority: Priority
    status: TaskStatus
    due_on: date | None
    due_at: datetime | None
    time_zone: str | None
    overdue_at: datetime | None = Field(description="The moment from which on it is late.")
    remind_at: datetime | None
    snoozed_until: datetime | None
    recurrence: str | None
    occurs_at: str | None = Field(
        description="When a recurring task is due by the clocks of its zone."
    )
    previous_id: UUID | None = Field(description="The task whose completion made it.")
    checklist: list[TaskItemOut]
    depends_on: list[UUID]
    estimate_minutes: int | None
    spent_minutes: int | None
    closed_at: datetime | None
    close_comment: str | None
