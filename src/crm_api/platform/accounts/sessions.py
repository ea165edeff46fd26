"""Sessions: how they begin, go on and end, and the tokens that are handed out for them."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from crm_api.kit.actor import CREDENTIALS, Actor
from crm_api.kit.db.database import Database
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import Forbidden, Unauthenticated
from crm_api.kit.ids import new_id
from crm_api.kit.tokens import Opaque, derived_secret, parse, same
from crm_api.platform.accounts.models import Session
from crm_api.platform.accounts.signing import LIFETIME, Signer

IDLE, LONGEST = timedelta(days=30), timedelta(days=90)
GRACE = timedelta(seconds=10)
"""How long a used refresh token gives the same successor again: an answer may have been lost."""
MOST = 50
"""Open sessions of a member; the oldest ends when there would be more."""
KIND = "refresh"
OUTSIDE = "fed"
"""The method of whoever was recognised by a provider of one organization: good for that alone."""
First = Callable[[Tx, UUID], Awaitable[None]]
_MEMBER = """
    SELECT epoch FROM users WHERE organization_id = $1 AND id = $2 AND account_id = $3
        AND status = 'active' AND deleted_at IS NULL FOR SHARE
"""
_TIDY = """
    DELETE FROM sessions WHERE organization_id = $1 AND user_id = $2
        AND (coalesce(ended_at, expires_at) < $3::timestamptz - interval '30 days')
"""
_CROWD = """
    UPDATE sessions SET ended_at = $4, ended_because = 'too_many'
    WHERE organization_id = $1 AND id IN (
        SELECT id FROM sessions WHERE organization_id = $1 AND user_id = $2 AND ended_at IS NULL
        ORDER BY started_at DESC OFFSET $3)
"""
_ROW = """
    SELECT user_id, methods, seed, generation, started_at, refreshed_at, expires_at
    FROM sessions WHERE organization_id = $1 AND id = $2 FOR UPDATE
"""
STATE = "SELECT * FROM crm_session($1, $2)"
_MOVE = """
    UPDATE sessions SET generation = generation + 1, refreshed_at = $3,
        address = coalesce($4, address)
    WHERE organization_id = $1 AND id = $2
"""
_END = """
    UPDATE sessions SET ended_at = $3, ended_because = $4
    WHERE organization_id = $1 AND id = $2 AND ended_at IS NULL RETURNING user_id
