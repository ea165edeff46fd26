"""Writing the search words of all records anew."""

from collections.abc import Iterable
from uuid import UUID

from crm_api.kit.actor import Actor
from crm_api.kit.crud.collections import service_of
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx, unit_of_work

_BATCH = 500


async def reindex(
    database: Database,
    entities: Iterable[str],
    organizations: Iterable[UUID] | None = None,
) -> int:
    """How many records were indexed: these and custom ones, of some organizations or of all."""
    if organizations is None:
        organizations = [
            row[0] for row in await database.ask("SELECT id FROM crm_organization_ids()")
        ]
    known = list(entities)
    done = 0
    for organization in organizations:
        actor = Actor(organization, "system", scopes=frozenset({"*"}))
        async with unit_of_work(Tx(database, actor, read_only=True)) as tx:
            objects = list(tx.catalogue.objects)
        for entity in (*known, *objects):
            done += await _collection(database, actor, entity)
    return done


async def _collection(database: Database, actor: Actor, entity: str) -> int:
    done, after = 0, None
    while True:
        async with unit_of_work(Tx(database, actor)) as tx:
            ids = await service_of(tx, entity).reindex(after, _BATCH)
        if not ids:
            return done
        done, after = done + len(ids), ids[-1]
