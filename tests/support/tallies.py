"""Tallies of an organization, begun and followed as workers do."""

from uuid import UUID

from crm_api.domains.reports.declared import Declared
from crm_api.domains.reports.keeping import Keeper
from crm_api.domains.reports.tally_work import FollowTallies
from crm_api.kit.actor import Actor
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.jobs import Workplace


async def keep(database: Database, organization_id: UUID, *, least: int = 0) -> None:
    """Have its deals be tallied, or the tally be compared with them."""
    actor = Actor(organization_id, "system", scopes=frozenset({"*"}))
    async with unit_of_work(Tx(database, actor)) as tx:
        await Keeper(tx, Declared.tallies["deal"]).reconcile(least)


async def follow(database: Database) -> None:
    """One look of a worker at everything."""
    following = FollowTallies(Workplace(database, database, lambda: None))
    while await following.look():
        pass
