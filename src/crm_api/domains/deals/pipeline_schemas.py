"""What pipelines, stages and the reasons why deals are lost look like from outside."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from crm_api.domains.deals.models import (
    ForecastCategory,
    Graph,
    NextStepPolicy,
    StageKind,
    WinNeeds,
)
from crm_api.domains.deals.parties import Roles
from crm_api.kit.schema import (
    Code,
    Create,
    Currency,
    Name,
    Out,
    Prose,
    Schema,
    Shape,
    Storable,
    Unique,
    patch_of,
)

Percent = Annotated[int, Field(ge=0, le=100)]
Position = Annotated[int, Field(ge=0, le=1_000_000)]
FieldName = Annotated[
    str, StringConstraints(pattern=r"^(custom\.)?[a-z][a-z0-9_]{0,62}$", max_length=80)
]
Criteria = Annotated[dict[str, Any], Storable]


class _PipelineFields(Create):
    name: Name = Field(examples=["Sales"])
    key: Code | None = Field(None, description="A name for programs.")
    description: Prose | None = None
    currency: Currency | None = Field(
        None, description="That of new deals; without it the organization's."
    )
    graph: Graph = Field(
        "free",
        description="`strict`: a step to a neighbouring stage, won from the last one; "
        "`forward_only`: to any later stage; `free`: to any.",
    )
    next_step_policy: NextStepPolicy = Field(
        "off",
        description="Whether open deals need a `next_step` and its day: `moves`: before they move "
        "to an open stage; `writes`: also when they are written.",
    )
    win_needs: WinNeeds = Field(
        "nothing", description="What a deal needs to be won, whatever its stages ask for."
    )
    reopen_needs_reason: bool = Field(
        False, description="Whether a deal is reopened with a `comment` only."
    )
    is_default: bool = Field(False, description="Where deals begin that name none; one does so.")
    is_archived: bool = Field(False, description="It takes no new deals.")
    wanted_roles: Roles = Field(
        default_factory=list,
        description="Whom a deal needs to know: what its committee is measured by.",
        examples=[["champion", "economic_buyer"]],
    )


class PipelineCreate(_PipelineFields):
    """A new pipeline; it begins with an open, a won and a lost stage."""


PipelineUpdate = patch_of(
    "PipelineUpdate",
    PipelineCreate,
    required=(
        *("graph", "next_step_policy", "win_needs", "reopen_needs_reason"),
        *("is_default", "is_archived"),
    ),
)


class PipelineOut(Out):
    """A way that deals go, by its stages."""

    name: str
    key: str | None
    description: str | None
    currency: str | None
    graph: Graph
    next_step_policy: NextStepPolicy
    win_needs: WinNeeds
    reopen_needs_reason: bool
    is_default: bool
    is_archived: bool
    wanted_roles: list[str]


class ChecklistItem(Schema):
    """Something to be done before a deal goes on."""

    key: Code = Field(description="What deals name in `checked` once it is done.")
    title: Name
    is_required: bool = Field(True, description="Whether the deal stays until it is done.")


class ChecklistItemOut(Shape):
    """Something to be done before a deal goes on."""

    key: str
    title: str
    is_required: bool


def _distinct(items: list[ChecklistItem]) -> list[ChecklistItem]:
    if len({item.key for item in items}) < len(items):
        raise ValueError("each item has a key of its own")
    return items


class _StageFields(Create):
    name: Name = Field(examples=["Proposal"])
    rotting_days: Annotated[int, Field(ge=1, le=3660)] | None = Field(
        None, description="After how many days in it a deal is stale."
    )
    required_fields: Annotated[list[FieldName], Field(max_length=50), Unique] = Field(
        default_factory=list,
        description="What a deal in it must have: names of fields, `custom.<name>` too.",
        examples=[["amount", "closes_on"]],
    )
    entry_criteria: Criteria = Field(
        default_factory=dict, description="The filter language: what a deal must be to come in."
    )
    exit_criteria: Criteria = Field(
        default_factory=dict,
        description="The filter language: what a deal must be to go on, or to be won from here.",
    )
    checklist: Annotated[list[ChecklistItem], Field(max_length=50), AfterValidator(_distinct)] = (
        Field(default_factory=list)
    )
    required_roles: Roles = Field(
        default_factory=list, description="What somebody has to be in a deal that comes in."
    )
    required_artefacts: Annotated[list[Code], Field(max_length=20), Unique] = Field(
        default_factory=list,
        description="What there must be of a deal before it comes in, such as `accepted_quote`.",
        examples=[["approved_quote"]],
    )
    approval_purpose: Code | None = Field(
        None,
        description="A deal comes in once every approval policy of deals with this purpose that "
        "wants it approved has it so; `POST /v1/approvals` asks for that.",
    )
    wip_limit: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        None, description="How many deals it takes; of open stages."
    )


class StageCreate(_StageFields):
    """A new stage; the one for won deals comes with its pipeline."""

    pipeline_id: UUID
    kind: Literal["open", "lost"] = "open"
    position: Position | None = Field(None, description="Its place; without it the last one.")
    probability: Percent | None = Field(
        None, description="In percent, of deals that say no other. Of closed stages 100 or 0."
    )
    forecast_category: ForecastCategory | None = Field(
        None, description="Open stages have any but `closed`; without it `pipeline`."
    )


class _StageKept(_StageFields):
    position: Position = 0
    probability: Percent = 0
    forecast_category: ForecastCategory = "pipeline"


StageUpdate = patch_of(
    "StageUpdate",
    _StageKept,
    required=("position", "probability", "forecast_category", "entry_criteria", "exit_criteria"),
)


class StageOut(Out):
    """Where a deal stands on the way of its pipeline."""

    pipeline_id: UUID
    name: str
    kind: StageKind
    position: int
    probability: int
    forecast_category: ForecastCategory
    rotting_days: int | None
    required_fields: list[str]
    entry_criteria: dict[str, Any]
    exit_criteria: dict[str, Any]
    checklist: list[ChecklistItemOut]
    required_roles: list[str]
    required_artefacts: list[str]
    approval_purpose: str | None
    wip_limit: int | None


class StageRemoval(Schema):
    """Where the deals of a stage go that is removed."""

    move_to: UUID = Field(description="Another stage of the same pipeline and kind.")


class LossReasonCreate(Create):
    """A new reason why deals are lost."""

    name: Name = Field(examples=["Price"])
    key: Code | None = Field(None, description="A name for programs.")
    description: Prose | None = None
    position: Position = 0
    is_active: bool = Field(True, description="Whether it can be chosen.")
    asks_competitor: bool = Field(
        False, description="Whether a deal that is lost for it names who won instead."
    )


LossReasonUpdate = patch_of(
    "LossReasonUpdate", LossReasonCreate, required=("position", "is_active", "asks_competitor")
)


class LossReasonOut(Out):
    """Why deals are lost."""

    name: str
    key: str | None
    description: str | None
    position: int
    is_active: bool
    asks_competitor: bool
