"""The token endpoint and its neighbours: RFC 6749, 7009, 7636 and 7662."""

import re
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import unquote_plus
from uuid import UUID

from crm_api.kit.actor import Actor
from crm_api.kit.db.database import Database
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import CrmError, Forbidden, Unauthenticated
from crm_api.kit.ids import new_id
from crm_api.kit.tokens import Opaque, keyed_hash, parse, same
from crm_api.platform.accounts import sessions as session_rows
from crm_api.platform.accounts.access import AccessTokens
from crm_api.platform.accounts.apps import CODE, SECRET
from crm_api.platform.accounts.repository import APP, vouches
from crm_api.platform.accounts.sessions import Member, Opening, Origin, Sessions
from crm_api.platform.accounts.signing import LIFETIME, wanted_scopes

Form = Mapping[str, str]
_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")
_USE = """
    UPDATE authorization_codes SET session_id = $3
    WHERE organization_id = $1 AND id = $2 AND session_id IS NULL RETURNING id
"""
_CODE = """
    SELECT app_id, user_id, account_id, account_epoch, methods, provider_id, scopes, redirect_uri,
           challenge, secret_hash, expires_at, session_id
    FROM authorization_codes WHERE organization_id = $1 AND id = $2
"""


class OAuthFailed(Exception):
    """A refusal in the words of RFC 6749."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error, self.description, self.status = error, description, status


@dataclass(frozen=True)
class Client:
    """An app that has said who it is."""

    id: UUID
    organization_id: UUID
    scopes: list[str]
    is_confidential: bool


class OAuth:
    """What apps ask for without a user."""

    def __init__(self, database: Database, sessions: Sessions, tokens: AccessTokens) -> None:
        self._database = database
        self._sessions = sessions
        self._signer = tokens.signer
        self._access = tokens

    async def token(self, form: Form, authorization: str | None, origin: Origin) -> dict[str, Any]:
        """Tokens by one of the grants; raises `OAuthFailed`."""
        client = await self._client(form, authorization)
        grant = form.get("grant_type")
        if grant == "authorization_code":
            return _shown(await self._by_code(client, form, origin))
        if grant == "refresh_token":
            text = _needed(form, "refresh_token")
            try:
                return _shown(await self._sessions.refresh(text, origin, client.id))
            except Unauthenticated as error:
                raise OAuthFailed("invalid_grant", error.detail) from None
        if grant == "client_credentials":
            return await self._for_itself(client, form)
        raise OAuthFailed("unsupported_grant_type", "There is no such grant here.")

    async def revoke(self, form: Form, authorization: str | None) -> None:
        """End the session that a token of the app belongs to; an unknown one is no error."""
        client = await self._client(form, authorization)
        found = await self._session_of(_needed(form, "token"), client)
        if found is not None:
            async with unit_of_work(Tx(self._database, _system(client))) as tx:
                await session_rows.end(tx, found, "revoked")

    async def introspect(self, form: Form, authorization: str | None) -> dict[str, Any]:
        """Whether a token of the app's organization is good, and what it says."""
        client = await self._client(form, authorization)
        if not client.is_confidential:
            raise OAuthFailed("unauthorized_client", "Public apps may not ask this.")
        text = _needed(form, "token")
        try:
            claims = await self._signer.check(text)
            if claims["org"] != str(client.organization_id):
                return {"active": False}
            await self._access.actor(text)
        except CrmError as error:
            if error.status >= 500:
                raise
            return await self._introspect_refresh(text, client)
        told = ("scope", "client_id", "sub", "exp", "iat", "iss", "aud", "jti")
        found = {name: claims[name] for name in told}
        return {"active": True, "token_type": "Bearer", **found}

    async def _introspect_refresh(self, text: str, client: Client) -> dict[str, Any]:
        session = await self._sessions.peek(text, client.organization_id)
        if session is None:
            return {"active": False}
        return {
            "active": True,
            "token_type": "refresh_token",
            "scope": " ".join(session["scopes"]),
            "client_id": str(session["client_id"] or "crm"),
            "sub": str(session["user_id"]),
            "exp": int(session["expires_at"].timestamp()),
            "iss": self._signer.issuer,
        }

    async def _session_of(self, text: str, client: Client) -> UUID | None:
        """The session behind a token, if it is one of the client's."""
        session = await self._sessions.peek(text, client.organization_id)
        if session is not None:
            return session["id"] if session["client_id"] == client.id else None
        try:
            claims = await self._signer.check(text)
        except Unauthenticated:
            return None
        own = claims["client_id"] == str(client.id) and "sid" in claims
        return UUID(claims["sid"]) if own else None

    async def _by_code(self, client: Client, form: Form, origin: Origin) -> dict[str, Any]:
        code = parse(_needed(form, "code"), CODE, 2)
        row = None if code is None else await self._code_row(client, code)
        if code is None or row is None or row["app_id"] != client.id:
            raise OAuthFailed("invalid_grant", "There is no such code.")
        if row["session_id"] is not None:
            await self._shown_again(client, row["session_id"])
        if row["redirect_uri"] != _needed(form, "redirect_uri"):
            raise OAuthFailed("invalid_grant", "The code was made for another redirect URI.")
        if not _answers(_needed(form, "code_verifier"), row["challenge"]):
            raise OAuthFailed("invalid_grant", "The verifier is not that of the challenge.")
        member = Member(
            client.organization_id, row["user_id"], row["account_id"], row["account_epoch"]
        )
        scopes, methods = decode(row["scopes"]), decode(row["methods"])
        provider_id: UUID | None = row["provider_id"]
        opening = Opening(member, methods, origin, tuple(scopes), client.id, provider_id)

        async def use(tx: Tx, session_id: UUID) -> None:
            if row["expires_at"] <= tx.now:
                raise OAuthFailed("invalid_grant", "The code has expired.")
            if provider_id is not None and not await vouches(tx, provider_id):
                raise OAuthFailed("invalid_grant", "The user's session has ended.")
            if not await tx.write(_USE, tx.organization_id, code.ids[1], session_id):
                raise OAuthFailed("invalid_grant", "The code was used already.")

        try:
            return await self._sessions.open(opening, use)
        except Forbidden as error:
            raise OAuthFailed("invalid_grant", error.detail) from None

    async def _code_row(self, client: Client, code: Opaque) -> Any:
        organization_id, id = code.ids
        if organization_id != client.organization_id:
            return None
        rows = await self._database.fetch(organization_id, _CODE, (organization_id, id))
        hashed = keyed_hash(self._database.signing_key, CODE, code.secret)
        return rows[0] if rows and same(rows[0]["secret_hash"], hashed) else None

    async def _shown_again(self, client: Client, session_id: UUID) -> None:
        async with unit_of_work(Tx(self._database, _system(client))) as tx:
            await session_rows.end(tx, session_id, "code_reused")
        message = "The code was used already; what came of it has ended."
        raise OAuthFailed("invalid_grant", message)

    async def _for_itself(self, client: Client, form: Form) -> dict[str, Any]:
        if not client.is_confidential:
            raise OAuthFailed("unauthorized_client", "Public apps work in users' names alone.")
        scopes = wanted_scopes(form.get("scope"), client.scopes)
        if scopes is None:
            raise OAuthFailed("invalid_scope", "The app may not ask for this scope.")
        claims = {
            "sub": str(client.id),
            "org": str(client.organization_id),
            "jti": str(new_id()),
            "client_id": str(client.id),
            "scope": " ".join(scopes),
        }
        return {
            "access_token": await self._signer.sign(claims),
            "token_type": "Bearer",
            "expires_in": int(LIFETIME.total_seconds()),
            "scope": claims["scope"],
        }

    async def _client(self, form: Form, authorization: str | None) -> Client:
        """The app, by the header, by the form, or by its id alone where it is a public one."""
        named, secret = _credentials(form, authorization)
        status = 401 if authorization is not None else 400
        wrong = OAuthFailed("invalid_client", "The app or its secret is not known.", status)
        try:
            id = UUID(named)
        except ValueError:
            raise wrong from None
        rows = await self._database.ask(APP, id)
        stored: str | None = rows[0]["secret_hash"] if rows else None
        if not rows or (stored is None) != (secret is None):
            raise wrong
        if secret is not None and stored is not None:
            hashed = keyed_hash(self._database.signing_key, SECRET, secret)
            if not same(stored, hashed):
                raise wrong
        row = rows[0]
        return Client(id, row["organization_id"], decode(row["scopes"]), row["is_confidential"])


