"""The audit trail over REST."""

from typing import Any

from fastapi import Request, Response

from crm_api.kit.errors import CrmError
from crm_api.kit.query.filters import Filter, parse
from crm_api.kit.query.page import PageQuery
from crm_api.kit.query.selection import Selection
from crm_api.kit.rest import answers, params
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import filtered, new_router, page_shape
from crm_api.platform.audit.repository import EVENTS
from crm_api.platform.audit.schemas import (
    AuditEventOut,
    AuditQuery,
    AuditSettings,
    AuditStatusOut,
    JobStarted,
)
from crm_api.platform.audit.service import AuditService

router = new_router("audit", "audit")
_MANY: dict[int | str, dict[str, Any]] = {200: {"model": page_shape(AuditEventOut)}}
_STATUS: dict[int | str, dict[str, Any]] = {200: {"model": AuditStatusOut}}
_SETTINGS: dict[int | str, dict[str, Any]] = {200: {"model": AuditSettings}}
_STARTED: dict[int | str, dict[str, Any]] = {202: {"model": JobStarted}}


@router.get(
    "",
    operation_id="listAuditEvents",
    summary="What happened, and who did it",
    responses=_MANY | problems(403, 422),
    openapi_extra=filtered(EVENTS),
)
async def list_audit_events(
    request: Request,
    tx: Reading,
    limit: params.Limit = 50,
    cursor: params.Cursor = None,
    sort: params.Sort = None,
    count: params.Count = None,
) -> Response:
    """Every event of the organization, newest first: changes, logins, keys, exports, readings.

    Takes the scope `audit:read`; what an event says of a record, also that which reads it.
    """
    query = PageQuery(
        Selection(EVENTS.shown),
        params.filter_of(request, EVENTS, tx),
        sort=sort,
        limit=limit,
        cursor=cursor,
        count=count,
    )
    return answers.page(request, await AuditService(tx).page(query))


@router.post(
    "/query",
    operation_id="queryAuditEvents",
    summary="What happened, by a filter in the body",
    responses=_MANY | problems(400, 403, 415, 422),
)
async def query_audit_events(request: Request, tx: Reading, body: AuditQuery) -> Response:
    """The same list."""
    try:
        query = PageQuery(
            Selection(EVENTS.shown),
            parse(body.filter, EVENTS, tx) if body.filter else Filter(),
            sort=",".join(body.sort) or None,
            limit=body.limit,
            cursor=body.cursor,
            count=body.count,
        )
        page = await AuditService(tx).page(query)
    except CrmError as error:
        raise error.in_body() from None
    return answers.page(request, page, link=False)


@router.get(
    "/status",
    operation_id="getAuditStatus",
    summary="How far the events are sealed",
    responses=_STATUS | problems(403),
)
async def read_audit_status(tx: Reading) -> Response:
    """The head of the chain, what waits for its seal, and the last verification."""
    return answers.plain(await AuditService(tx).status())


@router.post(
    "/verify",
    status_code=202,
    operation_id="verifyAudit",
    summary="Have the trail verified",
    responses=_STARTED | problems(403, 409, 422),
)
async def verify_audit(tx: Writing) -> Response:
    """A job that follows the chain of seals from its beginning and tells what does not fit."""
    job_id = AuditService(tx).begin_verifying()
    headers = {"Location": f"/v1/jobs/{job_id}"}
    return answers.plain({"job_id": job_id}, status=202, headers=headers)


@router.get(
    "/settings",
    operation_id="getAuditSettings",
    summary="Which readings are written down",
    responses=_SETTINGS | problems(403),
)
async def read_audit_settings(tx: Reading) -> Response:
    """The fields whose readings become events."""
    return answers.plain(AuditService(tx).settings())


@router.put(
    "/settings",
    operation_id="setAuditSettings",
    summary="Say which readings are written down",
    responses=_SETTINGS | problems(400, 403, 409, 415, 422),
)
async def set_audit_settings(tx: Writing, body: AuditSettings) -> Response:
    """Replaces what was said before; takes the scope `audit:write`."""
    return answers.plain(await AuditService(tx).configure(body))
