"""Who the approvers of a step are, at the moment at which it begins."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit.actor import Actor
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Unauthenticated
from crm_api.kit.query.visibility import Sight, among, sight_of

Acting = Callable[[Database, Actor, UUID], Awaitable[Actor]]
MOST = 100
"""Whom a step asks, the oldest users first; each is looked at, and told."""
_NOBODY = Sight("none")
# The leads of the nearest team: the owner's own ones, or those above; a circle of teams ends.
_FIND = """
    WITH RECURSIVE up AS (
        SELECT t.id, t.parent_id, 0 AS depth FROM team_members m
        JOIN teams t ON t.organization_id = $1 AND t.id = m.team_id AND t.deleted_at IS NULL
        WHERE m.organization_id = $1 AND m.user_id = $5 AND m.deleted_at IS NULL
        UNION
        SELECT t.id, t.parent_id, up.depth + 1 FROM up
        JOIN teams t ON t.organization_id = $1 AND t.id = up.parent_id AND t.deleted_at IS NULL
        WHERE up.depth < 20),
    leads AS (
        SELECT up.depth, m.user_id FROM up
        JOIN team_members m ON m.organization_id = $1 AND m.team_id = up.id
            AND m.is_lead AND m.deleted_at IS NULL AND m.user_id <> $5
        JOIN users u ON u.organization_id = $1 AND u.id = m.user_id
            AND u.deleted_at IS NULL AND u.status <> 'suspended'),
    named AS (
        SELECT unnest($2::uuid[]) AS id
        UNION SELECT user_id FROM team_members
        WHERE organization_id = $1 AND team_id = ANY($3) AND deleted_at IS NULL
        UNION SELECT user_id FROM role_assignments
        WHERE organization_id = $1 AND role_id = ANY($4) AND deleted_at IS NULL
        UNION SELECT user_id FROM leads WHERE depth = (SELECT min(depth) FROM leads))
    SELECT u.id FROM users u WHERE u.organization_id = $1 AND u.id IN (SELECT id FROM named)
        AND u.deleted_at IS NULL AND u.status <> 'suspended' ORDER BY u.id LIMIT $6
"""


class Approvers:
    """Those for one record, of whom none is asked about what they do not see."""

    acting: ClassVar[Acting]
    """Somebody with the rights of a user at this moment; raises `Unauthenticated`."""

    def __init__(
        self, tx: Tx, service: CrudService[Any], record_id: UUID, owner: UUID | None
    ) -> None:
        self._tx, self._service, self._record_id, self._owner = tx, service, record_id, owner
        self._seen: dict[UUID, bool] = {}

    async def of(self, specs: Sequence[Mapping[str, Any]], but: UUID | None) -> list[UUID]:
        """The users whom these name, without one and without those who do not see the record."""
        users = [UUID(spec["id"]) for spec in specs if spec["kind"] == "user"]
        if self._owner is not None and any(spec["kind"] == "owner" for spec in specs):
            users.append(self._owner)
        leads = any(spec["kind"] == "owner_lead" for spec in specs)
        rows = await self._tx.fetch(
            _FIND,
            self._tx.organization_id,
            users,
            [UUID(spec["id"]) for spec in specs if spec["kind"] == "team"],
            [UUID(spec["id"]) for spec in specs if spec["kind"] == "role"],
            self._owner if leads else None,
            MOST,
        )
        return [row["id"] for row in rows if row["id"] != but and await self.sees(row["id"])]

    async def sees(self, user: UUID) -> bool:
        """Whether a user is let in and sees the record, as things are in this transaction."""
        if user not in self._seen:
            self._seen[user] = await self._look(user)
        return self._seen[user]

    async def _look(self, user: UUID) -> bool:
        tx, listing = self._tx, self._service.repository.listing
        actor = Actor(tx.organization_id, "user", user, scopes=frozenset({"*"}))
        try:
            reader = await Approvers.acting(tx.database, actor, user)
        except Unauthenticated:
            return False
        with tx.learned.seeing_as(reader):
            sight = sight_of(reader, listing)
            return sight != _NOBODY and bool(await among(tx, listing, sight, [self._record_id]))