def _system(client: Client) -> Actor:
    return Actor(client.organization_id, "app", client.id)


def _shown(tokens: dict[str, Any]) -> dict[str, Any]:
    told = ("access_token", "token_type", "expires_in", "scope", "refresh_token")
    return {name: tokens[name] for name in told}


def _needed(form: Form, name: str) -> str:
    value = form.get(name)
    if not value:
        raise OAuthFailed("invalid_request", f"Send `{name}`.")
    return value


def _answers(verifier: str, challenge: str) -> bool:
    if not _VERIFIER.fullmatch(verifier):
        return False
    digest = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=")
    return same(digest.decode(), challenge)


def _credentials(form: Form, authorization: str | None) -> tuple[str, str | None]:
    if authorization is None:
        return _needed(form, "client_id"), form.get("client_secret") or None
    if "client_secret" in form:
        raise OAuthFailed("invalid_request", "Say who the app is in one way only.")
    scheme, _, encoded = authorization.partition(" ")
    try:
        if scheme.lower() != "basic":
            raise ValueError(scheme)
        name, colon, secret = b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        raise OAuthFailed("invalid_client", "Send `Authorization: Basic …`.", 401) from None
    if not colon or form.get("client_id", unquote_plus(name)) != unquote_plus(name):
        raise OAuthFailed("invalid_client", "The header and the form name different apps.", 401)
    return unquote_plus(name), unquote_plus(secret) or None
