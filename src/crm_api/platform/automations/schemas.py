"""What rules and their runs look like from outside."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from crm_api.kit.schema import Create, Name, Out, Prose, Schema, Shape, Storable, patch_of
from crm_api.platform.automations.models import PausedReason, RunStatus, Status, StepOutcome

MOST_RECORDS = 100


class AutomationCreate(Create):
    """A new rule, which is a draft until it is published."""

    name: Name = Field(examples=["Welcome new customers"])
    description: Prose | None = None
    trigger: Annotated[dict[str, Any], Storable] = Field(
        default_factory=dict,
        description="What begins a run, by its `type`: `event`, `field_changed`, `date`, "
        "`schedule`, `webhook`, `manual`. `GET /v1/automations/vocabulary` describes each.",
        examples=[{"type": "event", "events": ["contact.created"]}],
    )
    condition: Annotated[dict[str, Any], Storable] = Field(
        default_factory=dict,
        description="The filter language, over the record as it is when the trigger is taken up.",
        examples=[{"lifecycle": {"eq": "customer"}}],
    )
    steps: Annotated[list[dict[str, Any]], Field(max_length=50), Storable] = Field(
        default_factory=list,
        description="What a run does, one after the other, each by its `action`; checked as a "
        "whole when it is published.",
        examples=[[{"action": "update", "patch": {"tags": ["welcome"]}}]],
    )


AutomationUpdate = patch_of("AutomationUpdate", AutomationCreate, required=("trigger", "condition"))


class AutomationOut(Out):
    """A rule: its draft, and how its published version stands."""

    name: str
    description: str | None
    trigger: dict[str, Any]
    condition: dict[str, Any]
    steps: list[dict[str, Any]]
    status: Status
    paused_reason: PausedReason | None = Field(
        description="`rights_lost`: whoever published it last may not do what it takes any more. "
        "`outdated`: it names what is no longer there."
    )
    published_version: int | None
    target: str | None = Field(description="What runs of the published version are about.")


class AutomationVersionOut(Shape):
    """What was published; never changed."""

    number: int
    trigger: dict[str, Any]
    condition: dict[str, Any]
    steps: list[dict[str, Any]]
    published_at: datetime
    published_by: UUID | None


class AutomationVersions(Shape):
    """Every version, the newest first."""

    data: list[AutomationVersionOut]


class AutomationPause(Schema):
    """How a rule is paused."""

    cancel_runs: bool = Field(
        False, description="Whether what is under way ends as well; else it goes on."
    )


class AutomationTest(Schema):
    """What a test run is about."""

    record_id: UUID | None = Field(None, description="A record to try it with.")
    input: Annotated[dict[str, Any], Storable] | None = Field(
        None, description="What a call from outside would send."
    )
    version: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None, description="The draft, if it is left out."
    )


class AutomationTestStep(Shape):
    """What a step would come to."""

    place: str = Field(description="Where it stands, as a JSON pointer.")
    action: str
    name: str | None
    outcome: StepOutcome
    result: dict[str, Any]
    preview: dict[str, Any] = Field(description="What would leave, such as the text of a letter.")
    changes: list[dict[str, Any]] = Field(description="What would have happened to records.")
    error: dict[str, Any] | None


class AutomationTestReport(Shape):
    """What a run would do; nothing of it has happened."""

    passes: bool | None = Field(description="Whether the condition lets the record in.")
    outcome: Literal["succeeded", "failed"]
    steps: list[AutomationTestStep]


class AutomationCall(Schema):
    """The records that somebody wants runs for."""

    record_ids: Annotated[list[UUID], Field(max_length=MOST_RECORDS)] = Field(
        default_factory=list, description="One run for each; empty where it is about no record."
    )


class AutomationRunOut(Shape):
    """One run."""

    id: UUID
    automation_id: UUID
    version: int
    entity: str | None
    record_id: UUID | None
    event_id: UUID | None = Field(description="The event that began it.")
    depth: int = Field(description="How many runs lie between it and what somebody did.")
    status: RunStatus = Field(
        description="`stopped`: it would have been one run too many of those that cause each other."
    )
    steps_taken: int
    wake_at: datetime | None = Field(description="When it goes on, while it waits.")
    error: dict[str, Any] | None
    created_at: datetime
    finished_at: datetime | None


class AutomationStepOut(Shape):
    """One step that was taken."""

    number: int
    place: str = Field(description="Where it stands in its version, as a JSON pointer.")
    action: str
    name: str | None
    outcome: StepOutcome
    result: dict[str, Any]
    error: dict[str, Any] | None
    taken_at: datetime


class AutomationRunDetail(AutomationRunOut):
    """One run with every step."""

    log: list[AutomationStepOut] = Field(description="Every step, the first one first.")


class AutomationRunPage(Shape):
    """A page of runs, newest first."""

    data: list[AutomationRunOut]
    next_cursor: str | None


class AutomationRuns(Shape):
    """Runs that have begun."""

    data: list[AutomationRunOut]


class AutomationHook(Shape):
    """The address that begins runs."""

    path: str = Field(description="Where calls go, below the address of the service; shown once.")


class HookAnswer(Shape):
    """What became of a call."""

    run_id: UUID
    is_repeated: bool = Field(description="Whether a call with this id had come before.")


class AutomationPart(Shape):
    """A kind of trigger or step."""

    type: str | None = None
    action: str | None = None
    description: str
    schema_: dict[str, Any] = Field(alias="schema", description="Its JSON Schema.")


class AutomationVocabulary(Shape):
    """Everything that rules may be made of."""

    triggers: list[AutomationPart]
    actions: list[AutomationPart]
