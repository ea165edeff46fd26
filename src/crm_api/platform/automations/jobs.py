"""The work of rules: taking steps, and beginning runs for many records."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_api.kit.actor import Actor
from crm_api.kit.apart import Apart
from crm_api.kit.db.database import Database
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import CrmError, Unauthenticated, Unavailable
from crm_api.kit.files.store import Files
from crm_api.kit.jobs import JobCancelled, JobContext, LeaseLost, runs
from crm_api.kit.problems import problem_of
from crm_api.platform.automations.beginning import begin_timed
from crm_api.platform.automations.definitions import Definition
from crm_api.platform.automations.events import RUN_FAILED, BeginRuns, TakeSteps
from crm_api.platform.automations.flow import pointer_of, step_at
from crm_api.platform.automations.repository import Runs, run_of
from crm_api.platform.automations.service import AutomationService, tell
from crm_api.platform.automations.stepping import Taken, take

_STRANDED = "SELECT organization_id, run_id FROM crm_stranded_runs($1)"
FORGET = "SELECT crm_forget_runs($1) AS number"
_BATCH = 200
_LOST = {
    "status": 500,
    "code": "interrupted",
    "detail": "The job that took its steps was given up or cancelled.",
}


@runs(TakeSteps)
async def take_steps(context: JobContext, message: TakeSteps) -> dict[str, Any]:
    """Take step after step, each in a transaction with its log and the place of the next.

    Another try goes on with the step that the last one did not finish.
    """
    taken = 0
    while await _take_one(context, message.run_id):
        taken += 1
        await asyncio.sleep(0)
    return {"steps": taken}


async def _take_one(context: JobContext, run_id: UUID) -> bool:
    """Take the next step; whether there may be another at once."""
    reader = context.tx(read_only=True)
    row = await Runs(reader).state(run_id)
    if row is None or row["job_id"] != context.job.id or row["gone_at"] is not None:
        raise LeaseLost
    if row["place"] is None:
        return False
    service = AutomationService(reader)
    definition = await service.records.version(row["automation_id"], row["version"])
    stored = decode(row["actor"] if row["actor"] is not None else row["owner"])
    try:
        tx = await AutomationService.acting(context.database, stored)
        return await _step(context, tx, row, definition)
    except JobCancelled:
        await _end(context, row, "cancelled", None)
        raise
    except Unavailable:
        raise
    except CrmError as error:
        await _end(context, row, "failed", error)
        if isinstance(error, Unauthenticated) and row["actor"] is None:
            await _pause(context, row["automation_id"])
        return False


async def _step(context: JobContext, tx: Tx, row: Any, definition: Definition) -> bool:
    run, way = run_of(row), tuple(decode(row["place"]))
    async with unit_of_work(tx):
        records, known = AutomationService(tx).records, Runs(tx)
        await context.job.advance(tx, row["steps_taken"] + 1)
        number = await known.hold(run.id, context.job.id)
        if number is None or number != row["steps_taken"]:
            raise LeaseLost
        taken = await take(tx, run, definition, way, lambda: records.turn(run.automation_id))
        known.note(run.id, number + 1, **_entry(taken))
        until = None if taken.then is None else taken.outcome.until
        await known.move(run.id, taken.then, results=taken.results, wake_at=until)
    return taken.then is not None and until is None


def _entry(taken: Taken) -> dict[str, Any]:
    return {
        "place": taken.place,
        "action": taken.step.action,
        "name": taken.step.name,
        "outcome": taken.status,
        "result": taken.result,
    }


async def _end(context: JobContext, row: Any, status: str, error: CrmError | None) -> None:
    """Note that a run is over, and why, in a transaction after the one that failed."""
    problem = None if error is None else problem_of(error, None)
    async with unit_of_work(_of_its_own(context)) as tx:
        if status == "failed":
            await context.job.hold(tx)
        await _ended(tx, row["id"], status, problem)


async def _ended(tx: Tx, id: UUID, status: str, problem: Any) -> None:
    known = Runs(tx)
    ended = await known.end(id, status, problem)
    if ended is None or status != "failed":
        return
    service = AutomationService(tx)
    rule = await service.records.find(ended["automation_id"], deleted=True)
    state = await known.state(id)
    if rule is None or state is None:
        return
    if ended["place"] is not None:
        way = tuple(decode(ended["place"]))
        definition = await service.records.version(rule.id, state["version"])
        step = step_at(definition.steps, way)
        known.note(
            id,
            ended["steps_taken"],
            place=pointer_of(way),
            action=str(step.get("action")),
            name=step.get("name"),
            outcome="failed",
            result={},
            error=problem,
        )
    # No more of it: what went wrong may name people, and events are not forgotten with the run.
    told = {"run_id": id, "record_id": state["record_id"], "code": problem["code"]}
    tell(tx, rule, RUN_FAILED, told)


def _of_its_own(context: JobContext) -> Tx:
    organization_id = context.actor.organization_id
    return Tx(context.database, Actor(organization_id, "system", scopes=frozenset({"*"})))


async def _pause(context: JobContext, id: UUID) -> None:
    async with unit_of_work(_of_its_own(context)) as tx:
        rule = await AutomationService(tx).records.find(id)
        if rule is not None and rule.status == "active":
            await AutomationService(tx).pause(id, "rights_lost")


@runs(BeginRuns)
async def begin_runs(context: JobContext, message: BeginRuns) -> dict[str, Any]:
    """Walk the records whose time came, in chunks that are each whole; another try goes on."""
    since, moment = map(datetime.fromisoformat, (message.since, message.moment))
    cursor, begun = context.job.state.get("cursor"), int(context.job.state.get("begun", 0))
    while True:
        async with unit_of_work(_of_its_own(context)) as tx:
            rule = await AutomationService(tx).records.find(message.automation_id)
            if rule is None or rule.status != "active":
                return {"begun": begun}
            some = await begin_timed(tx, rule, message.version, (since, moment), cursor)
            if some is None:
                return {"begun": begun}
            begun, cursor = begun + some.begun, some.cursor
            await context.job.advance(tx, begun, state={"cursor": cursor, "begun": begun})
        if cursor is None:
            return {"begun": begun}


async def settle_stranded(database: Database, _files: Files) -> None:
    """End the runs whose jobs ended without them."""
    apart = Apart()
    for row in await database.ask(_STRANDED, _BATCH):
        await apart.do(f"run {row['run_id']}", _settle(database, *row))
    apart.end()


async def _settle(database: Database, organization_id: UUID, run_id: UUID) -> None:
    actor = Actor(organization_id, "system", scopes=frozenset({"*"}))
    async with unit_of_work(Tx(database, actor)) as tx:
        await _ended(tx, run_id, "failed", _LOST)
