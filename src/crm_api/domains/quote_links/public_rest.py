"""Quotes for whoever has a link: as JSON, as a document, and as a page."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from crm_api.domains.quote_links import page
from crm_api.domains.quote_links.door import OPENED, QuoteDoor
from crm_api.domains.quote_links.schemas import (
    OfferAcceptance,
    OfferChoice,
    OfferDecision,
    OfferedQuestion,
    OfferedQuote,
    OfferedTerms,
    OfferQuestion,
    OfferRefusal,
)
from crm_api.domains.quotes.documents import QuoteDocuments
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import WrongState
from crm_api.kit.links.paging import LinkPage, add_page
from crm_api.kit.links.visiting import (
    BODY_FAULTS,
    FAULTS,
    PUBLIC,
    Token,
    answering,
    begun,
    caller_of,
    once,
    visiting,
)
from crm_api.kit.rest import answers
from crm_api.kit.rest.downloads import Download, sent
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.repeats import RequestTx
from crm_api.kit.rest.requests import StrictRoute, services_of

Responses = dict[int | str, dict[str, Any]]
_PDF: Responses = {
    200: {
        "description": "The document.",
        "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
    },
    206: {"description": "A part of it."},
    304: {"description": "Not modified"},
}
_FIELDS = {"do": {"type": "string", "enum": ["accept", "decline", "ask"]}}
_SHOWN = """In the quote's language, for people; it needs no scripts and loads nothing from elsewhere.

`chosen=1` with the ids of options as `option` shows what it comes to with these."""

public = APIRouter(prefix="/public/quotes", tags=["quote_links"], route_class=StrictRoute)
# Not strict: what programs of mail and of campaigns add to an address they may.
pages = APIRouter(prefix="/public/quotes", tags=["quote_links"])


Visiting = Annotated[Tx, Depends(visiting(OPENED), scope="function")]
Answering = Annotated[RequestTx, Depends(answering(OPENED), scope="function")]


@public.get(
    "/{token}",
    operation_id="readOfferedQuote",
    summary="A quote, for whoever has its link",
    responses={200: {"model": OfferedQuote}} | FAULTS,
    openapi_extra=PUBLIC,
)
async def read_offered(request: Request, token: Token, tx: Visiting) -> Response:
    """The version sent last, with what may be done with it; that it was seen is written down."""
    found = await QuoteDoor(tx, caller_of(request)).read("quote")
    found["document"]["path"] = f"/public/quotes/{token}/document"
    return answers.plain(found, headers=answers.UNKEPT)


@public.get(
    "/{token}/document",
    operation_id="readOfferedDocument",
    summary="The document of a quote, for whoever has its link",
    responses=_PDF | FAULTS | problems(416),
    openapi_extra=PUBLIC,
)
async def read_document(request: Request, token: Token) -> Response:
    """The version sent last as a PDF; its `ETag` is its SHA-256. 409 while it is being made."""
    services = services_of(request)
    async with unit_of_work(await begun(request, token, OPENED), services.ring) as tx:
        quote_id, revision = await QuoteDoor(tx, caller_of(request)).document()
    documents = QuoteDocuments(tx)
    try:
        version = await documents.file(quote_id, revision)
    except WrongState as error:
        # Of the job that makes it nothing is told.
        raise WrongState(error.detail, code=error.own_code) from None
    what = Download(
        documents.place_of(version),
        str(version.document_name),
        "application/pdf",
        f'"{version.document_sha256}"',
        inline=True,
    )
    return await sent(request, services.files, what)


@public.post(
    "/{token}/options",
    operation_id="chooseOfferedOptions",
    summary="What a quote comes to with other options",
    responses={200: {"model": OfferedTerms}} | BODY_FAULTS,
    openapi_extra=PUBLIC,
)
async def choose(request: Request, tx: Visiting, body: OfferChoice) -> Response:
    """Calculated by what was sent, and not stored: `accept` says which options are meant."""
    found = await QuoteDoor(tx, caller_of(request)).choose(body)
    return answers.plain(found, headers=answers.UNKEPT)


@public.post(
    "/{token}/accept",
    operation_id="acceptOfferedQuote",
    summary="Accept a quote",
    responses={200: {"model": OfferDecision}} | BODY_FAULTS,
    openapi_extra=PUBLIC,
)
@once
async def accept(request: Request, tx: Answering, body: OfferAcceptance) -> Response:
    """Once, in time, and the version that was read: 409 `already_accepted`, `superseded_version`.

    Said again by the same link, of the same version and options, it is answered as it was then.
    Kept with it are name, time, network address, what was chosen, and the SHA-256 of what was sent.
    """
    return answers.plain(await QuoteDoor(tx, caller_of(request)).accept(body))


@public.post(
    "/{token}/decline",
    operation_id="declineOfferedQuote",
    summary="Decline a quote",
    responses={200: {"model": OfferDecision}} | BODY_FAULTS,
    openapi_extra=PUBLIC,
)
@once
async def decline(request: Request, tx: Answering, body: OfferRefusal) -> Response:
    """With a reason, if there is one to tell, and the version that was read."""
    return answers.plain(await QuoteDoor(tx, caller_of(request)).decline(body))


@public.post(
    "/{token}/questions",
    status_code=201,
    operation_id="askAboutOfferedQuote",
    summary="Ask something about a quote",
    responses={201: {"model": OfferedQuestion}} | BODY_FAULTS,
    openapi_extra=PUBLIC,
)
@once
async def ask(request: Request, tx: Answering, body: OfferQuestion) -> Response:
    """What is answered stands among the quote's `questions`, for whoever has this link."""
    return answers.plain(await QuoteDoor(tx, caller_of(request)).ask(body), status=201)


PAGE = LinkPage(OPENED, QuoteDoor, page.PACKAGE, page.Form.of, page.page_of, _FIELDS)
add_page(
    pages,
    PAGE,
    (
        "showOfferedQuote",
        "The page of a quote",
        _SHOWN,
    ),
    (
        "answerOfferedQuote",
        "The forms of the page of a quote",
        "What browsers send by its forms: they are led back to the page.",
    ),
)

ROUTERS = (public, pages)
