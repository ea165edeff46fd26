"""Approvals over GraphQL."""

from typing import Any, Optional, cast
from uuid import UUID

import strawberry

from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.filters import where_of
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import asked, asks_count, connected, related
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.platform.approvals.policies import (
    ApprovalDelegationService,
    ApprovalPolicyService,
)
from crm_api.platform.approvals.repository import APPROVALS
from crm_api.platform.approvals.schemas import (
    ApprovalCreate,
    ApprovalDecision,
    ApprovalDecisionOut,
    ApprovalDelegationOut,
    ApprovalNeed,
    ApprovalOut,
    ApprovalPolicyOut,
    ApprovalReassignment,
    ApprovalRecall,
    ApprovalRejection,
    ApprovalStepOut,
)
from crm_api.platform.approvals.schemas import ApprovalStanding as StandingShape
from crm_api.platform.approvals.service import ApprovalService
from crm_api.platform.approvals.standing import shown_standing


@type_from(ApprovalPolicyOut)
class ApprovalPolicy:
    """What is to be approved, and by whom."""


@type_from(ApprovalDelegationOut)
class ApprovalDelegation:
    """Somebody who decides for a user meanwhile."""


@type_from(ApprovalStepOut)
class ApprovalStep:
    """One step of a request."""


@type_from(ApprovalDecisionOut)
class ApprovalDeed:
    """What somebody did about a request."""


@type_from(ApprovalOut)
class Approval:
    """A request for approval."""

    policy = related(ApprovalService, "policy", ApprovalPolicy)


@type_from(ApprovalNeed)
class ApprovalNeeded:
    """A policy that wants a record approved."""


@type_from(StandingShape)
class ApprovalStanding:
    """Whether a record is approved as it is."""


_POLICIES = Collection(ApprovalPolicyService, ApprovalPolicy)
_DELEGATIONS = Collection(ApprovalDelegationService, ApprovalDelegation)
_APPROVALS = Collection(ApprovalService, Approval)
_Ask: Any = input_from(ApprovalCreate)
_Reassignment: Any = input_from(ApprovalReassignment)


async def _to_decide(
    info: GraphInfo,
    where: Any = None,
    order_by: list[str] | None = None,
    first: int = 50,
    after: str | None = None,
) -> Any:
    tx = info.context.tx
    count = asks_count(info)
    query = asked(
        APPROVALS, tx, where=where, order_by=order_by, first=first, after=after, count=count
    )
    return connected(await ApprovalService(tx).to_decide(query), after)


_to_decide.__annotations__["where"] = Optional[where_of(APPROVALS)]  # noqa: UP045
_to_decide.__annotations__["return"] = _APPROVALS.connection
_TO_DECIDE = strawberry.field(
    resolver=_to_decide,
    description="What waits for the user, and for those whom they stand in for.",
)
ApprovalsToDecide = strawberry.type(
    type("ApprovalsToDecideQuery", (), {"approvals_to_decide": _TO_DECIDE})
)


@strawberry.type
class ApprovalLookups:
    """Whether a record is approved."""

    @strawberry.field
    async def approval_standing(
        self, info: GraphInfo, target: str, record_id: UUID, purpose: str | None = None
    ) -> ApprovalStanding:
        """Whether a record is approved as it is, and what is missing."""
        found = await shown_standing(info.context.tx, target, record_id, purpose)
        return cast("Any", found)


@strawberry.type
class ApprovalMutation:
    """What is done with requests for approval."""

    @mutation
    async def create_approval(
        self,
        info: GraphInfo,
        input: _Ask,  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> Approval:
        """Ask that a record be approved as it is."""
        data = shape_given(ApprovalCreate, input)
        return await ApprovalService(info.context.tx).submit(data)

    @mutation
    async def approve(
        self,
        info: GraphInfo,
        id: UUID,
        comment: str | None = None,
        on_behalf_of: UUID | None = None,
        step: int | None = None,
        expected_version: int | None = None,
    ) -> Approval:
        """Agree to the step under way; with the last one the record is approved."""
        given = {"comment": comment, "on_behalf_of": on_behalf_of, "step": step}
        data = shape_given(ApprovalDecision, given)
        return await ApprovalService(info.context.tx).approve(id, data, expected_version)

    @mutation
    async def reject(
        self,
        info: GraphInfo,
        id: UUID,
        comment: str,
        on_behalf_of: UUID | None = None,
        step: int | None = None,
        expected_version: int | None = None,
    ) -> Approval:
        """Refuse a request, with a reason; it is over."""
        given = {"comment": comment, "on_behalf_of": on_behalf_of, "step": step}
        data = shape_given(ApprovalRejection, given)
        return await ApprovalService(info.context.tx).reject(id, data, expected_version)

    @mutation
    async def recall_approval(
        self,
        info: GraphInfo,
        id: UUID,
        comment: str | None = None,
        expected_version: int | None = None,
    ) -> Approval:
        """Take a request back."""
        data = shape_given(ApprovalRecall, {"comment": comment})
        return await ApprovalService(info.context.tx).recall(id, data.comment, expected_version)

    @mutation
    async def reassign_approval(
        self,
        info: GraphInfo,
        id: UUID,
        input: _Reassignment,  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        expected_version: int | None = None,
    ) -> Approval:
        """Have somebody else be asked."""
        data = shape_given(ApprovalReassignment, input)
        return await ApprovalService(info.context.tx).reassign(id, data, expected_version)


QUERIES = (
    _POLICIES.query(),
    _DELEGATIONS.query(),
    _APPROVALS.query(),
    ApprovalsToDecide,
    ApprovalLookups,
)
MUTATIONS = (_POLICIES.mutation(), _DELEGATIONS.mutation(), ApprovalMutation)
