"""Attribution over REST."""

from typing import Annotated

from fastapi import Query, Response

from crm_api.domains.attribution.charting import ResultChart, chart_of_results
from crm_api.domains.attribution.gathering import Asked, By, Days, Goal
from crm_api.domains.attribution.results import Results
from crm_api.domains.attribution.schemas import (
    AttributedConversion,
    AttributionAnswer,
    CampaignResults,
)
from crm_api.domains.attribution.service import AttributionService
from crm_api.domains.attribution.settings import (
    AttributionSettings,
    AttributionSettingsOut,
    AttributionSettingsService,
)
from crm_api.domains.attribution.weighing import Model
from crm_api.domains.reports.charts import ChartFormat
from crm_api.domains.reports.outputs import CHART, picture
from crm_api.domains.reports.schemas import Bucket
from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id
from crm_api.kit.rest.requests import Reading
from crm_api.kit.rest.router import new_router
from crm_api.kit.rest.settings import add_settings
from crm_api.kit.schema import Day

attribution = new_router("attribution", "attribution")
campaigns = new_router("campaigns", "campaigns")

First = Annotated[Day | None, Query(alias="from", description="The first day, of conversions.")]
Last = Annotated[Day | None, Query(alias="to", description="The last day.")]
OfModel = Annotated[Model, Query(description="How conversions are shared out over touches.")]
OfGoal = Annotated[
    Goal, Query(description="Deals won, deals begun (`opportunity`), or leads converted.")
]
add_settings(
    attribution,
    AttributionSettingsService,
    (AttributionSettings, AttributionSettingsOut),
    "Attribution",
    read=("How touches count", "How far back, which of them, and how age weighs."),
    write=(
        "Say how touches count",
        "Replaces what was said before; takes the permission `manage_settings`.",
    ),
)


@attribution.get(
    "",
    operation_id="getAttribution",
    summary="What was reached, and by what",
    responses={200: {"model": AttributionAnswer}} | problems(403, 422),
)
async def get_attribution(
    tx: Reading,
    by: By = "campaign",
    model: OfModel = "linear",
    goal: OfGoal = "won",
    period: Annotated[Bucket | None, Query(description="Also by stretches of time.")] = None,
    first: First = None,
    last: Last = None,
) -> Response:
    """Of the records that are seen: each conversion is shared out over the touches before it."""
    asked = Asked(model, by, goal, Days(first, last), period)
    return answers.plain(await AttributionService(tx).answer(asked))


@attribution.get(
    "/conversions/{id}",
    operation_id="getAttributedConversion",
    summary="Which touch got what of a conversion",
    responses={200: {"model": AttributedConversion}} | problems(403, 404, 422),
)
async def get_conversion(
    id: Id,
    tx: Reading,
    model: OfModel = "linear",
    by: By = "campaign",
    goal: OfGoal = "won",
    first: First = None,
    last: Last = None,
) -> Response:
    """Of a deal, or of a lead where that is the goal; days say among what Markov chains weigh."""
    asked = Asked(model, by, goal, Days(first, last))
    return answers.plain(await AttributionService(tx).of_conversion(id, asked))


@campaigns.get(
    "/{id}/results",
    operation_id="getCampaignResults",
    summary="What a campaign comes to",
    responses={200: {"model": CampaignResults}} | problems(403, 404, 422),
)
async def get_results(
    id: Id,
    tx: Reading,
    model: OfModel = "linear",
    first: First = None,
    last: Last = None,
) -> Response:
    """With all below it: people, leads, deals and revenue by the model, against what it cost."""
    return answers.plain(await Results(tx).of(id, model, Days(first, last)))


@campaigns.get(
    "/{id}/results/chart",
    operation_id="getCampaignResultChart",
    summary="A picture of what a campaign comes to",
    responses=CHART | problems(403, 404, 422),
)
async def get_chart(
    id: Id,
    tx: Reading,
    chart: ResultChart = "funnel",
    format: ChartFormat = "vega-lite",
    model: OfModel = "linear",
    first: First = None,
    last: Last = None,
) -> Response:
    """As a specification of Vega-Lite, or drawn."""
    results = await Results(tx).of(id, model, Days(first, last))
    return await picture(chart_of_results(chart, results), format)


ROUTERS = (attribution, campaigns)
