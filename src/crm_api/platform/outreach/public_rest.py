"""What is behind the link to unsubscribe in what rules and journeys write. Nobody logs in there."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from crm_api.kit.actor import Actor
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import NotFound
from crm_api.kit.letters import OptOut
from crm_api.kit.links.visiting import PUBLIC, Token
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.requests import services_of
from crm_api.platform.outreach.gate import Gate
from crm_api.platform.outreach.schemas import Kind, Purpose
from crm_api.platform.outreach.unsubscribing import page_of, unsubscribe

_UNKEPT = {"Cache-Control": "no-store, private", "Referrer-Policy": "no-referrer"}
_PAGE: dict[int | str, dict[str, Any]] = {
    200: {"description": "A page.", "content": {"text/html": {"schema": {"type": "string"}}}}
}
_LANGUAGE = "SELECT language FROM organizations WHERE id = $1"
_SCOPES = frozenset(
    f"{area}:{right}" for area in ("consents", "suppressions") for right in ("read", "write")
)
_Target = Annotated[Kind, Query()]
_Purpose = Annotated[Purpose, Query()]
_Address = Annotated[
    str, Query(pattern=r"^[0-9a-f]{64}$", description="The keyed hash of the address.")
]
# Not strict: mail programs add to addresses what they like.
public = APIRouter(prefix="/public/outreach", tags=["outreach"])


@public.get(
    "/unsubscribe/{token}",
    operation_id="askToUnsubscribeFromOutreach",
    summary="The page of the link to unsubscribe",
    responses=_PAGE | problems(404, 422),
    openapi_extra=PUBLIC,
)
async def ask_to_unsubscribe(
    request: Request, token: Token, target: _Target, purpose: _Purpose, address: _Address
) -> Response:
    """Asks first: mail programs open links by themselves."""
    tx, _ = _opened(request, token, target, purpose, address)
    return await _page(tx, purpose, done=False)


@public.post(
    "/unsubscribe/{token}",
    operation_id="unsubscribeFromOutreach",
    summary="Get no more mail for this purpose",
    responses=_PAGE | problems(404, 422),
    openapi_extra=PUBLIC,
)
async def unsubscribe_from(
    request: Request, token: Token, target: _Target, purpose: _Purpose, address: _Address
) -> Response:
    """By one click (RFC 8058): the consent is withdrawn, and the address suppressed, at once."""
    tx, opt_out = _opened(request, token, target, purpose, address)
    async with unit_of_work(tx, services_of(request).ring):
        whom, source = opt_out.person_id, "unsubscribe link"
        await unsubscribe(tx, whom, purpose, source, target=target, hashed=address)
    return await _page(tx, purpose, done=True)


def _opened(
    request: Request, token: str, target: str, purpose: str, address: str
) -> tuple[Tx, OptOut]:
    database = services_of(request).database
    found = OptOut.read(database.signing_key, token, target, purpose, address)
    if found is None or target not in Gate.people:
        raise NotFound("There is no such link.", code="unknown_link")
    organization_id, opt_out = found
    scopes = _SCOPES | {f"{Gate.people[target].area}:read"}
    actor = Actor(organization_id, "system", scopes=scopes)
    return Tx(database, actor, request_id=request.scope.get("request_id")), opt_out


async def _page(tx: Tx, purpose: str, *, done: bool) -> Response:
    (row,) = await tx.fetch(_LANGUAGE, tx.organization_id)
    return HTMLResponse(page_of(row["language"], purpose, done=done), headers=_UNKEPT)
