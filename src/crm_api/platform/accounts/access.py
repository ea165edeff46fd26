"""From an access token to an actor."""

from hashlib import sha256
from typing import Any
from uuid import UUID

from crm_api.kit import clock
from crm_api.kit.actor import Actor
from crm_api.kit.db.database import Database
from crm_api.kit.db.json import decode
from crm_api.kit.errors import Unauthenticated
from crm_api.platform.accounts.repository import APP
from crm_api.platform.accounts.sessions import STATE
from crm_api.platform.accounts.signing import Signer, wanted_scopes

_MOST = 10_000


class AccessTokens:
    """Checks a signature once, and the session behind it whenever it is asked."""

    def __init__(self, database: Database, signer: Signer) -> None:
        self._database = database
        self.signer = signer
        self._checked: dict[bytes, dict[str, Any]] = {}

    async def actor(self, text: str) -> tuple[Actor, float]:
        """The actor of a token and the moment at which it expires; raises `Unauthenticated`."""
        claims = await self._claims(text)
        if "sid" not in claims:
            return await self._app(claims), claims["exp"]
        try:
            organization_id, session_id = UUID(claims["org"]), UUID(claims["sid"])
        except (ValueError, TypeError, AttributeError):
            raise Unauthenticated("The token names no session.", code="incomplete_token") from None
        rows = await self._database.fetch(organization_id, STATE, (organization_id, session_id))
        return _actor(organization_id, session_id, rows[0] if rows else None), claims["exp"]

    async def _app(self, claims: dict[str, Any]) -> Actor:
        """An app that works for itself."""
        rows = await self._database.ask(APP, UUID(claims["sub"]))
        if not rows or str(rows[0]["organization_id"]) != claims["org"]:
            raise Unauthenticated("There is no such app any more.", code="app_not_active")
        app, scopes = rows[0], claims["scope"].split()
        actor = Actor(
            organization_id=app["organization_id"],
            kind="app",
            id=app["id"],
            scopes=frozenset(scopes),
            time_zone=app["time_zone"],
            country=app["country"],
        )
        if wanted_scopes(claims["scope"], decode(app["scopes"])) is None:
            raise Unauthenticated("The app may do less now.", code="app_not_active")
        return actor

    async def _claims(self, text: str) -> dict[str, Any]:
        digest = sha256(text.encode()).digest()
        known = self._checked.get(digest)
        if known is not None and await self._is_good(known):
            return known
        claims = await self.signer.check(text)
        if len(self._checked) >= _MOST:
            self._checked.clear()
        self._checked[digest] = claims
        return claims

    async def _is_good(self, claims: dict[str, Any]) -> bool:
        fresh = claims["exp"] > clock.now().timestamp()
        return fresh and await self.signer.knows(claims["kid"])


def _actor(organization_id: UUID, session_id: UUID, state: Any) -> Actor:
    if state is None or not state["is_open"] or state["expires_at"] <= clock.now():
        raise Unauthenticated("The session has ended; log in again.", code="session_ended")
    if not state["is_member"]:
        raise Unauthenticated("The user is not let in any more.", code="user_not_active")
    return Actor(
        organization_id=organization_id,
        kind="user",
        id=state["user_id"],
        scopes=frozenset(decode(state["scopes"])),
        teams=frozenset(state["teams"]),
        time_zone=state["time_zone"],
        country=state["country"],
        session_id=session_id,
    )
