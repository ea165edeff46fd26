"""Consents, suppressions and the gate over REST."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response

from crm_api.kit.query.page import PageQuery
from crm_api.kit.query.selection import Selection
from crm_api.kit.rest import answers, params
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router, filtered, new_router, page_shape
from crm_api.platform.outreach.checking import check, evaluate
from crm_api.platform.outreach.guard_schemas import GuardAnswers
from crm_api.platform.outreach.repository import CONSENTS
from crm_api.platform.outreach.schemas import (
    ConsentInput,
    ConsentOut,
    Consents,
    OutreachAnswers,
    OutreachCheck,
    WhoseConsent,
    WithdrawalInput,
)
from crm_api.platform.outreach.service import (
    ConsentService,
    ConsentTextService,
    GuardRuleService,
    SuppressionService,
)

texts = crud_router(ConsentTextService)
suppressions = crud_router(SuppressionService)
rules = crud_router(GuardRuleService)
consents = new_router("consents", "consents")
gate = new_router("outreach", "outreach")
guards = new_router("outreach", "guards")

_ONE: dict[int | str, dict[str, Any]] = {200: {"model": ConsentOut}}
_MADE: dict[int | str, dict[str, Any]] = {201: {"model": ConsentOut}}
_SOME: dict[int | str, dict[str, Any]] = {200: {"model": Consents}}
_MANY: dict[int | str, dict[str, Any]] = {200: {"model": page_shape(ConsentOut)}}
_ANSWERS: dict[int | str, dict[str, Any]] = {200: {"model": OutreachAnswers}}
_VERDICTS: dict[int | str, dict[str, Any]] = {200: {"model": GuardAnswers}}
Target = Annotated[str, Query(max_length=60, description="The kind of record.")]


@consents.get(
    "",
    operation_id="listConsents",
    summary="List consents",
    responses=_MANY | problems(403, 422),
    openapi_extra=filtered(CONSENTS),
)
async def list_consents(
    request: Request,
    tx: Reading,
    limit: params.Limit = 50,
    cursor: params.Cursor = None,
    sort: params.Sort = None,
    count: params.Count = None,
) -> Response:
    """Every decision, the newest first; `filter[record_id]` finds those of a person."""
    query = PageQuery(
        Selection(CONSENTS.shown),
        filter=params.filter_of(request, CONSENTS, tx),
        sort=sort,
        limit=limit,
        cursor=cursor,
        count=count,
    )
    return answers.page(request, await ConsentService(tx).page(query))


@consents.post(
    "",
    status_code=201,
    operation_id="recordConsent",
    summary="Write down what somebody has decided",
    responses=_MADE | problems(400, 403, 409, 415, 422),
)
async def record_consent(request: Request, tx: Writing, body: ConsentInput) -> Response:
    """Nothing is ever changed: the last word per purpose and channel counts."""
    return answers.created(request, await ConsentService(tx).record(body))


@consents.get(
    "/effective",
    operation_id="listEffectiveConsents",
    summary="The last words of a person",
    responses=_SOME | problems(403, 409, 422),
)
async def list_effective(tx: Reading, record_id: UUID, target: Target = "contact") -> Response:
    """One for each purpose and channel, those of merged records among them."""
    whose = WhoseConsent(target=target, record_id=record_id)
    return answers.plain({"data": await ConsentService(tx).effective(whose)})


@consents.post(
    "/withdraw",
    operation_id="withdrawConsents",
    summary="Take back what somebody has granted",
    responses=_SOME | problems(400, 403, 409, 415, 422),
)
async def withdraw(tx: Writing, body: WithdrawalInput) -> Response:
    """Of a purpose, on a channel, or all there is; the gate refuses from the commit on."""
    return answers.plain({"data": await ConsentService(tx).withdraw(body)})


@consents.get(
    "/{id}",
    operation_id="getConsent",
    summary="Read a consent",
    responses=_ONE | problems(403, 404, 422),
)
async def read_consent(id: UUID, tx: Reading) -> Response:
    """What somebody decided once, with its evidence."""
    return answers.record(await ConsentService(tx).get(id))


@gate.post(
    "/check",
    operation_id="checkOutreach",
    summary="May these be reached?",
    responses=_ANSWERS | problems(400, 403, 409, 415, 422),
)
async def check_outreach(tx: Reading, body: OutreachCheck) -> Response:
    """Up to 500 questions, each answered with whatever stands against it. Every sender of the
    service passes the same gate.
    """
    return answers.plain({"data": await check(tx, body)})


@guards.post(
    "/evaluate",
    operation_id="evaluateGuards",
    summary="What stands against reaching these, rule by rule",
    responses=_VERDICTS | problems(400, 403, 409, 415, 422),
)
async def evaluate_guards(tx: Reading, body: OutreachCheck) -> Response:
    """Up to 500 questions, each answered as by `POST /v1/outreach/check`, with the verdict of every
    active rule and how much of its cap is used. Nothing counts as sent by it.
    """
    return answers.plain({"data": await evaluate(tx, body)})
