"""Logging in, sessions and one's own account over REST."""

from typing import Any, cast

from fastapi import APIRouter, Request, Response

from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id
from crm_api.kit.rest.requests import Reading, StrictRoute, Writing, services_of
from crm_api.kit.rest.router import new_router
from crm_api.platform.accounts.accounts import Accounts
from crm_api.platform.accounts.address import AddressService
from crm_api.platform.accounts.login import Claim
from crm_api.platform.accounts.schemas import (
    AcceptInput,
    CodeInput,
    EmailChange,
    EmailConfirmation,
    FactorInput,
    ForgottenInput,
    JoinedOut,
    KeySetOut,
    LoginInput,
    MeOut,
    PasswordChange,
    PasswordInput,
    PasswordReset,
    RecoveryCodesOut,
    RefreshInput,
    ResetOut,
    SessionOut,
    SwitchInput,
    TokensOut,
    TotpOut,
)
from crm_api.platform.accounts.service import MemberAccountService, MeService
from crm_api.platform.accounts.sessions import Origin

login = new_router("login", "auth")
me = new_router("me", "me")
members = new_router("users", "users")
well_known = APIRouter(prefix="/.well-known", tags=["login"], route_class=StrictRoute)

PUBLIC: dict[str, Any] = {"security": []}
TOKENS: dict[int | str, dict[str, Any]] = {200: {"model": TokensOut}}


def accounts_of(request: Request) -> Accounts:
    """What the process keeps for people who log in."""
    return cast("Any", services_of(request)).accounts


def origin_of(request: Request) -> Origin:
    """Where a request comes from."""
    client = request.client
    return Origin(
        None if client is None else client.host,
        request.headers.get("user-agent"),
        request.scope.get("request_id"),
    )


def _secret(found: Any) -> Response:
    return answers.plain(found, headers=answers.UNKEPT)


@login.post(
    "/login",
    operation_id="logIn",
    summary="Log in by password",
    responses=TOKENS | problems(400, 403, 409, 415, 422, 429),
    openapi_extra=PUBLIC,
)
async def log_in(request: Request, body: LoginInput) -> Response:
    """Tokens of a new session.

    A wrong password and an unknown address are told alike (401 `wrong_credentials`); after five
    failures one has to wait (429). Whoever has a second factor sends a `code` as well (401
    `second_factor_needed`, `wrong_code`). Whoever belongs to several organizations says which, or gets
    the list of them (409 `organization_needed`).
    """
    claim = Claim(body.email, body.password, body.code)
    logins, origin = accounts_of(request).logins, origin_of(request)
    return _secret(await logins.login(claim, body.organization_id, origin))


@login.post(
    "/refresh",
    operation_id="refreshSession",
    summary="Get the next tokens of a session",
    responses=TOKENS | problems(400, 415, 422),
    openapi_extra=PUBLIC,
)
async def refresh_session(request: Request, body: RefreshInput) -> Response:
    """The refresh token is used up; within ten seconds it gives the same successor once more.

    Used later again, it ends the session (401 `refresh_token_reused`).
    """
    sessions = accounts_of(request).sessions
    return _secret(await sessions.refresh(body.refresh_token, origin_of(request)))


@login.post(
    "/switch",
    operation_id="switchOrganization",
    summary="Work in another organization",
    responses=TOKENS | problems(400, 403, 415, 422),
)
async def switch_organization(request: Request, tx: Reading, body: SwitchInput) -> Response:
    """Tokens of a new session there; the present one goes on."""
    opening = await MeService(tx).opening(body.organization_id, origin_of(request))
    return _secret(await accounts_of(request).sessions.open(opening))


@login.post(
    "/logout",
    status_code=204,
    operation_id="logOut",
    summary="End the session of the request",
    responses=problems(403, 422),
)
async def log_out(tx: Writing) -> Response:
    """Its tokens open nothing a second later."""
    await MeService(tx).log_out()
    return Response(status_code=204)


@login.post(
    "/accept-invitation",
    operation_id="acceptInvitation",
    summary="Join an organization",
    responses={200: {"model": JoinedOut}, **problems(400, 409, 415, 422, 429)},
    openapi_extra=PUBLIC,
)
async def accept_invitation(request: Request, body: AcceptInput) -> Response:
    """With a new account, or with the one that the address has already."""
    logins = accounts_of(request).logins
    return answers.plain(
        await logins.accept(body.token, body.password, body.code, origin_of(request))
    )


@login.post(
    "/forgot-password",
    status_code=204,
    operation_id="forgotPassword",
    summary="Be sent a token that sets a password",
    responses=problems(400, 415, 422, 429),
    openapi_extra=PUBLIC,
)
async def forgot_password(request: Request, body: ForgottenInput) -> Response:
    """Says the same whether the address has an account or not; an earlier token sets nothing."""
    await accounts_of(request).logins.forgot(body.email, origin_of(request), body.invitation)
    return Response(status_code=204)


@login.post(
    "/reset-password",
    status_code=204,
    operation_id="resetPassword",
    summary="Set a forgotten password",
    responses=problems(400, 415, 422),
    openapi_extra=PUBLIC,
)
async def reset_password(request: Request, body: PasswordReset) -> Response:
    """By a token that was handed out for it; all sessions of the account end."""
    await accounts_of(request).logins.reset(
        body.token, body.new_password, request.scope.get("request_id")
    )
    return Response(status_code=204)


