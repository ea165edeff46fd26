"""Contracts over REST."""

from datetime import date
from typing import Annotated, Any

from fastapi import Query, Response

from crm_api.domains.orders.contract_schemas import (
    ContractEnd,
    ContractOfOrder,
    ContractOut,
    ContractTransitions,
    RevenueAnswer,
)
from crm_api.domains.orders.contracts import ContractService
from crm_api.domains.orders.renewing import ContractActions
from crm_api.kit.calendar import today_of
from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id, IfMatch
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router, new_router
from crm_api.kit.schema import Day

Responses = dict[int | str, dict[str, Any]]
AsOf = Annotated[Day | None, Query(description="The day; without it today.")]
Since = Annotated[Day | None, Query(description="Also how it came to that since this day.")]
_ONE: Responses = {200: {"model": ContractOut}}
_DONE = _ONE | problems(400, 403, 404, 409, 412, 415, 422)

pure = new_router("contracts", "contracts")
orders = new_router("contracts", "orders")
contracts = crud_router(ContractService)


@pure.get(
    "/mrr",
    operation_id="getRecurringRevenue",
    summary="Monthly recurring revenue",
    responses={200: {"model": RevenueAnswer}} | problems(403, 422),
)
async def recurring_revenue(tx: Reading, as_of: AsOf = None, since: Since = None) -> Response:
    """By currency, of the contracts that are seen: what runs on a day.

    With `since`, `before + new + expansion - contraction - churn` is the `mrr`, by customers.
    """
    day: date = as_of or today_of(tx)
    return answers.plain(await ContractService(tx).revenue(day, since))


@orders.post(
    "/{id}/contract",
    status_code=201,
    operation_id="makeContractOfOrder",
    summary="Make a contract of what recurs in an order",
    responses={
        201: {"model": ContractOut},
        200: {"model": ContractOut, "description": "It was there."},
    }
    | problems(400, 403, 404, 409, 415, 422),
)
async def of_order(id: Id, tx: Writing, body: ContractOfOrder | None = None) -> Response:
    """A draft; one for each order. Its term is that of the lines, unless it is said."""
    data = body or ContractOfOrder.model_validate({})
    made, is_new = await ContractActions(tx).make(id, data)
    if not is_new:
        return answers.record(made)
    return answers.made("contracts", made)


@contracts.get(
    "/{id}/transitions",
    operation_id="getContractTransitions",
    summary="What may be done with a contract",
    responses={200: {"model": ContractTransitions}} | problems(403, 404, 422),
)
async def transitions(id: Id, tx: Reading) -> Response:
    """The actions that are for its state, and what stands in the way of each."""
    return answers.plain(await ContractActions(tx).transitions(id))


@contracts.post(
    "/{id}/activate",
    operation_id="activateContract",
    summary="Have a contract run",
    responses=_ONE | problems(403, 404, 409, 412, 422),
)
async def activate(id: Id, tx: Writing, if_match: IfMatch = None) -> Response:
    """From here on it stays as it was agreed."""
    expected = answers.version_of(if_match)
    return answers.record(await ContractActions(tx).activate(id, expected))


@contracts.post(
    "/{id}/renew",
    operation_id="renewContract",
    summary="Have a deal that is to renew a contract",
    responses=_ONE | problems(403, 404, 409, 412, 422),
)
async def renew(id: Id, tx: Writing, if_match: IfMatch = None) -> Response:
    """One for each term: `renewal_deal_id`. Won, the next term follows as a contract of its own."""
    expected = answers.version_of(if_match)
    return answers.record(await ContractActions(tx).renew(id, expected))


@contracts.post(
    "/{id}/cancel", operation_id="cancelContract", summary="Cancel a contract", responses=_DONE
)
async def cancel(
    id: Id, tx: Writing, body: ContractEnd | None = None, if_match: IfMatch = None
) -> Response:
    """By a last day, up to which it counts."""
    data, expected = body or ContractEnd.model_validate({}), answers.version_of(if_match)
    return answers.record(await ContractActions(tx).cancel(id, data, expected))


ROUTERS = (pure, orders, contracts)
