"""What attribution and the results of campaigns look like from outside."""

from datetime import date, datetime
from uuid import UUID

from pydantic import Field

from crm_api.domains.attribution.gathering import By, Goal
from crm_api.domains.attribution.weighing import Model
from crm_api.domains.campaigns.schemas import ReasonCount
from crm_api.kit.schema import AmountOut, Shape

_CREDIT = "Credited ones: weights added up, with six decimals."


class _Said(Shape):
    model: Model
    by: By
    goal: Goal
    first_day: date | None = Field(description="Of conversions.")
    last_day: date | None
    time_zone: str
    currency: str = Field(description="The organization's; amounts without a rate are none.")
    lookback_days: int


class AttributionRow(Shape):
    """What a campaign, a channel, a variant or a kind of touch is credited with."""

    period: date | None = Field(description="The first day of the stretch, if one was asked for.")
    campaign_id: UUID | None = Field(description="Null for touches by no campaign that is seen.")
    campaign_name: str | None
    channel: str | None
    variant: str | None
    kind: str | None
    conversions: str = Field(description=_CREDIT)
    value: AmountOut | None = Field(description="Null where leads are the goal.")
    touched: int = Field(description="On the way to how many it was.")
    removal_effect: float | None = Field(
        description="In the Markov chain: the share of conversions that is lost without it."
    )


class AttributionAnswer(_Said):
    """What was reached, and what it is credited to; rows add up to `attributed_…`."""

    conversions: int = Field(description="All that were reached, of those that are seen.")
    value: AmountOut | None
    attributed_conversions: int = Field(description="Those with a touch on the way.")
    attributed_value: AmountOut | None
    data: list[AttributionRow]


class TouchCredit(Shape):
    """What a touch is worth of a conversion."""

    campaign_id: UUID | None
    campaign_name: str | None
    channel: str
    variant: str | None
    kind: str
    source: str = Field(description="Of what kind the record is that it was.")
    source_id: UUID | None = Field(description="Null where the person is not seen.")
    person_id: UUID | None
    occurred_at: datetime
    weight: str = Field(description="Those of all touches are exactly 1 together.")
    value: AmountOut | None


class AttributedConversion(_Said):
    """Which touch got what of one conversion."""

    id: UUID = Field(description="Of the deal, or the lead.")
    occurred_at: datetime
    value: AmountOut | None
    touches: list[TouchCredit] = Field(description="The earliest first.")


class FunnelStep(Shape):
    """How many came so far."""

    step: str
    count: int
    of_previous: float | None = Field(description="Null where nobody was there.")
    of_first: float | None


class VariantResult(Shape):
    """How those fared who got a variant."""

    key: str | None = Field(
        description="Null where there are no variants, and of those who got what an experiment decided."
    )
    members: int
    sent: int
    opened: int
    clicked: int
    responded: int
    converted: int = Field(description="How many of them reached the goal since the launch.")
    rate: float | None
    low: float = Field(description="Wilson's interval at 95 %.")
    high: float


class CampaignUplift(Shape):
    """What being reached changed: members against those who were held out."""

    members: int
    converted: int
    rate: float | None
    holdout: int
    holdout_converted: int
    holdout_rate: float | None
    uplift: float | None = Field(description="The difference of the rates.")
    low: float = Field(description="Newcombe's interval of the difference at 95 %.")
    high: float
    z: float
    p: float = Field(description="Two-sided, of the pooled test of two shares.")
    incremental: float | None = Field(description="Conversions that would not have been.")


class CampaignFigures(Shape):
    """What a campaign comes to."""

    members: int
    holdout: int
    excluded: int
    sent: int = Field(description="People to whom something was sent.")
    opened: int
    clicked: int
    responded: int = Field(description="People who answered, came, sent a form or were met.")
    leads: int = Field(description="Leads that it brought, of those that are seen.")
    opportunities: str = Field(description=_CREDIT)
    won: str = Field(description=_CREDIT)
    touched_opportunities: int = Field(description="Deals that it was on the way to.")
    touched_won: int
    revenue: AmountOut = Field(description="By the model.")
    cost: AmountOut | None = Field(
        description="Null where costs are not kept, or their module is off."
    )
    profit: AmountOut | None
    roi: str | None = Field(description="(revenue - cost) / cost; null without cost.")
    roas: str | None = Field(description="revenue / cost.")
    cost_per_lead: AmountOut | None
    cost_per_opportunity: AmountOut | None
    cost_per_sale: AmountOut | None = Field(description="Per deal won, as credited.")


class CampaignResultRow(CampaignFigures):
    """What a campaign comes to, with all below it."""

    campaign_id: UUID
    parent_id: UUID | None
    name: str | None
    level: str


class CampaignPeriod(Shape):
    """What came of it in a stretch of time."""

    period: date
    leads: int
    won: str = Field(description=_CREDIT)
    revenue: AmountOut
    cost: AmountOut | None


class CampaignResults(Shape):
    """What a campaign and all below it come to; each person and lead once."""

    campaign_id: UUID
    model: Model
    first_day: date | None
    last_day: date | None
    time_zone: str
    currency: str
    lookback_days: int
    total: CampaignFigures
    exclusions: list[ReasonCount] = Field(
        description="How many were excluded from their audiences for each reason, as these were "
        "frozen; each person once for it."
    )
    campaigns: list[CampaignResultRow] = Field(description="It, and each below it.")
    channels: list[AttributionRow] = Field(description="Won deals by the channels of its touches.")
    periods: list[CampaignPeriod] = Field(description="By months.")
    variants: list[VariantResult]
    uplift: CampaignUplift | None = Field(description="Null where nobody is held out.")
    funnel: list[FunnelStep] = Field(description="People, up to won deals that they are of.")
