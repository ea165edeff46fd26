"""Collections whose records stand below one another, by their `parent_id`."""

from typing import Any
from uuid import UUID

from crm_api.kit.crud.repository import E, Repository
from crm_api.kit.crud.service import CrudService
from crm_api.kit.errors import Conflict, Fault


class TreeRepository(Repository[E]):
    """Looks up a hierarchy, and locks it."""

    async def ancestors(self, id: UUID) -> list[UUID]:
        """The ids from a record up to its root, in this order, itself included."""
        table = self.model.__tablename__
        rows = await self.tx.fetch(  # the only part that varies is the name of a table
            "WITH RECURSIVE up AS ("  # noqa: S608
            f"SELECT id, parent_id, 0 AS step FROM {table} "
            "WHERE organization_id = $1 AND id = $2 "
            f"UNION SELECT c.id, c.parent_id, step + 1 FROM {table} c "
            "JOIN up ON c.id = up.parent_id WHERE c.organization_id = $1) "
            "CYCLE id SET is_cycle USING path SELECT id FROM up WHERE NOT is_cycle ORDER BY step",
            self.tx.organization_id,
            id,
        )
        return [row[0] for row in rows]

    async def lock_hierarchy(self) -> None:
        """Let one change of the hierarchy happen at a time in an organization."""
        await self.tx.write(
            "SELECT pg_advisory_xact_lock(hashtextextended($2::text || '.parent:' || $1::text, 0))",
            str(self.tx.organization_id),
            self.model.__tablename__,
        )


class TreeService(CrudService[E]):
    """Keeps the hierarchy a tree."""

    records: Any

    async def prepare(self, values: dict[str, Any], current: E | None) -> dict[str, Any]:
        """Refuse to put a record below itself."""
        values = await super().prepare(values, current)
        parent: UUID | None = values.get("parent_id")
        # What is new stands above nothing.
        if current is not None and parent not in {None, getattr(current, "parent_id", None)}:
            await self.records.lock_hierarchy()
            if current.id in await self.records.ancestors(parent):
                raise circle(self.model.entity)
        return values


def circle(entity: str) -> Conflict:
    """The error for a record that would stand below itself."""
    code, message = "hierarchy_cycle", f"A {entity} cannot stand below itself."
    return Conflict(message, code=code, faults=[Fault(code, message, pointer="/parent_id")])
