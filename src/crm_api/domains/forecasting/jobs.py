"""What becomes of forecasting by itself: each day's snapshots, and milestones of goals."""

from datetime import date
from uuid import UUID

from crm_api.domains.forecasting.models import Goal
from crm_api.domains.forecasting.service import GoalService
from crm_api.domains.forecasting.snapshots import Snapshots
from crm_api.kit.actor import Actor
from crm_api.kit.apart import Apart
from crm_api.kit.crud.due import moving
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.files.store import Files

_DUE = "SELECT organization_id, time_zone FROM crm_snapshots_due($1, $2)"
_BATCH = 500


async def take_snapshots(database: Database, _files: Files) -> None:
    """Take the snapshots of today, in the time zone of each organization that has none of it yet.

    Each organization's by one statement. Raises `Stumbled` in the end if something was wrong with
    one of them.
    """
    after, apart = UUID(int=0), Apart()
    while rows := await database.ask(_DUE, after, _BATCH):
        for own, time_zone in rows:
            actor = Actor(own, "system", scopes=frozenset({"*"}), time_zone=time_zone)
            # Where forecasting is switched off, there are none.
            await apart.do(f"snapshots of {own}", _take(database, actor))
        after = rows[-1]["organization_id"]
    apart.end()


async def _take(database: Database, actor: Actor) -> None:
    async with unit_of_work(Tx(database, actor)) as tx:
        await Snapshots(tx).take()


async def _look(service: GoalService, goal: Goal, _today: date) -> None:
    await service.look(goal)


tell_milestones = moving("crm_goals_due", GoalService, _look)
