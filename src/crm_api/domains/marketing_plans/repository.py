"""How marketing plans, budgets, commitments and costs are listed and found."""

from collections.abc import Collection
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from crm_api.domains.campaigns.repository import CAMPAIGNS
from crm_api.domains.marketing_plans.models import (
    BudgetLine,
    CampaignCost,
    MarketingCommitment,
    MarketingPlan,
)
from crm_api.domains.marketing_plans.schemas import (
    BudgetLineOut,
    CampaignCostOut,
    MarketingCommitmentOut,
    MarketingPlanOut,
)
from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.listing import Listing, Relation, Searched

AREA, COSTS_AREA = "marketing_plans", "campaign_costs"
PLANS: Listing = Listing(
    model=MarketingPlan,
    out=MarketingPlanOut,
    area=AREA,
    sorts={"name": MarketingPlan.sort_name},
    search=Searched(names=("name",), others=("goal", "description", "external_ids")),
)
LINES: Listing = Listing(
    model=BudgetLine,
    out=BudgetLineOut,
    foreign={"planned": "plan"},
    area=AREA,
    relations=(
        Relation("plan", lambda: PLANS, BudgetLine.plan_id, MarketingPlan.id, back="lines"),
        Relation("campaign", lambda: CAMPAIGNS, BudgetLine.campaign_id, CAMPAIGNS.model.id),
    ),
    within="plan",
)
COMMITMENTS: Listing = Listing(
    model=MarketingCommitment,
    out=MarketingCommitmentOut,
    foreign={"plan_amount": "plan"},
    area=COSTS_AREA,
    relations=(
        Relation("plan", lambda: PLANS, MarketingCommitment.plan_id, MarketingPlan.id),
        Relation(
            "campaign", lambda: CAMPAIGNS, MarketingCommitment.campaign_id, CAMPAIGNS.model.id
        ),
    ),
)
COSTS: Listing = Listing(
    model=CampaignCost,
    out=CampaignCostOut,
    foreign={"plan_amount": "plan"},
    area=COSTS_AREA,
    relations=(
        Relation("plan", lambda: PLANS, CampaignCost.plan_id, MarketingPlan.id),
        Relation(
            *("campaign", lambda: CAMPAIGNS, CampaignCost.campaign_id, CAMPAIGNS.model.id),
            back="costs",
        ),
        Relation(
            *("commitment", lambda: COMMITMENTS),
            *(CampaignCost.commitment_id, MarketingCommitment.id),
            back="costs",
        ),
    ),
)
# Whoever closes months waits for those who write into them, and they for them.
_HELD = """
    SELECT id, currency, starts_on, ends_on, closed_through FROM marketing_plans
    WHERE organization_id = $1 AND id = ANY($2) ORDER BY id FOR SHARE
"""
_COMMITTED = """
    SELECT plan_id, status FROM marketing_commitments
    WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL FOR SHARE
"""
_OUTSIDE = """
    SELECT month FROM budget_lines WHERE organization_id = $1 AND plan_id = $2
        AND deleted_at IS NULL AND NOT month BETWEEN date_trunc('month', $3::date) AND $4
    ORDER BY month LIMIT 1
"""
# What of commitments is left is at their place, what was spent at its own. One may be too small for
# the currency of the plan: then there is nothing of it, and nothing to divide by.
_FIGURES = """
    WITH drawn AS (
        SELECT commitment_id AS id, sum(plan_amount) AS amount FROM campaign_costs
        WHERE organization_id = $1 AND plan_id = $2 AND commitment_id IS NOT NULL
            AND deleted_at IS NULL
        GROUP BY 1),
    parts AS (
        SELECT channel, campaign_id, month, planned, base_planned, 0::numeric AS committed,
            0::numeric AS base_committed, 0::bigint AS actual, 0::bigint AS base_actual
        FROM budget_lines WHERE organization_id = $1 AND plan_id = $2 AND deleted_at IS NULL
        UNION ALL
        SELECT channel, campaign_id, date_trunc('month', due_on)::date, 0, 0, left_over,
            round(base_amount * left_over / greatest(plan_amount, 1)), 0, 0
        FROM marketing_commitments c LEFT JOIN drawn d ON d.id = c.id
        CROSS JOIN LATERAL (
            SELECT greatest(c.plan_amount - coalesce(d.amount, 0), 0)::numeric AS left_over) l
        WHERE organization_id = $1 AND plan_id = $2 AND deleted_at IS NULL AND status = 'open'
        UNION ALL
        SELECT channel, campaign_id, date_trunc('month', spent_on)::date, 0, 0, 0, 0,
            plan_amount, base_amount
        FROM campaign_costs WHERE organization_id = $1 AND plan_id = $2 AND deleted_at IS NULL)
    SELECT channel, campaign_id, month, sum(planned)::text AS planned,
        sum(committed)::text AS committed, sum(actual)::text AS actual,
        CASE WHEN count(base_planned) = count(*) THEN sum(base_planned)::text END AS base_planned,
        CASE WHEN count(base_committed) = count(*) THEN sum(base_committed)::text END
            AS base_committed,
        CASE WHEN count(base_actual) = count(*) THEN sum(base_actual)::text END AS base_actual
    FROM parts GROUP BY 1, 2, 3 ORDER BY month, channel, campaign_id NULLS FIRST
"""
_ABOVE = """
    WITH RECURSIVE above AS (
        SELECT id, parent_id FROM campaigns WHERE organization_id = $1 AND id = ANY($2)
        UNION SELECT c.id, c.parent_id FROM above a
            JOIN campaigns c ON c.organization_id = $1 AND c.id = a.parent_id)
    SELECT id, parent_id FROM above ORDER BY id
"""


