"""Records that move on by themselves when their day comes, in the time zone of each organization."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any
from uuid import UUID

from crm_api.kit.actor import Actor
from crm_api.kit.apart import Apart
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.files.store import Files

Move = Callable[[Any, Any, date], Awaitable[None]]
"""Moves a record on, which is locked, by its service; gets the organization's today as well."""
_BATCH = 500
_NOBODY = UUID(int=0)
_TODAY = "SELECT (now() AT TIME ZONE time_zone)::date AS today FROM organizations WHERE id = $1"


def moving(
    due: str, kind: type[CrudService[Any]], move: Move
) -> Callable[[Database, Files], Awaitable[None]]:
    """What moves on all records that are due, each in a transaction of its own.

    `due` is a function of the database that tells the organization and the id of the next of them
    after such a pair. What cannot move, or belongs to a module that is switched off, stays, and is
    looked at again the next time. Raises `Stumbled` in the end if something was wrong with one.
    """
    statement = f"SELECT * FROM {due}($1, $2, $3)"  # noqa: S608 - the name comes from the code

    async def run(database: Database, _files: Files) -> None:
        after, apart = (_NOBODY, _NOBODY), Apart()
        while rows := await database.ask(statement, *after, _BATCH):
            for organization_id, id in rows:
                await apart.do(
                    f"{kind.repository.listing.entity} {id}",
                    _move(database, organization_id, kind, id, move),
                )
            after = (rows[-1][0], rows[-1][1])
        apart.end()

    return run


async def _move(
    database: Database, organization_id: UUID, kind: type[CrudService[Any]], id: UUID, move: Move
) -> None:
    actor = Actor(organization_id, "system", scopes=frozenset({"*"}))
    async with unit_of_work(Tx(database, actor)) as tx:
        service = kind(tx)
        service.need("update")
        # Locked before it is looked at: whoever was faster has moved it on, or given it days.
        record = await service.records.find(id, lock=True)
        if record is not None:
            await move(service, record, (await tx.fetch(_TODAY, organization_id))[0]["today"])
