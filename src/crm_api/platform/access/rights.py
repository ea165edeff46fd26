"""From a user to what they may do."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from crm_api.kit.access import Access, combined
from crm_api.kit.actor import Actor
from crm_api.kit.db.database import Database
from crm_api.kit.db.json import decode
from crm_api.kit.errors import Unauthenticated
from crm_api.platform.access.granting import role_of

# What a circle of teams would repeat, UNION leaves out.
_FIND = """
    WITH RECURSIVE own AS (
        SELECT t.id FROM team_members m
        JOIN teams t ON t.organization_id = m.organization_id AND t.id = m.team_id
        WHERE m.organization_id = $1 AND m.user_id = $2
        AND m.deleted_at IS NULL AND t.deleted_at IS NULL),
    below AS (
        SELECT id FROM own UNION
        SELECT t.id FROM teams t JOIN below b ON t.parent_id = b.id
        WHERE t.organization_id = $1 AND t.deleted_at IS NULL),
    members AS (
        SELECT m.user_id, bool_or(m.team_id IN (SELECT id FROM own)) AS is_peer
        FROM team_members m WHERE m.organization_id = $1 AND m.deleted_at IS NULL
        AND m.team_id IN (SELECT id FROM below) GROUP BY m.user_id)
    SELECT ARRAY(SELECT id FROM own) AS teams,
        ARRAY(SELECT user_id FROM members WHERE is_peer) AS peers,
        ARRAY(SELECT user_id FROM members) AS subtree,
        (SELECT coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'levels', r.levels,
            'masks', r.masks, 'permissions', r.permissions)), '[]')
            FROM role_assignments a
            JOIN roles r ON r.organization_id = a.organization_id AND r.id = a.role_id
            WHERE a.organization_id = $1 AND a.user_id = $2
            AND a.deleted_at IS NULL AND r.deleted_at IS NULL) AS roles
    FROM users WHERE organization_id = $1 AND id = $2
    AND deleted_at IS NULL AND status <> 'suspended'
"""


class Rights:
    """What users may do at this moment."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, organization_id: UUID, user_id: UUID) -> Access | None:
        """The rights of a user; None where there is no such user, or none who is let in."""
        rows = await self._database.fetch(organization_id, _FIND, (organization_id, user_id))
        if not rows:
            return None
        row = rows[0]
        return combined(
            user_id,
            [role_of({**role, "id": UUID(role["id"])}) for role in decode(row["roles"])],
            teams=row["teams"],
            peers=row["peers"],
            subtree=row["subtree"],
        )

    async def acting(self, actor: Actor, user_id: UUID | None) -> Actor:
        """The actor, acting for a user if there is one; raises `Unauthenticated`."""
        if user_id is None:
            return actor
        access = await self.of(actor.organization_id, user_id)
        if access is None:
            raise Unauthenticated("The user is not let in any more.", code="user_not_active")
        return replace(actor, access=access, teams=frozenset(access.teams))

    async def restored(self, stored: Mapping[str, Any]) -> Actor:
        """Who was kept by `Actor.stored`, as they are now; raises `Unauthenticated`."""
        user = stored.get("user_id")
        return await self.acting(Actor.restored(stored), UUID(user) if user else None)


async def restored(database: Database, stored: Mapping[str, Any]) -> Actor:
    """Who was kept by `Actor.stored`, as they are now; raises `Unauthenticated`."""
    return await Rights(database).restored(stored)
