"""Marketing plans, budgets, commitments and costs over REST."""

from typing import Any
from uuid import UUID

from fastapi import Response

from crm_api.domains.marketing_plans.budgets import budget_of
from crm_api.domains.marketing_plans.entries import (
    BudgetLineService,
    CampaignCostService,
    MarketingCommitmentService,
)
from crm_api.domains.marketing_plans.schemas import (
    CloseMonths,
    MarketingBudget,
    MarketingCommitmentOut,
    MarketingPlanOut,
    ReopenMonths,
)
from crm_api.domains.marketing_plans.service import MarketingPlanService
from crm_api.kit.db.tx import Tx
from crm_api.kit.rest import answers
from crm_api.kit.rest.actions import add_action
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id
from crm_api.kit.rest.requests import Reading
from crm_api.kit.rest.router import crud_router

plans = crud_router(MarketingPlanService)
lines = crud_router(BudgetLineService)
commitments = crud_router(MarketingCommitmentService)
costs = crud_router(CampaignCostService)


@plans.get(
    "/{id}/budget",
    operation_id="getMarketingPlanBudget",
    summary="What of a plan is planned, committed and spent",
    responses={200: {"model": MarketingBudget}} | problems(403, 404, 422),
)
async def budget(id: Id, tx: Reading) -> Response:
    """By channel, month and campaign, rolled up the tree of campaigns, with variances."""
    return answers.plain(await budget_of(tx, id))


async def _close(tx: Tx, id: UUID, data: Any, expected: int | None) -> Any:
    return await MarketingPlanService(tx).close(id, data, expected)


async def _reopen(tx: Tx, id: UUID, data: Any, expected: int | None) -> Any:
    return await MarketingPlanService(tx).reopen(id, data, expected)


async def _end(tx: Tx, id: UUID, data: Any, expected: int | None) -> Any:
    del data
    return await MarketingCommitmentService(tx).close(id, expected)


async def _go_on(tx: Tx, id: UUID, data: Any, expected: int | None) -> Any:
    del data
    return await MarketingCommitmentService(tx).reopen(id, expected)


add_action(
    *(plans, "close", _close, MarketingPlanOut),
    ("Close months of a plan", "Lines, commitments and costs up to the month stay as they are."),
    body=CloseMonths,
)
add_action(
    *(plans, "reopen", _reopen, MarketingPlanOut),
    ("Reopen months of a plan", "From the month on."),
    body=ReopenMonths,
)
add_action(
    *(commitments, "close", _end, MarketingCommitmentOut),
    ("Close a commitment", "Nothing more is expected of it."),
)
add_action(
    *(commitments, "reopen", _go_on, MarketingCommitmentOut),
    ("Reopen a commitment", "What is not spent of it is expected again."),
)

ROUTERS = (plans, lines, commitments, costs)
