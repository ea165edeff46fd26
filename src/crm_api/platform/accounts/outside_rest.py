"""Logins by outside providers over REST."""

from fastapi import Request, Response

from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id
from crm_api.kit.rest.requests import Reading, Writing
from crm_api.kit.rest.router import crud_router
from crm_api.platform.accounts.outside_schemas import (
    LinkBegin,
    OutsideBegin,
    OutsideBegunOut,
    OutsideFinish,
    OutsideLoginOut,
)
from crm_api.platform.accounts.providers import IdentityProviderService
from crm_api.platform.accounts.rest import PUBLIC, TOKENS, accounts_of, login, me, origin_of
from crm_api.platform.accounts.service import MeService

identity_providers = crud_router(IdentityProviderService)


@login.post(
    "/outside",
    operation_id="beginOutsideLogin",
    summary="Log in by an outside provider",
    responses={200: {"model": OutsideBegunOut}, **problems(400, 415, 422)},
    openapi_extra=PUBLIC,
)
async def begin_outside_login(request: Request, body: OutsideBegin) -> Response:
    """Send the browser to `authorization_url`, and keep `flow` in the page.

    Within ten minutes the provider sends the browser back to `redirect_uri`.
    """
    found = await accounts_of(request).outside.begin(body)
    return answers.plain(found, headers=answers.UNKEPT)


@login.post(
    "/outside/finish",
    operation_id="finishOutsideLogin",
    summary="Log in by what an outside provider has sent back",
    responses=TOKENS | problems(400, 403, 409, 415, 422, 429),
    openapi_extra=PUBLIC,
)
async def finish_outside_login(request: Request, body: OutsideFinish) -> Response:
    """Tokens of a new session, good for the organization that the provider belongs to.

    Whoever is not known by this login yet joins by an invitation, or because the organization
    admits its domain, each by a verified address (403 `unknown_login`, `unverified_email`,
    `domain_not_allowed`). An account that exists has to be linked by its holder (409
    `link_needed`).
    """
    outside = accounts_of(request).outside
    found = await outside.finish(body, origin_of(request))
    return answers.plain(found, headers=answers.UNKEPT)


@me.get(
    "/outside-logins",
    operation_id="listOutsideLogins",
    summary="The outside logins that open one's account",
    responses={200: {"model": list[OutsideLoginOut]}, **problems(403)},
)
async def list_outside_logins(tx: Reading) -> Response:
    """Those of this organization, oldest first."""
    return answers.plain(await MeService(tx).outside_logins())


@me.post(
    "/outside-logins",
    operation_id="beginLinkingLogin",
    summary="Link an outside login to one's account",
    responses={200: {"model": OutsideBegunOut}, **problems(400, 403, 415, 422)},
)
async def begin_linking_login(request: Request, tx: Reading, body: LinkBegin) -> Response:
    """Goes on like a login, and is finished by the same user."""
    await MeService(tx).account()
    assert tx.actor.id is not None
    outside = accounts_of(request).outside
    found = await outside.begin_link(tx.organization_id, tx.actor.id, body)
    return answers.plain(found, headers=answers.UNKEPT)


@me.post(
    "/outside-logins/finish",
    status_code=204,
    operation_id="finishLinkingLogin",
    summary="Link the outside login that has come back",
    responses=problems(400, 403, 409, 415, 422),
)
async def finish_linking_login(request: Request, tx: Reading, body: OutsideFinish) -> Response:
    """From now on it opens the account."""
    await MeService(tx).account()
    assert tx.actor.id is not None
    outside = accounts_of(request).outside
    await outside.finish_link(tx.organization_id, tx.actor.id, body, origin_of(request))
    return Response(status_code=204)


@me.delete(
    "/outside-logins/{id}",
    status_code=204,
    operation_id="removeOutsideLogin",
    summary="Have an outside login open nothing any more",
    responses=problems(403, 404, 422),
)
async def remove_outside_login(id: Id, tx: Writing) -> Response:
    """Its sessions go on; end them at `/v1/me/sessions`."""
    await MeService(tx).remove_outside_login(id)
    return Response(status_code=204)
