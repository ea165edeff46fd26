"""A worker with two jobs of tests: one that takes its time, and one that kills it."""

import asyncio
import os
import signal
from dataclasses import dataclass
from typing import Any, ClassVar

from crm_api import worker as job_worker
from crm_api.kit.db.tx import unit_of_work
from crm_api.kit.jobs import JobContext, Runner
from crm_api.kit.messages import Message
from support.processes import work

TAKES_S, KILLS_AFTER_S = 1.0, 0.3


@dataclass(frozen=True)
class Innocent(Message):
    """Takes a second, and never says how far it is."""

    kind: ClassVar[str] = "tests.innocent"


@dataclass(frozen=True)
class Poison(Message):
    """Kills its worker at the same place each time, and says that it gets on till then."""

    kind: ClassVar[str] = "tests.poison"


async def _take_time(_context: JobContext, _message: Any) -> None:
    await asyncio.sleep(TAKES_S)


async def _kill(context: JobContext, _message: Any) -> None:
    for done in (0, 7):
        async with unit_of_work(context.tx()) as tx:
            await context.job.advance(tx, done, 10)
    await asyncio.sleep(KILLS_AFTER_S)
    os.kill(os.getpid(), signal.SIGKILL)


def work_with_poison() -> None:
    """Be a worker that knows both."""
    known = job_worker.runners()
    own = {
        message.kind: Runner(message, run)
        for message, run in ((Innocent, _take_time), (Poison, _kill))
    }
    job_worker.runners = lambda: known | own
    work()
