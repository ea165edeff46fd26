"""Snapshots, waterfalls, measures, forecasts and goals over GraphQL."""

from datetime import date
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.deals.graphql import Pipeline
from crm_api.domains.forecasting import schemas, showing
from crm_api.domains.forecasting.forecasts import Forecasts
from crm_api.domains.forecasting.hindsight import Hindsight
from crm_api.domains.forecasting.measuring import Days, Measures
from crm_api.domains.forecasting.models import PeriodKind
from crm_api.domains.forecasting.outlook import Outlook
from crm_api.domains.forecasting.service import GoalService
from crm_api.domains.forecasting.snapshots import Snapshots, glossary
from crm_api.domains.forecasting.waterfall import Span, Waterfall
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.paging import page_size
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.kit.schema import Amount, Day, Schema
from crm_api.platform.identity.graphql import Team, User


@type_from(schemas.GoalOut)
class Goal:
    """What is to be reached within some days."""

    user = related(GoalService, "user", User)
    team = related(GoalService, "team", Team)
    pipeline = related(GoalService, "pipeline", Pipeline)


@type_from(showing.DealSnapshotPage)
class DealSnapshotPage:
    """Snapshots, by their days and deals."""


@type_from(showing.SnapshotDayOut)
class SnapshotDay:
    """What became of taking the snapshots of a day."""


@type_from(showing.WaterfallOut)
class PipelineWaterfall:
    """What became of a pipeline between two days."""


@type_from(showing.WaterfallDealPage)
class WaterfallDealPage:
    """The deals of a part of a waterfall."""


@type_from(showing.PipelineAnalytics)
class PipelineAnalytics:
    """What a pipeline does, measured."""


@type_from(showing.MetricDefinition)
class MetricDefinition:
    """What a number means."""


@type_from(schemas.ForecastRollup)
class ForecastRollup:
    """The forecast of a period, rolled up the teams."""


@type_from(schemas.ForecastState)
class ForecastState:
    """A forecast after something was done with it."""


@type_from(schemas.ForecastAccuracy)
class ForecastAccuracy:
    """How well forecasts came true."""


@type_from(schemas.GoalProgress)
class GoalProgress:
    """How far a goal is."""


_GOALS = Collection(GoalService, Goal)


_From = Annotated[date, strawberry.argument(name="from")]
_FromOrNone = Annotated[date | None, strawberry.argument(name="from")]


class _Days(Schema):
    """Days as REST takes them."""

    start: Day | None = None
    to: Day | None = None
    closes_from: Day | None = None
    closes_to: Day | None = None
    day: Day | None = None


class _Options(Schema):
    """What else REST takes as parameters."""

    part: showing.Part = "new"
    kind: PeriodKind = "quarter"
    target: Amount | None = None


def _bounded(first: int) -> int:
    return page_size(first)


def _span(start: date, end: date, closes_from: date | None, closes_to: date | None) -> Span:
    given = {"start": start, "to": end, "closes_from": closes_from, "closes_to": closes_to}
    shape_given(_Days, given)
    return Span(start, end, closes_from, closes_to)


