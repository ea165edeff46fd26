"""OAuth over REST, in the forms that its standards have."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from urllib.parse import parse_qsl
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from crm_api.kit.errors import Invalid, NotFound, Unsupported
from crm_api.kit.rest import answers
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id
from crm_api.kit.rest.requests import Writing, authorization_of, services_of
from crm_api.kit.rest.router import crud_router, new_router
from crm_api.platform.accounts.apps import AppService, ConsentService, with_query
from crm_api.platform.accounts.oauth import OAuthFailed
from crm_api.platform.accounts.repository import app_known_as
from crm_api.platform.accounts.rest import PUBLIC, accounts_of, origin_of
from crm_api.platform.accounts.schemas import (
    AppConsentInput,
    AppConsentOut,
    AppMade,
    IntrospectionOut,
    OAuthErrorOut,
    OAuthTokensOut,
    SecretOut,
    ServerMetadataOut,
)

apps = crud_router(AppService, made=AppMade)
consents = new_router("login", "oauth")
# Not strict: what these endpoints do not know they ignore, as their standards want it.
oauth = APIRouter(prefix="/oauth", tags=["login"])
metadata = APIRouter(prefix="/.well-known", tags=["login"])

GRANTS = ["authorization_code", "refresh_token", "client_credentials"]
_FORM = "application/x-www-form-urlencoded"
_REFUSED: dict[int | str, dict[str, Any]] = {
    400: {"model": OAuthErrorOut, "description": "Refused, in the words of RFC 6749."},
    401: {"model": OAuthErrorOut, "description": "The app is not known."},
}


def _form(*names: str, example: dict[str, str]) -> dict[str, Any]:
    schema = {
        "type": "object",
        "required": list(names),
        "additionalProperties": {"type": "string"},
        "properties": {name: {"type": "string"} for name in example},
    }
    content = {_FORM: {"schema": schema, "example": example}}
    return {**PUBLIC, "requestBody": {"required": True, "content": content}}


@apps.post(
    "/{id}/rotate-secret",
    operation_id="rotateAppSecret",
    summary="Give an app another secret",
    responses={200: {"model": SecretOut}, **problems(403, 404, 409, 422)},
)
async def rotate_app_secret(id: Id, tx: Writing) -> Response:
    """The answer holds it this once; the former one opens nothing any more."""
    return answers.plain(await AppService(tx).rotate_secret(id), headers=answers.UNKEPT)


@consents.post(
    "/consents",
    operation_id="allowApp",
    summary="Let an app work in one's name",
    responses={200: {"model": AppConsentOut}, **problems(400, 403, 404, 409, 415, 422)},
)
async def allow_app(request: Request, tx: Writing, body: AppConsentInput) -> Response:
    """For the page at `CRM_CONSENT_URL`: a dry run shows what is asked for, the run allows it.

    The browser then goes to `redirect_to`, which holds a code for the app.
    """
    issuer = accounts_of(request).signer.issuer
    return answers.plain(await ConsentService(tx).allow(body, issuer), headers=answers.UNKEPT)


@oauth.get(
    "/authorize",
    status_code=303,
    response_class=Response,
    operation_id="authorizeApp",
    summary="The authorization endpoint",
    responses={303: {"description": "On to the page that asks the user."}, **problems(404, 422)},
    openapi_extra=PUBLIC,
)
async def authorize_app(
    request: Request,
    client_id: Annotated[UUID, Query()],
    redirect_uri: Annotated[str, Query(max_length=500)],
) -> Response:
    """Authorization code with PKCE (S256); the user is asked at `CRM_CONSENT_URL`."""
    services: Any = services_of(request)
    page = services.settings.consent_url
    if page is None:
        raise NotFound("There is no page that asks users here.", code="no_consent_page")
    app = await app_known_as(services.database, client_id)
    if app is None:
        raise NotFound(f"There is no app with the id {client_id}.")
    if redirect_uri not in app:
        message = "The app has not registered this redirect URI."
        raise Invalid.parameter("redirect_uri", "unknown_redirect_uri", message)
    target = with_query(page, dict(request.query_params))
    return Response(status_code=303, headers={"Location": target, "Cache-Control": "no-store"})


@oauth.post(
    "/token",
    operation_id="getToken",
    summary="The token endpoint",
    responses={200: {"model": OAuthTokensOut}, **problems(415), **_REFUSED},
    openapi_extra=_form(
        "grant_type", example={"grant_type": "client_credentials", "scope": "contacts:read"}
    ),
)
async def get_token(request: Request) -> Response:
    """Grants: `authorization_code` with PKCE, `refresh_token`, `client_credentials`."""
    server, origin = accounts_of(request).oauth, origin_of(request)
    return await _answered(request, lambda form, auth: server.token(form, auth, origin))


@oauth.post(
    "/revoke",
    response_class=Response,
    operation_id="revokeToken",
    summary="End what a token opens",
    responses={200: {"description": "It opens nothing any more."}, **problems(415), **_REFUSED},
    openapi_extra=_form("token", example={"token": "crm_refresh_…"}),
)
async def revoke_token(request: Request) -> Response:
    """RFC 7009: the session of the token ends; an unknown token is no mistake."""
    return await _answered(request, accounts_of(request).oauth.revoke)


@oauth.post(
    "/introspect",
    operation_id="introspectToken",
    summary="What a token says, and whether it is good",
    responses={200: {"model": IntrospectionOut}, **problems(415), **_REFUSED},
    openapi_extra=_form("token", example={"token": "eyJ…"}),
)
async def introspect_token(request: Request) -> Response:
    """RFC 7662, for confidential apps and tokens of their organization."""
    return await _answered(request, accounts_of(request).oauth.introspect)


@metadata.get(
    "/oauth-authorization-server",
    operation_id="getServerMetadata",
    summary="Where the endpoints of OAuth are",
    responses={200: {"model": ServerMetadataOut}},
    openapi_extra=PUBLIC,
)
async def server_metadata(request: Request) -> Response:
    """RFC 8414."""
    issuer = accounts_of(request).signer.issuer
    found = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "introspection_endpoint": f"{issuer}/oauth/introspect",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "response_types_supported": ["code"],
        "grant_types_supported": GRANTS,
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": [
            "client_secret_basic",
            "client_secret_post",
            "none",
        ],
        "authorization_response_iss_parameter_supported": True,
    }
    return answers.plain(found, headers={"Cache-Control": "public, max-age=600"})


async def _answered(
    request: Request, ask: Callable[[dict[str, str], str | None], Awaitable[Any]]
) -> Response:
    try:
        form = await _form_of(request)
        return answers.plain(
            await ask(form, authorization_of(request.scope)), headers=answers.UNKEPT
        )
    except OAuthFailed as error:
        headers = dict(answers.UNKEPT)
        if error.status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="crm"'
        shown = {"error": error.error, "error_description": error.description}
        return answers.plain(shown, status=error.status, headers=headers)


async def _form_of(request: Request) -> dict[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _FORM:
        raise Unsupported(f"Send the body as {_FORM}.", headers={"Accept-Post": _FORM})
    try:
        pairs = parse_qsl(
            (await request.body()).decode(),
            keep_blank_values=True,
            max_num_fields=30,
            errors="strict",
        )
    except ValueError:
        raise OAuthFailed("invalid_request", "The form cannot be read.") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise OAuthFailed("invalid_request", "A parameter stands twice.")
    if any("\0" in text for pair in pairs for text in pair):
        raise OAuthFailed("invalid_request", "The form holds control characters.")
    return found
