"""Attribution over GraphQL."""

from datetime import date
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.attribution import schemas, settings
from crm_api.domains.attribution.charting import ResultChart, chart_of_results
from crm_api.domains.attribution.gathering import Asked, By, Days, Goal
from crm_api.domains.attribution.results import Results
from crm_api.domains.attribution.service import AttributionService
from crm_api.domains.attribution.weighing import Model
from crm_api.domains.reports.schemas import Bucket
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.kit.schema import Day, Schema

_FromOrNone = Annotated[date | None, strawberry.argument(name="from")]


class _Given(Schema):
    """What is asked for, as REST takes it."""

    model: Model = "linear"
    by: By = "campaign"
    goal: Goal = "won"
    period: Bucket | None = None
    chart: ResultChart = "funnel"
    start: Day | None = None
    to: Day | None = None

    @property
    def days(self) -> Days:
        """Its days."""
        return Days(self.start, self.to)

    @property
    def asked(self) -> Asked:
        """The question."""
        return Asked(self.model, self.by, self.goal, self.days, self.period)


def _given(**given: Any) -> _Given:
    return shape_given(_Given, given)


@type_from(schemas.AttributionAnswer)
class AttributionAnswer:
    """What was reached, and what it is credited to."""


@type_from(schemas.AttributedConversion)
class AttributedConversion:
    """Which touch got what of one conversion."""


@type_from(schemas.CampaignResults)
class CampaignResults:
    """What a campaign and all below it come to."""


@type_from(settings.AttributionSettingsOut)
class AttributionSettings:
    """How touches count."""


@strawberry.type
class AttributionQuery:
    """What was reached, and by what."""

    @strawberry.field
    async def attribution(
        self,
        info: GraphInfo,
        by: str = "campaign",
        model: str = "linear",
        goal: str = "won",
        period: str | None = None,
        first_day: _FromOrNone = None,
        to: date | None = None,
    ) -> AttributionAnswer:
        """Each conversion is shared out over the touches before it."""
        given = _given(by=by, model=model, goal=goal, period=period, start=first_day, to=to)
        return cast("Any", await AttributionService(info.context.tx).answer(given.asked))

    @strawberry.field
    async def attributed_conversion(
        self,
        info: GraphInfo,
        id: UUID,
        by: str = "campaign",
        model: str = "linear",
        goal: str = "won",
        first_day: _FromOrNone = None,
        to: date | None = None,
    ) -> AttributedConversion:
        """Of a deal, or of a lead where that is the goal."""
        given = _given(by=by, model=model, goal=goal, start=first_day, to=to)
        found = await AttributionService(info.context.tx).of_conversion(id, given.asked)
        return cast("Any", found)

    @strawberry.field
    async def campaign_results(
        self,
        info: GraphInfo,
        id: UUID,
        model: str = "linear",
        first_day: _FromOrNone = None,
        to: date | None = None,
    ) -> CampaignResults:
        """What a campaign and all below it come to."""
        given = _given(model=model, start=first_day, to=to)
        return cast("Any", await Results(info.context.tx).of(id, given.model, given.days))

    @strawberry.field
    async def campaign_result_chart(
        self,
        info: GraphInfo,
        id: UUID,
        chart: str = "funnel",
        model: str = "linear",
        first_day: _FromOrNone = None,
        to: date | None = None,
    ) -> strawberry.scalars.JSON:
        """A picture of what a campaign comes to, as a specification of Vega-Lite."""
        given = _given(model=model, chart=chart, start=first_day, to=to)
        results = await Results(info.context.tx).of(id, given.model, given.days)
        return cast("Any", chart_of_results(given.chart, results))

    @strawberry.field
    async def attribution_settings(self, info: GraphInfo) -> AttributionSettings:
        """How touches count."""
        return cast("Any", settings.AttributionSettingsService(info.context.tx).get())


@strawberry.type
class AttributionMutation:
    """How touches count, said."""

    @mutation
    async def set_attribution_settings(
        self,
        info: GraphInfo,
        input: input_from(settings.AttributionSettings),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> AttributionSettings:
        """Replaces what was said before; takes the permission `manage_settings`."""
        data = shape_given(settings.AttributionSettings, input)
        found = await settings.AttributionSettingsService(info.context.tx).replace(data)
        return cast("Any", found)


QUERIES = (AttributionQuery,)
MUTATIONS = (AttributionMutation,)
