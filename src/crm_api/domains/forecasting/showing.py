"""What snapshots, waterfalls and measures look like from outside."""

from datetime import date, datetime
from uuid import UUID

from pydantic import Field

from crm_api.domains.forecasting.models import Category, Status
from crm_api.domains.forecasting.waterfall import Part
from crm_api.kit.schema import AmountOut, Shape


class DealSnapshotOut(Shape):
    """A deal as it was on a day, as the day began or was first taken."""

    day: date
    deal_id: UUID
    pipeline_id: UUID | None
    stage_id: UUID | None
    owner_id: UUID | None
    status: Status | None
    amount: AmountOut | None
    currency: str | None
    base_amount: AmountOut | None = Field(
        description="In `base_currency`, by the rate of the day; of closed deals as it stayed."
    )
    base_currency: str | None
    closes_on: date | None
    probability: int | None
    forecast_category: Category | None


class DealSnapshotPage(Shape):
    """Snapshots, by their days and deals."""

    data: list[DealSnapshotOut]
    next_cursor: str | None


class SnapshotDayOut(Shape):
    """What became of taking the snapshots of a day."""

    day: date
    taken_at: datetime = Field(description="When they were taken first.")
    deals: int = Field(description="How many there are.")
    added: int = Field(description="How many were taken now; what stood already stays.")


class WaterfallPart(Shape):
    """What was added to a pipeline in one way, or taken away from it."""

    part: Part
    sign: int = Field(description="1: it is added; -1: it is taken away.")
    amount: AmountOut | None = Field(description="Null where amounts are hidden.")
    count: int = Field(description="Of how many deals.")


class WaterfallOut(Shape):
    """What became of a pipeline between two days: start and all parts add up to end."""

    pipeline_id: UUID
    definition_id: str
    currency: str = Field(description="The organization's.")
    start_day: date = Field(description="Of the snapshots that are compared, `from` or before.")
    end_day: date
    closes_from: date | None
    closes_to: date | None
    start: AmountOut | None
    start_count: int
    parts: list[WaterfallPart]
    end: AmountOut | None
    end_count: int
    unconverted: int = Field(description="How many have an amount, and no rate for it.")


class WaterfallDeal(Shape):
    """A deal that is in a part of a waterfall."""

    deal_id: UUID
    amount: AmountOut | None = Field(description="What it adds to the part.")
    amount_before: AmountOut | None
    amount_after: AmountOut | None
    closes_on_before: date | None
    closes_on_after: date | None


class WaterfallDealPage(Shape):
    """The deals of a part, by their ids."""

    data: list[WaterfallDeal]
    next_cursor: str | None


class MetricDefinition(Shape):
    """What a number means."""

    id: str = Field(description="Stands beside the number as `definition_id`.")
    title: str
    unit: str
    text: str


class MetricDefinitions(Shape):
    """What all numbers mean."""

    data: list[MetricDefinition]


class Metric(Shape):
    """A number, and what it means."""

    definition_id: str
    value: str | None = Field(
        description="A decimal; null where there is nothing to compute it of, or it is hidden."
    )
    unit: str
    count: int | None = Field(description="Of how many deals it is.")


class StageMeasures(Shape):
    """How deals fare in an open stage."""

    stage_id: UUID
    stage_name: str
    entered: int = Field(description="Deals that entered it within the days: the cohort.")
    passed: int
    lost: int
    undecided: int = Field(description="Open ones that have not passed yet.")
    conversion: Metric
    time_median: Metric
    time_p90: Metric
    open_deals: int
    age_median: Metric
    stalled: Metric
    rotting: Metric


class PipelineAnalytics(Shape):
    """What a pipeline does, measured."""

    pipeline_id: UUID
    currency: str
    first_day: date
    last_day: date
    stages: list[StageMeasures]
    won: int
    lost: int
    created: int
    win_rate: Metric
    win_rate_value: Metric
    conversion_rate: Metric
    sales_cycle_mean: Metric
    sales_cycle_median: Metric
    average_won_amount: Metric
    velocity: Metric
    weighted_pipeline: Metric
    pushes: Metric
    slippage: Metric
    coverage: Metric
