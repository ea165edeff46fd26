"""What was delivered of a project, for whoever has a link: as JSON, and as a page."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from crm_api.domains.delivery_links import page
from crm_api.domains.delivery_links.door import OPENED, DeliveryDoor
from crm_api.domains.delivery_links.schemas import (
    DeliveryAcceptance,
    DeliveryDecision,
    DeliveryRefusal,
    HandedOverProject,
)
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

Responses = dict[int | str, dict[str, Any]]
_DECIDED: Responses = {200: {"model": DeliveryDecision}}
_READ: Responses = {200: {"model": HandedOverProject}}
_FIELDS = {
    "do": {"type": "string", "enum": ["accept", "reject"]},
    "deliverable": {"type": "string", "format": "uuid"},
}
public = APIRouter(prefix="/public/deliveries", tags=["delivery_links"], route_class=StrictRoute)
# Not strict: what programs of mail add to an address they may.
pages = APIRouter(prefix="/public/deliveries", tags=["delivery_links"])
Visiting = Annotated[Tx, Depends(visiting(OPENED), scope="function")]
Answering = Annotated[RequestTx, Depends(answering(OPENED), scope="function")]


@public.get(
    "/{token}",
    operation_id="readHandedOver",
    summary="What was delivered, for whoever has the link",
    responses=_READ | FAULTS,
    openapi_extra=PUBLIC,
)
async def read_handed_over(request: Request, tx: Visiting) -> Response:
    """What was submitted of a project, and decided; that it was seen is written down."""
    found = await DeliveryDoor(tx, caller_of(request)).read("read")
    return answers.plain(found, headers=answers.UNKEPT)


@public.post(
    "/{token}/deliverables/{id}/accept",
    operation_id="acceptHandedOver",
    summary="Accept what was delivered",
    responses=_DECIDED | BODY_FAULTS,
    openapi_extra=PUBLIC,
)
@once
async def accept(request: Request, tx: Answering, id: UUID, body: DeliveryAcceptance) -> Response:
    """Once: 409 `already_accepted`, `already_rejected`."""
    return answers.plain(await DeliveryDoor(tx, caller_of(request)).accept(id, body))


@public.post(
    "/{token}/deliverables/{id}/reject",
    operation_id="rejectHandedOver",
    summary="Reject what was delivered",
    responses=_DECIDED | BODY_FAULTS,
    openapi_extra=PUBLIC,
)
@once
async def reject(request: Request, tx: Answering, id: UUID, body: DeliveryRefusal) -> Response:
    """With a reason; it may be delivered again."""
    return answers.plain(await DeliveryDoor(tx, caller_of(request)).reject(id, body))


PAGE = LinkPage(OPENED, DeliveryDoor, page.PACKAGE, page.Form.of, page.page_of, _FIELDS)
add_page(
    pages,
    PAGE,
    (
        "showHandedOver",
        "The page of what was delivered",
        "In the language of the browser; it needs no scripts and loads nothing from elsewhere.",
    ),
    (
        "answerHandedOver",
        "The forms of the page of what was delivered",
        "What browsers send by its forms: they are led back to the page.",
    ),
)

ROUTERS = (public, pages)
