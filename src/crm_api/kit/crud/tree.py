"""Collections whose records stand below one another, by their `parent_id`."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit.crud.repository import E, Repository
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, Fault


class TreeRepository(Repository[E]):
    """Looks up a hierarchy, and locks it."""

    above: ClassVar[str] = "parent_id"
    """The column that leads from a record to the one above it."""

    async def ancestors(self, id: UUID) -> list[UUID]:
        """The ids from a record up to its root, in this order, itself included."""
        table = self.model.__tablename__
        rows = await self.tx.fetch(  # the only part that varies is the name of a table
            "WITH RECURSIVE up AS ("  # noqa: S608
            f"SELECT id, {self.above} AS above, 0 AS step FROM {table} "
            "WHERE organization_id = $1 AND id = $2 "
            f"UNION SELECT c.id, c.{self.above}, step + 1 FROM {table} c "
            "JOIN up ON c.id = up.above WHERE c.organization_id = $1) "
            "CYCLE id SET is_cycle USING path SELECT id FROM up WHERE NOT is_cycle ORDER BY step",
            self.tx.organization_id,
            id,
        )
        return [row[0] for row in rows]

    async def height(self, id: UUID) -> int:
        """How many records stand above one another from a record down, itself included."""
        table = self.model.__tablename__
        rows = await self.tx.fetch(  # the only part that varies is the name of a table
            "WITH RECURSIVE down AS ("  # noqa: S608
            f"SELECT id, 1 AS step FROM {table} WHERE organization_id = $1 AND id = $2 "
            f"UNION SELECT c.id, step + 1 FROM {table} c "
            f"JOIN down ON c.{self.above} = down.id WHERE c.organization_id = $1) "
            "CYCLE id SET is_cycle USING path SELECT max(step) FROM down WHERE NOT is_cycle",
            self.tx.organization_id,
            id,
        )
        return rows[0][0] or 1

    async def lock_hierarchy(self) -> None:
        """Let one change of the hierarchy happen at a time in an organization."""
        await lock_graph(self.tx, f"{self.model.__tablename__}.{self.above}")


class TreeService(CrudService[E]):
    """Keeps the hierarchy a tree."""

    records: Any

    async def prepare(self, values: dict[str, Any], current: E | None) -> dict[str, Any]:
        """Refuse to put a record below itself."""
        values = await super().prepare(values, current)
        # What is new stands above nothing.
        if current is not None:
            await self._need_tree(current, values)
        return values

    async def put_back(self, record: E, values: dict[str, Any]) -> Any:
        """Refuse it where somebody has put below the record what it stood below before."""
        await self._need_tree(record, values)
        return await super().put_back(record, values)

    async def _need_tree(self, current: E, values: Mapping[str, Any]) -> None:
        above: str = self.records.above
        parent: UUID | None = values.get(above)
        if parent not in {None, getattr(current, above)}:
            await self.records.lock_hierarchy()
            if current.id in await self.records.ancestors(parent):
                raise circle(self.model.entity, above)


def circle(entity: str, column: str = "parent_id") -> Conflict:
    """The error for a record that would stand below itself."""
    code, message = "hierarchy_cycle", f"A {entity} cannot stand below itself."
    return Conflict(message, code=code, faults=[Fault(code, message, pointer=f"/{column}")])


async def lock_graph(tx: Tx, name: str) -> None:
    """Let one change of a graph of records, such as a hierarchy, happen at a time.

    In an organization; till the commit.
    """
    await tx.write(
        "SELECT pg_advisory_xact_lock(hashtextextended($2::text || ':' || $1::text, 0))",
        str(tx.organization_id),
        name,
    )
