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
from crm_api.domains.quote_links.visiting import (
    Token,
    answering,
    begun,
    caller_of,
    once,
    sent_form,
    visiting,
)
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import CrmError
from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.repeats import RequestTx
from crm_api.kit.rest.requests import StrictRoute, services_of

Responses = dict[int | str, dict[str, Any]]
_PUBLIC: dict[str, Any] = {"security": []}
_FAULTS = problems(404, 409, 410, 422, 429)
_BODY_FAULTS = _FAULTS | problems(400, 415)
_DECIDED: Responses = {200: {"model": DeliveryDecision}}
_READ: Responses = {200: {"model": HandedOverProject}}
_HTML: dict[str, Any] = {"content": {"text/html": {"schema": {"type": "string"}}}}
_WRONG: Responses = {
    status: {
        "description": "The page says what is wrong.",
        "content": {**_HTML["content"], **problem["content"]},
    }
    for status, problem in problems(404, 409, 410, 413, 422).items()
}
_PAGE: Responses = {200: {"description": "A page for people.", **_HTML}} | _WRONG
_SENT: Responses = {303: {"description": "Done; the page shows it."}} | _WRONG
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "do": {"type": "string", "enum": ["accept", "reject"]},
                        "deliverable": {"type": "string", "format": "uuid"},
                    },
                    "required": ["do", "deliverable"],
                    "additionalProperties": True,
                }
            }
        },
    }
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
    responses=_READ | _FAULTS,
    openapi_extra=_PUBLIC,
)
async def read_handed_over(request: Request, tx: Visiting) -> Response:
    """What was submitted of a project, and decided; that it was seen is written down."""
    found = await DeliveryDoor(tx, caller_of(request)).read("read")
    return answers.plain(found, headers=answers.UNKEPT)


@public.post(
    "/{token}/deliverables/{id}/accept",
    operation_id="acceptHandedOver",
    summary="Accept what was delivered",
    responses=_DECIDED | _BODY_FAULTS,
    openapi_extra=_PUBLIC,
)
@once
async def accept(request: Request, tx: Answering, id: UUID, body: DeliveryAcceptance) -> Response:
    """Once: 409 `already_accepted`, `already_rejected`."""
    return answers.plain(await DeliveryDoor(tx, caller_of(request)).accept(id, body))


@public.post(
    "/{token}/deliverables/{id}/reject",
    operation_id="rejectHandedOver",
    summary="Reject what was delivered",
    responses=_DECIDED | _BODY_FAULTS,
    openapi_extra=_PUBLIC,
)
@once
async def reject(request: Request, tx: Answering, id: UUID, body: DeliveryRefusal) -> Response:
    """With a reason; it may be delivered again."""
    return answers.plain(await DeliveryDoor(tx, caller_of(request)).reject(id, body))


@pages.get(
    "/{token}/page",
    operation_id="showHandedOver",
    summary="The page of what was delivered",
    responses=_PAGE,
    openapi_extra=_PUBLIC,
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
    responses=_SENT,
    openapi_extra=_PUBLIC | _FORM,
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
    return Response(status_code=303, headers={"Location": "page", **page.HEADERS})


async def _shown(
    request: Request, token: str, form: page.Form | None = None, error: CrmError | None = None
) -> Response:
    tx = await begun(request, token, OPENED)
    async with unit_of_work(tx, services_of(request).ring):
        door = DeliveryDoor(tx, caller_of(request))
        html = await page.page_of(door, request.headers.get("accept-language"), form, error)
    return _html(html, error)


def _failed(request: Request, error: CrmError) -> Response:
    if error.status >= 500:
        raise error
    return _html(page.failure_of(request.headers.get("accept-language"), error), error)


def _html(html: str, error: CrmError | None) -> Response:
    status, own = (200, {}) if error is None else (error.status, error.headers)
    return Response(html, status, {**own, **page.HEADERS}, "text/html; charset=utf-8")


ROUTERS = (public, pages)
