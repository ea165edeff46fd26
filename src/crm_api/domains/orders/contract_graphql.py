"""Contracts over GraphQL."""

from datetime import date
from typing import Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.orders import contract_schemas as schemas
from crm_api.domains.orders.contracts import ContractService
from crm_api.domains.orders.graphql import CONTRACTS, Contract
from crm_api.domains.orders.renewing import ContractActions
from crm_api.kit.calendar import today_of
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.types import input_from, type_from


@type_from(schemas.ContractTransitions)
class ContractTransitions:
    """Where a contract stands, and what may be done with it."""


@type_from(schemas.RevenueAnswer)
class RevenueAnswer:
    """Monthly recurring revenue by currency."""


@strawberry.type
class ContractQuery:
    """What is asked of contracts beyond their records."""

    @strawberry.field
    async def contract_transitions(self, info: GraphInfo, id: UUID) -> ContractTransitions:
        """What may be done with a contract, and what stands in the way."""
        return cast("Any", await ContractActions(info.context.tx).transitions(id))

    @strawberry.field
    async def recurring_revenue(
        self, info: GraphInfo, as_of: date | None = None, since: date | None = None
    ) -> RevenueAnswer:
        """What falls due again and again on a day, and how it came to that since another."""
        tx = info.context.tx
        day = as_of or today_of(tx)
        return cast("Any", await ContractService(tx).revenue(day, since))


@strawberry.type
class ContractActionMutation:
    """What is done with contracts."""

    @mutation
    async def make_contract_of_order(
        self,
        info: GraphInfo,
        order_id: UUID,
        input: input_from(schemas.ContractOfOrder),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> Contract:
        """A contract of what recurs in an order; one for each."""
        data = shape_given(schemas.ContractOfOrder, input)
        return (await ContractActions(info.context.tx).make(order_id, data))[0]

    @mutation
    async def activate_contract(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> Contract:
        """Have a contract run."""
        return await ContractActions(info.context.tx).activate(id, expected_version)

    @mutation
    async def renew_contract(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> Contract:
        """Have a deal that is to renew a contract; one for each term."""
        return await ContractActions(info.context.tx).renew(id, expected_version)

    @mutation
    async def cancel_contract(
        self,
        info: GraphInfo,
        id: UUID,
        ends_on: date | None = None,
        comment: str | None = None,
        expected_version: int | None = None,
    ) -> Contract:
        """Cancel a contract by a last day, up to which it counts."""
        data = shape_given(schemas.ContractEnd, {"ends_on": ends_on, "comment": comment})
        return await ContractActions(info.context.tx).cancel(id, data, expected_version)


QUERIES = (CONTRACTS.query(), ContractQuery)
MUTATIONS = (CONTRACTS.mutation(), ContractActionMutation)
