"""What marketing plans, budgets, commitments and costs look like from outside."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field

from crm_api.domains.campaigns.models import Kind
from crm_api.domains.marketing_plans.models import CommitmentStatus
from crm_api.kit.schema import (
    Amount,
    AmountOut,
    Create,
    Currency,
    Day,
    Line,
    Name,
    Out,
    Prose,
    Schema,
    Shape,
    SignedAmount,
    patch_of,
)

Spent = Annotated[Amount, Field(gt=0)]


class _PlanFields(Create):
    name: Name = Field(examples=["Year 2027"])
    starts_on: Day = Field(examples=["2027-01-01"])
    ends_on: Day = Field(examples=["2027-12-31"])
    goal: Prose | None = Field(None, description="What it is to reach.")
    description: Prose | None = None


class MarketingPlanCreate(_PlanFields):
    """A new plan; the `owner_id` answers for it."""

    currency: Currency | None = Field(
        None, description="Of its amounts, for good; without it the organization's."
    )


MarketingPlanUpdate = patch_of("MarketingPlanUpdate", _PlanFields)


class MarketingPlanOut(Out):
    """What is to be spent within some days, and what for."""

    name: str
    starts_on: date
    ends_on: date
    currency: str
    goal: str | None
    description: str | None
    closed_through: date | None = Field(
        description="The last day of the months that are closed: nothing of these changes."
    )


class CloseMonths(Schema):
    """Up to which month all is closed."""

    month: Day = Field(description="The first day of the last month of them.")


class ReopenMonths(Schema):
    """Which months are open again."""

    month: Day = Field(description="The first day of the first month of them.")


class _PlaceFields(Create):
    campaign_id: UUID | None = Field(None, description="A programme, a campaign or a tactic.")
    channel: Kind = Field(examples=["ads"])
    note: Line | None = None


class _LineFields(_PlaceFields):
    month: Day = Field(description="The first day of a month of the plan.", examples=["2027-03-01"])
    planned: Amount = Field(description="In the currency of the plan.")


class BudgetLineCreate(_LineFields):
    """What is planned for a channel, a campaign and a month: one line for each."""

    plan_id: UUID


BudgetLineUpdate = patch_of("BudgetLineUpdate", _LineFields)


class BudgetLineOut(Out):
    """What is planned for a channel, a campaign and a month."""

    plan_id: UUID
    campaign_id: UUID | None
    channel: Kind
    month: date
    planned: AmountOut
    base_planned: AmountOut | None = Field(
        description="In the organization's currency, by the rate of the month or of today before "
        "it; null where there is none."
    )
    note: str | None


class _CommitmentFields(_PlaceFields):
    due_on: Day = Field(description="When it is expected to be spent.", examples=["2027-03-15"])
    vendor: Line = Field(description="Whom it was ordered of.", examples=["Example Ads Ltd"])
    document: Line | None = Field(None, description="The number of the order.")
    amount: Spent = Field(description="Net.")


class MarketingCommitmentCreate(_CommitmentFields):
    """What was ordered of a vendor."""

    plan_id: UUID
    currency: Currency | None = Field(None, description="Without it the plan's.")


class _CommitmentKept(_CommitmentFields):
    currency: Currency = "EUR"


MarketingCommitmentUpdate = patch_of(
    "MarketingCommitmentUpdate", _CommitmentKept, required=("currency",)
)


class MarketingCommitmentOut(Out):
    """What was ordered of a vendor; costs that name it draw it down."""

    plan_id: UUID
    campaign_id: UUID | None
    channel: Kind
    due_on: date
    vendor: str
    document: str | None
    note: str | None
    amount: AmountOut
    currency: str
    plan_amount: AmountOut = Field(description="In the currency of the plan.")
    base_amount: AmountOut | None = Field(description="In the organization's currency.")
    status: CommitmentStatus = Field(description="Of a closed one nothing more is expected.")


class _CostFields(_PlaceFields):
    plan_id: UUID | None = Field(None, description="Without it `campaign_id` is needed.")
    commitment_id: UUID | None = Field(None, description="An open commitment of the plan.")
    spent_on: Day = Field(examples=["2027-03-20"])
    vendor: Line | None = Field(None, examples=["Example Ads Ltd"])
    document: Line | None = Field(None, description="The number of the invoice.")
    amount: SignedAmount = Field(
        description="Net, not zero; less than that is a credit.", examples=["250.00"]
    )


class CampaignCostCreate(_CostFields):
    """What was spent; an `external_ids` entry makes it safe to send again (`PUT`)."""

    currency: Currency | None = Field(
        None, description="Without it the plan's, or the organization's where there is no plan."
    )


class _CostKept(_CostFields):
    currency: Currency = "EUR"


CampaignCostUpdate = patch_of("CampaignCostUpdate", _CostKept, required=("currency",))


class CampaignCostOut(Out):
    """What was spent for a campaign, or for a plan."""

    plan_id: UUID | None
    campaign_id: UUID | None
    commitment_id: UUID | None
    channel: Kind
    spent_on: date
    vendor: str | None
    document: str | None
    note: str | None
    amount: AmountOut
    currency: str
    plan_amount: AmountOut | None = Field(
        description="In the currency of the plan, by the rate of `spent_on`."
    )
    base_amount: AmountOut | None = Field(
        description="In the organization's currency, likewise; null where there is no rate."
    )


class BudgetFigures(Shape):
    """Amounts in the currency of the plan, and in the organization's."""

    planned: AmountOut
    committed: AmountOut = Field(description="What of open commitments is not spent yet.")
    actual: AmountOut = Field(description="What was spent.")
    variance: AmountOut = Field(description="`planned` less `actual`.")
    variance_percent: float | None = Field(description="Of `planned`; null where that is zero.")
    available: AmountOut = Field(description="`planned` less `committed` and `actual`.")
    base_planned: AmountOut | None = Field(description="Null where a rate is missing.")
    base_committed: AmountOut | None
    base_actual: AmountOut | None


class BudgetRow(BudgetFigures):
    """Those of a channel, a campaign and a month."""

    channel: Kind
    campaign_id: UUID | None
    month: date


class BudgetChannel(BudgetFigures):
    """Those of a channel."""

    channel: Kind


class BudgetMonth(BudgetFigures):
    """Those of a month."""

    month: date
    is_closed: bool


class BudgetCampaign(BudgetFigures):
    """Those of a campaign and of all below it; null is what is of no campaign."""

    campaign_id: UUID | None
    parent_id: UUID | None
    own: BudgetFigures = Field(description="Its own alone.")


class MarketingBudget(Shape):
    """What is planned, committed and spent of a plan."""

    currency: str
    base_currency: str
    closed_through: date | None
    total: BudgetFigures
    channels: list[BudgetChannel]
    months: list[BudgetMonth]
    campaigns: list[BudgetCampaign]
    rows: list[BudgetRow]
