"""What projects, their templates and their tasks look like from outside."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from crm_api.domains.projects.models import ProjectStatus, TaskKind
from crm_api.domains.projects.risks import Risk, RiskOut
from crm_api.domains.projects.scheduling import Constraint, LinkKind
from crm_api.kit.crud.transitions import Blocker
from crm_api.kit.schema import (
    Amount,
    AmountOut,
    Code,
    Create,
    Currency,
    Day,
    DescribedFields,
    DescribedOut,
    Instant,
    Line,
    Name,
    Out,
    Prose,
    Quantity,
    QuantityOut,
    Schema,
    Shape,
    patch_of,
)

MOST_TASKS = 5_000
Minutes = Annotated[int, Field(ge=0, le=1_000_000)]
Lag = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
Position = Annotated[int, Field(ge=0, le=1_000_000)]
Percent = Annotated[int, Field(ge=0, le=100)]
Share = Annotated[Quantity, Field(gt=0, le=100)]
_LAG = "Minutes of working time of the later one; negative for an overlap."
_MINUTES = "How long it takes, in minutes of working time; only tasks take time."


def _distinct(name: str) -> Any:
    def check(items: list[Any]) -> list[Any]:
        if len({getattr(item, name) for item in items}) < len(items):
            raise ValueError(f"each has another {name}")
        return items

    return AfterValidator(check)


class TaskCheck(Schema):
    """Something to be done within a task."""

    key: Code
    title: Name
    is_done: bool = False


class TaskCheckOut(Shape):
    """Something to be done within a task."""

    key: str
    title: str
    is_done: bool


Checklist = Annotated[list[TaskCheck], Field(max_length=50), _distinct("key")]


class TemplateLink(Schema):
    """What has to be before a task of the template."""

    key: Code
    kind: LinkKind = "fs"
    lag: Lag = Field(0, description=_LAG)


class TemplateTask(Schema):
    """A task that projects begin with."""

    key: Code = Field(description="Of two templates of a project the first has its say.")
    name: Name
    kind: TaskKind = "task"
    parent: Code | None = Field(None, description="The key of the phase that it is in.")
    minutes: Minutes | None = Field(None, description=_MINUTES + " Without it 480.")
    estimate_minutes: Minutes | None = Field(None, description="How much work it is.")
    offset_minutes: Minutes | None = Field(
        None, description="How much working time after the project's beginning it starts at least."
    )
    dependencies: Annotated[list[TemplateLink], Field(max_length=100), _distinct("key")] = Field(
        default_factory=list
    )
    role: Name | None = Field(None, description="Who does it.")
    description: Prose | None = None
    checklist: Checklist = Field(default_factory=list)
    billing_percent: Share | None = Field(
        None, description="Of a milestone: how much of the revenue falls due with its acceptance."
    )


class TemplateLinkOut(Shape):
    """What has to be before a task of the template."""

    key: str
    kind: LinkKind
    lag: int


class TemplateTaskOut(Shape):
    """A task that projects begin with."""

    key: str
    name: str
    kind: TaskKind
    parent: str | None
    minutes: int | None
    estimate_minutes: int | None
    offset_minutes: int | None
    dependencies: list[TemplateLinkOut]
    role: str | None
    description: str | None
    checklist: list[TaskCheckOut]
    billing_percent: QuantityOut | None


class ProjectTemplateCreate(Create):
    """A new template."""

    name: Name = Field(examples=["Installation"])
    key: Code | None = Field(None, description="A name for programs.")
    description: Prose | None = None
    product_ids: Annotated[list[UUID], Field(max_length=200)] = Field(
        default_factory=list,
        description="Orders with one of these products begin their project with it.",
    )
    tasks: Annotated[list[TemplateTask], Field(max_length=1000), _distinct("key")] = Field(
        default_factory=list, description="In the order in which they stand."
    )
    is_active: bool = Field(True, description="Whether projects may begin with it.")


ProjectTemplateUpdate = patch_of(
    "ProjectTemplateUpdate", ProjectTemplateCreate, required=("is_active",)
)


class ProjectTemplateOut(Out):
    """What projects begin with."""

    name: str
    key: str | None
    description: str | None
    product_ids: list[str]
    tasks: list[TemplateTaskOut]
    is_active: bool


class _ProjectFields(DescribedFields, Create):
    name: Name = Field(examples=["New office"])
    company_id: UUID | None = None
    deal_id: UUID | None = Field(None, description="The deal that was won with it.")
    calendar_id: UUID | None = Field(
        None,
        description="In whose working time it is planned; without it the default calendar, and "
        "without one of those weekdays from nine to five.",
    )
    revenue: Amount | None = Field(None, description="What it was sold for, net.")
    cost_budget: Amount | None = Field(None, description="What it may cost.")
    risks: Annotated[list[Risk], Field(max_length=200), _distinct("key")] = Field(
        default_factory=list, description="What may go wrong, and what does."
    )


class ProjectCreate(_ProjectFields):
    """A new project, which is planned."""

    starts_on: Day | None = Field(None, description="Nothing begins earlier; without it today.")
    currency: Currency | None = Field(None, description="Without it the organization's.")
    order_id: UUID | None = Field(
        None, description="The order that it delivers; `POST /v1/orders/{id}/project` does more."
    )
    template_ids: Annotated[list[UUID], Field(max_length=20)] = Field(
        default_factory=list,
        description="What it begins with; of two tasks with a key the first counts.",
    )


class OrderProject(Schema):
    """How the project of an order begins."""

    name: Name | None = Field(None, description="Without it that of the order or its deal.")
    starts_on: Day | None = Field(None, description="Nothing begins earlier; without it today.")
    template_ids: Annotated[list[UUID], Field(max_length=20)] | None = Field(
        None, description="Without them those of the products on the lines."
    )


class _ProjectKept(_ProjectFields):
    starts_on: Day = Field(date(2000, 1, 1), description="Moving it moves what follows.")
    currency: Currency = "EUR"


ProjectUpdate = patch_of("ProjectUpdate", _ProjectKept, required=("starts_on", "currency"))


class ProjectOut(DescribedOut, Out):
    """What is done for a customer."""

    name: str
    company_id: UUID | None
    deal_id: UUID | None
    order_id: UUID | None = Field(description="The order that it delivers; of each there is one.")
    calendar_id: UUID | None
    status: ProjectStatus
    starts_on: date
    finishes_at: datetime | None = Field(description="When all tasks can be done.")
    baseline_at: datetime | None = Field(description="When its plan was held on to.")
    baseline_finishes_at: datetime | None
    currency: str
    revenue: AmountOut | None
    cost_budget: AmountOut | None
    risks: list[RiskOut]
    closed_at: datetime | None
    close_comment: str | None


class TaskLink(Schema):
    """What has to be before a task."""

    task_id: UUID = Field(description="Another task or milestone of the project.")
    kind: LinkKind = Field(
        "fs", description="From its start or finish to the start or finish of this one."
    )
    lag: Lag = Field(0, description=_LAG)


class TaskLinkOut(Shape):
    """What has to be before a task."""

    task_id: UUID
    kind: LinkKind
    lag: int


class _TaskFields(Create):
    name: Name = Field(examples=["Lay the cables"])
    parent_id: UUID | None = Field(None, description="The phase that it is in.")
    description: Prose | None = None
    role: Name | None = Field(None, description="Who does it, where nobody is named yet.")
    estimate_minutes: Minutes | None = Field(None, description="How much work it is.")
    calendar_id: UUID | None = Field(None, description="Without it that of the project.")
    constraint_at: Instant | None = Field(None, description="The instant of the constraint.")
    dependencies: Annotated[list[TaskLink], Field(max_length=200), _distinct("task_id")] = Field(
        default_factory=list
    )
    checklist: Checklist = Field(default_factory=list)
    billing_percent: Share | None = Field(
        None,
        description="Of a milestone: how much of the revenue falls due with its acceptance; all "
        "of them together 100 at the most.",
    )


_CONSTRAINT = (
    "`asap`; `snet`: it starts no earlier; `fnlt`: it ends no later, its float tells by how much "
    "that fails; `must`: it starts then, whatever comes before."
)


class ProjectTaskCreate(_TaskFields):
    """A new task; its `owner_id` is who does it."""

    project_id: UUID
    kind: TaskKind = "task"
    key: Code | None = Field(None, description="A name for programs.")
    position: Position = 0
    minutes: Minutes | None = Field(None, description=_MINUTES + " Without it 480.")
    constraint_kind: Constraint = Field("asap", description=_CONSTRAINT)
    percent: Percent = Field(0, description="How much of it is done.")


class _TaskKept(_TaskFields):
    position: Position = 0
    minutes: Minutes = Field(480, description=_MINUTES)
    constraint_kind: Constraint = Field("asap", description=_CONSTRAINT)
    percent: Percent = Field(0, description="How much of it is done.")


ProjectTaskUpdate = patch_of(
    "ProjectTaskUpdate", _TaskKept, required=("position", "minutes", "constraint_kind", "percent")
)


class ProjectTaskOut(Out):
    """A task, a milestone, or a phase that holds others."""

    project_id: UUID
    parent_id: UUID | None
    kind: TaskKind
    key: str | None
    name: str
    description: str | None
    position: int
    role: str | None
    minutes: int
    estimate_minutes: int | None
    calendar_id: UUID | None
    constraint_kind: Constraint
    constraint_at: datetime | None
    dependencies: list[TaskLinkOut]
    checklist: list[TaskCheckOut]
    percent: int
    starts_at: datetime | None = Field(description="The earliest; empty for a phase of nothing.")
    finishes_at: datetime | None
    total_float: int | None = Field(
        description="Minutes of working time that it can be late without the project being so; "
        "negative where a fixed day cannot be kept."
    )
    is_critical: bool = Field(description="Whether it has no float.")
    baseline_starts_at: datetime | None
    baseline_finishes_at: datetime | None
    billing_percent: QuantityOut | None
    accepted_at: datetime | None
    billing_due_at: datetime | None
    billing_amount: AmountOut | None
    billed_at: datetime | None
    billing_reference: str | None


class ScheduledTask(Shape):
    """When a task can be done."""

    id: UUID
    parent_id: UUID | None
    kind: TaskKind
    name: str
    percent: int
    minutes: int
    dependencies: list[TaskLinkOut]
    early_start: datetime | None
    early_finish: datetime | None
    late_start: datetime | None
    late_finish: datetime | None
    total_float: int | None
    free_float: int | None
    is_critical: bool
    baseline_start: datetime | None
    baseline_finish: datetime | None
    slip: int | None = Field(
        description="Minutes of working time that it ends behind the baseline; negative before."
    )


class ProjectSchedule(Shape):
    """The plan of a project, as it is made of its tasks."""

    project_id: UUID
    starts_on: date
    finishes_at: datetime | None
    baseline_at: datetime | None
    baseline_finishes_at: datetime | None
    slip: int | None = Field(description="Minutes of working time behind the baseline.")
    critical_path: list[UUID] = Field(description="The chain of tasks that decides when it ends.")
    late: list[UUID] = Field(description="The tasks whose fixed days cannot be kept.")
    tasks: list[ScheduledTask]


class ProjectTransition(Shape):
    """An action that is for this status."""

    verb: str = Field(description="`POST /v1/projects/{id}/{verb}` does it.")
    status: ProjectStatus = Field(description="What it becomes.")
    blockers: list[Blocker] = Field(description="Empty: it may be done.")


class ProjectTransitions(Shape):
    """Where a project stands, and what may be done with it."""

    status: ProjectStatus
    allowed: list[ProjectTransition]


class ProjectStep(Schema):
    """What is said of an action."""

    comment: Prose | None = None


class MilestoneBilling(Schema):
    """What the accounts made of what was due."""

    reference: Line = Field(description="Such as the number of the invoice.")
    billed_at: Instant | None = Field(None, description="Without it now.")


ProjectVerb = Literal["start", "hold", "resume", "complete", "reopen", "accept", "cancel"]
