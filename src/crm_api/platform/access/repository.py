"""How roles and their assignments are found."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.listing import About, Listing, Relation
from crm_api.platform.access.models import RoleAssignment, RoleRow, Share, SharingRuleRow
from crm_api.platform.access.schemas import RoleAssignmentOut, RoleOut, ShareOut, SharingRuleOut

ROLES: Listing = Listing(
    model=RoleRow,
    out=RoleOut,
    area="roles",
    sorts={"name": RoleRow.sort_name},
    relations=(
        Relation(
            "assignments",
            lambda: ASSIGNMENTS,
            RoleRow.id,
            RoleAssignment.role_id,
            many=True,
            part=True,
        ),
    ),
)
ASSIGNMENTS: Listing = Listing(
    model=RoleAssignment,
    out=RoleAssignmentOut,
    area="roles",
    relations=(Relation("role", lambda: ROLES, RoleAssignment.role_id, RoleRow.id),),
)


SHAREABLE: list[Listing] = []
"""What can be shared; filled in when the module is made."""
OTHERS: list[Listing] = []
"""The records of custom objects, whatever the object."""
SHARES: Listing = Listing(
    model=Share,
    out=ShareOut,
    area="shares",
    about=About("target", ("record_id",), lambda: SHAREABLE, lambda: OTHERS[0], tells=False),
)
RULES: Listing = Listing(
    model=SharingRuleRow,
    out=SharingRuleOut,
    area="sharing_rules",
    sorts={"name": SharingRuleRow.sort_name},
)
_HAVING = """
    SELECT a.source_id, a.principal_id, a.writes, a.expires_at, r.name AS rule
    FROM record_access a LEFT JOIN sharing_rules r
    ON r.organization_id = a.organization_id AND r.id = a.source_id
    WHERE a.organization_id = $1 AND a.record_id = $2 AND a.principal_id = ANY($3)
    AND (a.expires_at IS NULL OR a.expires_at > now()) ORDER BY a.source_id
"""
_USERS = """
    SELECT user_id, access, expires_at, share_id FROM (
        SELECT DISTINCT ON (user_id) user_id, access, expires_at, id AS share_id,
            min(created_at) OVER (PARTITION BY user_id) AS since
        FROM shares WHERE organization_id = $1 AND target = $2 AND record_id = $3
            AND user_id IS NOT NULL AND deleted_at IS NULL
        ORDER BY user_id, coalesce(expires_at <= now(), false), access = 'write' DESC,
            expires_at DESC NULLS FIRST, created_at, id) s
    ORDER BY since, share_id
"""
_ROLES = """
    SELECT id, name, levels, masks, permissions FROM roles
    WHERE organization_id = $1 AND id = ANY($2) ORDER BY sort_name, id
"""


class Shares(Repository[Share]):
    """The records that are shared."""

    model = Share
    listing = SHARES

    async def having(self, record_id: UUID, principals: Sequence[UUID]) -> list[Any]:
        """The shares of a record with any of these that hold now."""
        own = self.tx.organization_id
        return await self.tx.fetch(_HAVING, own, record_id, list(principals))

    async def of_users(self, target: str, record_id: UUID) -> list[dict[str, Any]]:
        """The users with whom a record is shared, oldest first, each by the share that allows most.

        Records that were merged may each have been shared with the same user.
        """
        rows = await self.tx.fetch(_USERS, self.tx.organization_id, target, record_id)
        return [dict(row) for row in rows]

    async def of_user(self, target: str, record_id: UUID, user_id: UUID) -> Sequence[Share]:
        """The shares of a record with a user, whoever made them, oldest first, locked."""
        query = self.select_all().where(
            Share.record_id == record_id,
            Share.target == target,
            Share.user_id == user_id,
            Share.deleted_at.is_(None),
        )
        query = query.order_by(Share.created_at, Share.id).with_for_update(key_share=True)
        return (await self.tx.run(query)).scalars().all()

    async def of_any(self, target: str, record_ids: Sequence[UUID]) -> Sequence[Share]:
        """The shares of some records, whoever made them, locked."""
        query = self.select_all().where(
            Share.record_id.in_(record_ids), Share.target == target, Share.deleted_at.is_(None)
        )
        query = query.order_by(Share.id).with_for_update(key_share=True)
        return (await self.tx.run(query)).scalars().all()

    async def roles(self, ids: Sequence[UUID]) -> list[Any]:
        """Some roles as they are."""
        return await self.tx.fetch(_ROLES, self.tx.organization_id, list(ids))


class SharingRules(Repository[SharingRuleRow]):
    """What shares records by itself."""

    model = SharingRuleRow
    listing = RULES

    async def active(self) -> list[SharingRuleRow]:
        """Those that share anything."""
        query = self.select_all().where(
            SharingRuleRow.deleted_at.is_(None), SharingRuleRow.is_active.is_(True)
        )
        return list((await self.tx.run(query.order_by(SharingRuleRow.id))).scalars())


class Roles(Repository[RoleRow]):
    """The roles of an organization."""

    model = RoleRow
    listing = ROLES


class RoleAssignments(Repository[RoleAssignment]):
    """Who has which role."""

    model = RoleAssignment
    listing = ASSIGNMENTS

    async def destroy(self, user_id: UUID) -> list[Any]:
        """Take away all that a user has or had; the ids and versions."""
        return await self.tx.write(
            "DELETE FROM role_assignments WHERE organization_id = $1 AND user_id = $2 "
            "RETURNING id, version",
            self.tx.organization_id,
            user_id,
        )


async def close_rule(tx: Tx, rule_id: UUID) -> None:
    """Have a rule share nothing."""
    sql = "DELETE FROM record_access WHERE organization_id = $1 AND source_id = $2"
    await tx.write(sql, tx.organization_id, rule_id)
