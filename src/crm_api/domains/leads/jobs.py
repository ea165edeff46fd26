"""What becomes of leads in the background: they are given, and taken back from who is silent."""

from collections.abc import Collection
from datetime import date
from typing import Any
from uuid import UUID

from crm_api.domains.leads.distributing import Distributor
from crm_api.domains.leads.events import (
    CommitPlan,
    DistributeLeads,
    PlanLeads,
    ask_for_distribution,
)
from crm_api.domains.leads.models import Lead
from crm_api.domains.leads.planning import Planner
from crm_api.domains.leads.scoring import Scoring
from crm_api.domains.leads.service import LeadService
from crm_api.kit.actor import Actor
from crm_api.kit.crud.due import moving
from crm_api.kit.db.queued import absorb
from crm_api.kit.db.states import await_knowledge
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.jobs import JobContext, runs

SLICE = 200
_WAITING = """
    SELECT EXISTS (SELECT FROM leads WHERE organization_id = $1 AND id = ANY($2)
        AND waits_since IS NOT NULL AND unassigned_reason IS NULL AND deleted_at IS NULL) AS there
"""


@runs(DistributeLeads)
async def distribute(context: JobContext, message: DistributeLeads) -> dict[str, Any]:
    """Give what waits to somebody, a slice in each transaction, whoever captured it.

    A slice is given as a whole or not at all, and only by whoever holds the lease of the job:
    after a worker died another goes on behind the last slice.
    """
    state = context.job.state
    after, given = state.get("after"), int(state.get("given", 0))
    done = int(state.get("done", 0))
    # Not in the name of who captured them, who may not see whom they go to.
    actor = Actor(context.actor.organization_id, "system", scopes=frozenset({"*"}))
    if message.anew:
        # Who still captures leads without knowing that they are given to somebody has ended then.
        async with unit_of_work(context.tx(read_only=True)) as tx:
            await await_knowledge(tx)
    while True:
        async with unit_of_work(Tx(context.database, actor, cause_id=context.job.id)) as tx:
            service = LeadService(tx)
            service.need("update")
            if after is None:
                # Each capture asks for one; a stream of them would wait for a job after the other.
                await absorb(tx, DistributeLeads.kind, context.job.id, {"anew": False})
            place = None if after is None else UUID(str(after))
            leads = await service.records.waiting(place, SLICE, anew=message.anew)
            given += await Distributor(service).give(leads)
            done += len(leads)
            after = str(leads[-1].id) if leads else after
            stands = {"after": after, "given": given, "done": done}
            await context.job.advance(tx, done, state=stands)
        if len(leads) < SLICE:
            return {"leads": done, "given": given}


@runs(PlanLeads)
async def plan_leads(context: JobContext, message: PlanLeads) -> dict[str, Any]:
    """Plan what was asked for, as far as whoever asked sees; it is carried out by another job."""
    async with unit_of_work(context.tx()) as tx:
        planner = Planner(tx)
        (plan,) = await planner.plans.records.locked([message.plan_id], everywhere=True)
        if plan.status == "planning":
            await planner.go_on(plan, message.limit, preview=message.preview)
        await context.job.advance(tx, plan.lead_count, plan.lead_count)
        return {"leads": plan.lead_count, "planned": plan.planned_count}


@runs(CommitPlan)
async def commit_plan(context: JobContext, message: CommitPlan) -> dict[str, Any]:
    """Carry out a plan, a slice in each transaction; where it stands is committed with what is done.

    Two that plan the same leads both go through them: whoever comes second finds them not free.
    """
    place = int(context.job.state.get("place", 0))
    actor = Actor(context.actor.organization_id, "system", scopes=frozenset({"*"}))
    while True:
        async with unit_of_work(Tx(context.database, actor, cause_id=context.job.id)) as tx:
            planner = Planner(tx)
            planner.leads.need("update")
            (plan,) = await planner.plans.records.locked([message.plan_id], everywhere=True)
            through = plan.lead_count
            if plan.status == "committed":
                through = await planner.carry_out(plan, place)
            result = {"given": plan.given_count, "skipped": plan.skipped_count}
            is_done = plan.status != "committed"
            place += 1
            await context.job.advance(tx, through, plan.lead_count, state={"place": place})
        if is_done:
            return result


async def follow_up(service: LeadService, lead: Lead, _today: date) -> None:
    """Take a lead, which is locked, back from who is silent; try again to give one that waits."""
    now = service.tx.now
    if lead.due_at is None or lead.due_at > now:
        return
    if lead.waits_since is not None:
        await Distributor(service).give([lead])
    elif lead.status == "assigned" and lead.responded_at is None:
        await Distributor(service).take_back(lead, "recalled", "no_response", "recalled")
    else:
        service.tx.change(lead, {"due_at": None})


follow_leads = moving("crm_leads_due", LeadService, follow_up)


async def keep_leads(tx: Tx, ids: Collection[UUID]) -> None:
    """Score leads that a transaction has changed; what began to wait is given after the commit."""
    scoring = await Scoring.of(tx)
    if scoring.has_any:
        await scoring.keep(await LeadService(tx).records.locked(sorted(ids), everywhere=True))
    (row,) = await tx.fetch(_WAITING, tx.organization_id, list(ids))
    if row["there"]:
        ask_for_distribution(tx)
