"""The tick of the clocks, and their reckoning anew where policies or calendars change."""

from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.cases.events import RecomputeClocks
from crm_api.domains.cases.keeping import Keeper
from crm_api.domains.cases.service import CaseService
from crm_api.kit.db.states import await_knowledge
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.jobs import JobContext, runs
from crm_api.kit.rounds import Rounds

SLICE = 500
_AT_ONCE = 2_000
_LATER = """
    SELECT EXISTS (SELECT FROM jobs WHERE organization_id = $1 AND kind = $2 AND id > $3
        AND status = 'queued') AS there
"""


class Tick(Rounds):
    """Does what is due by clocks, some cases of an organization in each transaction.

    Cases that somebody else holds are left to them or to the next look: several workers go on
    side by side.
    """

    abreast = 2
    at_once: ClassVar[int] = _AT_ONCE
    """How many cases a transaction takes: so long they stay locked."""
    sql = "SELECT id AS organization_id, id FROM crm_organizations_with_sla_due($1) AS id"

    async def attend(self, tx: Tx, id: UUID) -> bool | None:
        """Do what is due by the clocks of some cases; None where all are held by others."""
        del id
        service = CaseService(tx)
        service.need("update")
        cases = await service.records.due(tx.now, self.at_once)
        if not cases:
            return None
        await Keeper(service).keep(cases)
        return len(cases) == self.at_once


@runs(RecomputeClocks)
async def recompute(context: JobContext, _message: RecomputeClocks) -> dict[str, Any]:
    """Go through the open cases of an organization, a slice at a time.

    Where another such job waits, it is left to that.
    """
    async with unit_of_work(context.tx(read_only=True)) as tx:
        await await_knowledge(tx)
    after: str | None = context.job.state.get("after")
    done = int(context.job.state.get("done", 0))
    while True:
        async with unit_of_work(context.tx()) as tx:
            args = (tx.organization_id, RecomputeClocks.kind, context.job.id)
            if (await tx.fetch(_LATER, *args))[0]["there"]:
                return {"records": done}
            service = CaseService(tx)
            cases = await service.records.open(UUID(after) if after else None, SLICE)
            await Keeper(service).keep(cases, anew=True)
            done += len(cases)
            after = str(cases[-1].id) if cases else after
            await context.job.advance(tx, done, state={"after": after, "done": done})
        if len(cases) < SLICE:
            return {"records": done}
