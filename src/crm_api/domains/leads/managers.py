"""To whom a lead goes that members of a pool have let go: the manager, or who stands above.

The manager has to be let in, to see leads, and not to have given the lead back. Else it is the
leads of their teams, then those of the teams above, the nearest first; at last whoever may do
everything, who has been there longest first.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from crm_api.domains.leads.repository import LEADS
from crm_api.kit.access import combined
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.platform.access.granting import role_of

_MOST_ABOVE = 20
"""So far up teams are looked at."""
_ASKED = """
    WITH RECURSIVE up AS (
        SELECT t.id, t.parent_id, 1 AS depth FROM team_members m
        JOIN teams t ON t.organization_id = $1 AND t.id = m.team_id AND t.deleted_at IS NULL
        WHERE m.organization_id = $1 AND m.user_id = $2 AND m.deleted_at IS NULL
        UNION
        SELECT t.id, t.parent_id, up.depth + 1 FROM up
        JOIN teams t ON t.organization_id = $1 AND t.id = up.parent_id AND t.deleted_at IS NULL
        WHERE up.depth < $3),
    asked AS (
        SELECT $2::uuid AS id, 0 AS depth
        UNION ALL
        SELECT m.user_id, up.depth FROM up
        JOIN team_members m ON m.organization_id = $1 AND m.team_id = up.id
            AND m.is_lead AND m.deleted_at IS NULL
        UNION ALL
        SELECT a.user_id, $3 + 1 FROM role_assignments a
        JOIN roles r ON r.organization_id = $1 AND r.id = a.role_id AND r.deleted_at IS NULL
            AND r.permissions @> '["*"]'
        WHERE a.organization_id = $1 AND a.deleted_at IS NULL)
    SELECT u.id, u.deleted_at IS NULL AND u.status <> 'suspended' AS is_active, (
        SELECT coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'levels', r.levels,
            'masks', r.masks, 'permissions', r.permissions)), '[]')
        FROM role_assignments a
        JOIN roles r ON r.organization_id = $1 AND r.id = a.role_id AND r.deleted_at IS NULL
        WHERE a.organization_id = $1 AND a.user_id = u.id AND a.deleted_at IS NULL) AS roles
    FROM users u JOIN (SELECT id, min(depth) AS depth FROM asked GROUP BY id) k ON k.id = u.id
    WHERE u.organization_id = $1 ORDER BY k.depth, u.created_at, u.id
"""


class _Manager(NamedTuple):
    """Somebody whom a lead may be escalated to, and what speaks against them whatever the lead."""

    user_id: UUID
    excluded: str | None


class Managers:
    """The managers of pools, each with those who stand above."""

    def __init__(self, known: Mapping[UUID, Sequence[_Manager]]) -> None:
        self._known = known

    @classmethod
    async def of(cls, tx: Tx, ids: Collection[UUID]) -> "Managers":
        """Some managers."""
        known: dict[UUID, list[_Manager]] = {}
        for id in ids:
            rows = await tx.fetch(_ASKED, tx.organization_id, id, _MOST_ABOVE)
            known[id] = [_Manager(row["id"], _against(row)) for row in rows]
        return cls(known)

    def choose(
        self, manager_id: UUID, had: Collection[UUID]
    ) -> tuple[UUID | None, list[dict[str, Any]]]:
        """Who gets a lead that some had, and those who were looked at, with what was against them."""
        looked_at: list[dict[str, Any]] = []
        for one in self._known[manager_id]:
            word = one.excluded or ("had_it" if one.user_id in had else None)
            looked_at.append({"user_id": str(one.user_id), "excluded": word})
            if word is None:
                return one.user_id, looked_at
        return None, looked_at


def _against(row: Any) -> str | None:
    if not row["is_active"]:
        return "inactive"
    roles = [role_of({**role, "id": UUID(role["id"])}) for role in decode(row["roles"])]
    reach = combined(row["id"], roles).level(LEADS.area, "read")
    return "sees_no_leads" if reach == "none" else None
