"""Access tokens as signed texts: JWT by ES256 as RFC 9068 has them, and the keys that sign them."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from crm_api.kit import clock
from crm_api.kit.actor import Actor
from crm_api.kit.db.database import Database
from crm_api.kit.db.json import decode, encode
from crm_api.kit.errors import Unauthenticated
from crm_api.kit.secrets import Place

ALGORITHM, TYPE = "ES256", "at+jwt"
LIFETIME = timedelta(minutes=10)
SIGNS_FOR = timedelta(days=90)
ANNOUNCED_FOR = timedelta(hours=1)
"""How long others may have the list of keys: a new key signs only when they have seen it."""
_REMEMBERED_S = 60.0
_LOOK_AGAIN_S = 1.0
_PURPOSE = "access"
_REQUIRED = ("iss", "aud", "sub", "exp", "iat", "jti", "org", "client_id")
_LONGEST = 4096
_SELECT = "SELECT id, private, public, created_at FROM signing_keys ORDER BY created_at DESC, id"
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('signing_keys'))"
_INSERT = """
    INSERT INTO signing_keys (id, purpose, private, public, created_at)
    VALUES ($1, $2, $3, $4::jsonb, $5)
"""
_DELETE = "DELETE FROM signing_keys WHERE id = ANY($1)"


@dataclass(frozen=True)
class _Known:
    id: str
    key: ECKey
    public: Mapping[str, Any]
    created_at: datetime


class Signer:
    """Signs and checks access tokens; makes a new key in time, and drops what is not needed."""

    def __init__(self, database: Database, issuer: str) -> None:
        self.issuer = issuer
        self._database = database
        self._keys: dict[str, _Known] = {}
        self._read_at = float("-inf")

    async def sign(self, claims: Mapping[str, Any]) -> str:
        """A token with these claims, from now on for ten minutes."""
        key = _signing(list((await self._known()).values()))
        now = int(clock.now().timestamp())
        stamps = {"iss": self.issuer, "aud": self.issuer, "iat": now}
        whole = {**stamps, "exp": now + int(LIFETIME.total_seconds()), **claims}
        header = {"alg": ALGORITHM, "typ": TYPE, "kid": key.id}
        return jwt.encode(header, whole, key.key, algorithms=[ALGORITHM])

    async def check(self, text: str) -> dict[str, Any]:
        """The claims of a good token and the `kid` of its key; raises `Unauthenticated`."""
        header = _header(text)
        if header.get("alg") != ALGORITHM:
            raise _refused("wrong_algorithm", f"Access tokens are signed by {ALGORITHM}.")
        if str(header.get("typ", "")).lower().removeprefix("application/") != TYPE:
            raise _refused("wrong_token_type", f"The type of an access token is {TYPE}.")
        key = await self._named(header.get("kid"))
        try:
            claims = jwt.decode(text, key.key, algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError):
            raise _refused("bad_signature", "The signature is not that of the token.") from None
        self._check_claims(claims)
        return {**claims, "kid": key.id}

    async def knows(self, key_id: str) -> bool:
        """Whether a key is still trusted."""
        return key_id in await self._known()

    async def published(self) -> dict[str, Any]:
        """The keys by which others check tokens (RFC 7517)."""
        return {"keys": [known.public for known in (await self._known()).values()]}

    async def rotate(self, *, revoke: bool) -> str:
        """Make a key; with `revoke` tokens of the others are refused within a minute.

        Returns the new key's id.
        """
        async with self._database.transaction(signing=_PURPOSE) as driver:
            await driver.execute(_LOCK)
            if revoke:
                await driver.execute(_DELETE, [row["id"] for row in await driver.fetch(_SELECT)])
            made = await self._make(driver)
        self._read_at = float("-inf")
        return made

    def _check_claims(self, claims: Mapping[str, Any]) -> None:
        for_itself = claims.get("sub") == claims.get("client_id")
        lacking = any(not claims.get(name) for name in _REQUIRED)
        if lacking or ("sid" not in claims and not for_itself):
            raise _refused("incomplete_token", "The token lacks claims of an access token.")
        if claims["iss"] != self.issuer:
            raise _refused("wrong_issuer", "The token is of another issuer.")
        audience = claims["aud"]
        if self.issuer not in (audience if isinstance(audience, list) else [audience]):
            raise _refused("wrong_audience", "The token is for another service.")
        if not isinstance(claims["exp"], int) or claims["exp"] <= clock.now().timestamp():
            raise _refused("expired_token", "The token has expired; refresh it.")

    async def _named(self, key_id: Any) -> _Known:
        known = (await self._known()).get(str(key_id))
        if known is None and time.monotonic() - self._read_at > _LOOK_AGAIN_S:
            # Another process may have made it; not asked more often, whatever is sent here.
            known = (await self._read()).get(str(key_id))
        if known is None:
            raise _refused("unknown_key", "The token is signed by a key that is not known here.")
        return known

    async def _known(self) -> dict[str, _Known]:
        if time.monotonic() - self._read_at < _REMEMBERED_S:
            return self._keys
        return await self._read()

    async def _read(self) -> dict[str, _Known]:
        async with self._database.transaction(signing=_PURPOSE) as driver:
            rows = await driver.fetch(_SELECT)
            if not rows or rows[0]["created_at"] < clock.now() - SIGNS_FOR:
                await driver.execute(_LOCK)
                rows = await driver.fetch(_SELECT)
                if not rows or rows[0]["created_at"] < clock.now() - SIGNS_FOR:
                    await driver.execute(_DELETE, _obsolete(rows))
                    await self._make(driver)
                    rows = await driver.fetch(_SELECT)
        self._keys = {row["id"]: self._opened(row) for row in rows}
        self._read_at = time.monotonic()
        return self._keys

    async def _make(self, driver: Any) -> str:
        key = ECKey.generate_key("P-256")
        id = key.thumbprint()
        public = {**key.as_dict(private=False), "kid": id, "use": "sig", "alg": ALGORITHM}
        private = self._database.secrets.seal(
            encode(key.as_dict(private=True)).decode(), _place(id)
        )
        await driver.execute(_INSERT, id, _PURPOSE, private, encode(public).decode(), clock.now())
        return id

    def _opened(self, row: Any) -> _Known:
        private = decode(self._database.secrets.open(row["private"], _place(row["id"])).encode())
        return _Known(
            row["id"], ECKey.import_key(private), decode(row["public"]), row["created_at"]
        )


def wanted_scopes(asked: str | None, most: Sequence[str]) -> list[str] | None:
    """The scopes that are asked for, or all there are; None where one is beyond them."""
    wanted = list(dict.fromkeys((asked or "").split())) or list(most)
    whole = Actor(UUID(int=0), "app", scopes=frozenset(most))
    return wanted if all(map(whole.covers, wanted)) else None


def _place(key_id: str) -> Place:
    return Place(None, "signing_keys", "private", key_id)


def _signing(newest_first: list[_Known]) -> _Known:
    seen = clock.now() - ANNOUNCED_FOR
    return next((key for key in newest_first if key.created_at <= seen), newest_first[-1])


def _obsolete(rows: list[Any]) -> list[str]:
    """All but the newest, which has signed alone for a long time."""
    return [row["id"] for row in rows[1:]]


def _header(text: str) -> dict[str, Any]:
    extract = cast("Callable[[bytes], Any]", jws.extract_compact)
    try:
        if len(text) > _LONGEST:
            raise ValueError(text[:20])
        return extract(text.encode("ascii")).headers()
    except (JoseError, ValueError, TypeError, AttributeError):
        message = "That is neither an API key nor an access token."
        raise _refused("malformed_token", message) from None


def _refused(code: str, detail: str) -> Unauthenticated:
    return Unauthenticated(detail, code=code)
