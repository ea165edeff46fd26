"""Approvals over REST."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response

from crm_api.kit.query.page import PageQuery
from crm_api.kit.query.selection import Selection
from crm_api.kit.rest import answers, params
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id, IfMatch, IfNoneMatch, one
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router, filtered, new_router, page_shape
from crm_api.platform.approvals.policies import (
    ApprovalDelegationService,
    ApprovalPolicyService,
)
from crm_api.platform.approvals.repository import APPROVALS
from crm_api.platform.approvals.schemas import (
    ApprovalCreate,
    ApprovalDecision,
    ApprovalOut,
    ApprovalReassignment,
    ApprovalRecall,
    ApprovalRejection,
    ApprovalStanding,
)
from crm_api.platform.approvals.service import ApprovalService
from crm_api.platform.approvals.standing import shown_standing

policies = crud_router(ApprovalPolicyService)
delegations = crud_router(ApprovalDelegationService)
approvals = new_router("approvals", "approvals")
Responses = dict[int | str, dict[str, Any]]
_ONE: Responses = {200: {"model": ApprovalOut}}
_MANY: Responses = {200: {"model": page_shape(ApprovalOut)}}
_FILTERED: dict[str, Any] = filtered(APPROVALS)
_DECIDED = _ONE | problems(400, 403, 404, 409, 412, 415, 422)


def _asked(
    request: Request,
    tx: Reading,
    limit: params.Limit = 50,
    cursor: params.Cursor = None,
    sort: params.Sort = None,
    fields: params.Fields = None,
    include: params.Include = None,
    count: params.Count = None,
) -> PageQuery:
    return PageQuery(
        selection=Selection.of(APPROVALS, tx, fields, include),
        filter=params.filter_of(request, APPROVALS, tx),
        sort=sort,
        limit=limit,
        cursor=cursor,
        count=count,
    )


@approvals.get(
    "",
    operation_id="listApprovals",
    summary="List requests for approval",
    responses=_MANY | problems(403, 422),
    openapi_extra=_FILTERED,
)
async def list_approvals(
    request: Request,
    tx: Reading,
    limit: params.Limit = 50,
    cursor: params.Cursor = None,
    sort: params.Sort = None,
    fields: params.Fields = None,
    include: params.Include = None,
    count: params.Count = None,
) -> Response:
    """Those about records that one sees, and one's own; `filter[record_id]` finds a record's."""
    query = _asked(request, tx, limit, cursor, sort, fields, include, count)
    return answers.page(request, await ApprovalService(tx).page(query))


@approvals.post(
    "/query",
    operation_id="queryApprovals",
    summary="List requests for approval by a filter in the body",
    responses=_MANY | problems(400, 403, 409, 415, 422),
)
async def query_approvals(request: Request, tx: Reading, body: params.QueryBody) -> Response:
    """As the list, for filters that are too rich for a query string."""
    return answers.page(request, await params.queried(ApprovalService(tx), body), link=False)


@approvals.get(
    "/to-decide",
    operation_id="listApprovalsToDecide",
    summary="What waits for one's decision",
    responses=_MANY | problems(403, 422),
    openapi_extra=_FILTERED,
)
async def list_to_decide(
    request: Request,
    tx: Reading,
    limit: params.Limit = 50,
    cursor: params.Cursor = None,
    sort: params.Sort = None,
    fields: params.Fields = None,
    include: params.Include = None,
    count: params.Count = None,
) -> Response:
    """Also what waits for those whom the user stands in for."""
    query = _asked(request, tx, limit, cursor, sort, fields, include, count)
    return answers.page(request, await ApprovalService(tx).to_decide(query))


@approvals.get(
    "/standing",
    operation_id="getApprovalStanding",
    summary="Whether a record is approved as it is",
    responses={200: {"model": ApprovalStanding}, **problems(403, 404, 422)},
)
async def read_standing(
    tx: Reading,
    target: Annotated[str, Query(max_length=60, description="The kind of record.")],
    record_id: UUID,
    purpose: Annotated[
        str | None, Query(max_length=40, description="Only what is wanted for this.")
    ] = None,
) -> Response:
    """Every policy that wants it approved, and what is missing."""
    return answers.plain(await shown_standing(tx, target, record_id, purpose))


@approvals.post(
    "",
    status_code=201,
    operation_id="createApproval",
    summary="Ask that a record be approved",
    responses={201: {"model": ApprovalOut}} | problems(400, 403, 404, 409, 415, 422),
)
async def create_approval(request: Request, tx: Writing, body: ApprovalCreate) -> Response:
    """As it is: a change of what is material voids the request, and the approval."""
    return answers.created(request, await ApprovalService(tx).submit(body))


@approvals.get(
    "/{id}",
    operation_id="getApproval",
    summary="Read a request for approval",
    responses=_ONE | {304: {"description": "Not modified"}} | problems(403, 404, 422),
)
async def read_approval(
    request: Request,
    id: Id,
    tx: Reading,
    fields: params.Fields = None,
    include: params.Include = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Its steps, whom it waits for, and what was decided."""
    selection = Selection.of(APPROVALS, tx, fields, include)
    return await one(ApprovalService(tx), request, id, selection, if_none_match)


@approvals.post(
    "/{id}/approve", operation_id="approve", summary="Agree to a request", responses=_DECIDED
)
async def approve(
    id: Id, tx: Writing, body: ApprovalDecision | None = None, if_match: IfMatch = None
) -> Response:
    """For oneself or for whom one stands in; with the last step the record is approved."""
    data = body or ApprovalDecision()  # pyright: ignore[reportCallIssue]
    return answers.record(await ApprovalService(tx).approve(id, data, answers.version_of(if_match)))


@approvals.post(
    "/{id}/reject", operation_id="reject", summary="Refuse a request", responses=_DECIDED
)
async def reject(
    id: Id, tx: Writing, body: ApprovalRejection, if_match: IfMatch = None
) -> Response:
    """With a reason; one refusal is enough, whatever the others say."""
    return answers.record(await ApprovalService(tx).reject(id, body, answers.version_of(if_match)))


@approvals.post(
    "/{id}/recall",
    operation_id="recallApproval",
    summary="Take a request back",
    responses=_DECIDED,
)
async def recall(
    id: Id, tx: Writing, body: ApprovalRecall | None = None, if_match: IfMatch = None
) -> Response:
    """By whoever made it, or manages the settings."""
    comment = None if body is None else body.comment
    return answers.record(
        await ApprovalService(tx).recall(id, comment, answers.version_of(if_match))
    )


@approvals.post(
    "/{id}/reassign",
    operation_id="reassignApproval",
    summary="Have somebody else be asked",
    responses=_DECIDED,
)
async def reassign(
    id: Id, tx: Writing, body: ApprovalReassignment, if_match: IfMatch = None
) -> Response:
    """One's own decision; that of others takes the right to manage settings."""
    return answers.record(
        await ApprovalService(tx).reassign(id, body, answers.version_of(if_match))
    )
