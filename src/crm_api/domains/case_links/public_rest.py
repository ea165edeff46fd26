"""How a case was closed, to be rated by whoever has a link: as JSON, and as a page."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from crm_api.domains.case_links import page
from crm_api.domains.case_links.door import OPENED, CaseDoor
from crm_api.domains.case_links.schemas import RatedCase
from crm_api.domains.cases.schemas import CaseScore
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import CrmError
from crm_api.kit.links.looks import HEADERS, failure_of
from crm_api.kit.links.visiting import (
    BODY_FAULTS,
    FAULTS,
    PAGE,
    PUBLIC,
    SENT,
    Token,
    answering,
    begun,
    caller_of,
    form_of,
    html_of,
    once,
    sent_form,
    visiting,
)
from crm_api.kit.rest import answers
from crm_api.kit.rest.repeats import RequestTx
from crm_api.kit.rest.requests import StrictRoute, services_of

_CASE: dict[int | str, dict[str, Any]] = {200: {"model": RatedCase}}
_FORM = form_of({"score": {"type": "string", "enum": list(map(str, page.SCORES))}})
public = APIRouter(prefix="/public/cases", tags=["case_links"], route_class=StrictRoute)
# Not strict: what programs of mail add to an address they may.
pages = APIRouter(prefix="/public/cases", tags=["case_links"])
Visiting = Annotated[Tx, Depends(visiting(OPENED), scope="function")]
Answering = Annotated[RequestTx, Depends(answering(OPENED), scope="function")]


@public.get(
    "/{token}",
    operation_id="readRatedCase",
    summary="A case that is rated, for whoever has the link",
    responses=_CASE | FAULTS,
    openapi_extra=PUBLIC,
)
async def read_case(request: Request, tx: Visiting) -> Response:
    """What it was about, and whether it can be rated now; that it was seen is written down."""
    found = await CaseDoor(tx, caller_of(request)).read(is_seen=True)
    return answers.plain(found, headers=answers.UNKEPT)


@public.post(
    "/{token}/rate",
    operation_id="rateCaseByLink",
    summary="Rate how a case was closed",
    responses=_CASE | BODY_FAULTS,
    openapi_extra=PUBLIC,
)
@once
async def rate(request: Request, tx: Answering, body: CaseScore) -> Response:
    """Once: 409 `already_rated`; 409 `case_not_closed` while it is worked on."""
    return answers.plain(await CaseDoor(tx, caller_of(request)).rate(body))


@pages.get(
    "/{token}/page",
    operation_id="showRatedCase",
    summary="The page on which a case is rated",
    responses=PAGE,
    openapi_extra=PUBLIC,
)
async def show(request: Request, token: Token) -> Response:
    """In the language of the browser; it needs no scripts and loads nothing from elsewhere."""
    try:
        return await _shown(request, token)
    except CrmError as error:
        return _failed(request, error)


@pages.post(
    "/{token}/page",
    status_code=303,
    operation_id="answerRatedCase",
    summary="The form of the page on which a case is rated",
    response_class=Response,
    responses=SENT,
    openapi_extra=_FORM,
)
async def answer(request: Request, token: Token) -> Response:
    """What browsers send by it: they are led back to the page."""
    try:
        form = page.Form.of(await sent_form(request))
    except CrmError as error:
        return _failed(request, error)
    try:
        tx = await begun(request, token, OPENED)
        async with unit_of_work(tx, services_of(request).ring):
            await form.carry_out(CaseDoor(tx, caller_of(request)))
    except CrmError as error:
        if error.status >= 500 or error.status in {404, 410, 429}:
            return _failed(request, error)
        if not form.is_done_by(error):
            return await _shown(request, token, form, error)
    return Response(status_code=303, headers={"Location": "page", **HEADERS})


async def _shown(
    request: Request, token: str, form: page.Form | None = None, error: CrmError | None = None
) -> Response:
    tx = await begun(request, token, OPENED)
    async with unit_of_work(tx, services_of(request).ring):
        door = CaseDoor(tx, caller_of(request))
        html = await page.page_of(door, request.headers.get("accept-language"), form, error)
    return html_of(html, error)


def _failed(request: Request, error: CrmError) -> Response:
    if error.status >= 500:
        raise error
    return html_of(failure_of(page.PACKAGE, request.headers.get("accept-language"), error), error)


ROUTERS = (public, pages)
