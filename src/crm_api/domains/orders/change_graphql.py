"""Change requests over GraphQL."""

from typing import Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.orders import schemas
from crm_api.domains.orders.changing import ChangeActions, ChangeVerb
from crm_api.domains.orders.graphql import CHANGES, ChangeRequest
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.types import type_from


@type_from(schemas.ChangeTransitions)
class ChangeTransitions:
    """Where a change request stands, and what may be done with it."""


@strawberry.type
class ChangeQuery:
    """What is asked of change requests beyond their records."""

    @strawberry.field
    async def change_request_transitions(self, info: GraphInfo, id: UUID) -> ChangeTransitions:
        """What may be done with a change request, and what stands in the way."""
        return cast("Any", await ChangeActions(info.context.tx).transitions(id))


def _end(verb: ChangeVerb, description: str) -> Any:
    async def resolver(
        info: GraphInfo,
        id: UUID,
        comment: str | None = None,
        expected_version: int | None = None,
    ) -> ChangeRequest:
        data = shape_given(schemas.ChangeDecision, {"comment": comment})
        return await ChangeActions(info.context.tx).end(id, verb, data, expected_version)

    return mutation(resolver, description=description)


@strawberry.type
class ChangeActionMutation:
    """What is done with change requests."""

    @mutation
    async def submit_change_request(
        self,
        info: GraphInfo,
        id: UUID,
        comment: str | None = None,
        expected_version: int | None = None,
    ) -> ChangeRequest:
        """Ask for the approvals that a change request needs; where none does, it is approved."""
        data = shape_given(schemas.ChangeDecision, {"comment": comment})
        return await ChangeActions(info.context.tx).submit(id, data, expected_version)

    @mutation
    async def apply_change_request(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> ChangeRequest:
        """Have an order be as a change request says."""
        return await ChangeActions(info.context.tx).apply(id, expected_version)

    reject_change_request = _end("reject", "Reject a change request.")
    withdraw_change_request = _end("withdraw", "Withdraw a change request.")


QUERIES = (CHANGES.query(), ChangeQuery)
MUTATIONS = (CHANGES.mutation(), ChangeActionMutation)