@login.post(
    "/confirm-email",
    status_code=204,
    operation_id="confirmEmailChange",
    summary="Log in by a new address from now on",
    responses=problems(400, 409, 415, 422),
    openapi_extra=PUBLIC,
)
async def confirm_email_change(request: Request, body: EmailConfirmation) -> Response:
    """By the token of the letter; every session of the account ends but the one that asked.

    409 `email_taken` where the address opens another account by now.
    """
    addresses = accounts_of(request).addresses
    await addresses.confirm(body.token, request.scope.get("request_id"))
    return Response(status_code=204)


@me.get(
    "",
    operation_id="getMe",
    summary="Who asks",
    responses={200: {"model": MeOut}, **problems()},
)
async def read_me(tx: Reading) -> Response:
    """The actor of the credential, and the account where it is a person."""
    return answers.plain(await MeService(tx).me())


@me.post(
    "/password",
    status_code=204,
    operation_id="changePassword",
    summary="Change one's password",
    responses=problems(400, 403, 409, 415, 422, 429),
)
async def change_password(tx: Writing, body: PasswordChange) -> Response:
    """Every session but this one ends, in all organizations."""
    await MeService(tx).change_password(body.current_password, body.new_password)
    return Response(status_code=204)


@me.post(
    "/email",
    status_code=204,
    operation_id="beginEmailChange",
    summary="Ask for another address to log in with",
    responses=problems(400, 403, 409, 415, 422, 429),
)
async def begin_email_change(tx: Writing, body: EmailChange) -> Response:
    """A letter to it holds the token that confirms it within an hour; the present one is told.

    Says the same whether the new address has an account or not; an earlier token changes nothing.
    What organizations know their members by stays.
    """
    await AddressService(tx).begin(body)
    return Response(status_code=204)


@me.get(
    "/sessions",
    operation_id="listSessions",
    summary="One's own sessions",
    responses={200: {"model": list[SessionOut]}, **problems(403)},
)
async def list_sessions(tx: Reading) -> Response:
    """Those that are open in this organization, newest first; at most fifty."""
    return answers.plain(await MeService(tx).sessions())


@me.delete(
    "/sessions/{id}",
    status_code=204,
    operation_id="endSession",
    summary="Log out of a session",
    responses=problems(403, 404, 422),
)
async def end_session(id: Id, tx: Writing) -> Response:
    """Its tokens open nothing a second later."""
    await MeService(tx).end_session(id)
    return Response(status_code=204)


@me.delete(
    "/sessions",
    status_code=204,
    operation_id="endOtherSessions",
    summary="Log out everywhere else",
    responses=problems(403, 422),
)
async def end_other_sessions(tx: Writing) -> Response:
    """Of all sessions in this organization only that of the request goes on."""
    await MeService(tx).end_other_sessions()
    return Response(status_code=204)


_CODES: dict[int | str, dict[str, Any]] = {200: {"model": RecoveryCodesOut}}


@me.post(
    "/totp",
    operation_id="beginTotp",
    summary="Set an authenticator up",
    responses={200: {"model": TotpOut}, **problems(400, 403, 409, 415, 422, 429)},
)
async def begin_totp(tx: Writing, body: PasswordInput) -> Response:
    """It counts once a code of it is confirmed."""
    return _secret(await MeService(tx).begin_totp(body.password))


@me.post(
    "/totp/confirm",
    operation_id="confirmTotp",
    summary="Log in by codes from now on",
    responses=_CODES | problems(400, 403, 409, 415, 422, 429),
)
async def confirm_totp(tx: Writing, body: CodeInput) -> Response:
    """The answer holds the recovery codes this once."""
    return _secret({"codes": await MeService(tx).confirm_totp(body.code)})


@me.post(
    "/totp/remove",
    status_code=204,
    operation_id="removeTotp",
    summary="Log in by password alone again",
    responses=problems(400, 403, 409, 415, 422, 429),
)
async def remove_totp(tx: Writing, body: FactorInput) -> Response:
    """The authenticator and the recovery codes open nothing any more."""
    await MeService(tx).end_totp(body.password, body.code)
    return Response(status_code=204)


@me.post(
    "/recovery-codes",
    operation_id="renewRecoveryCodes",
    summary="Get other recovery codes",
    responses=_CODES | problems(400, 403, 409, 415, 422, 429),
)
async def renew_recovery_codes(tx: Writing, body: FactorInput) -> Response:
    """The former ones open nothing any more."""
    return _secret({"codes": await MeService(tx).new_recovery_codes(body.password, body.code)})


@members.post(
    "/{id}/reset-second-factor",
    status_code=204,
    operation_id="resetSecondFactor",
    summary="Let a member who has lost the authenticator in by password",
    responses=problems(403, 404, 409, 422),
)
async def reset_second_factor(id: Id, tx: Writing) -> Response:
    """Only for members of this organization alone (409 `shared_account`)."""
    await MemberAccountService(tx).reset_second_factor(id)
    return Response(status_code=204)


@members.post(
    "/{id}/reset-password",
    operation_id="beginPasswordReset",
    summary="Have a member set a new password",
    responses={200: {"model": ResetOut}, **problems(403, 404, 409, 422)},
)
async def begin_password_reset(id: Id, tx: Writing) -> Response:
    """The answer holds the token this once.

    Only for members of this organization alone (409 `shared_account`).
    """
    return _secret(await MemberAccountService(tx).begin_reset(id))


@well_known.get(
    "/jwks.json",
    operation_id="getSigningKeys",
    summary="The keys that sign access tokens",
    responses={200: {"model": KeySetOut}},
    openapi_extra=PUBLIC,
)
async def signing_keys(request: Request) -> Response:
    """For services that check access tokens themselves; a new key is listed an hour ahead."""
    found = await accounts_of(request).signer.published()
    return answers.plain(found, headers={"Cache-Control": "public, max-age=600"})
