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

Responses = dict[int | str, dict[str, Any]]
_DECIDED: Responses = {200: {"model": DeliveryDecision}}
_READ: Responses = {200: {"model": HandedOverProject}}
_FORM = form_of(
    {
        "do": {"type": "string", "enum": ["accept", "reject"]},
        "deliverable": {"type": "string", "format": "uuid"},
    }
)
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


@pages.get(
    "/{token}/page",
    operation_id="showHandedOver",
    summary="The page of what was delivered",
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
    operation_id="answerHandedOver",
    summary="The forms of the page of what was delivered",
    response_class=Response,
    responses=SENT,
    openapi_extra=_FORM,
)
async def answer(request: Request, token: Token) -> Response:
    """What browsers send by its forms: they are led back to the page."""
    try:
        form = page.Form.of(await sent_form(request))
    except CrmError as error:
        return _failed(request, error)
    try:
        tx = await begun(request, token, OPENED)
        async with unit_of_work(tx, services_of(request).ring):
            await form.carry_out(DeliveryDoor(tx, caller_of(request)))
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
        door = DeliveryDoor(tx, caller_of(request))
        html = await page.page_of(door, request.headers.get("accept-language"), form, error)
    return html_of(html, error)


def _failed(request: Request, error: CrmError) -> Response:
    if error.status >= 500:
        raise error
    return html_of(failure_of(page.PACKAGE, request.headers.get("accept-language"), error), error)


ROUTERS = (public, pages)
