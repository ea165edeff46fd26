"""Marketing plans, budgets, commitments and costs over GraphQL."""

from datetime import date
from typing import Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.campaigns.graphql import Campaign
from crm_api.domains.marketing_plans import schemas
from crm_api.domains.marketing_plans.budgets import budget_of
from crm_api.domains.marketing_plans.entries import (
    BudgetLineService,
    CampaignCostService,
    MarketingCommitmentService,
)
from crm_api.domains.marketing_plans.service import MarketingPlanService
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import type_from


@type_from(schemas.MarketingPlanOut)
class MarketingPlan:
    """What is to be spent within some days, and what for."""


@type_from(schemas.BudgetLineOut)
class BudgetLine:
    """What is planned for a channel, a campaign and a month."""

    plan = related(BudgetLineService, "plan", MarketingPlan)
    campaign = related(BudgetLineService, "campaign", Campaign)


@type_from(schemas.MarketingCommitmentOut)
class MarketingCommitment:
    """What was ordered of a vendor."""

    plan = related(MarketingCommitmentService, "plan", MarketingPlan)
    campaign = related(MarketingCommitmentService, "campaign", Campaign)


@type_from(schemas.CampaignCostOut)
class CampaignCost:
    """What was spent for a campaign, or for a plan."""

    plan = related(CampaignCostService, "plan", MarketingPlan)
    campaign = related(CampaignCostService, "campaign", Campaign)
    commitment = related(CampaignCostService, "commitment", MarketingCommitment)


@type_from(schemas.MarketingBudget)
class MarketingBudget:
    """What is planned, committed and spent of a plan."""


_PLANS = Collection(MarketingPlanService, MarketingPlan)
_LINES = Collection(BudgetLineService, BudgetLine)
_COMMITMENTS = Collection(MarketingCommitmentService, MarketingCommitment)
_COSTS = Collection(CampaignCostService, CampaignCost)


@strawberry.type
class MarketingBudgetQuery:
    """How plans fare."""

    @strawberry.field
    async def marketing_plan_budget(self, info: GraphInfo, id: UUID) -> MarketingBudget:
        """By channel, month and campaign, rolled up the tree of campaigns, with variances."""
        return cast("Any", await budget_of(info.context.tx, id))


@strawberry.type
class MarketingPlanMutation:
    """What is done with plans and commitments."""

    @mutation
    async def close_marketing_plan(
        self, info: GraphInfo, id: UUID, month: date, expected_version: int | None = None
    ) -> MarketingPlan:
        """Have nothing change any more up to a month."""
        data = shape_given(schemas.CloseMonths, {"month": month})
        return await MarketingPlanService(info.context.tx).close(id, data, expected_version)

    @mutation
    async def reopen_marketing_plan(
        self, info: GraphInfo, id: UUID, month: date, expected_version: int | None = None
    ) -> MarketingPlan:
        """Have months change again, from one on."""
        data = shape_given(schemas.ReopenMonths, {"month": month})
        return await MarketingPlanService(info.context.tx).reopen(id, data, expected_version)

    @mutation
    async def close_marketing_commitment(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> MarketingCommitment:
        """Expect nothing more of it."""
        return await MarketingCommitmentService(info.context.tx).close(id, expected_version)

    @mutation
    async def reopen_marketing_commitment(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> MarketingCommitment:
        """Expect the rest of it again."""
        return await MarketingCommitmentService(info.context.tx).reopen(id, expected_version)


QUERIES = (
    *(_PLANS.query(), _LINES.query(), _COMMITMENTS.query(), _COSTS.query()),
    MarketingBudgetQuery,
)
MUTATIONS = (
    *(_PLANS.mutation(), _LINES.mutation(), _COMMITMENTS.mutation(), _COSTS.mutation()),
    MarketingPlanMutation,
)
