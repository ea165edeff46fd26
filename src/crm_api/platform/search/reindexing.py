"""Writing the search words of all records anew."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from crm_api.kit.actor import Actor
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx, unit_of_work

_BATCH = 500


async def reindex(
    database: Database,
    services: Iterable[type[CrudService[Any]]],
    organizations: Iterable[UUID] | None = None,
) -> int:
    """How many records were indexed: those of these organizations, or of all."""
    if organizations is None:
        organizations = [
            row[0] for row in await database.ask("SELECT id FROM crm_organization_ids()")
        ]
    known = list(services)
    done = 0
    for organization in organizations:
        actor = Actor(organization, "system", scopes=frozenset({"*"}))
        for service in known:
            done += await _collection(database, actor, service)
    return done


async def _collection(database: Database, actor: Actor, service: type[CrudService[Any]]) -> int:
    done, after = 0, None
    while True:
        async with unit_of_work(Tx(database, actor)) as tx:
            ids = await service(tx).reindex(after, _BATCH)
        if not ids:
            return done
        done, after = done + len(ids), ids[-1]
