"""Rows that say which subject of which issuer is which member."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_api.kit.db.tx import Tx
from crm_api.kit.ids import new_id
from crm_api.platform.accounts.models import OutsideLogin

_FIND = """
    SELECT l.id, l.user_id, u.account_id FROM outside_logins l
    JOIN users u ON u.organization_id = l.organization_id AND u.id = l.user_id
    WHERE l.organization_id = $1 AND l.provider_id = $2 AND l.issuer = $3 AND l.subject = $4
        AND u.deleted_at IS NULL AND u.status = 'active'
"""
_TAKEN = """
    SELECT user_id FROM outside_logins
    WHERE organization_id = $1 AND provider_id = $2 AND issuer = $3 AND subject = $4
"""
_OF_USER = """
    SELECT l.id, l.provider_id, p.name AS provider_name, l.issuer, l.subject, l.email,
           l.created_at, l.used_at
    FROM outside_logins l
    JOIN identity_providers p ON p.organization_id = l.organization_id AND p.id = l.provider_id
    WHERE l.organization_id = $1 AND l.user_id = $2 ORDER BY l.created_at, l.id LIMIT 50
"""
_USED = """
    UPDATE outside_logins SET used_at = $3, email = coalesce($4, email)
    WHERE organization_id = $1 AND id = $2 RETURNING id
"""
_REMOVE = """
    DELETE FROM outside_logins WHERE organization_id = $1 AND user_id = $2 AND id = $3
    RETURNING id
"""
_REMOVE_IDENTITY = """
    DELETE FROM outside_logins
    WHERE organization_id = $1 AND provider_id = $2 AND issuer = $3 AND subject = $4
"""
_REMOVE_ALL = "DELETE FROM outside_logins WHERE organization_id = $1 AND provider_id = $2"
# A flow that has run out is refused by its time, so that its row is not needed any more.
_TIDY = "DELETE FROM spent_flows WHERE organization_id = $1 AND until < $2"
_SPEND = """
    INSERT INTO spent_flows (organization_id, id, until) VALUES ($1, $2, $3)
    ON CONFLICT DO NOTHING RETURNING id
"""


@dataclass(frozen=True)
class Identity:
    """Who somebody is at a provider."""

    provider_id: UUID
    issuer: str
    subject: str
    email: str | None
    """Only if the provider says that it is verified."""


async def find(tx: Tx, identity: Identity) -> dict[str, Any] | None:
    """The active member that an identity is linked to: `id`, `user_id`, `account_id`."""
    rows = await tx.fetch(_FIND, tx.organization_id, *_key(identity))
    return dict(rows[0]) if rows else None


async def holder(tx: Tx, identity: Identity) -> UUID | None:
    """Whose login it is, member or not any more."""
    rows = await tx.fetch(_TAKEN, tx.organization_id, *_key(identity))
    return rows[0]["user_id"] if rows else None


def add(tx: Tx, user_id: UUID, identity: Identity) -> UUID:
    """Link an identity to a member."""
    id = new_id()
    tx.insert(
        OutsideLogin,
        {
            "id": id,
            "provider_id": identity.provider_id,
            "user_id": user_id,
            "issuer": identity.issuer,
            "subject": identity.subject,
            "email": identity.email,
            "created_at": tx.now,
            "used_at": tx.now,
        },
    )
    return id


async def used(tx: Tx, id: UUID, identity: Identity) -> bool:
    """Note that somebody has logged in by a link; False when it is there no more."""
    return bool(await tx.write(_USED, tx.organization_id, id, tx.now, identity.email))


async def of_user(tx: Tx, user_id: UUID) -> list[dict[str, Any]]:
    """The links of a member, oldest first."""
    return [dict(row) for row in await tx.fetch(_OF_USER, tx.organization_id, user_id)]


async def remove(tx: Tx, user_id: UUID, id: UUID) -> bool:
    """Take a link away; whether there was one."""
    return bool(await tx.write(_REMOVE, tx.organization_id, user_id, id))


async def remove_identity(tx: Tx, identity: Identity) -> None:
    """Take the link of an identity away."""
    await tx.write(_REMOVE_IDENTITY, tx.organization_id, *_key(identity))


async def forget_provider(tx: Tx, provider_id: UUID) -> None:
    """Take all links of a provider away."""
    await tx.write(_REMOVE_ALL, tx.organization_id, provider_id)


async def spend(tx: Tx, flow_id: UUID, until: datetime) -> bool:
    """Use a flow up; False when it was used before."""
    await tx.write(_TIDY, tx.organization_id, tx.now)
    return bool(await tx.write(_SPEND, tx.organization_id, flow_id, until))


def _key(identity: Identity) -> tuple[UUID, str, str]:
    return identity.provider_id, identity.issuer, identity.subject
