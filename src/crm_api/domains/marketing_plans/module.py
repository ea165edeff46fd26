"""Marketing plans as a part of the product."""

from crm_api.domains.campaigns.module import MODULE as CAMPAIGNS
from crm_api.domains.marketing_plans.entries import (
    BudgetLineService,
    CampaignCostService,
    MarketingCommitmentService,
)
from crm_api.domains.marketing_plans.service import CLOSED, REOPENED, MarketingPlanService
from crm_api.kit.module import Faces, Module


def _faces() -> Faces:
    from crm_api.domains.marketing_plans.graphql import MUTATIONS, QUERIES
    from crm_api.domains.marketing_plans.rest import ROUTERS

    return Faces(routers=ROUTERS, queries=QUERIES, mutations=MUTATIONS)


MODULE = Module(
    key="marketing_plans",
    title="Marketing plans",
    description="What is to be spent for marketing, what was ordered, and what was spent.",
    depends_on=[*CAMPAIGNS.depends_on, CAMPAIGNS.key],
    faces=_faces,
    events=[
        f"marketing_plan.{CLOSED}",
        f"marketing_plan.{REOPENED}",
        "marketing_commitment.closed",
        "marketing_commitment.reopened",
    ],
    services=[
        MarketingPlanService,
        BudgetLineService,
        MarketingCommitmentService,
        CampaignCostService,
    ],
)
