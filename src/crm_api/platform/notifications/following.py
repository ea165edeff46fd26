"""Who follows a record: whoever has to do with it, and whoever has chosen to."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from crm_api.kit.crud.collections import service_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import NotFound

# Derived from what there is, so that nothing has to be kept in line; only choices are stored.
_WHO = """
    SELECT r.id AS record_id, f.user_id, f.reason FROM unnest($2::uuid[]) AS r (id)
    CROSS JOIN LATERAL (
        SELECT user_id, CASE WHEN follows THEN 'chosen' ELSE 'never' END AS reason
        FROM followings WHERE organization_id = $1 AND record_id = r.id
        UNION ALL
        SELECT user_id, 'collaborator' FROM shares
        WHERE organization_id = $1 AND record_id = r.id AND user_id IS NOT NULL
            AND deleted_at IS NULL AND (expires_at IS NULL OR expires_at > now())
        UNION
        SELECT author_id, 'commented' FROM comments
        WHERE organization_id = $1 AND record_id = r.id AND author_id IS NOT NULL
            AND deleted_at IS NULL
        UNION
        SELECT substr(m.name, 6)::uuid, 'mentioned' FROM comments c
        CROSS JOIN LATERAL jsonb_array_elements_text(c.mentions) AS m (name)
        WHERE c.organization_id = $1 AND c.record_id = r.id AND c.deleted_at IS NULL
            AND starts_with(m.name, 'user:')) f
"""
_OWNERS = "SELECT id, owner_id FROM {table} WHERE organization_id = $1 AND id = ANY($2)"
_CHOOSE = """
    INSERT INTO followings (organization_id, user_id, record_id, target, follows)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (organization_id, user_id, record_id) DO UPDATE SET follows = excluded.follows
"""
_TAKE_OVER = """
    INSERT INTO followings (organization_id, user_id, record_id, target, follows)
    SELECT DISTINCT ON (user_id) organization_id, user_id, $3::uuid, target, follows
    FROM followings WHERE organization_id = $1 AND record_id = ANY($2)
    ORDER BY user_id, follows DESC
    ON CONFLICT (organization_id, user_id, record_id) DO NOTHING
"""


class Followers:
    """Who follows which records."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def owners(self, entity: str, ids: Sequence[UUID]) -> dict[UUID, UUID | None]:
        """Whose some records are, by their ids."""
        try:
            service = service_of(self.tx, entity)
        except NotFound:
            # A kind of record that the organization has no more.
            return {}
        sql = _OWNERS.format(table=service.repository.model.__tablename__)
        rows = await self.tx.fetch(sql, self.tx.organization_id, list(ids)) if ids else []
        return {row["id"]: row["owner_id"] for row in rows}

    async def of(self, entity: str, ids: Sequence[UUID]) -> dict[UUID, dict[UUID, list[str]]]:
        """The users who follow each record, and why; those who chose not to are left out."""
        found: dict[UUID, dict[UUID, list[str]]] = {id: {} for id in ids}
        owners = await self.owners(entity, ids)
        for id, owner in owners.items():
            if owner is not None:
                found[id][owner] = ["owner"]
        rows = await self.tx.fetch(_WHO, self.tx.organization_id, list(ids)) if ids else []
        for row in rows:
            found[row["record_id"]].setdefault(row["user_id"], []).append(row["reason"])
        return {
            id: {user: why for user, why in users.items() if "never" not in why}
            for id, users in found.items()
        }

    async def choose(self, user: UUID, target: str, id: UUID, *, follows: bool) -> None:
        """Have a user follow a record or not, whatever they have to do with it."""
        await self.tx.write(_CHOOSE, self.tx.organization_id, user, id, target, follows)

    async def take_over(self, losers: Sequence[UUID], winner: UUID) -> None:
        """Have whoever chose to follow some records follow another one as well."""
        await self.tx.write(_TAKE_OVER, self.tx.organization_id, list(losers), winner)


async def follow_merge(
    tx: Tx, entity: str, winner: UUID, losers: Sequence[UUID], merge: UUID
) -> None:
    """Have who follows merged records follow the one that is left."""
    del entity, merge
    await Followers(tx).take_over(losers, winner)


def reasons_of(found: dict[UUID, list[str]]) -> list[dict[str, Any]]:
    """Followers as they look from outside."""
    return [{"user_id": user, "reasons": sorted(set(why))} for user, why in sorted(found.items())]
