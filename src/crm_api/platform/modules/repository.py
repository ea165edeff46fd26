"""The switches of an organization, and what its modules hold."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import Tx
from crm_api.kit.parts import Part, Use
from crm_api.kit.switches import State
from crm_api.platform.modules.models import ModuleSwitch
from crm_api.platform.modules.schemas import MOST_COUNTED

_SWITCHES = f"SELECT * FROM {ModuleSwitch.__tablename__} WHERE organization_id = $1"  # noqa: S608
_JOBS = """
    SELECT status, count(*) AS n FROM jobs
    WHERE organization_id = $1 AND kind = ANY($2) AND status IN ('queued', 'running')
    GROUP BY status
"""


class Switchboard:
    """The switches as they are stored."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def rows(self) -> dict[str, Any]:
        """The switches that were ever used, by module."""
        found = await self.tx.fetch(_SWITCHES, self.tx.organization_id)
        return {row["module"]: row for row in found}

    async def store(self, module: str, state: State) -> tuple[UUID, int]:
        """Set a switch; returns its id and version."""
        tx = self.tx
        stamps = {"changed_at": tx.now, "changed_by": tx.actor.id}
        statement = insert(ModuleSwitch).values(
            organization_id=tx.organization_id, module=module, state=state, version=1, **stamps
        )
        changed = {"state": state, "version": ModuleSwitch.version + 1, **stamps}
        statement = statement.on_conflict_do_update(
            index_elements=["organization_id", "module"], set_=changed
        )
        row = (await tx.run(statement.returning(ModuleSwitch.id, ModuleSwitch.version))).one()
        return row.id, row.version

    async def usage(self, modules: Iterable[Part]) -> dict[str, list[dict[str, Any]]]:
        """How many records each collection of these modules has."""
        services = [(module.key, s) for module in modules for s in module.services]
        if not services:
            return {}
        sql = " UNION ALL ".join(_count(place, s) for place, (_, s) in enumerate(services))
        rows = await self.tx.fetch(sql, self.tx.organization_id)
        counts = {row["place"]: row["n"] for row in rows}
        found: dict[str, list[dict[str, Any]]] = {}
        for place, (key, service) in enumerate(services):
            found.setdefault(key, []).append(
                {
                    "collection": service.plural,
                    "count": min(counts[place], MOST_COUNTED),
                    "is_exact": counts[place] <= MOST_COUNTED,
                }
            )
        return found

    async def jobs(self, kinds: Sequence[str]) -> dict[str, int]:
        """How many jobs of these kinds wait and run."""
        rows = await self.tx.fetch(_JOBS, self.tx.organization_id, kinds)
        return {row["status"]: row["n"] for row in rows}

    async def uses(self, uses: Iterable[Use], entities: Sequence[str]) -> list[dict[str, Any]]:
        """How much there is about these kinds of records."""
        own = self.tx.organization_id
        counts = [(u, (await self.tx.fetch(u.count, own, entities))[0]["n"]) for u in uses]
        return [{"name": use.name, "count": count} for use, count in counts]


def _count(place: int, service: type[CrudService[Any]]) -> str:
    table = service.repository.model.__tablename__
    return (
        f"SELECT {place} AS place, count(*) AS n FROM (SELECT FROM {table} "  # noqa: S608
        f"WHERE organization_id = $1 AND deleted_at IS NULL LIMIT {MOST_COUNTED + 1}) s"
    )
