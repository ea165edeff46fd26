"""The background worker: arq executes, PostgreSQL decides (ADR-0007)."""

import asyncio
import contextlib
import signal
from typing import Any, cast
from uuid import UUID

import msgspec
import structlog
from arq.worker import Worker, func
from redis.exceptions import RedisError

from crm_api.api import logs
from crm_api.api.services import open_database, spare_garbage_collector
from crm_api.kit.db.database import WORKER_ROLE
from crm_api.kit.doorbell import FUNCTION, QUEUE, Doorbell, connect, deserialize, serialize
from crm_api.kit.errors import CrmError, Unavailable
from crm_api.kit.jobs import JobCancelled, JobContext, LeaseLost, Runner
from crm_api.kit.rest.problems import problem_of
from crm_api.platform.jobs.queue import LEASE_S, Claimed, JobQueue
from crm_api.registry import MODULES
from crm_api.settings import MissingSetting, Settings

log = structlog.get_logger("crm_api.worker")

SWEEP_S = 0.3
CHORES_S = 3600.0
# arq kills what runs longer; the lease, which each job renews, is what really decides.
LONGEST_S = 86_400


def runners() -> dict[str, Runner]:
    """Every job function of the product by the kind of its message."""
    return {runner.message.kind: runner for module in MODULES for runner in module.jobs}


class JobWorker:
    """Runs the jobs whose turn it is, and keeps their leases."""

    def __init__(self, settings: Settings) -> None:
        if settings.redis_url is None:
            raise MissingSetting("redis_url")
        self._settings = settings
        # Jobs may take their time; statements of a minute are still a mistake.
        patient = settings.model_copy(update={"database_timeout_s": 60.0})
        self._database = open_database(patient)
        self._shared = open_database(
            settings.model_copy(update={"database_pool_size": 4}), WORKER_ROLE
        )
        self.queue = JobQueue(self._shared)
        self._doorbell = Doorbell(settings.redis_url)
        self._runners = runners()
        self._held: dict[UUID, asyncio.Task[Any]] = {}

    async def execute(self, _arq: dict[Any, Any], organization_id: str, job_id: str) -> None:
        """Carry a job out; called by arq, for any ring, however late or often."""
        job = await self.queue.claim(UUID(organization_id), UUID(job_id))
        if job is None:
            return
        task = asyncio.current_task()
        assert task is not None
        self._held[job.token] = task
        begun = asyncio.get_running_loop().time()
        line = log.bind(job=str(job.id), kind=job.kind, attempt=job.attempts)
        try:
            outcome = await self._run(job)
        except asyncio.CancelledError:
            await asyncio.shield(self.queue.release(job))
            line.info("job given back")
            raise
        finally:
            self._held.pop(job.token, None)
        ms = round((asyncio.get_running_loop().time() - begun) * 1000, 1)
        line.info("job", outcome=outcome, ms=ms)

    async def _run(self, job: Claimed) -> str:
        runner = self._runners.get(job.kind)
        try:
            if runner is None:
                raise Unavailable(f"No function here carries out {job.kind}.", code="no_runner")
            context = JobContext(self._database, job.actor, job, self._settings.files_dir)
            result = await runner.run(context, msgspec.convert(dict(job.args), runner.message))
            await self.queue.succeed(job, result)
            return "succeeded"
        except JobCancelled:
            await self.queue.cancel(job)
            return "cancelled"
        except LeaseLost:
            # Does nothing when another worker holds the job; ends it when its work is obsolete.
            await self.queue.cancel(job)
            return "lost"
        except CrmError as error:
            retry = isinstance(error, Unavailable)
            await self.queue.fail(job, problem_of(error, None), retry=retry)
            return error.own_code
        except Exception:
            log.exception("job failed", job=str(job.id), kind=job.kind)
            unknown = CrmError("Something went wrong here.")
            await self.queue.fail(job, problem_of(unknown, None), retry=True)
            return "failed"

    async def sweep_forever(self) -> None:
        """Find what the doorbell missed and what dead workers dropped."""
        while True:
            try:
                for organization_id, job_id in await self.queue.sweep():
                    await self._doorbell.ring(organization_id, [job_id])
            except (CrmError, OSError) as error:
                log.warning("cannot sweep", error=str(error))
                await asyncio.sleep(1)
            await asyncio.sleep(SWEEP_S)

    async def do_chores(self) -> None:
        """Do what nobody asks for: at the start, then once an hour."""
        while True:
            for module in MODULES:
                for chore in module.chores:
                    try:
                        await chore.run(self._database, self._settings.files_dir)
                    except (CrmError, OSError) as error:
                        log.warning("chore failed", chore=chore.name, error=str(error))
            await asyncio.sleep(CHORES_S)

    async def keep_leases(self) -> None:
        """Renew what is held; stop whatever another worker has taken over."""
        while True:
            await asyncio.sleep(LEASE_S / 3)
            held = dict(self._held)
            if not held:
                continue
            try:
                kept = await self.queue.renew(list(held))
            except (CrmError, OSError) as error:
                log.warning("cannot renew leases", error=str(error))
                continue
            for token, task in held.items():
                if token not in kept and token in self._held:
                    task.cancel()

    async def serve_forever(self) -> None:
        """Execute what rings; arq dies of any Redis error, so it is started again."""
        assert self._settings.redis_url is not None
        pause = 0.5
        while True:
            worker = Worker(
                [
                    func(
                        cast("Any", self.execute),
                        name=FUNCTION,
                        timeout=LONGEST_S,
                        max_tries=1,
                        keep_result=0,
                    )
                ],
                redis_pool=connect(self._settings.redis_url),
                queue_name=QUEUE,
                handle_signals=False,
                max_jobs=self._settings.worker_jobs,
                queue_read_limit=1_000,
                poll_delay=0.1,
                health_check_interval=10,
                job_serializer=serialize,
                job_deserializer=deserialize,
                log_results=False,
            )
            begun = asyncio.get_running_loop().time()
            try:
                await worker.async_run()
            except (RedisError, OSError) as error:
                log.warning("Redis is away", error=str(error)[:200])
            finally:
                await _stop(worker)
            lasted = asyncio.get_running_loop().time() - begun
            pause = 0.5 if lasted > 10 else min(pause * 2, 5.0)
            await asyncio.sleep(pause)

    async def close(self) -> None:
        """Let go of every connection and process."""
        await self._doorbell.close()
        await self._database.close()
        await self._shared.close()


