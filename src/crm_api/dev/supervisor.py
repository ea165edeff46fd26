"""`crm-api dev`: servers, schema, demo data, API and worker, from nothing and back to nothing."""

import asyncio
import errno
import os
import signal
import socket
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

import httpx

from crm_api.api.services import open_database
from crm_api.dev import demo
from crm_api.dev.data_dir import DATABASE, DataDir, url_of
from crm_api.embedded import DataDirLock, EmbeddedPostgres, EmbeddedRedis
from crm_api.migrator import create_database, migrate
from crm_api.settings import Settings

# A slow or busy machine takes a minute for what others do in seconds.
READY_S = 180.0
STOP_S = 10.0
# The API of a run that was killed lets go of the port within this time.
PORT_S = 3.0
LONGEST_PAUSE_S = 30.0

Tell = Callable[[str], None]


class DevFailed(Exception):
    """The development set-up cannot start or go on."""


class _Stopped(Exception):
    """Somebody asked for the end before everything ran."""


@dataclass(frozen=True)
class Running:
    """What somebody at the terminal wants to know."""

    url: str
    api_key: str
    seconds: float


async def develop(settings: Settings, *, tell: Tell, announce: Callable[[Running], None]) -> None:
    """Run everything until SIGINT, SIGTERM or SIGHUP; raises `DevFailed`."""
    supervisor = Supervisor(settings, tell)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.stopping.set)
    async with AsyncExitStack() as stack:
        with suppress(_Stopped):
            announce(await supervisor.start(stack))
            await supervisor.watch()
        tell("Stopping")