class Held(NamedTuple):
    """What of a plan decides what may be written into it."""

    id: UUID
    currency: str
    starts_on: date
    ends_on: date
    closed_through: date | None


class Plans(Repository[MarketingPlan]):
    """The marketing plans of an organization."""

    model = MarketingPlan
    listing = PLANS

    async def line_outside(self, id: UUID, starts_on: date, ends_on: date) -> date | None:
        """The first month of a line that is not within some days."""
        rows = await self.tx.fetch(_OUTSIDE, self.tx.organization_id, id, starts_on, ends_on)
        return rows[0]["month"] if rows else None

    async def figures(self, id: UUID) -> list[Any]:
        """Planned, committed and spent, by channel, campaign and month, in parts of amounts."""
        return list(await self.tx.fetch(_FIGURES, self.tx.organization_id, id))

    async def above(self, ids: Collection[UUID]) -> dict[UUID, UUID | None]:
        """These campaigns and all above them, each with the one that it is below."""
        rows = await self.tx.fetch(_ABOVE, self.tx.organization_id, list(ids))
        return {row["id"]: row["parent_id"] for row in rows}


class BudgetLines(Repository[BudgetLine]):
    """The lines of budgets."""

    model = BudgetLine
    listing = LINES


class Commitments(Repository[MarketingCommitment]):
    """What was ordered of vendors."""

    model = MarketingCommitment
    listing = COMMITMENTS


class Costs(Repository[CampaignCost]):
    """What was spent."""

    model = CampaignCost
    listing = COSTS


async def held_plans(tx: Tx, ids: Collection[UUID]) -> dict[UUID, Held]:
    """Plans, of which nobody closes a month before the commit, whoever asks."""
    rows = await tx.write(_HELD, tx.organization_id, sorted(ids)) if ids else []
    return {row["id"]: Held(**dict(row)) for row in rows}


async def held_commitment(tx: Tx, id: UUID) -> Any:
    """A living commitment, which nobody closes before the commit, or None."""
    rows = await tx.write(_COMMITTED, tx.organization_id, id)
    return rows[0] if rows else None
