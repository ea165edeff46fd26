"""How sessions and the accounts of members are found within an organization."""

from typing import Any
from uuid import UUID

from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.database import Database
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import NotFound, WrongState
from crm_api.kit.query.listing import Listing
from crm_api.platform.accounts.models import App, IdentityProvider
from crm_api.platform.accounts.outside_schemas import IdentityProviderOut
from crm_api.platform.accounts.schemas import AppOut

APPS: Listing = Listing(model=App, out=AppOut, area="apps")
APP = "SELECT * FROM crm_app($1)"
_OPEN = """
    SELECT s.id, s.methods, s.provider_id, s.client_id, s.started_at, s.refreshed_at, s.expires_at, s.address,
           s.user_agent
    FROM sessions s CROSS JOIN LATERAL crm_session(s.organization_id, s.id) state
    WHERE s.organization_id = $1 AND s.user_id = $2 AND s.ended_at IS NULL AND s.expires_at > $3
        AND state.is_open AND state.is_member
    ORDER BY s.started_at DESC, s.id
"""
_OWNER = "SELECT user_id FROM sessions WHERE organization_id = $1 AND id = $2 AND ended_at IS NULL"
_KEEP = "UPDATE sessions SET account_epoch = $3 WHERE organization_id = $1 AND id = $2"
_IS_MEMBER = """
    SELECT FROM users WHERE organization_id = $1 AND account_id = $2 AND deleted_at IS NULL
"""
_ACCOUNT = """
    SELECT account_id FROM users WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL
"""

# Held, so that a session neither begins by a provider that ends at the same time nor outlasts it.
_VOUCHES = """
    SELECT issuer, client_id FROM identity_providers
    WHERE organization_id = $1 AND id = $2 AND is_active AND deleted_at IS NULL FOR SHARE
"""
_ROLE = """
    SELECT id FROM roles WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL FOR SHARE
"""
_PROVIDER = "SELECT provider_id FROM sessions WHERE organization_id = $1 AND id = $2"
_END_OF_PROVIDER = """
    UPDATE sessions SET ended_at = $3, ended_because = 'provider_gone'
    WHERE organization_id = $1 AND provider_id = $2 AND ended_at IS NULL
"""
_CODES_OF_PROVIDER = """
    DELETE FROM authorization_codes
    WHERE organization_id = $1 AND provider_id = $2 AND session_id IS NULL
"""
_END_OF_APP = """
    UPDATE sessions SET ended_at = $3, ended_because = 'app_changed'
    WHERE organization_id = $1 AND client_id = $2 AND ended_at IS NULL
"""


class Apps(Repository[App]):
    """The apps of an organization."""

    model = App
    listing = APPS


class IdentityProviders(Repository[IdentityProvider]):
    """The outside providers of an organization."""

    model = IdentityProvider
    listing = Listing(model=IdentityProvider, out=IdentityProviderOut, area="identity_providers")


async def end_sessions_of_app(tx: Tx, app_id: UUID) -> None:
    """Take back what users have allowed an app."""
    await tx.write(_END_OF_APP, tx.organization_id, app_id, tx.now)


async def vouches(tx: Tx, provider_id: UUID, **still: str) -> bool:
    """Whether people log in by a provider, whose columns still have these values; held."""
    rows = await tx.write(_VOUCHES, tx.organization_id, provider_id)
    return bool(rows) and all(rows[0][name] == value for name, value in still.items())


async def living_role(tx: Tx, id: UUID | None) -> list[UUID]:
    """A role, unless it is in the bin."""
    rows = [] if id is None else await tx.write(_ROLE, tx.organization_id, id)
    return [row["id"] for row in rows]


async def own_provider(tx: Tx) -> UUID | None:
    """The outside provider by which the actor's session began."""
    rows = await tx.fetch(_PROVIDER, tx.organization_id, tx.actor.session_id)
    return rows[0]["provider_id"] if rows else None


async def end_sessions_of_provider(tx: Tx, provider_id: UUID) -> None:
    """End what a provider has begun, and what apps have got in it."""
    await tx.write(_END_OF_PROVIDER, tx.organization_id, provider_id, tx.now)
    await tx.write(_CODES_OF_PROVIDER, tx.organization_id, provider_id)


async def app_known_as(database: Database, id: UUID) -> list[str] | None:
    """Where an app sends users back to; None where there is no such app."""
    rows = await database.ask(APP, id)
    return decode(rows[0]["redirect_uris"]) if rows else None


async def open_sessions(tx: Tx, user_id: UUID) -> list[dict[str, Any]]:
    """The open sessions of a member, newest first."""
    rows = await tx.fetch(_OPEN, tx.organization_id, user_id, tx.now)
    return [{**row, "methods": decode(row["methods"])} for row in rows]


async def owner_of_session(tx: Tx, id: UUID) -> UUID | None:
    """Whose open session it is."""
    rows = await tx.fetch(_OWNER, tx.organization_id, id)
    return rows[0]["user_id"] if rows else None


async def keep_session(tx: Tx, id: UUID | None, account_epoch: int) -> None:
    """Let a session go on in the account's new epoch."""
    await tx.write(_KEEP, tx.organization_id, id, account_epoch)


async def is_member(tx: Tx, account_id: UUID) -> bool:
    """Whether an account is that of a user who is not in the bin, let in or not."""
    return bool(await tx.fetch(_IS_MEMBER, tx.organization_id, account_id))


async def account_of(tx: Tx, user_id: UUID) -> UUID:
    """The account of a member; raises `NotFound`, or `WrongState` where there is none yet."""
    rows = await tx.fetch(_ACCOUNT, tx.organization_id, user_id)
    if not rows:
        raise NotFound(f"There is no user with the id {user_id}.")
    if rows[0]["account_id"] is None:
        raise WrongState("The user has not joined yet.")
    return rows[0]["account_id"]