class Supervisor:
    """Owns the children; what is started last is stopped first."""

    def __init__(self, settings: Settings, tell: Tell) -> None:
        self.data_dir = DataDir(settings.data_dir)
        self.settings = settings.model_copy(update={"data_dir": self.data_dir.path})
        self.stopping = asyncio.Event()
        self._tell = tell
        self._servers: list[EmbeddedPostgres | EmbeddedRedis] = []
        self._listener: socket.socket | None = None
        self._api: Process | None = None
        self._worker: Process | None = None

    async def start(self, stack: AsyncExitStack) -> Running:
        """Start everything; `stack` stops it in reverse order."""
        begun = time.monotonic()
        stack.enter_context(DataDirLock(self.data_dir.path))
        self._listener = stack.enter_context(await self._listen())
        await self._start_servers(stack)
        self._go_on()
        if self.settings.secret_key is None:
            self._give(secret_key=self.data_dir.secret_key())
        if not self.settings.encryption_keys:
            self._give(encryption_keys=(self.data_dir.encryption_key(),))
        await self._migrate()
        self._go_on()
        api_key = await self._open_demo()
        self._go_on()
        stack.push_async_callback(self._stop_children)
        self._api = await self._spawn("api", self._listener.fileno())
        self._worker = await self._spawn("worker")
        await self._until_ready()
        return Running(self.url, api_key, time.monotonic() - begun)

    @property
    def url(self) -> str:
        """Where the API is found from this machine."""
        return url_of(self.settings)

    async def watch(self) -> None:
        """Mend what breaks until somebody asks for the end; the end of the API ends all."""
        assert self._api is not None
        tasks: set[asyncio.Task[Any]] = {
            asyncio.create_task(self.stopping.wait()),
            asyncio.create_task(self._api.wait()),
            asyncio.create_task(self._keep_worker()),
            asyncio.create_task(self._keep_servers()),
        }
        done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        for task in done:
            task.result()
        if not self.stopping.is_set():
            raise DevFailed(f"the API has ended by itself ({_how(self._api.returncode)})")

    def _go_on(self) -> None:
        if self.stopping.is_set():
            raise _Stopped

    def _give(self, **values: Any) -> None:
        self.settings = self.settings.model_copy(update=values)

    async def _listen(self) -> socket.socket:
        host, port = self.settings.host, self.settings.port
        deadline = time.monotonic() + PORT_S
        while True:
            try:
                family = socket.AF_INET6 if ":" in host else socket.AF_INET
                return socket.create_server((host, port), family=family, backlog=2048)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise DevFailed(f"cannot listen on {host}:{port}: {error.strerror}") from None
                if time.monotonic() > deadline:
                    message = f"port {port} of {host} is taken; choose another with CRM_PORT"
                    raise DevFailed(message) from None
            await asyncio.sleep(0.2)
            self._go_on()

    async def _start_servers(self, stack: AsyncExitStack) -> None:
        begun = time.monotonic()
        if self.settings.database_url is None:
            self._servers.append(self.data_dir.postgres)
        if self.settings.redis_url is None:
            self._servers.append(self.data_dir.redis)
        for server in self._servers:
            stack.push_async_callback(asyncio.to_thread, server.stop)
        starts = [asyncio.to_thread(server.start) for server in self._servers]
        # All have come to an end before one failure stops the others.
        for result in await asyncio.gather(*starts, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result
        if self.data_dir.postgres in self._servers:
            await create_database(self.data_dir.postgres.dsn(), DATABASE)
            self._give(database_url=self.data_dir.postgres.dsn(DATABASE))
        if self.data_dir.redis in self._servers:
            self._give(redis_url=self.data_dir.redis.url())
        names = [{"postgres": "PostgreSQL"}.get(s.program, "Redis") for s in self._servers]
        if names:
            self._tell(f"{' and '.join(names)} started in {time.monotonic() - begun:.1f} s")

    async def _migrate(self) -> None:
        begun = time.monotonic()
        url = self.settings.migration_database_url or self.settings.database_url
        assert url is not None
        await migrate(url)
        self._tell(f"Schema is up to date ({time.monotonic() - begun:.1f} s)")

    async def _open_demo(self) -> str:
        had_one = self.data_dir.find_demo_key() is not None
        database = open_database(self.settings)
        try:
            key = await demo.open_demo(database, self.data_dir)
            if not had_one:
                await demo.seed(database)
        finally:
            await database.close()
        return key.api_key

    async def _spawn(self, role: str, *descriptors: int) -> Process:
        command = [sys.executable, "-m", "crm_api.dev.child", role, *map(str, descriptors)]
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            env=self._environment(),
            pass_fds=descriptors,
            # Ctrl-C in the terminal is for the parent, which stops its children in order.
            start_new_session=True,
        )

    def _environment(self) -> dict[str, str]:
        given = {
            "CRM_DATABASE_URL": self.settings.database_url,
            "CRM_REDIS_URL": self.settings.redis_url,
            "CRM_SECRET_KEY": self.settings.secret_key,
            "CRM_MAIL_OUTBOX": str(
                self.settings.mail_outbox or self.settings.data_dir.resolve() / "outbox"
            ),
            "CRM_ENCRYPTION_KEYS": ",".join(self.settings.encryption_keys),
            "CRM_DATA_DIR": str(self.data_dir.path),
        }
        if "log_format" not in self.settings.model_fields_set and sys.stderr.isatty():
            given["CRM_LOG_FORMAT"] = "console"
        return {**os.environ, **{name: value for name, value in given.items() if value}}

    async def _until_ready(self) -> None:
        assert self._api is not None
        deadline = time.monotonic() + READY_S
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            while time.monotonic() < deadline:
                self._go_on()
                if self._api.returncode is not None:
                    raise DevFailed(f"the API did not start ({_how(self._api.returncode)})")
                with suppress(httpx.HTTPError):
                    if (await client.get(f"{self.url}/readyz")).is_success:
                        return
                await asyncio.sleep(0.05)
        raise DevFailed(f"the API is not ready after {READY_S:.0f} s")

    async def _keep_worker(self) -> None:
        pause = 0.5
        while True:
            assert self._worker is not None
            begun = time.monotonic()
            status = await self._worker.wait()
            pause = 0.5 if time.monotonic() - begun > 60 else min(pause * 2, LONGEST_PAUSE_S)
            self._tell(f"The worker has ended ({_how(status)}); again in {pause:.0f} s")
            await asyncio.sleep(pause)
            self._worker = await self._spawn("worker")

    async def _keep_servers(self) -> None:
        while True:
            await asyncio.sleep(1)
            for server in self._servers:
                if not server.is_alive():
                    self._tell(f"{server.program} has ended; starting it again")
                    await asyncio.to_thread(server.start)

    async def _stop_children(self) -> None:
        for child in (self._api, self._worker):
            if child is None or child.returncode is not None:
                continue
            with suppress(ProcessLookupError):
                child.terminate()
            try:
                await asyncio.wait_for(child.wait(), STOP_S)
            except TimeoutError:
                child.kill()
                await child.wait()


def _how(status: int | None) -> str:
    if status is not None and status < 0:
        return signal.Signals(-status).name
    return f"exit code {status}"
