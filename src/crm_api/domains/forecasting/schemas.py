"""What forecasts and goals look like from outside."""

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from crm_api.domains.forecasting.models import (
    ForecastStatus,
    GoalMetric,
    Layer,
    NodeKind,
    PeriodKind,
)
from crm_api.domains.forecasting.showing import Metric
from crm_api.kit.schema import (
    Amount,
    AmountOut,
    Create,
    Day,
    Name,
    Out,
    Prose,
    Schema,
    Shape,
    patch_of,
)

PeriodKey = Annotated[
    str,
    StringConstraints(pattern=r"^\d{4}-(0[1-9]|1[0-2]|Q[1-4])$"),
    Field(
        description="A month, or a quarter of the fiscal year that begins in this year.",
        examples=["2026-Q4", "2026-11"],
    ),
]


class PeriodOut(Shape):
    """A month or quarter of the fiscal year."""

    key: str
    kind: PeriodKind
    starts_on: date
    ends_on: date


class Categories(Shape):
    """Sums of single categories of what is due within the period."""

    pipeline: AmountOut | None
    best_case: AmountOut | None
    most_likely: AmountOut | None
    commit: AmountOut | None
    closed: AmountOut | None


class Cumulated(Shape):
    """What the categories add up to: of the open pipeline what is open, of all else closed too."""

    open_pipeline: Metric
    best_case: Metric
    most_likely: Metric
    commit: Metric
    weighted: Metric


class WinsOut(Shape):
    """How many deals are won by the end, those won already included."""

    definition_id: str
    expected: str
    low: int
    high: int


class ForecastEntryOut(Shape):
    """What was said of a forecast, or computed then."""

    layer: Layer = Field(description="`system` gives way to `owner`, and that to `manager`.")
    commit: AmountOut | None
    best_case: AmountOut | None
    currency: str
    comment: str | None
    made_at: datetime
    made_by: UUID | None


class ForecastNode(Shape):
    """What is expected of a user, a team or all."""

    kind: NodeKind
    id: UUID
    name: str
    parent_id: UUID | None = Field(description="The node above it.")
    status: ForecastStatus
    is_locked: bool = Field(description="Itself, or a node above it.")
    deals: int
    categories: Categories
    cumulative: Cumulated
    wins: WinsOut
    submitted: AmountOut | None = Field(description="What the owner said last.")
    overridden: AmountOut | None = Field(description="What a manager said last.")
    effective: AmountOut | None = Field(
        description="The manager's word, else the owner's, else what those below add up to, else "
        "the computed commit."
    )
    quota: AmountOut | None = Field(description="The sum of the goals that are of the period.")
    attainment: Metric
    gap: AmountOut | None
    coverage: Metric
    entries: list[ForecastEntryOut] = Field(description="All that was said, the latest first.")


class ForecastRollup(Shape):
    """The forecast of a period, rolled up the teams; the nodes from above downwards."""

    period: PeriodOut
    currency: str
    nodes: list[ForecastNode]


class NodeInput(Schema):
    """A forecast: of which period, and of whom."""

    period: PeriodKey
    user_id: UUID | None = None
    team_id: UUID | None = Field(
        None, description="Without both it is the forecast of the whole organization."
    )

    @model_validator(mode="after")
    def _one_node(self) -> Self:
        if self.user_id is not None and self.team_id is not None:
            raise ValueError("a forecast is of a user or of a team")
        return self


class ForecastInput(NodeInput):
    """What somebody says of a forecast."""

    commit: Amount = Field(description="Closed business included, in the organization's currency.")
    best_case: Amount | None = None
    comment: Prose | None = None


class ForecastState(Shape):
    """A forecast after something was done with it."""

    id: UUID
    period: PeriodOut
    node_kind: NodeKind
    node_id: UUID
    status: ForecastStatus
    version: int
    entries: list[ForecastEntryOut] = Field(description="The latest first.")


class Accuracy(Shape):
    """How far forecasts were from what came true, some days before the end of each period."""

    days_before_end: int | None = Field(description="Null: as each period began.")
    source: str = Field(description="`computed`, `weighted` or `submitted`.")
    periods: int = Field(description="Of how many something was known by then.")
    wape: Metric
    bias: Metric
    mape: Metric


class AccuracyPeriod(Shape):
    """A period that is over, and what was expected of it."""

    period: PeriodOut
    days_before_end: int | None
    actual: AmountOut | None
    computed: AmountOut | None
    weighted: AmountOut | None
    submitted: AmountOut | None


class ForecastAccuracy(Shape):
    """How well forecasts came true."""

    currency: str
    data: list[Accuracy]
    periods: list[AccuracyPeriod]


def _ascending(values: list[int]) -> list[int]:
    if len(set(values)) < len(values):
        raise ValueError("each milestone stands once")
    return sorted(values)


Milestones = Annotated[
    list[Annotated[int, Field(ge=1, le=1000)]], Field(max_length=20), AfterValidator(_ascending)
]


class GoalCreate(Create):
    """A new goal; a quota is one of amounts won."""

    name: Name = Field(examples=["Fourth quarter"])
    metric: GoalMetric = "won_amount"
    starts_on: Day
    ends_on: Day = Field(description="The last day.")
    target: Annotated[Amount, Field(gt=0)] = Field(
        description="An amount in the organization's currency, or a number of deals."
    )
    user_id: UUID | None = Field(
        None, description="Whose deals count; without it and a team those of everybody."
    )
    team_id: UUID | None = Field(None, description="The deals of its members count, and below.")
    pipeline_id: UUID | None = Field(None, description="Without it those of all pipelines count.")
    description: Prose | None = None
    milestones: Milestones = Field(
        default_factory=list,
        examples=[[50, 100]],
        description="In percent of the target; each is told once, as `goal.milestone`.",
    )


GoalUpdate = patch_of(
    "GoalUpdate",
    GoalCreate,
    required=("metric", "starts_on", "ends_on", "target"),
)


class GoalOut(Out):
    """What is to be reached within some days."""

    name: str
    metric: GoalMetric
    starts_on: date
    ends_on: date
    target: AmountOut
    user_id: UUID | None
    team_id: UUID | None
    pipeline_id: UUID | None
    description: str | None
    milestones: list[int]
    reached: list[int] = Field(description="The milestones that were told.")


class GoalProgress(Shape):
    """How far a goal is."""

    goal_id: UUID
    metric: GoalMetric
    reached: AmountOut | None = Field(description="Of the deals that are seen.")
    target: AmountOut
    attainment: Metric
    left: AmountOut | None
    days_left: int
