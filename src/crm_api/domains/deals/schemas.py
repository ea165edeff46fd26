"""What pipelines, stages, deals and their reasons look like from outside."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from crm_api.domains.deals.models import (
    DealVerb,
    ForecastCategory,
    Graph,
    OpenCategory,
    StageKind,
)
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
    Schema,
    Storable,
    Unique,
    patch_of,
)

Percent = Annotated[int, Field(ge=0, le=100)]
Position = Annotated[int, Field(ge=0, le=1_000_000)]
Promises = Annotated[list[Line], Field(max_length=50), Unique]
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
    is_default: bool = Field(False, description="Where deals begin that name none; one does so.")
    is_archived: bool = Field(False, description="It takes no new deals.")


class PipelineCreate(_PipelineFields):
    """A new pipeline; it begins with an open, a won and a lost stage."""


PipelineUpdate = patch_of(
    "PipelineUpdate", PipelineCreate, required=("graph", "is_default", "is_archived")
)


class PipelineOut(Out):
    """A way that deals go, by its stages."""

    name: str
    key: str | None
    description: str | None
    currency: str | None
    graph: Graph
    is_default: bool
    is_archived: bool


class ChecklistItem(Schema):
    """Something to be done before a deal goes on."""

    key: Code = Field(description="What deals name in `checked` once it is done.")
    title: Name
    is_required: bool = Field(True, description="Whether the deal stays until it is done.")


class ChecklistItemOut(BaseModel):
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


LossReasonUpdate = patch_of(
    "LossReasonUpdate", LossReasonCreate, required=("position", "is_active")
)


class LossReasonOut(Out):
    """Why deals are lost."""

    name: str
    key: str | None
    description: str | None
    position: int
    is_active: bool


class DealMoveOut(Out):
    """A step of a deal from one stage to another: who and when are those of its record."""

    deal_id: UUID
    verb: DealVerb
    from_stage_id: UUID
    to_stage_id: UUID
    entered_at: datetime = Field(description="Since when it had stood in the stage it left.")
    seconds: int = Field(description="How long that was.")
    comment: str | None


class _DealFields(DescribedFields, Create):
    name: Name = Field(examples=["New office"])
    company_id: UUID | None = None
    contact_id: UUID | None = None
    amount: Amount | None = Field(None, description="What it may bring, in `currency`.")
    closes_on: Day | None = Field(None, description="When it is expected to be decided, or was.")
    next_step: Line | None = None
    next_step_on: Day | None = None
    probability_override: Percent | None = Field(
        None, description="By hand; without it `probability` is that of the stage."
    )
    forecast_override: OpenCategory | None = Field(
        None, description="By hand; without it `forecast_category` is that of the stage."
    )
    checked: Annotated[list[Code], Field(max_length=200), Unique] = Field(
        default_factory=list, description="What of the checklists of stages is done, by its keys."
    )
    loss_reason_id: UUID | None = Field(None, description="Of a lost deal, and of no other.")
    promises: Promises = Field(
        default_factory=list, description="What was promised beside; its order takes it over."
    )


class DealCreate(_DealFields):
    """A new deal; in a closed stage, one that was decided before it was written down."""

    currency: Currency | None = Field(
        None, description="Without it that of the pipeline, else the organization's."
    )
    pipeline_id: UUID | None = Field(
        None, description="Without it that of the stage, else the default pipeline."
    )
    stage_id: UUID | None = Field(
        None,
        description="Without it the first open one of the pipeline; with a reason why it is "
        "lost the first one for that.",
    )
    closed_at: Instant | None = Field(
        None, description="When it was decided, in a closed stage; without it now."
    )


class _DealKept(_DealFields):
    currency: Currency = Field("EUR", description="What the amount is in.")


DealUpdate = patch_of("DealUpdate", _DealKept, required=("currency",))


class DealOut(DescribedOut, Out):
    """Something that may be sold."""

    name: str
    company_id: UUID | None
    contact_id: UUID | None
    pipeline_id: UUID
    stage_id: UUID
    status: StageKind
    amount: AmountOut | None
    currency: str
    expected_amount: AmountOut | None = Field(description="The amount times the probability.")
    base_amount: AmountOut | None = Field(
        description="The amount in `base_currency`, by the rate of `closes_on`, or the last one "
        "before it; null where there is none."
    )
    base_currency: str = Field(description="The organization's.")
    closes_on: date | None
    next_step: str | None
    next_step_on: date | None
    probability_override: int | None
    probability: int = Field(description="In percent.")
    forecast_override: ForecastCategory | None
    forecast_category: ForecastCategory
    checked: list[str]
    loss_reason_id: UUID | None
    promises: list[str]
    close_comment: str | None
    stage_entered_at: datetime
    closed_at: datetime | None


class DealBlocker(Blocker):
    """What stands in the way of an action."""


class DealTransition(BaseModel):
    """Where a deal may go, or might."""

    verb: str = Field(description="`POST /v1/deals/{id}/{verb}` does it.")
    stage_id: UUID
    stage_name: str
    status: StageKind = Field(description="What it becomes.")
    blockers: list[DealBlocker] = Field(description="Empty: it may be done.")


class DealTransitions(BaseModel):
    """Where a deal stands, and where it may go."""

    status: StageKind
    stage_id: UUID
    allowed: list[DealTransition]


class DealMoveInput(Schema):
    """Where a deal goes: to another stage, or to another place in its column."""

    stage_id: UUID | None = Field(None, description="An open stage; without it the same one.")
    before: UUID | None = Field(None, description="The deal of that stage that it is put before.")
    after: UUID | None = Field(
        None, description="The deal that it is put after; without both it comes last."
    )
    comment: Prose | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.before is not None and self.after is not None:
            raise ValueError("it is put before a deal or after one")
        if self.stage_id is None and self.before is None and self.after is None:
            raise ValueError("say to which stage or place it goes")
        return self


class DealClosing(Schema):
    """What is said of a deal that is decided."""

    closed_on: Day | None = Field(None, description="Its `closes_on`; without it today.")
    comment: Prose | None = None


class DealWin(DealClosing):
    """What is said of a deal that is won."""

    quote_id: UUID | None = Field(
        None, description="Which accepted quote its order is made of, where there are several."
    )
    create_order: bool = Field(True, description="Whether an accepted quote becomes an order.")


class DealWon(DealOut):
    """A deal that was won, and what was made of it in the same moment."""

    order_id: UUID | None = Field(description="The order from its accepted quote.")
    project_id: UUID | None = Field(description="The project that delivers it.")


class DealLoss(DealClosing):
    """What is said of a deal that is lost."""

    loss_reason_id: UUID
    stage_id: UUID | None = Field(None, description="A lost stage; without it the first one.")


class DealReopening(Schema):
    """Where a deal goes on that was won or lost."""

    stage_id: UUID | None = Field(
        None, description="An open stage of its pipeline; without it the one that it left."
    )
    comment: Prose | None = None


class BoardDeals(BaseModel):
    """The first deals of a column, by their places."""

    data: list[DealOut]
    next_cursor: str | None = Field(
        description="Of `GET /v1/deals?filter[stage_id]=…&sort=rank`, with the filter of the board."
    )


class BoardColumn(BaseModel):
    """An open stage, and the deals in it that are seen."""

    stage: StageOut
    count: int
    amount: AmountOut | None = Field(
        description="The sum of `base_amount`; null where that is hidden."
    )
    weighted_amount: AmountOut | None = Field(description="The same, times the probabilities.")
    unconverted: int = Field(description="How many have an amount, and no rate for it.")
    deals: BoardDeals


class Board(BaseModel):
    """A pipeline at a glance."""

    pipeline_id: UUID
    currency: str = Field(description="The organization's, in which sums are.")
    columns: list[BoardColumn]