@strawberry.type
class ForecastingQuery:
    """What pipelines come to."""

    @strawberry.field
    async def deal_snapshots(
        self,
        info: GraphInfo,
        day: date | None = None,
        pipeline_id: UUID | None = None,
        deal_id: UUID | None = None,
        first: int = 50,
        after: str | None = None,
    ) -> DealSnapshotPage:
        """Snapshots of a day, the last one if none is named, or of a deal through all days."""
        shape_given(_Days, {"day": day})
        found = await Snapshots(info.context.tx).page(
            day=day, pipeline_id=pipeline_id, deal_id=deal_id, cursor=after, limit=_bounded(first)
        )
        return cast("Any", found)

    @strawberry.field
    async def pipeline_waterfall(
        self,
        info: GraphInfo,
        pipeline_id: UUID,
        start: _From,
        to: date,
        closes_from: date | None = None,
        closes_to: date | None = None,
    ) -> PipelineWaterfall:
        """Between the snapshots of two days: start and all parts add up to end."""
        span = _span(start, to, closes_from, closes_to)
        return cast("Any", await Waterfall(info.context.tx).of(pipeline_id, span))

    @strawberry.field
    async def pipeline_waterfall_deals(
        self,
        info: GraphInfo,
        pipeline_id: UUID,
        part: str,
        start: _From,
        to: date,
        closes_from: date | None = None,
        closes_to: date | None = None,
        first: int = 50,
        after: str | None = None,
    ) -> WaterfallDealPage:
        """The deals of a part, with what each adds to it."""
        span = _span(start, to, closes_from, closes_to)
        wanted = shape_given(_Options, {"part": part}).part
        found = await Waterfall(info.context.tx).deals(
            pipeline_id, span, wanted, cursor=after, limit=_bounded(first)
        )
        return cast("Any", found)

    @strawberry.field
    async def pipeline_analytics(
        self,
        info: GraphInfo,
        pipeline_id: UUID,
        start: _From,
        to: date,
        target: str | None = None,
    ) -> PipelineAnalytics:
        """Conversion, time in stages, velocity, ageing and rates."""
        _span(start, to, None, None)
        quota = shape_given(_Options, {"target": target}).target
        return cast("Any", await Measures(info.context.tx).of(pipeline_id, Days(start, to), quota))

    @strawberry.field
    async def metric_definitions(self, info: GraphInfo) -> list[MetricDefinition]:
        """What numbers mean, by the `definitionId` that stands beside each."""
        return cast("Any", glossary(info.context.tx))

    @strawberry.field
    async def forecasts(self, info: GraphInfo, period: str | None = None) -> ForecastRollup:
        """The forecast of a period, rolled up the teams; without one this quarter's."""
        return cast("Any", await Outlook(info.context.tx).rollup(period))

    @strawberry.field
    async def forecast_accuracy(
        self,
        info: GraphInfo,
        kind: str = "quarter",
        start: _FromOrNone = None,
        to: date | None = None,
        user_id: UUID | None = None,
        team_id: UUID | None = None,
    ) -> ForecastAccuracy:
        """How well forecasts of periods that are over came true."""
        shape_given(_Days, {"start": start, "to": to})
        wanted = shape_given(_Options, {"kind": kind}).kind
        found = await Hindsight(info.context.tx).of(
            wanted, start, to, user_id=user_id, team_id=team_id
        )
        return cast("Any", found)

    @strawberry.field
    async def goal_progress(self, info: GraphInfo, id: UUID) -> GoalProgress:
        """How far a goal is, by the deals that are seen."""
        return cast("Any", await GoalService(info.context.tx).progress(id))


_Said = input_from(schemas.ForecastInput)
_Node = input_from(schemas.NodeInput)


@strawberry.type
class ForecastingMutation:
    """What is done with forecasts and snapshots."""

    @mutation
    async def take_deal_snapshots(self, info: GraphInfo) -> SnapshotDay:
        """Take today's snapshots of all deals; what of today stands already stays."""
        return cast("Any", await Snapshots(info.context.tx).take())

    @mutation
    async def submit_forecast(
        self,
        info: GraphInfo,
        input: _Said,  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        expected_version: int | None = None,
    ) -> ForecastState:
        """Submit a forecast; what is computed then is kept beside it."""
        data = shape_given(schemas.ForecastInput, input)
        return cast("Any", await Forecasts(info.context.tx).submit(data, expected_version))

    @mutation
    async def override_forecast(
        self,
        info: GraphInfo,
        input: _Said,  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        expected_version: int | None = None,
    ) -> ForecastState:
        """Override a forecast from above; what was said before stays beside it."""
        data = shape_given(schemas.ForecastInput, input)
        return cast("Any", await Forecasts(info.context.tx).override(data, expected_version))

    @mutation
    async def lock_forecast(
        self,
        info: GraphInfo,
        input: _Node,  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        expected_version: int | None = None,
    ) -> ForecastState:
        """Have a forecast stay as it is, and all below it."""
        data = shape_given(schemas.NodeInput, input)
        return cast("Any", await Forecasts(info.context.tx).lock(data, expected_version))

    @mutation
    async def unlock_forecast(
        self,
        info: GraphInfo,
        input: _Node,  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        expected_version: int | None = None,
    ) -> ForecastState:
        """Open a forecast again that was locked itself."""
        data = shape_given(schemas.NodeInput, input)
        return cast("Any", await Forecasts(info.context.tx).unlock(data, expected_version))


QUERIES = (_GOALS.query(), ForecastingQuery)
MUTATIONS = (_GOALS.mutation(), ForecastingMutation)
