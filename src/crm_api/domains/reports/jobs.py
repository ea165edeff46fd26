"""The work of reports: one statement, whose result is stored by one transaction."""

import asyncio
from dataclasses import dataclass
from typing import Any

from crm_api.domains.reports.messages import RunReport
from crm_api.domains.reports.repository import ReportRuns
from crm_api.domains.reports.running import Reports
from crm_api.domains.reports.runs import BY_JOB, ReportRunService, sight_of
from crm_api.kit.db.tx import unit_of_work
from crm_api.kit.errors import Forbidden
from crm_api.kit.jobs import JobContext, LeaseLost, runs

_TOLD_EVERY_S = 0.5
STEPS = 3
"""Found to be allowed, calculated, stored. How far the statement between is nobody can tell."""


@dataclass(slots=True)
class _Steps:
    """How many of them are done."""

    done: int = 0


@runs(RunReport)
async def run_report(context: JobContext, message: RunReport) -> dict[str, Any]:
    """Run it as whoever asked, as they may see by now; till the end nothing of it is stored."""
    steps = _Steps()
    work = asyncio.create_task(_answer(context, message, steps))
    try:
        while not (await asyncio.wait({work}, timeout=_TOLD_EVERY_S))[0]:
            # Learns whether to go on; a statement that is cancelled ends in the database, too.
            async with unit_of_work(context.tx()) as tx:
                await context.job.advance(tx, steps.done, STEPS)
        answer, mark = work.result()
    except BaseException:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        raise
    async with unit_of_work(context.tx()) as tx:
        service = ReportRunService(tx)
        run = await service.records.get(message.run_id, lock=True)
        await context.job.advance(tx, STEPS, STEPS)
        await service.keep(run, answer, mark)
    return {"run_id": str(message.run_id), "rows": len(answer["rows"])}


async def _answer(
    context: JobContext, message: RunReport, steps: _Steps
) -> tuple[dict[str, Any], Any]:
    async with unit_of_work(context.tx()) as tx:
        service = ReportRunService(tx)
        run = await service.records.get(message.run_id)
        if run.job_id != context.job.id or run.finished_at is not None:
            raise LeaseLost
        if run.sight_hash != sight_of(tx):
            text = "You may see something else than when it was asked for; run the report again."
            raise Forbidden(text, code="rights_changed")
        # Read before the data: what happens between them is no reason to keep less.
        async with Reports(tx, BY_JOB).reading() as reader:
            mark = await ReportRuns(reader).watermark()
        steps.done = 1
        with tx.caused_by(run.id):
            answer = await service.answer(run)
        steps.done = 2
        return answer, mark
