"""What becomes of customers by itself: expectations that were missed, and each day's health."""

from datetime import date
from uuid import UUID

from crm_api.domains.customers.health import Health
from crm_api.domains.customers.models import Expectation
from crm_api.domains.customers.service import ExpectationService
from crm_api.kit.actor import Actor
from crm_api.kit.apart import Apart
from crm_api.kit.crud.due import moving
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.files.store import Files

_DUE = "SELECT organization_id, time_zone FROM crm_health_due($1, $2)"
_BATCH = 500


async def _miss(service: ExpectationService, expectation: Expectation, _today: date) -> None:
    due = expectation.due_at
    if expectation.status == "open" and due is not None and due < service.tx.now:
        await service.settle(expectation, "miss", None)


tell_missed = moving("crm_expectations_missed", ExpectationService, _miss)


async def measure_health(database: Database, _files: Files) -> None:
    """Take the figures of today, in the time zone of each organization that has none of it yet.

    Raises `Stumbled` in the end if something was wrong with one of them.
    """
    after, apart = UUID(int=0), Apart()
    while rows := await database.ask(_DUE, after, _BATCH):
        for own, time_zone in rows:
            actor = Actor(own, "system", scopes=frozenset({"*"}), time_zone=time_zone)
            await apart.do(f"health of {own}", _measure(database, actor))
        after = rows[-1]["organization_id"]
    apart.end()


async def _measure(database: Database, actor: Actor) -> None:
    after: UUID | None = None
    while True:
        # In stretches, so that no transaction holds many companies at once.
        async with unit_of_work(Tx(database, actor)) as tx:
            after = await Health(tx).measure(after)
        if after is None:
            return
