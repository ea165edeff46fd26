"""The service that chaos torments: its processes and servers, and how they die and come back."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import redis.asyncio
from alembic import command

from chaos_receivers import CHANCE
from crm_api.embedded import EmbeddedPostgres, EmbeddedRedis
from crm_api.kit.db.database import Database
from crm_api.migrator import config, create_database
from crm_api.platform.identity.service import found_organization
from crm_api.settings import Settings

SECRET = "a secret of the chaos that is long enough"  # noqa: S105 - of servers that live a minute
SKEW_S = 600
# All of its clocks but `datetime.now()` of others; before anything is imported that keeps one.
SKEWED = """
import datetime, sys, time
skew, real = float(sys.argv.pop(1)), time.time
time.time = lambda: real() + skew
from crm_api.kit import clock
now = clock.now
clock.now = lambda: now() + datetime.timedelta(seconds=skew)
from crm_api.cli import main
main()
"""


class Service:
    """The service in processes of its own, on servers of its own."""

    def __init__(self, directory: Path) -> None:
        self.postgres = EmbeddedPostgres(directory / "postgres")
        self.redis = EmbeddedRedis(directory / "redis")
        self.directory = directory
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._works: set[asyncio.Future[object]] = set()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])

    async def start(self) -> str:
        """Everything, and an organization; the token of its key."""
        await self._have(self.postgres.start)
        await self._have(self.redis.start)
        await create_database(self.postgres.dsn(), "chaos")
        await asyncio.to_thread(command.upgrade, config(self.postgres.dsn("chaos")), "head")
        database = Database(self.postgres.dsn("chaos"), signing_key=b"", role=None)
        # The key is hashed with the key of the service.
        settings = Settings(_env_file=None, secret_key=SECRET)  # pyright: ignore[reportCallIssue]
        database.signing_key = settings.signing_key
        _, token = await found_organization(database, "Chaos")
        await database.close()
        for name in ("api", "worker 1", "worker 2"):
            self.launch(name)
        return token

    def launch(self, name: str) -> None:
        """Start a process, again."""
        program = str(Path(sys.executable).with_name("crm-api"))
        line = [program, "worker"]
        if name == "worker 2":
            line = [sys.executable, "-c", SKEWED, str(CHANCE.choice((-1, 1)) * SKEW_S), "worker"]
        if name == "api":
            line = [program, "serve", "--host", "127.0.0.1", "--port", str(self.port)]
        environment = {
            **os.environ,
            "CRM_DATABASE_URL": self.postgres.dsn("chaos"),
            "CRM_REDIS_URL": self.redis.url(),
            "CRM_SECRET_KEY": SECRET,
            "CRM_ENCRYPTION_KEYS": "a1" * 32,
            "CRM_DATA_DIR": str(self.directory / "data"),
            "CRM_OUTBOUND_NETWORKS": "127.0.0.0/8",
            "CRM_RATE_LIMIT_KEY": "0",
            "CRM_RATE_LIMIT_ORGANIZATION": "0",
            "CRM_LOG_LEVEL": "error",
        }
        self.processes[name] = subprocess.Popen(line, env=environment)  # noqa: S603 - our own

    async def kill(self, what: str) -> None:
        """Have something die without warning, and come back."""
        if what == "flushall":
            client = redis.asyncio.Redis.from_url(self.redis.url())
            with contextlib.suppress(redis.exceptions.RedisError):
                await client.flushall()
            await client.aclose()
        elif what in {"redis", "postgres"}:
            server = self.redis if what == "redis" else self.postgres
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            await asyncio.sleep(CHANCE.uniform(0.2, 1))
            await self._have(server.stop)
            await self._have(server.start)
        else:
            name = "api" if what == "api" else CHANCE.choice(["worker 1", "worker 2"])
            self.processes[name].kill()
            self.processes[name].wait()
            await asyncio.sleep(CHANCE.uniform(0.1, 0.5))
            self.launch(name)

    async def _have(self, work: Callable[[], object]) -> None:
        """Have a server started or stopped, which a thread ends also where nobody waits for it."""
        begun = asyncio.ensure_future(asyncio.to_thread(work))
        self._works.add(begun)
        begun.add_done_callback(self._works.discard)
        await asyncio.shield(begun)

    async def stop(self) -> None:
        """End everything, also what was about to be started."""
        if self._works:
            await asyncio.wait(self._works)
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            await asyncio.to_thread(process.wait)
        await asyncio.to_thread(self.redis.stop)
        await asyncio.to_thread(self.postgres.stop)
