"""The background worker: arq executes, PostgreSQL decides (ADR-0007)."""

import asyncio
import contextlib
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, cast
from uuid import UUID

import msgspec
import structlog
from arq.worker import Worker, func
from redis.exceptions import RedisError

from crm_api.api import logs
from crm_api.api.services import open_database, open_files, spare_garbage_collector
from crm_api.api.telemetry import serve_metrics
from crm_api.kit import traces
from crm_api.kit.broadcast import NEWS, Broadcast
from crm_api.kit.db.database import WORKER_ROLE
from crm_api.kit.documents import typefaces
from crm_api.kit.doorbell import FUNCTION, QUEUE, Doorbell, connect, deserialize, serialize
from crm_api.kit.errors import CrmError, ModuleClosed, Unavailable
from crm_api.kit.jobs import (
    Chore,
    JobCancelled,
    JobContext,
    LeaseLost,
    Runner,
    Watch,
    Workplace,
)
from crm_api.kit.mail import new_mailer
from crm_api.kit.messages import Lane
from crm_api.kit.meters import JOB_TIME, JOBS, MISSED_RINGS
from crm_api.kit.outbound.client import Outbound
from crm_api.kit.problems import problem_of
from crm_api.kit.relaying import new_relay
from crm_api.kit.texters import new_texter
from crm_api.kit.watching import SWEEP_S, watch_forever
from crm_api.platform.access.rights import Rights
from crm_api.platform.exchange.sources import publish_from
from crm_api.platform.jobs.forgetting import keep_jobs
from crm_api.platform.jobs.queue import LEASE_S, Claimed, JobQueue
from crm_api.platform.jobs.schedules import KEPT_S, Schedules
from crm_api.registry import MODULES
from crm_api.settings import MissingSetting, Settings

log = structlog.get_logger("crm_api.worker")

CHORES_S = 5.0
SMTP_CONNECTIONS = 16
# arq kills what runs longer; the lease, which each job renews, is what really decides.
LONGEST_S = 86_400
_UNKNOWN = problem_of(CrmError("Something went wrong here."), None)


