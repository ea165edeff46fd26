"""How a case was closed, to be rated by whoever has a link: as JSON, and as a page."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from crm_api.domains.case_links import page
from crm_api.domains.case_links.door import OPENED, CaseDoor
from crm_api.domains.case_links.schemas import RatedCase
from crm_api.domains.cases.schemas import CaseScore
from crm_api.kit.db.tx import Tx
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

_CASE: dict[int | str, dict[str, Any]] = {200: {"model": RatedCase}}
_FIELDS = {"score": {"type": "string", "enum": list(map(str, page.SCORES))}}
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


PAGE = LinkPage(OPENED, CaseDoor, page.PACKAGE, page.Form.of, page.page_of, _FIELDS)
add_page(
    pages,
    PAGE,
    (
        "showRatedCase",
        "The page on which a case is rated",
        "In the language of the browser; it needs no scripts and loads nothing from elsewhere.",
    ),
    (
        "answerRatedCase",
        "The form of the page on which a case is rated",
        "What browsers send by it: they are led back to the page.",
    ),
)

ROUTERS = (public, pages)