"""


@dataclass(frozen=True)
class Origin:
    """Where a request comes from, as far as it says."""

    address: str | None = None
    user_agent: str | None = None
    request_id: str | None = None


@dataclass(frozen=True)
class Member:
    """A person in an organization, recognised."""

    organization_id: UUID
    user_id: UUID
    account_id: UUID
    account_epoch: int


@dataclass(frozen=True)
class Opening:
    """How a session begins."""

    member: Member
    methods: Sequence[str]
    origin: Origin
    scopes: Sequence[str] = ("*",)
    client_id: UUID | None = None
    provider_id: UUID | None = None


class Sessions:
    """Opens, refreshes and ends sessions."""

    def __init__(self, database: Database, signer: Signer) -> None:
        self._database = database
        self._signer = signer

    async def open(self, opening: Opening, first: First | None = None) -> dict[str, Any]:
        """Tokens of a new session; raises `Forbidden` when the person is no member any more.

        `first` gets the transaction and the session's id before anything is done.
        """
        member, origin = opening.member, opening.origin
        actor = Actor(member.organization_id, "user", member.user_id)
        async with unit_of_work(Tx(self._database, actor, request_id=origin.request_id)) as tx:
            found = await tx.write(
                _MEMBER, member.organization_id, member.user_id, member.account_id
            )
            if not found:
                raise Forbidden("The person does not belong here.", code="no_membership")
            await tx.write(_TIDY, member.organization_id, member.user_id, tx.now)
            session = _session(opening, found[0]["epoch"], tx.now)
            if first is not None:
                await first(tx, session["id"])
            tx.insert(Session, session)
            told = {name: session[name] for name in ("user_id", "methods", "client_id", "address")}
            _record(tx, session["id"], "started", told)
            await tx.write(_CROWD, member.organization_id, member.user_id, MOST, tx.now)
        return await self._tokens(member.organization_id, session)

    async def refresh(
        self, text: str, origin: Origin, client_id: UUID | None = None
    ) -> dict[str, Any]:
        """The next tokens of a session, for the app that it belongs to; raises `Unauthenticated`.

        A token that was used before ends the session: one of its two holders is a thief.
        """
        token = parse(text, KIND, 3)
        if token is None:
            raise Unauthenticated("That is not a refresh token.", code="invalid_refresh_token")
        organization_id, id, number = token.ids
        actor = Actor(organization_id, "system")
        async with unit_of_work(Tx(self._database, actor, request_id=origin.request_id)) as tx:
            row = await self._row(tx, id, number.int, token.secret)
            if row["client_id"] != client_id:
                message = "The token was given to somebody else."
                raise Unauthenticated(message, code="invalid_refresh_token")
            behind = row["generation"] - number.int
            if behind > 1 or (behind == 1 and row["refreshed_at"] < tx.now - GRACE):
                await end(tx, id, "token_reused")
                stolen = True
            else:
                stolen = False
                if behind == 0:
                    await tx.write(_MOVE, organization_id, id, tx.now, origin.address)
        if stolen:
            message = "The token was used before; the session has ended. Log in again."
            raise Unauthenticated(message, code="refresh_token_reused")
        return await self._tokens(organization_id, {"id": id, **row, "generation": number.int + 1})

    async def peek(self, text: str, organization_id: UUID) -> dict[str, Any] | None:
        """The session of a good refresh token of an organization; the token stays as it is."""
        token = parse(text, KIND, 3)
        if token is None or token.ids[0] != organization_id:
            return None
        _, id, number = token.ids
        actor = Actor(organization_id, "system")
        async with unit_of_work(Tx(self._database, actor, dry_run=True)) as tx:
            try:
                row = await self._row(tx, id, number.int, token.secret)
            except Unauthenticated:
                return None
        return {"id": id, **row} if row["generation"] == number.int else None

    async def _row(self, tx: Tx, id: UUID, number: int, secret: str) -> dict[str, Any]:
        rows = await tx.write(_ROW, tx.organization_id, id)
        row = dict(rows[0]) if rows else None
        if row is None or not same(secret, self._secret(row["seed"], number)):
            raise Unauthenticated("That is not a refresh token.", code="invalid_refresh_token")
        state = (await tx.fetch(STATE, tx.organization_id, id))[0:1]
        if not state or not state[0]["is_open"] or not state[0]["is_member"]:
            raise Unauthenticated("The session has ended; log in again.", code="session_ended")
        if row["expires_at"] <= tx.now or row["refreshed_at"] <= tx.now - IDLE:
            raise Unauthenticated("The session has expired; log in again.", code="session_expired")
        known = {name: decode(state[0][name]) for name in ("scopes", "methods")}
        return {**row, **known, "client_id": state[0]["client_id"]}

    async def _tokens(self, organization_id: UUID, session: dict[str, Any]) -> dict[str, Any]:
        id, user_id = session["id"], session["user_id"]
        claims = {
            "sub": str(user_id),
            "org": str(organization_id),
            "sid": str(id),
            "jti": str(new_id()),
            "client_id": str(session["client_id"] or "crm"),
            "scope": " ".join(session["scopes"]),
            "amr": session["methods"],
            "auth_time": int(session["started_at"].timestamp()),
        }
        refresh = Opaque(
            KIND,
            (organization_id, id, UUID(int=session["generation"])),
            self._secret(session["seed"], session["generation"]),
        )
        return {
            "access_token": await self._signer.sign(claims),
            "token_type": "Bearer",
            "expires_in": int(LIFETIME.total_seconds()),
            "refresh_token": str(refresh),
            "scope": claims["scope"],
            "refresh_expires_at": session["expires_at"],
            "session_id": id,
            "organization_id": organization_id,
            "user_id": user_id,
        }

    def _secret(self, seed: str, number: int) -> str:
        return derived_secret(self._database.signing_key, KIND, f"{seed}.{number}")


async def end(tx: Tx, id: UUID, because: str) -> bool:
    """End a session of the transaction's organization; whether it was open."""
    ended = await tx.write(_END, tx.organization_id, id, tx.now, because)
    if ended:
        _record(tx, id, "ended", {"because": because})
        tx.stale.add(CREDENTIALS)
    return bool(ended)


def _session(opening: Opening, user_epoch: int, now: datetime) -> dict[str, Any]:
    member, origin = opening.member, opening.origin
    return {
        "id": new_id(),
        "user_id": member.user_id,
        "account_id": member.account_id,
        "user_epoch": user_epoch,
        "account_epoch": member.account_epoch,
        "methods": list(opening.methods),
        "provider_id": opening.provider_id,
        "client_id": opening.client_id,
        "scopes": list(opening.scopes),
        "seed": secrets.token_hex(32),
        "generation": 0,
        "started_at": now,
        "refreshed_at": now,
        "expires_at": now + LONGEST,
        "address": origin.address,
        "user_agent": None if origin.user_agent is None else origin.user_agent[:200],
    }


def _record(tx: Tx, id: UUID, verb: str, data: dict[str, Any]) -> None:
    tx.record(f"session.{verb}", entity="session", record_id=id, version=1, data=data)
