"""Providers of OpenID Connect: what they publish, and the ID tokens that they sign."""

import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote_plus, urlencode
from uuid import UUID

import structlog
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from msgspec import DecodeError

from crm_api.kit import clock
from crm_api.kit.db.json import decode
from crm_api.kit.errors import CrmError, Unauthenticated, Unavailable
from crm_api.kit.outbound.client import NotSent, Outbound

log = structlog.get_logger("crm_api.accounts.openid")

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""Signatures by a key that the provider alone has: neither `none` nor a shared secret."""
_REMEMBERED_S = 600.0
_AWAY_S = 5.0
_SKEW_S = 60
_MOST = 1_000
_LONGEST_TOKEN = 16_384
_LONGEST_ANSWER = 262_144
_LONGEST_SUBJECT = 255
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True)
class Provider:
    """A provider as an organization has set it up."""

    id: UUID
    issuer: str
    client_id: str
    client_secret: str | None


@dataclass(frozen=True)
class Exchange:
    """What an authorization code is redeemed with."""

    code: str
    verifier: str
    redirect_uri: str


@dataclass
class _Published:
    metadata: dict[str, Any]
    keys: KeySet | None
    until: float


class OpenId:
    """Asks providers, and remembers for ten minutes what they publish."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound
        self._known: dict[str, _Published] = {}
        self._away: dict[str, float] = {}

    async def metadata(self, issuer: str) -> Mapping[str, Any]:
        """Where the provider's endpoints are (OpenID Connect Discovery 1.0)."""
        return (await self._published(issuer)).metadata

    async def identify(self, provider: Provider, exchange: Exchange, nonce: str) -> dict[str, Any]:
        """The claims of the ID token that a code stands for; raises `Unauthenticated`."""
        metadata = await self.metadata(provider.issuer)
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "accept": "application/json",
        }
        form = {
            "grant_type": "authorization_code",
            "code": exchange.code,
            "redirect_uri": exchange.redirect_uri,
            "code_verifier": exchange.verifier,
        }
        _say_who(provider, metadata, headers, form)
        found = await self._json(
            "POST", metadata["token_endpoint"], headers=headers, body=urlencode(form).encode()
        )
        token = found.get("id_token")
        if not isinstance(token, str) or not 0 < len(token) <= _LONGEST_TOKEN:
            raise _refused("The provider has sent no ID token.")
        return await self._checked(provider, token, nonce)

    async def _checked(self, provider: Provider, token: str, nonce: str) -> dict[str, Any]:
        claims = await self._verified(provider.issuer, token)
        if claims.get("iss") != provider.issuer:
            raise _refused("The ID token is of another issuer.")
        audience = claims.get("aud")
        audiences = cast("list[Any]", audience if isinstance(audience, list) else [audience])
        if provider.client_id not in audiences:
            raise _refused("The ID token is for somebody else.")
        if claims.get("azp", provider.client_id) != provider.client_id or (
            len(audiences) > 1 and "azp" not in claims
        ):
            raise _refused("The ID token was asked for by somebody else.")
        _check_times(claims)
        if claims.get("nonce") != nonce:
            raise _refused("The ID token is of another login.")
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT:
            raise _refused("The ID token names nobody.")
        if "\0" in subject or not subject.isprintable():
            raise _refused("The ID token names nobody.")
        return claims

    async def _verified(self, issuer: str, token: str) -> dict[str, Any]:
        keys = await self._keys(issuer)
        try:
            try:
                return _decoded(token, keys)
            except InvalidKeyIdError:
                # The provider may have changed its keys since.
                return _decoded(token, await self._keys(issuer, anew=True))
        except (JoseError, ValueError, TypeError, AttributeError, KeyError) as error:
            log.info("ID token refused", issuer=issuer, reason=type(error).__name__)
            raise _refused("The signature of the ID token is not good.") from None

    async def _keys(self, issuer: str, *, anew: bool = False) -> KeySet:
        published = await self._published(issuer)
        if published.keys is None or anew:
            found = await self._json("GET", published.metadata["jwks_uri"])
            published.keys = _public_keys(found)
        return published.keys

    async def _published(self, issuer: str) -> _Published:
        known = self._known.get(issuer)
        if known is not None and time.monotonic() < known.until:
            return known
        if time.monotonic() < self._away.get(issuer, 0.0):
            raise _unavailable("The provider does not answer.")
        try:
            made = await self._discovered(issuer)
        except Unavailable:
            # Anybody may begin a login, so a provider that is away is not asked each time.
            if len(self._away) >= _MOST:
                self._away.clear()
            self._away[issuer] = time.monotonic() + _AWAY_S
            raise
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[issuer] = made
        return made

    async def _discovered(self, issuer: str) -> _Published:
        place = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        metadata = await self._json("GET", place)
        if metadata.get("issuer") != issuer:
            raise _unavailable("The provider calls itself by another issuer.")
        for name in _ENDPOINTS:
            try:
                self._outbound.check(str(metadata.get(name)))
            except ValueError:
                message = f"The provider publishes no {name} that can be asked."
                raise _unavailable(message) from None
        return _Published(metadata, None, time.monotonic() + _REMEMBERED_S)

    async def _json(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> dict[str, Any]:
        try:
            answer = await self._outbound.ask(
                method, url, headers=headers, body=body, most=_LONGEST_ANSWER, whole=True
            )
            found = decode(answer.body)
        except (NotSent, DecodeError) as error:
            log.warning("no answer of a provider", url=url, reason=str(error))
            raise _unavailable("The provider does not answer.") from None
        if not isinstance(found, dict):
            raise _unavailable("The provider answers by something else.")
        if answer.status >= 400 and method == "POST":
            log.info("code refused", url=url, status=answer.status)
            raise _refused("The provider does not take the code.")
        if answer.status != 200:
            raise _unavailable("The provider does not answer.")
        return cast("dict[str, Any]", found)


def _say_who(
    provider: Provider,
    metadata: Mapping[str, Any],
    headers: dict[str, str],
    form: dict[str, str],
) -> None:
    """By the first of the ways that the provider takes (RFC 6749, 2.3.1)."""
    if provider.client_secret is None:
        form["client_id"] = provider.client_id
        return
    ways = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    if "client_secret_basic" in ways:
        pair = f"{quote_plus(provider.client_id)}:{quote_plus(provider.client_secret)}"
        headers["authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        return
    form |= {"client_id": provider.client_id, "client_secret": provider.client_secret}


def _decoded(token: str, keys: KeySet) -> dict[str, Any]:
    return dict(jwt.decode(token, keys, algorithms=list(ALGORITHMS)).claims)


def _public_keys(found: Mapping[str, Any]) -> KeySet:
    try:
        published = [
            key
            for key in found["keys"]
            if key.get("kty") in {"RSA", "EC"} and key.get("use", "sig") == "sig"
        ]
        return KeySet.import_key_set({"keys": published})
    except (JoseError, ValueError, TypeError, AttributeError, KeyError):
        raise _unavailable("The provider publishes no keys that can be read.") from None


def _check_times(claims: Mapping[str, Any]) -> None:
    now = clock.now().timestamp()
    expires, issued = claims.get("exp"), claims.get("iat")
    if not isinstance(expires, int | float) or expires <= now - _SKEW_S:
        raise _refused("The ID token has expired.")
    if not isinstance(issued, int | float) or issued > now + _SKEW_S:
        raise _refused("The ID token is of a time to come.")
    begins = claims.get("nbf", issued)
    if not isinstance(begins, int | float) or begins > now + _SKEW_S:
        raise _refused("The ID token is of a time to come.")


def _refused(detail: str) -> CrmError:
    return Unauthenticated(detail, code="outside_login_refused")


def _unavailable(detail: str) -> CrmError:
    return Unavailable(detail, code="provider_unavailable", retry_after_s=5)
