"""What deals, their moves and boards look like from outside."""

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from crm_api.domains.deals.lines import DealLineOut, Lines
from crm_api.domains.deals.models import (
    AmountMode,
    DealVerb,
    ForecastCategory,
    OpenCategory,
    StageKind,
)
from crm_api.domains.deals.parties import (
    Competitors,
    DealCompetitorOut,
    DealSplitOut,
    Splits,
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
    Shape,
    Unique,
    patch_of,
)

Percent = Annotated[int, Field(ge=0, le=100)]
Promises = Annotated[list[Line], Field(max_length=50), Unique]


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
    amount: Amount | None = Field(
        None, description="What it may bring, in `currency`; by hand, unless it is that of lines."
    )
    amount_mode: AmountMode = Field(
        "manual", description="`lines`: the amount is what the lines come to, their `tcv`."
    )
    lines: Lines = Field(default_factory=list, description="What may be sold, in their order.")
    closes_on: Day | None = Field(
        None,
        description="When it is expected to be decided, or was: of a decided deal no day that is "
        "yet to come.",
    )
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
    competitors: Competitors = Field(default_factory=list, description="Who else tries for it.")
    competitor_id: UUID | None = Field(
        None, description="The main one; of a lost deal the company that won it."
    )
    splits: Splits = Field(
        default_factory=list,
        description="Who is credited: those of `revenue` are 100 % together, or there are none.",
    )
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
        "lost the first one for that. A later open one is to be had with all that it wants; "
        "strict pipelines begin with the first. A deal that was decided before, and those of files, "
        "stand anywhere.",
    )
    closed_at: Instant | None = Field(
        None, description="When it was decided, in a closed stage; without it now."
    )


class _DealKept(_DealFields):
    currency: Currency = Field("EUR", description="What the amount is in.")


DealUpdate = patch_of("DealUpdate", _DealKept, required=("currency", "amount_mode"))


class DealOut(DescribedOut, Out):
    """Something that may be sold."""

    name: str
    company_id: UUID | None
    contact_id: UUID | None
    pipeline_id: UUID
    stage_id: UUID
    status: StageKind
    amount: AmountOut | None
    amount_mode: AmountMode
    lines: list[DealLineOut]
    one_time: AmountOut | None = Field(
        description="What of its lines falls due once, without taxes; null without lines."
    )
    mrr: AmountOut | None = Field(description="What falls due again and again, for a month.")
    tcv: AmountOut | None = Field(
        description="Everything: once, and as often as terms say; without a term, for a year."
    )
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
    competitors: list[DealCompetitorOut]
    competitor_ids: list[str] = Field(description="The companies of `competitors`.")
    competitor_id: UUID | None
    splits: list[DealSplitOut]
    origin_id: UUID | None = Field(description="The deal that it was taken off.")
    promises: list[str]
    close_comment: str | None
    stage_entered_at: datetime
    rots_at: datetime | None = Field(
        description="When it has stood in its stage for too long, by its `rotting_days`."
    )
    push_count: int = Field(
        description="How often `closes_on` was put off to a later month while it was open."
    )
    closed_at: datetime | None


class DealBlocker(Blocker):
    """What stands in the way of an action."""


class DealTransition(Shape):
    """Where a deal may go, or might."""

    verb: str = Field(description="`POST /v1/deals/{id}/{verb}` does it.")
    stage_id: UUID
    stage_name: str
    status: StageKind = Field(description="What it becomes.")
    blockers: list[DealBlocker] = Field(description="Empty: it may be done.")


class DealTransitions(Shape):
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

    closed_on: Day | None = Field(
        None, description="Its `closes_on`, no day that is yet to come; without it today."
    )
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
    competitor_id: UUID | None = Field(
        None, description="Who won it instead; some reasons ask for it."
    )


class DealReopening(Schema):
    """Where a deal goes on that was won or lost."""

    stage_id: UUID | None = Field(
        None, description="An open stage of its pipeline; without it the one that it left."
    )
    comment: Prose | None = Field(None, description="Why; needed where the pipeline says so.")
