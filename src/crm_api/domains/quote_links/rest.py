"""Links, questions and decisions over REST, for those who sell."""

from typing import Any
from uuid import UUID

from fastapi import Response

from crm_api.domains.quote_links.schemas import (
    QuoteAnswer,
    QuoteEngagement,
    QuoteLinkMade,
    QuoteLinkOut,
    QuoteQuestionOut,
)
from crm_api.domains.quote_links.service import (
    QuoteDecisionService,
    QuoteLinkService,
    QuoteQuestionService,
)
from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id, IfMatch
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router, new_router, read_router

Responses = dict[int | str, dict[str, Any]]
_LINK: Responses = {200: {"model": QuoteLinkOut}}
_QUESTION: Responses = {200: {"model": QuoteQuestionOut}}
_ENGAGEMENT: Responses = {200: {"model": QuoteEngagement}}

links = crud_router(QuoteLinkService, made=QuoteLinkMade)
questions = read_router(QuoteQuestionService)
decisions = read_router(QuoteDecisionService)
quotes = new_router("quotes", "quotes")


@links.post(
    "/{id}/revoke",
    operation_id="revokeQuoteLink",
    summary="Have a link open nothing any more",
    responses=_LINK | problems(403, 404, 409, 412, 422),
)
async def revoke(id: Id, tx: Writing, if_match: IfMatch = None) -> Response:
    """From this moment on, and for good."""
    expected = answers.version_of(if_match)
    return answers.record(await QuoteLinkService(tx).revoke(id, expected))


@questions.post(
    "/{id}/answer",
    operation_id="answerQuoteQuestion",
    summary="Answer a question about a quote",
    responses=_QUESTION | problems(400, 403, 404, 409, 412, 415, 422),
)
async def answer(id: Id, tx: Writing, body: QuoteAnswer, if_match: IfMatch = None) -> Response:
    """It stands on the page of whoever asked."""
    expected = answers.version_of(if_match)
    return answers.record(await QuoteQuestionService(tx).answer(id, body, expected))


@quotes.get(
    "/{id}/engagement",
    operation_id="getQuoteEngagement",
    summary="What the customer did with a quote",
    responses=_ENGAGEMENT | problems(403, 404, 422),
)
async def engagement(id: UUID, tx: Reading) -> Response:
    """How often it was looked at by its links, by whom last, and what was asked."""
    return answers.plain(await QuoteLinkService(tx).engagement(id))


ROUTERS = (links, questions, decisions, quotes)
