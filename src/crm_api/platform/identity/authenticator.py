"""From a credential to an actor, with a short memory."""

import asyncio
import hmac
import time
from datetime import datetime
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from crm_api.kit import clock
from crm_api.kit.actor import Actor
from crm_api.kit.db.database import Database
from crm_api.kit.db.json import decode
from crm_api.kit.errors import Forbidden, Unauthenticated
from crm_api.platform.identity.tokens import hash_of, parse_token

REMEMBERED_S = 1.0
"""How long a revoked credential may still work where the broadcast does not arrive, or a role."""
_MOST = 10_000

_FIND = (
    "SELECT organization_id, id, secret_hash, scopes, expires_at, expires_at <= now() AS expired, "
    "time_zone, country, allowed_addresses, user_id FROM crm_authenticate($1)"
)
_USED = "SELECT crm_keys_used($1::uuid[], $2::uuid[], $3::timestamptz[])"
Found = tuple[Actor, float]
"""An actor, and the moment until which the credential is good."""
Networks = tuple[IPv4Network | IPv6Network, ...]


class _Known(NamedTuple):
    until: float
    actor: Actor
    networks: Networks


class Tokens(Protocol):
    """Knows the actors of access tokens (`platform/accounts`)."""

    async def actor(self, text: str) -> Found:
        """The actor of a token; raises `Unauthenticated`."""
        ...


class Rights(Protocol):
    """Knows what users may do (`platform/access`)."""

    async def acting(self, actor: Actor, user_id: UUID | None) -> Actor:
        """The actor, acting for a user if there is one; raises `Unauthenticated`."""
        ...


class Authenticator:
    """Knows the actors of the last second, so that most requests ask nothing."""

    def __init__(self, database: Database, rights: Rights, tokens: Tokens | None = None) -> None:
        self._database = database
        self._rights = rights
        self._tokens = tokens
        self._known: dict[bytes, _Known] = {}
        self._asking: dict[bytes, asyncio.Task[_Known]] = {}
        self._used: dict[UUID, tuple[UUID, datetime]] = {}
        self._forgotten = 0

    async def authenticate(self, authorization: str | None, address: str | None = None) -> Actor:
        """The actor of an `Authorization` header; raises `Unauthenticated` or `Forbidden`."""
        if authorization is None:
            message = "Send `Authorization: Bearer <API key or access token>`."
            raise Unauthenticated(message, code="no_credential")
        digest = sha256(authorization.encode("utf-8", "surrogateescape")).digest()
        known = self._known.get(digest)
        if known is None or known.until <= time.monotonic():
            scheme, _, text = authorization.partition(" ")
            if scheme.lower() != "bearer":
                raise Unauthenticated("The scheme is not Bearer.", code="wrong_scheme")
            known = await self._once(digest, text.strip())
        if known.networks:
            _need_place(known.networks, address)
        return known.actor

    async def note_use(self) -> None:
        """Write down when keys were used last; by the dozen, because nobody needs it at once."""
        used, self._used = self._used, {}
        if used:
            organizations, times = zip(*used.values(), strict=True)
            await self._database.ask(_USED, organizations, list(used), times)

    def forget(self, organization_id: UUID | None = None) -> None:
        """Ask again for everybody, or for those of an organization."""
        self._forgotten += 1
        for digest, known in list(self._known.items()):
            if organization_id in {None, known.actor.organization_id}:
                del self._known[digest]

    async def _once(self, digest: bytes, text: str) -> _Known:
        """Many requests with the same credential ask together."""
        task = self._asking.get(digest)
        if task is None:
            task = self._asking[digest] = asyncio.create_task(self._ask(digest, text))
            task.add_done_callback(lambda _: self._asking.pop(digest, None))
        return await asyncio.shield(task)

    async def _ask(self, digest: bytes, text: str) -> _Known:
        # What was read before something changed is not remembered.
        before, asked_at = self._forgotten, time.monotonic()
        (actor, until), networks = await self._find(text)
        if actor.kind == "key" and actor.id is not None:
            self._used[actor.id] = (actor.organization_id, clock.now())
        left = min(REMEMBERED_S, until - clock.now().timestamp())
        known = _Known(asked_at + left, actor, networks)
        if before == self._forgotten:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[digest] = known
        return known

    async def _find(self, text: str) -> tuple[Found, Networks]:
        if self._tokens is not None and not text.startswith("crm_"):
            actor, until = await self._tokens.actor(text)
            user_id = actor.id if actor.kind == "user" else None
            return (await self._rights.acting(actor, user_id), until), ()
        token = parse_token(text)
        if token is None:
            raise Unauthenticated("That is not an API key.", code="invalid_key")
        rows = await self._database.ask(_FIND, token.prefix)
        given = hash_of(self._database.signing_key, token.secret)
        for row in rows:
            if hmac.compare_digest(row["secret_hash"], given):
                (actor, until), networks = _found(row)
                return (await self._rights.acting(actor, row["user_id"]), until), networks
        raise Unauthenticated("There is no such key.", code="invalid_key")


def _found(row: Any) -> tuple[Found, Networks]:
    if row["expired"]:
        raise Unauthenticated("The key has expired.", code="expired_key")
    actor = Actor(
        organization_id=row["organization_id"],
        kind="key",
        id=row["id"],
        scopes=frozenset(decode(row["scopes"])),
        time_zone=row["time_zone"],
        country=row["country"],
    )
    ends = row["expires_at"]
    until = float("inf") if ends is None else ends.timestamp()
    return (actor, until), tuple(map(ip_network, decode(row["allowed_addresses"])))


def _need_place(networks: Networks, address: str | None) -> None:
    try:
        known = ip_address(address or "")
    except ValueError:
        known = None
    if isinstance(known, IPv6Address) and known.ipv4_mapped is not None:
        known = known.ipv4_mapped
    if known is None or not any(known in network for network in networks):
        message = "The key may not be used from this address."
        raise Forbidden(message, code="address_not_allowed")
