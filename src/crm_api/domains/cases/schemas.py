"""What cases and their policies look like from outside."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from crm_api.domains.cases.models import (
    CaseChannel,
    CaseKind,
    CaseStatus,
    Level,
    Priority,
    Severity,
    SlaState,
    SlaTargetName,
)
from crm_api.kit.crud.transitions import Blocker
from crm_api.kit.schema import (
    Create,
    Instant,
    Line,
    Name,
    Out,
    Prose,
    Schema,
    Shape,
    Tags,
    patch_of,
)

Target = SlaTargetName
Minutes = Annotated[int, Field(ge=1, le=1_000_000)]
CaseVerb = Literal["assign", "start", "wait", "resume", "resolve", "close", "reopen"]


class _CaseFields(Create):
    subject: Line = Field(examples=["The display stays dark"])
    description: Prose | None = None
    kind: CaseKind = "question"
    channel: CaseChannel = "other"
    priority: Priority | None = Field(
        None, description="By impact and urgency where both are given; else `normal`."
    )
    impact: Level | None = None
    urgency: Level | None = None
    severity: Severity | None = None
    company_id: UUID | None = None
    contact_id: UUID | None = None
    product_id: UUID | None = None
    order_id: UUID | None = None
    project_id: UUID | None = None
    deliverable_id: UUID | None = None
    team_id: UUID | None = Field(None, description="The team that is responsible.")
    parent_id: UUID | None = Field(None, description="The case, such as a problem, it belongs to.")
    root_cause: Prose | None = None
    tags: Tags = Field(default_factory=list)


class CaseCreate(_CaseFields):
    """A new case."""

    follows_id: UUID | None = Field(None, description="The closed case that it follows up.")


CaseUpdate = patch_of("CaseUpdate", _CaseFields, required=("kind", "channel"))


class ClockOut(Shape):
    """By when something is to be done for a case; minutes are those of work."""

    target: Target
    cycle: int = Field(description="The how manieth of its target.")
    policy_id: UUID
    calendar_id: UUID | None
    minutes: int = Field(description="Working time that there is for it.")
    started_at: datetime
    due_at: datetime | None = Field(description="Empty while it is paused.")
    paused_at: datetime | None
    left_minutes: int | None = Field(
        description="What was left when it was paused or done; below zero: late by so much. "
        "Empty while it runs: `due_at` says it."
    )
    met_at: datetime | None = Field(description="When it was done, in time or not.")
    breached_at: datetime | None = Field(description="Since when it is late, or was.")
    state: SlaState = Field(description="`met`: done in time. `breached`: late, done or not.")
    escalated: list[int] = Field(description="At which shares, in percent, something was done.")


class CaseOut(Out):
    """What a customer asks for help with."""

    number: str
    subject: str
    description: str | None
    kind: CaseKind
    channel: CaseChannel
    status: CaseStatus
    priority: Priority
    impact: Level | None
    urgency: Level | None
    severity: Severity | None
    company_id: UUID | None
    contact_id: UUID | None
    product_id: UUID | None
    order_id: UUID | None
    project_id: UUID | None
    deliverable_id: UUID | None
    team_id: UUID | None
    parent_id: UUID | None
    follows_id: UUID | None = Field(description="The closed case that it follows up.")
    root_cause: str | None
    resolution: str | None
    first_responded_at: datetime | None = Field(
        description="When its customer was first answered; to be resolved is to be answered."
    )
    resolved_at: datetime | None
    closed_at: datetime | None
    reopened: int = Field(description="How often it was reopened.")
    sla_policy_id: UUID | None = Field(description="The policy by which its clocks run.")
    sla_state: SlaState | None = Field(
        description="The worst of its clocks: `breached`, then `running`, `paused`, `met`."
    )
    clocks: list[ClockOut]
    next_due_at: datetime | None = Field(
        description="The first of what is to be done by clocks that are not paused."
    )
    escalation_level: int = Field(
        description="The highest share of a clock's time, in percent, at which something was done."
    )
    is_escalated: bool
    tags: list[str]
    score: int | None = Field(description="What the customer says of it, 1 to 5.")
    score_comment: str | None
    scored_at: datetime | None


class CaseStep(Schema):
    """What is said with an action."""

    owner_id: UUID | None = Field(None, description="Whom it is assigned to.")
    team_id: UUID | None = None
    resolution: Prose | None = Field(None, description="What was done; resolving takes it.")
    root_cause: Prose | None = None


class CaseScore(Schema):
    """What a customer says of a case that is closed."""

    score: Annotated[int, Field(ge=1, le=5)]
    comment: Prose | None = None


class CaseBlocker(Blocker):
    """What stands in the way of an action."""


class CaseTransition(Shape):
    """An action that is for this state."""

    verb: CaseVerb = Field(description="`POST /v1/cases/{id}/{verb}` does it.")
    status: CaseStatus = Field(description="What it becomes.")
    blockers: list[CaseBlocker] = Field(description="Empty: it may be done.")


class CaseTransitions(Shape):
    """Where a case stands, and what may be done with it."""

    status: CaseStatus
    allowed: list[CaseTransition]


class SlaTarget(Schema):
    """How much working time there is for something."""

    target: Target
    priority: Priority
    minutes: Minutes


class SlaEscalation(Schema):
    """What happens once a share of that time is over; at 100 a target is missed."""

    percent: Annotated[int, Field(ge=1, le=1000)] = Field(examples=[75])
    target: Target | None = Field(None, description="Empty: each of them.")
    raises: bool = Field(False, description="Whether the case is escalated by it.")
    raises_priority: bool = Field(False, description="Whether it gets the next higher priority.")
    reassign_to: UUID | None = Field(None, description="The user who gets the case.")
    reassign_to_team: UUID | None = Field(None, description="The team that gets the case.")
    notify: Annotated[list[UUID], Field(max_length=20)] = Field(
        default_factory=list, description="Users who are told, beside the owner, who always is."
    )
    notify_teams: Annotated[list[UUID], Field(max_length=5)] = Field(default_factory=list)


def _each_target_once(given: list[SlaTarget]) -> list[SlaTarget]:
    if len({(one.target, one.priority) for one in given}) < len(given):
        raise ValueError("each target is there once for a priority")
    return given


def _each_share_once(given: list[SlaEscalation]) -> list[SlaEscalation]:
    if len({(one.percent, one.target) for one in given}) < len(given):
        raise ValueError("each share is there once for a target")
    return given


# Of the fields, so that they hold for what is changed, too.
SlaTargets = Annotated[
    list[SlaTarget], Field(min_length=1, max_length=12), AfterValidator(_each_target_once)
]
SlaEscalations = Annotated[
    list[SlaEscalation], Field(max_length=10), AfterValidator(_each_share_once)
]


class SlaPolicyCreate(Create):
    """A new policy; the clocks of cases that are open go by it soon."""

    name: Name
    position: Annotated[int, Field(ge=0, le=10_000)] = Field(
        100, description="The first that fits a case is the one that counts."
    )
    is_active: bool = True
    filter: dict[str, Any] = Field(default_factory=dict, description="Which cases; empty: all.")
    targets: SlaTargets
    calendar_id: UUID | None = Field(None, description="Empty: the default calendar.")
    pause_statuses: Annotated[list[CaseStatus], Field(max_length=4)] = Field(
        default_factory=lambda: ["waiting_customer"]
    )
    escalations: SlaEscalations = Field(default_factory=list)
    description: Prose | None = None


SlaPolicyUpdate = patch_of(
    "SlaPolicyUpdate", SlaPolicyCreate, required=("position", "is_active", "filter")
)


class SlaTargetOut(Shape):
    """How much working time there is for something."""

    target: Target
    priority: Priority
    minutes: int


class SlaEscalationOut(Shape):
    """What happens once a share of that time is over."""

    percent: int
    target: Target | None
    raises: bool
    raises_priority: bool
    reassign_to: UUID | None
    reassign_to_team: UUID | None
    notify: list[UUID]
    notify_teams: list[UUID]


class SlaPolicyOut(Out):
    """How soon certain cases are to be answered and resolved."""

    name: str
    position: int
    is_active: bool
    filter: dict[str, Any]
    targets: list[SlaTargetOut]
    calendar_id: UUID | None
    pause_statuses: list[CaseStatus]
    escalations: list[SlaEscalationOut]
    description: str | None


class _Simulation(Schema):
    since: Instant | None = Field(None, description="Cases that were opened then or later.")
    until: Instant | None = Field(None, description="Cases that were opened earlier.")


class SlaSimulationInput(_Simulation):
    """Over which cases a policy is tried, and what would be different in it."""

    changes: SlaPolicyUpdate | None = Field(None, description="Empty: as it stands.")  # pyright: ignore[reportInvalidTypeForm, reportUnknownVariableType]


class SlaDraftSimulation(_Simulation):
    """A policy that is not there, and over which cases it is tried."""

    policy: SlaPolicyCreate


class SlaSimulatedTarget(Shape):
    """How often a target would have been met."""

    target: Target
    priority: Priority
    minutes: int
    met: int
    breached: int = Field(description="Late, done since or not.")
    running: int
    paused: int


class SlaSimulation(Shape):
    """What a policy would have come to; priorities and calendars as they are now."""

    looked_at: int = Field(description="Cases that pass its filter, the latest 5,000 at most.")
    left_out: int = Field(description="Those of them that are older than calendars count.")
    is_whole: bool = Field(description="Whether there are no more such cases.")
    targets: list[SlaSimulatedTarget]