def open_lanes(busy: Mapping[Lane, int], slots: int) -> list[Lane]:
    """The lanes that a worker of so many slots may take its next job from, the first one first.

    The last slot is for interactive jobs, the one before it not for bulk either: what takes long
    leaves room. A worker of one slot takes everything.
    """
    lanes: list[Lane] = ["interactive"]
    if busy.get("default", 0) + busy.get("bulk", 0) < max(1, slots - 1):
        lanes.append("default")
        if busy.get("bulk", 0) < max(1, slots - 2):
            lanes.append("bulk")
    return lanes


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
        self._rights = Rights(self._database)
        self._shared = open_database(
            settings.model_copy(update={"database_pool_size": 4}), WORKER_ROLE
        )
        self.queue = JobQueue(self._shared)
        self._files = open_files(settings)
        self._doorbell = Doorbell(settings.redis_url)
        self._mailer = new_mailer(settings.smtp_url, settings.mail_outbox, settings.mail_from)
        self._relay = new_relay(
            settings.smtp_url, settings.mail_outbox, settings.mail_from, SMTP_CONNECTIONS
        )
        self._outbound = Outbound(self._database.reach)
        self._texters = {
            channel: new_texter(channel, url, token, settings.mail_outbox, self._outbound)
            for channel, url, token in (
                ("sms", settings.sms_url, settings.sms_token),
                ("messenger", settings.messenger_url, settings.messenger_token),
            )
        }
        self._runners = runners()
        publish_from(settings.fx_file)
        typefaces.add_from(settings.font_dir)
        keep_jobs(settings.jobs_kept_days, settings.jobs_failed_kept_days)
        self._held: dict[UUID, asyncio.Task[Any]] = {}
        self._busy: Counter[Lane] = Counter()
        self._turn = asyncio.Lock()
        self._schedules = Schedules(self._shared)
        self._bells: list[asyncio.Event] = []
        self._broadcast = Broadcast(settings.redis_url)
        self._broadcast.on(NEWS, lambda _: self.wake())
        self._database.tell, self._database.news = self._broadcast.tell, self._broadcast.news

    def start(self) -> None:
        """Listen to what happens."""
        self._broadcast.start()

    async def execute(self, _arq: dict[Any, Any], organization_id: str, job_id: str) -> None:
        """Carry out what is due; called by arq, for any ring, however late or often.

        The ring says that there is something; whose turn it is, the queue says.
        """
        del organization_id, job_id
        while (job := await self._next()) is not None:
            try:
                await self._carry_out(job)
            finally:
                self._busy[job.lane] -= 1

    async def _next(self) -> Claimed | None:
        try:
            async with self._turn:
                lanes = open_lanes(self._busy, self._settings.worker_jobs)
                job = await self.queue.claim_next(lanes)
                if job is not None:
                    self._busy[job.lane] += 1
                return job
        except (CrmError, OSError) as error:
            # It is rung for again once the database is back.
            log.warning("cannot claim", error=str(error)[:200])
            return None

    async def _carry_out(self, job: Claimed) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._held[job.token] = task
        begun = asyncio.get_running_loop().time()
        line = log.bind(job=str(job.id), kind=job.kind, attempt=job.attempts)
        former = traces.CURRENT.set(job.trace)
        try:
            outcome = await self._run(job)
        except asyncio.CancelledError:
            await asyncio.shield(self.queue.release(job))
            line.info("job given back")
            raise
        finally:
            traces.CURRENT.reset(former)
            self._held.pop(job.token, None)
        took_s = asyncio.get_running_loop().time() - begun
        JOBS.add(1, {"kind": job.kind, "outcome": outcome})
        JOB_TIME.record(took_s, {"kind": job.kind})
        line.info("job", outcome=outcome, ms=round(took_s * 1000, 1))

    async def _run(self, job: Claimed) -> str:
        outcome, note = await self._tried(job)
        while True:
            try:
                await note()
                return outcome
            except (Unavailable, OSError) as error:
                # The lease is kept meanwhile; where somebody else has it, that ends this.
                log.warning("cannot note what became of a job", error=str(error)[:200])
                await asyncio.sleep(1)
            except Exception:
                if outcome == "failed":
                    raise
                log.exception("job failed", job=str(job.id), kind=job.kind)
                outcome, note = "failed", partial(self.queue.fail, job, _UNKNOWN, retry=True)

    async def _tried(self, job: Claimed) -> tuple[str, Callable[[], Awaitable[bool]]]:
        """What came of a job, and how that is noted."""
        queue, runner = self.queue, self._runners.get(job.kind)
        try:
            if runner is None:
                raise Unavailable(f"No function here carries out {job.kind}.", code="no_runner")
            state = await self._database.catalogues.of(job.organization_id, is_fresh=True)
            state.switches.need_job(job.kind)
            # Now and not when it was asked for: rights may have been taken away since.
            actor = await self._rights.acting(job.actor, job.user_id)
            context = JobContext(
                self._database,
                actor,
                job,
                self._files,
                self._mailer,
                self._settings.pages_url,
                self._settings.issuer,
                self._texters,
            )
            result = await runner.run(context, msgspec.convert(dict(job.args), runner.message))
            return "succeeded", partial(queue.succeed, job, result)
        except JobCancelled as cancelled:
            return "cancelled", partial(queue.cancel, job, cancelled.result)
        except LeaseLost:
            # Does nothing when another worker holds the job; ends it when its work is obsolete.
            return "lost", partial(queue.cancel, job)
        except ModuleClosed as error:
            return "skipped", partial(queue.skip, job, problem_of(error, None))
        except CrmError as error:
            retry = isinstance(error, Unavailable)
            return error.own_code, partial(queue.fail, job, problem_of(error, None), retry=retry)
        except Exception:
            log.exception("job failed", job=str(job.id), kind=job.kind)
            return "failed", partial(queue.fail, job, _UNKNOWN, retry=True)

    async def sweep_forever(self) -> None:
        """Find what the doorbell missed and what dead workers dropped."""
        while True:
            try:
                for organization_id, job_id in await self.queue.sweep():
                    MISSED_RINGS.add(1)
                    await self._doorbell.ring(organization_id, [job_id])
            except (CrmError, OSError) as error:
                log.warning("cannot sweep", error=str(error))
                await asyncio.sleep(1)
            await asyncio.sleep(SWEEP_S)

    async def do_chores(self) -> None:
        """Do what nobody asks for, each thing when its time has come."""
        await asyncio.gather(*(self._repeat(c) for module in MODULES for c in module.chores))

    async def _repeat(self, chore: Chore) -> None:
        planned = False
        while True:
            try:
                if not planned:
                    await self._schedules.plan({chore.name: chore.every_s})
                    planned = True
                if (token := await self._schedules.claim(chore.name)) is not None:
                    await self._do_chore(chore, token)
            except (CrmError, OSError) as error:
                log.warning("cannot keep a schedule", chore=chore.name, error=str(error)[:200])
            await asyncio.sleep(min(chore.every_s / 2, CHORES_S))

    async def _do_chore(self, chore: Chore, token: UUID) -> None:
        wrong, keeping = None, asyncio.create_task(self._keep_at(chore, token))
        try:
            database = self._shared if chore.shared else self._database
            await chore.run(database, self._files)
        except asyncio.CancelledError:
            await asyncio.shield(self._schedules.release(chore.name, token))
            raise
        except Exception as error:
            # What is wrong with one chore must not end the work at all others.
            log.exception("chore failed", chore=chore.name)
            wrong = str(error)[:500]
        finally:
            keeping.cancel()
        await self._schedules.done(chore.name, token, wrong)

    async def _keep_at(self, chore: Chore, token: UUID) -> None:
        while True:
            await asyncio.sleep(KEPT_S)
            with contextlib.suppress(CrmError, OSError):
                await self._schedules.keep(chore.name, token)

    def wake(self) -> None:
        """Have everybody who hears look again."""
        for bell in self._bells:
            bell.set()

    async def watch(self, watch: Watch) -> None:
        """Look after one thing."""
        bell = asyncio.Event()
        if watch.hears:
            self._bells.append(bell)
        place = Workplace(
            self._database, self._shared, self.wake, self._relay, self._settings.issuer, bell.set
        )
        await watch_forever(watch, place, bell)

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
                poll_delay=0.02,
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
        await self._broadcast.close()
        await self._doorbell.close()
        await self._outbound.close()
        await self._relay.close()
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
        ended, left = await asyncio.wait(left, timeout=0.1)
        for task in ended:
            _ = task.cancelled() or task.exception()


async def run(settings: Settings, *, stop: asyncio.Event | None = None) -> None:
    """Work until `stop` is set, or SIGTERM or SIGINT comes where it is not given."""
    logs.configure(settings)
    if settings.metrics_port is not None:
        serve_metrics(settings.host, settings.metrics_port)
    worker = JobWorker(settings)
    worker.start()
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
            *(worker.watch(watch) for module in MODULES for watch in module.watches),
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
