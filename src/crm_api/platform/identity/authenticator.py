"""From a credential to an actor, with a short memory."""

import hmac
import time
from hashlib import sha256

from crm_api.kit.actor import Actor
from crm_api.kit.db.database import Database
from crm_api.kit.db.json import decode
from crm_api.kit.errors import Unauthenticated
from crm_api.platform.identity.tokens import hash_of, parse_token

REMEMBERED_S = 10.0
"""How long a revoked key may still work."""
_MOST = 10_000

_FIND = (
    "SELECT organization_id, id, secret_hash, scopes, expires_at <= now() AS expired, "
    "time_zone, country FROM crm_authenticate($1)"
)


class Authenticator:
    """Knows the actors of the last few seconds, so that most requests ask nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[bytes, tuple[float, Actor]] = {}

    async def authenticate(self, authorization: str | None) -> Actor:
        """The actor of an `Authorization` header; raises `Unauthenticated`."""
        if authorization is None:
            raise Unauthenticated("Send `Authorization: Bearer <API key>`.", code="no_credential")
        digest = sha256(authorization.encode("utf-8", "surrogateescape")).digest()
        known = self._known.get(digest)
        if known is not None and known[0] > time.monotonic():
            return known[1]
        scheme, _, text = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated("The scheme is not Bearer.", code="wrong_scheme")
        actor = await self._ask(text.strip())
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[digest] = (time.monotonic() + REMEMBERED_S, actor)
        return actor

    def forget(self) -> None:
        """Ask again for everybody."""
        self._known.clear()

    async def _ask(self, text: str) -> Actor:
        token = parse_token(text)
        if token is None:
            raise Unauthenticated("That is not an API key.", code="invalid_key")
        rows = await self._database.ask(_FIND, token.prefix)
        given = hash_of(self._database.signing_key, token.secret)
        for row in rows:
            if hmac.compare_digest(row["secret_hash"], given):
                if row["expired"]:
                    raise Unauthenticated("The key has expired.", code="expired_key")
                return Actor(
                    organization_id=row["organization_id"],
                    kind="key",
                    id=row["id"],
                    scopes=frozenset(decode(row["scopes"])),
                    time_zone=row["time_zone"],
                    country=row["country"],
                )
        raise Unauthenticated("There is no such key.", code="invalid_key")
