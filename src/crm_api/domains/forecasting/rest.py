"""Snapshots, waterfalls, measures, forecasts and goals over REST."""

from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response

from crm_api.domains.forecasting.forecasts import Forecasts
from crm_api.domains.forecasting.hindsight import Hindsight
from crm_api.domains.forecasting.measuring import Days, Measures
from crm_api.domains.forecasting.models import PeriodKind
from crm_api.domains.forecasting.outlook import Outlook
from crm_api.domains.forecasting.schemas import (
    ForecastAccuracy,
    ForecastInput,
    ForecastRollup,
    ForecastState,
    GoalProgress,
    NodeInput,
    PeriodKey,
)
from crm_api.domains.forecasting.service import GoalService
from crm_api.domains.forecasting.showing import (
    DealSnapshotPage,
    MetricDefinitions,
    PipelineAnalytics,
    SnapshotDayOut,
    WaterfallDealPage,
    WaterfallOut,
)
from crm_api.domains.forecasting.snapshots import Snapshots, glossary
from crm_api.domains.forecasting.waterfall import Part, Span, Waterfall
from crm_api.kit.rest import answers, params
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id, IfMatch
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router, new_router
from crm_api.kit.schema import Amount, Day

snapshots = new_router("deal_snapshots", "deal-snapshots")
pipelines = new_router("pipelines", "pipelines")
metrics = new_router("metrics", "metrics")
forecasts = new_router("forecasts", "forecasts")
goals = crud_router(GoalService)

First = Annotated[Day, Query(alias="from", description="The first day.")]
Last = Annotated[Day, Query(alias="to", description="The last day.")]
FirstOrNone = Annotated[Day | None, Query(alias="from", description="The first day.")]
LastOrNone = Annotated[Day | None, Query(alias="to", description="The last day.")]
DueFrom = Annotated[
    Day | None, Query(description="Only deals that are due to close on this day or later.")
]
DueTo = Annotated[
    Day | None,
    Query(
        description="Only deals that are due to close by this day. Which deals are due is what "
        "`pulled_in` and `pushed_out` are about: without these days none is either."
    ),
]
Target = Annotated[Amount | None, Query(description="The quota that `coverage` is of.")]
OfDay = Annotated[Day | None, Query(description="Without it, and without a deal, the last day.")]
OfPipeline = Annotated[UUID | None, Query(description="Only deals that were in it.")]
OfDeal = Annotated[UUID | None, Query(description="Only those of this deal.")]
OfUser = Annotated[UUID | None, Query(description="The forecasts of this user.")]
OfTeam = Annotated[UUID | None, Query(description="The forecasts of this team.")]
_STATE: dict[int | str, dict[str, Any]] = {
    200: {"model": ForecastState},
    **problems(400, 403, 404, 409, 412, 415, 422),
}


@snapshots.post(
    "",
    operation_id="takeDealSnapshots",
    summary="Take today's snapshots of all deals",
    responses={200: {"model": SnapshotDayOut}} | problems(403, 404, 409, 422),
)
async def take(tx: Writing) -> Response:
    """They are taken by themselves as each day begins; what of today stands already stays."""
    return answers.plain(await Snapshots(tx).take())


@snapshots.get(
    "",
    operation_id="listDealSnapshots",
    summary="List snapshots of deals",
    responses={200: {"model": DealSnapshotPage}} | problems(403, 404, 422),
)
async def list_snapshots(
    tx: Reading,
    day: OfDay = None,
    pipeline_id: OfPipeline = None,
    deal_id: OfDeal = None,
    limit: params.Limit = 50,
    cursor: params.Cursor = None,
) -> Response:
    """Of a day, or of a deal through all days; those of deals that are seen now."""
    found = await Snapshots(tx).page(
        day=day, pipeline_id=pipeline_id, deal_id=deal_id, cursor=cursor, limit=limit
    )
    return answers.plain(found)


@pipelines.get(
    "/{id}/waterfall",
    operation_id="getPipelineWaterfall",
    summary="What became of a pipeline",
    responses={200: {"model": WaterfallOut}} | problems(403, 404, 409, 422),
)
async def waterfall(
    id: Id,
    tx: Reading,
    first: First,
    last: Last,
    closes_from: DueFrom = None,
    closes_to: DueTo = None,
) -> Response:
    """Between the snapshots of two days: start and all parts add up to end, to the cent."""
    span = Span(first, last, closes_from, closes_to)
    return answers.plain(await Waterfall(tx).of(id, span))


