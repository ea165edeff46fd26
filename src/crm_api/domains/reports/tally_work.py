"""What workers do for tallies: follow the feed all the time, and compare them by night."""

from uuid import UUID

from crm_api.domains.reports.declared import Declared
from crm_api.domains.reports.keeping import Keeper
from crm_api.kit.actor import Actor
from crm_api.kit.apart import Apart
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.files.store import Files
from crm_api.kit.rounds import Rounds

PAUSE_S = 1.0
"""Between two looks: reports make up for what has happened meanwhile."""
_AREA = "reports"
_DUE = "SELECT id FROM crm_organizations_with_tallies_due($1, $2) AS id"
_BATCH = 500


class FollowTallies(Rounds):
    """Has tallies follow what happens, for each organization.

    What comes of it and the place in the feed are one transaction: killed in the middle, nothing
    has happened.
    """

    sql = "SELECT id AS organization_id, id FROM crm_organizations_with_tally_news($1) AS id"

    async def attend(self, tx: Tx, id: UUID) -> bool:
        """Take up what is new to an organization."""
        del id
        tx.actor.require(f"{_AREA}:write")
        more = [await Keeper(tx, tally).follow() for tally in Declared.tallies.values()]
        return any(more)


async def reconcile_tallies(database: Database, _files: Files) -> None:
    """Compare all tallies that were not looked at since midnight; begin those that are worth it.

    Raises `Stumbled` in the end if something was wrong with one of them.
    """
    after, apart = UUID(int=0), Apart()
    while rows := await database.ask(_DUE, after, _BATCH):
        for (id,) in rows:
            await apart.do(f"tallies of {id}", _reconcile(database, id))
        after = rows[-1][0]
    apart.end()


async def _reconcile(database: Database, organization_id: UUID) -> None:
    actor = Actor(organization_id, "system", scopes=frozenset({"*"}))
    await database.catalogues.of(organization_id, is_fresh=True)
    for tally in Declared.tallies.values():
        async with unit_of_work(Tx(database, actor)) as tx:
            tx.actor.require(f"{_AREA}:write")
            await Keeper(tx, tally).reconcile()
