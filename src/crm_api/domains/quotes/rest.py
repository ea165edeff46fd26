"""Quotes over REST."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Query, Request, Response

from crm_api.domains.deals.service import DealService
from crm_api.domains.quotes.actions import QuoteActions
from crm_api.domains.quotes.documents import QuoteDocuments
from crm_api.domains.quotes.drifting import PriceDrift
from crm_api.domains.quotes.letterhead import Letterhead, LetterheadOut, LetterheadService
from crm_api.domains.quotes.pricing import QuotePricing
from crm_api.domains.quotes.schemas import (
    QuoteCalculation,
    QuoteContent,
    QuoteDecision,
    QuoteDiff,
    QuoteDocument,
    QuoteOut,
    QuotePriceDrift,
    QuoteSubmission,
    QuoteTransitions,
)
from crm_api.domains.quotes.service import ClauseService, QuoteService, QuoteVersionService
from crm_api.domains.quotes.settings import (
    QuoteSettings,
    QuoteSettingsOut,
    QuoteSettingsService,
)
from crm_api.domains.quotes.simulated import PriceSimulation, SimulationInput
from crm_api.domains.quotes.simulating import PriceSimulator
from crm_api.domains.quotes.states import Verb
from crm_api.kit.rest import answers
from crm_api.kit.rest.actions import add_action
from crm_api.kit.rest.below import add_below
from crm_api.kit.rest.downloads import Download, sent
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id, IfMatch
from crm_api.kit.rest.requests import Reading, Writing, services_of
from crm_api.kit.rest.router import crud_router, new_router
from crm_api.kit.rest.settings import add_settings

Responses = dict[int | str, dict[str, Any]]
Revision = Annotated[int, Query(ge=1, le=2_000_000_000, description="Of which version.")]
_ONE: Responses = {200: {"model": QuoteOut}}
_DONE = _ONE | problems(400, 403, 404, 409, 412, 415, 422)
_PDF: Responses = {
    200: {
        "description": "The document.",
        "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
    },
    206: {"description": "A part of it."},
    304: {"description": "Not modified"},
}
_DECISIONS: dict[Verb, tuple[str, str]] = {
    "accept": ("Write down that a quote was accepted", "Once, in time, and the version sent last."),
    "decline": ("Write down that a quote was declined", "With the reason, as a comment."),
    "withdraw": ("Take a sent quote back", "It cannot be accepted any more."),
    "expire": ("Have a quote expire whose last day is over", "By itself it does within the hour."),
}

pure = new_router("quotes", "quotes")
pricing = new_router("pricing", "pricing")
quotes = crud_router(QuoteService)
deals = new_router("quotes", "deals")
letterhead = new_router("quotes", "letterhead")


@pure.post(
    "/calculate",
    operation_id="calculateQuote",
    summary="What a quote would come to",
    responses={200: {"model": QuoteCalculation}} | problems(400, 403, 409, 415, 422),
)
async def calculate(tx: Reading, body: QuoteContent) -> Response:
    """Nothing is stored; stored quotes are calculated in the same way."""
    return answers.plain(await QuotePricing(tx).preview(body))


add_settings(
    pure,
    QuoteSettingsService,
    (QuoteSettings, QuoteSettingsOut),
    "Quote",
    read=(
        "What owners of quotes are told of by themselves",
        "Days before the end, days without a view, and how far prices may drift.",
    ),
    write=(
        "Say what owners of quotes are told of by themselves",
        "Replaces what was said before; takes the permission `manage_settings`.",
    ),
)


add_settings(
    letterhead,
    LetterheadService,
    (Letterhead, LetterheadOut),
    "Letterhead",
    read=(
        "What proposals say of the seller",
        "Address, ways to reach it, imprint, color and logo.",
    ),
    write=(
        "Say what proposals say of the seller",
        "Of versions sent from here on; takes `manage_settings`. A logo stays by its `sha256`.",
    ),
)


@pricing.post(
    "/simulate",
    operation_id="simulatePrices",
    summary="What a change of prices would do to open quotes and deals",
    responses={200: {"model": PriceSimulation}} | problems(400, 403, 409, 415, 422),
)
async def simulate(tx: Reading, body: SimulationInput) -> Response:
    """Each open quote that is seen is calculated by the prices of its day, without and with it.

    So is each open deal, by its lines and the prices of today, or by its newest open quote where
    it has none. A change is one of price lists, products, contract prices, promotions and taxes.
    Nothing is changed. Quotes and deals that would stay as they are are left out.
    """
    return answers.plain(await PriceSimulator(tx).simulate(body))


add_below(
    deals,
    "quotes",
    DealService,
    QuoteService,
    by="deal_id",
    operation_id="listDealQuotes",
    summary="What was offered for a deal",
    description="Its quotes, the newest first; `filter[deal_id]` of `GET /v1/quotes` asks for more.",
)


@quotes.get(
    "/{id}/transitions",
    operation_id="getQuoteTransitions",
    summary="What may be done with a quote",
    responses={200: {"model": QuoteTransitions}} | problems(403, 404, 422),
)
async def transitions(id: Id, tx: Reading) -> Response:
    """The actions that are for its state, and what stands in the way of each."""
    return answers.plain(await QuoteActions(tx).transitions(id))


@quotes.get(
    "/{id}/price-drift",
    operation_id="getQuotePriceDrift",
    summary="What an open quote would come to by the prices that are",
    responses={200: {"model": QuotePriceDrift}} | problems(403, 404, 409, 422),
)
async def price_drift(id: Id, tx: Reading) -> Response:
    """Beside what it says, with the lines that differ; nothing is changed.

    A quote that names the day of its prices is asked for that day. 409 once it is decided.
    """
    return answers.plain(await PriceDrift(tx).of(id))


add_below(
    quotes,
    "versions",
    QuoteService,
    QuoteVersionService,
    by="quote_id",
    operation_id="listQuoteVersions",
    summary="What was sent of a quote",
    description="The last one first; `fields` leaves the contents out.",
)


@quotes.get(
    "/{id}/diff",
    operation_id="getQuoteDiff",
    summary="What is different between two versions",
    responses={200: {"model": QuoteDiff}} | problems(403, 404, 422),
)
async def diff(
    id: Id,
    tx: Reading,
    before: Annotated[Revision, Query(alias="from")],
    after: Annotated[
        Revision | None, Query(alias="to", description="Without it: as the quote is now.")
    ] = None,
) -> Response:
    """Lines that were added, removed or changed, and other fields with the sums."""
    return answers.plain(await QuoteActions(tx).diff(id, before, after))


@quotes.get(
    "/{id}/document",
    operation_id="getQuoteDocument",
    summary="A version as a PDF",
    responses=_PDF | problems(403, 404, 409, 416, 422),
)
async def document(
    request: Request, id: Id, tx: Reading, revision: Revision | None = None
) -> Response:
    """The one sent last, or another; its `ETag` is its SHA-256. 409 while it is being made."""
    documents = QuoteDocuments(tx)
    version = await documents.file(id, revision)
    what = Download(
        documents.place_of(version),
        str(version.document_name),
        "application/pdf",
        f'"{version.document_sha256}"',
        inline=True,
    )
    return await sent(request, services_of(request).files, what)


@quotes.get(
    "/{id}/document-status",
    operation_id="getQuoteDocumentStatus",
    summary="How the document of a version stands",
    responses={200: {"model": QuoteDocument}} | problems(403, 404, 422),
)
async def document_status(id: Id, tx: Reading, revision: Revision | None = None) -> Response:
    """Its SHA-256 and size, and the job that makes it."""
    return answers.plain(await QuoteDocuments(tx).of(id, revision))


@quotes.post(
    "/{id}/submit",
    operation_id="submitQuote",
    summary="Ask for the approvals that a quote needs",
    responses=_DONE,
)
async def submit(
    id: Id, tx: Writing, body: QuoteSubmission | None = None, if_match: IfMatch = None
) -> Response:
    """Of every policy that wants one; where none does, it is approved."""
    data = body or QuoteSubmission(comment=None)
    expected = answers.version_of(if_match)
    return answers.record(await QuoteActions(tx).submit(id, data, expected))


@quotes.post(
    "/{id}/clone",
    status_code=201,
    operation_id="cloneQuote",
    summary="Copy a quote",
    responses={201: {"model": QuoteOut}} | problems(403, 404, 409, 422),
)
async def clone(id: Id, tx: Writing) -> Response:
    """A new draft with the same lines, by the prices of today and without coupons."""
    made = await QuoteActions(tx).clone(id)
    return answers.made("quotes", made)


def _add_plain(
    verb: str, act: Callable[[QuoteActions], Callable[..., Awaitable[Any]]], *texts: str
) -> None:
    summary, description = texts
    add_action(
        quotes,
        verb,
        lambda tx, one, _data, expected: act(QuoteActions(tx))(one, expected),
        QuoteOut,
        (summary, description),
    )


def _add_decision(verb: Verb, texts: tuple[str, str]) -> None:
    add_action(
        quotes,
        verb,
        lambda tx, one, data, expected: QuoteActions(tx).decide(one, verb, data, expected),
        QuoteOut,
        texts,
        body=QuoteDecision,
    )


_add_plain(
    "recall",
    lambda actions: actions.recall,
    "Take a quote back from approval",
    "What was asked for and not decided yet is recalled, too.",
)
_add_plain(
    "send",
    lambda actions: actions.send,
    "Send a quote",
    "A version is made of it that never changes; with the first one it gets its number. A job "
    "makes the document. 409 `blocked_transition` names what stands in the way.",
)
_add_plain(
    "view",
    lambda actions: actions.view,
    "Write down that the customer has looked at a quote",
    "Whoever shows it to them knows.",
)
_add_plain(
    "revise",
    lambda actions: actions.revise,
    "Work on the next version of a quote",
    "The version that was sent counts no more.",
)
for _verb, _texts in _DECISIONS.items():
    _add_decision(_verb, _texts)


@deals.post(
    "/{id}/quote",
    status_code=201,
    operation_id="quoteDeal",
    summary="Make a quote of a deal",
    responses={201: {"model": QuoteOut}} | problems(400, 403, 404, 409, 415, 422),
)
async def of_deal(id: Id, tx: Writing) -> Response:
    """A new draft of its lines, for its company and contact; 409 `no_lines` where it has none."""
    made = await QuoteActions(tx).of_deal(id)
    return answers.made("quotes", made)


ROUTERS = (pure, letterhead, pricing, quotes, deals, crud_router(ClauseService))
