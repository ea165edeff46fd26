"""What is behind the addresses in mails: unsubscribing, opens, and links. Nobody logs in there."""

from base64 import b64decode
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from crm_api.domains.mailings.hits import hit
from crm_api.domains.mailings.progress import happen
from crm_api.domains.mailings.wording import Signer
from crm_api.kit.actor import Actor
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import NotFound
from crm_api.kit.links.visiting import PUBLIC, Token
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.requests import services_of
from crm_api.platform.outreach.unsubscribing import page_of, unsubscribe

LONGEST_URL = 4_000
_PIXEL = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_SCOPES = frozenset(
    {
        *(f"{area}:read" for area in ("contacts", "consents", "suppressions")),
        *(f"{area}:write" for area in ("consents", "suppressions", "mailings")),
    }
)
_UNKEPT = {"Cache-Control": "no-store, private", "Referrer-Policy": "no-referrer"}
_PAGE: dict[int | str, dict[str, Any]] = {
    200: {"description": "A page.", "content": {"text/html": {"schema": {"type": "string"}}}}
}
_FIND = """
    SELECT s.contact_id, s.address, m.purpose, o.language, c.language AS own FROM mailing_sends s
    JOIN mailings m ON m.organization_id = s.organization_id AND m.id = s.mailing_id
    JOIN organizations o ON o.id = s.organization_id
    LEFT JOIN contacts c ON c.organization_id = s.organization_id AND c.id = s.contact_id
    WHERE s.organization_id = $1 AND s.id = $2
"""
# Not strict: mail programs add to addresses what they like.
public = APIRouter(prefix="/public/mailings", tags=["mailings"])


@public.get(
    "/unsubscribe/{token}",
    operation_id="askToUnsubscribeFromMailing",
    summary="The page of the link to unsubscribe",
    responses=_PAGE | problems(404, 422),
    openapi_extra=PUBLIC,
)
async def ask_to_unsubscribe(request: Request, token: Token) -> Response:
    """Asks first: mail programs open links by themselves."""
    tx, _, row = await _opened(request, token)
    del tx
    return _page(row, done=False)


@public.post(
    "/unsubscribe/{token}",
    operation_id="unsubscribeFromMailing",
    summary="Get no more mail for this purpose",
    responses=_PAGE | problems(404, 422),
    openapi_extra=PUBLIC,
)
async def unsubscribe_from(request: Request, token: Token) -> Response:
    """By one click (RFC 8058): the consent is withdrawn, and the address suppressed, at once."""
    tx, send_id, row = await _opened(request, token)
    async with unit_of_work(tx, services_of(request).ring):
        whom, purpose = row["contact_id"], row["purpose"]
        await unsubscribe(tx, whom, purpose, "unsubscribe link", address=row["address"])
        await happen(tx, [send_id], "unsubscribed")
    return _page(row, done=True)


@public.get(
    "/opens/{token}",
    operation_id="seeMailingOpened",
    summary="A picture by which it is known that a mail was opened",
    responses={200: {"description": "A picture of one dot.", "content": {"image/gif": {}}}},
    openapi_extra=PUBLIC,
)
async def opened(request: Request, token: str) -> Response:
    """The same picture, whoever asks and whatever the token is."""
    found = _read(request, "open", token)
    if found is not None and request.method == "GET":
        async with unit_of_work(_tx(request, found[0])) as tx:
            await hit(tx, found[1], "open", request.headers.get("user-agent"))
    return Response(_PIXEL, media_type="image/gif", headers=_UNKEPT)


@public.get(
    "/clicks/{token}",
    status_code=302,
    operation_id="followMailingLink",
    summary="Follow a link of a mail",
    responses={302: {"description": "Where the mail said."}} | problems(404, 422),
    response_class=Response,
    openapi_extra=PUBLIC,
)
async def followed(
    request: Request,
    token: Token,
    to: Annotated[str, Query(max_length=LONGEST_URL, description="As the mail has it.")],
) -> Response:
    """Only where the mail itself led: the token is signed for this address."""
    found = _read(request, "click", token, to)
    if found is None or urlsplit(to).scheme not in {"http", "https"}:
        raise NotFound("There is no such link in a mail.", code="unknown_link")
    if request.method == "GET":
        async with unit_of_work(_tx(request, found[0])) as tx:
            await hit(tx, found[1], "click", request.headers.get("user-agent"), to)
    return Response(status_code=302, headers={**_UNKEPT, "Location": to})


def _read(request: Request, purpose: str, token: str, about: str = "") -> Any:
    return Signer(services_of(request).database.signing_key, purpose).read(token, about)


def _tx(request: Request, organization_id: Any) -> Tx:
    actor = Actor(organization_id, "system", scopes=_SCOPES)
    request_id = request.scope.get("request_id")
    return Tx(services_of(request).database, actor, request_id=request_id)


async def _opened(request: Request, token: str) -> tuple[Tx, Any, Any]:
    found = _read(request, "unsubscribe", token)
    if found is None:
        raise NotFound("There is no such link.", code="unknown_link")
    organization_id, send_id = found
    tx = _tx(request, organization_id)
    rows = await tx.fetch(_FIND, organization_id, send_id)
    if not rows:
        raise NotFound("There is no such link.", code="unknown_link")
    return tx, send_id, rows[0]


def _page(row: Any, *, done: bool) -> Response:
    html = page_of(row["own"] or row["language"], row["purpose"], done=done)
    return HTMLResponse(html, headers=_UNKEPT)


ROUTERS = (public,)