@pipelines.get(
    "/{id}/waterfall/deals",
    operation_id="listPipelineWaterfallDeals",
    summary="The deals of a part of a waterfall",
    responses={200: {"model": WaterfallDealPage}} | problems(403, 404, 409, 422),
)
async def waterfall_deals(
    id: Id,
    tx: Reading,
    part: Annotated[Part, Query(description="Which part.")],
    first: First,
    last: Last,
    closes_from: DueFrom = None,
    closes_to: DueTo = None,
    limit: params.Limit = 50,
    cursor: params.Cursor = None,
) -> Response:
    """By their ids, with what each adds to it."""
    span = Span(first, last, closes_from, closes_to)
    found = await Waterfall(tx).deals(id, span, part, cursor=cursor, limit=limit)
    return answers.plain(found)


@pipelines.get(
    "/{id}/analytics",
    operation_id="getPipelineAnalytics",
    summary="What a pipeline does, measured",
    responses={200: {"model": PipelineAnalytics}} | problems(403, 404, 409, 422),
)
async def analytics(
    id: Id, tx: Reading, first: First, last: Last, target: Target = None
) -> Response:
    """Conversion, time in stages, velocity, ageing and rates; each number names its definition."""
    wanted: Decimal | None = target
    return answers.plain(await Measures(tx).of(id, Days(first, last), wanted))


@metrics.get(
    "/definitions",
    operation_id="listMetricDefinitions",
    summary="What numbers mean",
    responses={200: {"model": MetricDefinitions}} | problems(403),
)
async def definitions(tx: Reading) -> Response:
    """By the `definition_id` that stands beside each."""
    return answers.plain({"data": glossary(tx)})


@forecasts.get(
    "",
    operation_id="getForecasts",
    summary="The forecast of a period",
    responses={200: {"model": ForecastRollup}} | problems(403, 404, 422),
)
async def rollup(tx: Reading, period: PeriodKey | None = None) -> Response:
    """Computed, submitted and overridden, rolled up the teams; without a period this quarter's."""
    return answers.plain(await Outlook(tx).rollup(period))


@forecasts.get(
    "/accuracy",
    operation_id="getForecastAccuracy",
    summary="How well forecasts came true",
    responses={200: {"model": ForecastAccuracy}} | problems(403, 404, 422),
)
async def accuracy(
    tx: Reading,
    kind: PeriodKind = "quarter",
    first: FirstOrNone = None,
    last: LastOrNone = None,
    user_id: OfUser = None,
    team_id: OfTeam = None,
) -> Response:
    """Of periods that are over, as they began and some days before they ended."""
    found = await Hindsight(tx).of(kind, first, last, user_id=user_id, team_id=team_id)
    return answers.plain(found)


def _done(state: dict[str, Any]) -> Response:
    return answers.plain(state, headers={"ETag": f'"{state["version"]}"'})


@forecasts.post(
    "/submit", operation_id="submitForecast", summary="Submit a forecast", responses=_STATE
)
async def submit(tx: Writing, body: ForecastInput, if_match: IfMatch = None) -> Response:
    """Said by the user or the lead of the team; what is computed then is kept beside it."""
    return _done(await Forecasts(tx).submit(body, answers.version_of(if_match)))


@forecasts.post(
    "/override", operation_id="overrideForecast", summary="Override a forecast", responses=_STATE
)
async def override(tx: Writing, body: ForecastInput, if_match: IfMatch = None) -> Response:
    """Said by the lead of a team above; what was said before stays beside it."""
    return _done(await Forecasts(tx).override(body, answers.version_of(if_match)))


@forecasts.post("/lock", operation_id="lockForecast", summary="Lock a forecast", responses=_STATE)
async def lock(tx: Writing, body: NodeInput, if_match: IfMatch = None) -> Response:
    """It stays as it is, and so do all below it: 409 `forecast_locked`."""
    return _done(await Forecasts(tx).lock(body, answers.version_of(if_match)))


@forecasts.post(
    "/unlock", operation_id="unlockForecast", summary="Unlock a forecast", responses=_STATE
)
async def unlock(tx: Writing, body: NodeInput, if_match: IfMatch = None) -> Response:
    """That was locked itself."""
    return _done(await Forecasts(tx).unlock(body, answers.version_of(if_match)))


@goals.get(
    "/{id}/progress",
    operation_id="getGoalProgress",
    summary="How far a goal is",
    responses={200: {"model": GoalProgress}} | problems(403, 404, 422),
)
async def progress(id: Id, tx: Reading) -> Response:
    """By the deals that are seen."""
    return answers.plain(await GoalService(tx).progress(id))


ROUTERS = (snapshots, pipelines, metrics, forecasts, goals)
