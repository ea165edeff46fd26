"""What becomes of scores in the background: they are reckoned, learned, and follow time."""

import asyncio
from collections.abc import Collection
from typing import Any
from uuid import UUID

from crm_api.domains.leads.events import ScoreLeads, TrainLeadScores, ask_for_scores
from crm_api.domains.leads.facts import NAMES, facts_of
from crm_api.domains.leads.learning import Trained, trained
from crm_api.domains.leads.modelling import LeadScoreModelService, window
from crm_api.domains.leads.score_following import ages
from crm_api.domains.leads.score_repository import Scores
from crm_api.domains.leads.scoring import Scoring
from crm_api.kit.actor import Actor
from crm_api.kit.apart import Apart
from crm_api.kit.crud.personal import Gone
from crm_api.kit.db.database import Database
from crm_api.kit.db.json import decode
from crm_api.kit.db.queued import absorb
from crm_api.kit.db.states import await_knowledge
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.files.store import Files
from crm_api.kit.jobs import JobContext, runs

SLICE = 2_000
PAGE = 5_000
_BATCH = 500
_NOBODY = UUID(int=0)
_DUE = "SELECT id FROM crm_lead_scores_due($1, $2) AS id"


@runs(ScoreLeads)
async def score(context: JobContext, _message: ScoreLeads) -> dict[str, Any]:
    """Go through the leads that have not ended, a slice in each transaction."""
    state = context.job.state
    after: str | None = state.get("after")
    done, changed = int(state.get("done", 0)), int(state.get("changed", 0))
    actor = _system(context.actor.organization_id)
    if after is None:
        async with unit_of_work(Tx(context.database, actor)) as tx:
            await absorb(tx, ScoreLeads.kind, context.job.id, {})
            await context.job.hold(tx)
    async with unit_of_work(context.tx(read_only=True)) as tx:
        await await_knowledge(tx)
    await context.database.catalogues.of(actor.organization_id, is_fresh=True)
    while True:
        async with unit_of_work(Tx(context.database, actor)) as tx:
            tx.actor.require("leads:write")
            leads = await Scores(tx).next(None if after is None else UUID(after), SLICE)
            changed += await (await Scoring.of(tx)).keep_many(leads)
            done += len(leads)
            after = str(leads[-1]["id"]) if leads else after
            stands = {"after": after, "done": done, "changed": changed}
            await context.job.advance(tx, done, state=stands)
        if len(leads) < SLICE:
            return {"leads": done, "changed": changed}


@runs(TrainLeadScores)
async def train(context: JobContext, message: TrainLeadScores) -> dict[str, Any]:
    """Learn from past leads; the same leads teach the same, so another try may begin anew."""
    actor = _system(context.actor.organization_id)
    async with unit_of_work(Tx(context.database, actor)) as tx:
        service = LeadScoreModelService(tx)
        service.need("update")
        found = await service.records.locked([message.model_id], everywhere=True)
        if not found or found[0].status != "training":
            return {"status": "skipped"}
        (model,) = found
        kind: Any = model.kind
        now, (since, stale) = tx.now, window(model, tx.now)
    rows: list[tuple[str | None, ...]] = []
    outcomes: list[bool] = []
    # The same few values make the same facts, which are kept once.
    known: dict[Any, Any] = {}
    place = (since, _NOBODY)
    while True:
        async with unit_of_work(Tx(context.database, actor)) as tx:
            page = await Scores(tx).past(since, place, stale, PAGE)
            await context.job.advance(tx, len(rows) + len(page))
        for row in page:
            plain = facts_of(decode(row["data"]), row["deeds"])
            facts = tuple(known.setdefault(one, one) for one in plain)
            rows.append(known.setdefault(facts, facts))
            outcomes.append(row["converted"])
        if len(page) < PAGE:
            break
        place = (page[-1]["created_at"], page[-1]["id"])
    # In a thread, since many leads take their time.
    learned: Trained | None = await asyncio.to_thread(trained, kind, NAMES, rows, outcomes)
    async with unit_of_work(Tx(context.database, actor)) as tx:
        service = LeadScoreModelService(tx)
        (model,) = await service.records.locked([message.model_id], everywhere=True) or (None,)
        await context.job.hold(tx)
        if model is None or model.status != "training":
            return {"status": "skipped"}
        grounds = {
            "trained_from": since,
            "trained_to": now,
            "converted_count": sum(outcomes),
            "lost_count": len(outcomes) - sum(outcomes),
        }
        await service.learned(model, learned, grounds)
        return {"leads": len(rows), "status": model.status}


async def age_scores(database: Database, _files: Files) -> None:
    """Once a day of each organization, have scores follow that time has gone by, if they do.

    Raises `Stumbled` in the end if something was wrong with one of them.
    """
    after, apart = _NOBODY, Apart()
    while rows := await database.ask(_DUE, after, _BATCH):
        for (organization_id,) in rows:
            await apart.do(f"scores of {organization_id}", _age(database, organization_id))
        after = rows[-1][0]
    apart.end()


async def _age(database: Database, organization_id: UUID) -> None:
    await database.catalogues.of(organization_id, is_fresh=True)
    async with unit_of_work(Tx(database, _system(organization_id))) as tx:
        tx.actor.require("leads:write")
        if not await Scores(tx).age():
            return
        scoring = await Scoring.of(tx)
        # What was done lately is a fact that models go by.
        if scoring.predictions.models or any(ages(tx, rule) for rule in scoring.rules):
            ask_for_scores(tx)


def _system(organization_id: UUID) -> Actor:
    """Not in the name of who asks, who may not see all leads."""
    return Actor(organization_id, "system", scopes=frozenset({"*"}))


async def forget_predictions(tx: Tx, entity: str, ids: Collection[UUID]) -> None:
    """Take away what was said of leads that were destroyed, or by models that were."""
    if entity == "lead":
        await Scores(tx).forget(sorted(ids))
    if entity == "lead_score_model":
        await Scores(tx).forget_models(sorted(ids))


async def forget_person(tx: Tx, gone: Gone) -> int:
    """Take away what was said of a person who is erased."""
    return await Scores(tx).forget(list(gone.ids))
