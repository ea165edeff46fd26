"""Going from one consumer to the next, whoever they belong to."""

from typing import ClassVar
from uuid import UUID

import structlog

from crm_api.kit.actor import Actor
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import CrmError, ModuleClosed
from crm_api.kit.jobs import Workplace

log = structlog.get_logger("crm_api.worker")

BATCH = 50


class Rounds:
    """A watcher that attends to each in a transaction of its own; several workers may be at it."""

    sql: ClassVar[str]
    """Whom there is something to do for, at most `$1`: `organization_id` and `id`."""

    def __init__(self, place: Workplace) -> None:
        self._database, self._wake = place.database, place.wake

    async def look(self) -> bool:
        """Do what there is; whether there may be more at once."""
        more = acted = False
        for row in await self._database.ask(self.sql, BATCH):
            actor = Actor(row["organization_id"], "system", scopes=frozenset({"*"}))
            try:
                await self._database.catalogues.of(actor.organization_id, is_fresh=True)
                async with unit_of_work(Tx(self._database, actor)) as tx:
                    done = await self.attend(tx, row["id"])
                more, acted = more or bool(done), acted or done is not None
            except ModuleClosed:
                # It goes on where it stands once its organization opens the module again.
                continue
            except CrmError as error:
                # One's trouble is not the others'.
                log.warning("cannot attend", to=str(row["id"]), error=error.detail)
        # Where nothing could be done nobody has to look: waking oneself would go on for ever.
        if acted:
            self._wake()
        return more

    async def attend(self, tx: Tx, id: UUID) -> bool | None:
        """Do what there is for one of them; whether there may be more at once.

        None where nothing could be done.
        """
        raise NotImplementedError

    async def close(self) -> None:
        """Nothing is kept."""
