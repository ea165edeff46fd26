"""What strangers send by a form and confirm, without a login: as JSON, and as pages."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from crm_api.domains.prospects import pages
from crm_api.domains.prospects.doors import CONFIRM_OPENED, FORM_OPENED, ConfirmDoor, FormDoor
from crm_api.domains.prospects.form_schemas import (
    ConfirmedSubmission,
    FormSubmission,
    PublicForm,
    SubmissionTaken,
)
from crm_api.domains.prospects.words import PACKAGE
from crm_api.kit.db.tx import Tx
from crm_api.kit.links.looks import preferred
from crm_api.kit.links.paging import LinkPage, add_page
from crm_api.kit.links.visiting import (
    BODY_FAULTS,
    FAULTS,
    PUBLIC,
    answering,
    caller_of,
    once,
    visiting,
)
from crm_api.kit.rest import answers
from crm_api.kit.rest.repeats import RequestTx
from crm_api.kit.rest.requests import StrictRoute

_FORMS, _CONFIRMATIONS = "/public/lead-forms", "/public/lead-confirmations"
Responses = dict[int | str, dict[str, Any]]
forms = APIRouter(prefix=_FORMS, tags=["lead_forms"], route_class=StrictRoute)
confirmations = APIRouter(prefix=_CONFIRMATIONS, tags=["lead_submissions"], route_class=StrictRoute)
# Not strict: campaigns add to an address what they like.
form_pages = APIRouter(prefix=_FORMS, tags=["lead_forms"])
confirm_pages = APIRouter(prefix=_CONFIRMATIONS, tags=["lead_submissions"])
Sending = Annotated[RequestTx, Depends(answering(FORM_OPENED), scope="function")]
Looking = Annotated[Tx, Depends(visiting(FORM_OPENED), scope="function")]
Confirming = Annotated[RequestTx, Depends(answering(CONFIRM_OPENED), scope="function")]
Visiting = Annotated[Tx, Depends(visiting(CONFIRM_OPENED), scope="function")]


@forms.get(
    "/{token}",
    operation_id="readPublicLeadForm",
    summary="What a form asks for",
    responses={200: {"model": PublicForm}} | FAULTS,
    openapi_extra=PUBLIC,
)
async def read_form(request: Request, tx: Looking) -> Response:
    """Its fields in their order, and the texts that may be agreed to."""
    found = await FormDoor(tx, caller_of(request)).read()
    return answers.plain(found, headers=answers.UNKEPT)


@forms.post(
    "/{token}/submit",
    status_code=201,
    operation_id="submitLeadForm",
    summary="Send a form",
    responses={201: {"model": SubmissionTaken}} | BODY_FAULTS,
    openapi_extra=PUBLIC,
)
@once
async def submit(request: Request, tx: Sending, body: FormSubmission) -> Response:
    """What is missing or cannot be read is 422; what looks like spam is kept, and not told.

    Many requests of one network are 429. Browsers send the page's own form to `…/page`.
    """
    tag = preferred(request.headers.get("accept-language"), PACKAGE)
    taken = await FormDoor(tx, caller_of(request)).submit(body, tag)
    return answers.plain(taken, status=201, headers=answers.UNKEPT)


@confirmations.get(
    "/{token}",
    operation_id="readLeadConfirmation",
    summary="What waits for a confirmation",
    responses={200: {"model": ConfirmedSubmission}} | FAULTS,
    openapi_extra=PUBLIC,
)
async def read_confirmation(request: Request, tx: Visiting) -> Response:
    """Reading confirms nothing: programs of mail open what stands in a letter."""
    found = await ConfirmDoor(tx, caller_of(request)).read()
    return answers.plain(found, headers=answers.UNKEPT)


@confirmations.post(
    "/{token}/confirm",
    operation_id="confirmLeadSubmission",
    summary="Confirm what was sent",
    responses={200: {"model": ConfirmedSubmission}} | BODY_FAULTS,
    openapi_extra=PUBLIC,
)
@once
async def confirm(request: Request, tx: Confirming) -> Response:
    """It becomes a lead, once; after `confirm_until` it is 410."""
    return answers.plain(await ConfirmDoor(tx, caller_of(request)).confirm())


_SHOWN = "It needs no scripts and loads nothing from elsewhere."
add_page(
    form_pages,
    LinkPage(
        FORM_OPENED,
        FormDoor,
        PACKAGE,
        pages.SentAnswers.of,
        pages.page_of,
        {},
    ),
    (
        "showLeadForm",
        "The page of a form",
        f"{_SHOWN} `utm_…`, `campaign`, `medium` and `referrer` of its address go with what is sent.",
    ),
    (
        "answerLeadForm",
        "What browsers send by a form",
        "By its page, or by its HTML on another one: they are led to a page that says thank you.",
    ),
)
add_page(
    confirm_pages,
    LinkPage(
        CONFIRM_OPENED,
        ConfirmDoor,
        PACKAGE,
        pages.Confirmation.of,
        pages.confirmation_of,
        {"do": {"type": "string", "enum": ["confirm"]}},
    ),
    ("showLeadConfirmation", "The page that the link in a letter leads to", _SHOWN),
    (
        "answerLeadConfirmation",
        "The form of the page that the link in a letter leads to",
        "What browsers send by it: they are led back to the page.",
    ),
)

ROUTERS = (forms, confirmations, form_pages, confirm_pages)