async def _stop(worker: Worker) -> None:
    """Cancel what arq runs; each job gives itself back, unless it goes on by itself."""
    await _end(set(worker.tasks.values()))
    with contextlib.suppress(RedisError, OSError):
        await worker.pool.aclose(close_connection_pool=True)


async def _end(tasks: set[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they end: the Redis client may take a cancellation for its own timeout."""
    left = tasks
    while left:
        for task in left:
            task.cancel()
        ended, left = await asyncio.wait(left, timeout=1)
        for task in ended:
            _ = task.cancelled() or task.exception()


async def run(settings: Settings, *, stop: asyncio.Event | None = None) -> None:
    """Work until `stop` is set, or SIGTERM or SIGINT comes where it is not given."""
    logs.configure(settings)
    worker = JobWorker(settings)
    spare_garbage_collector()
    if stop is None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
    tasks: list[asyncio.Task[Any]] = [
        asyncio.create_task(work)
        for work in (
            worker.serve_forever(),
            worker.sweep_forever(),
            worker.keep_leases(),
            worker.do_chores(),
        )
    ]
    log.info("worker started", kinds=sorted(runners()))
    stopping: asyncio.Task[Any] = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
    await _end({*tasks, stopping})
    await worker.close()
    log.info("worker stopped")
    for task in done - {stopping}:
        task.result()
