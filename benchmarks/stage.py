"""A throw-away PostgreSQL and Redis with one organization full of contacts."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import asyncpg
from alembic import command
from alembic.config import Config

from benchmarks import fill
from crm_api.api.services import open_database
from crm_api.embedded import EmbeddedPostgres, EmbeddedRedis
from crm_api.platform.identity.service import found_organization
from crm_api.settings import Settings

ROOT = Path(__file__).parent.parent
SECRET = "only-for-benchmarks-" + "0" * 32
# Not durable, and no checkpoints: the figures are about work, not about the disk.
POSTGRES = {
    "shared_buffers": "512MB",
    "maintenance_work_mem": "512MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "1h",
}


@dataclass(frozen=True)
class Stage:
    """A database with one organization, for one section alone."""

    rows: int
    """How many contacts it has."""
    organization_id: UUID
    token: str
    dsn: str
    """The database as its owner, past row-level security."""
    redis_url: str
    directory: Path
    postgres_pid: int

    @property
    def environment(self) -> dict[str, str]:
        """What a server or a worker needs to know."""
        return {
            **os.environ,
            "CRM_DATABASE_URL": self.dsn,
            "CRM_REDIS_URL": self.redis_url,
            "CRM_SECRET_KEY": SECRET,
            "CRM_ENCRYPTION_KEYS": "b2" * 32,
            "CRM_DATA_DIR": str(self.directory),
            # Counted, but never reached.
            "CRM_RATE_LIMIT_KEY": "1000000000",
            "CRM_RATE_LIMIT_ORGANIZATION": "1000000000",
            # Where the receiver of webhooks listens.
            "CRM_OUTBOUND_NETWORKS": "127.0.0.0/8",
            "CRM_LOG_FORMAT": "json",
            "CRM_LOG_LEVEL": "info",
            "BENCH_ORGANIZATION": str(self.organization_id),
        }

    @property
    def settings(self) -> Settings:
        """The same as settings."""
        return Settings(database_url=self.dsn, redis_url=self.redis_url, secret_key=SECRET)

    def query(self, sql: str, *args: Any) -> list[Any]:
        """Rows of one statement as the owner."""
        return asyncio.run(_query(self.dsn, sql, *args))

    def tidy(self, *tables: str) -> None:
        """Leave tables as autovacuum would: analysed, and known to be visible to everybody."""
        for name in tables:
            # Without it a server that is not durable has not written down yet that what filled the
            # table was committed, and VACUUM passes over its rows.
            self.query("CHECKPOINT")
            self.query(f"VACUUM ANALYZE {name}")


class Ground(AbstractContextManager["Ground"]):
    """The servers below the stages; gone at the end.

    A database is filled once for each number of contacts; every stage is a copy of it.
    """

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="crm-bench-"))
        # PostgreSQL runs as another user where this is run by root.
        self._directory.chmod(0o711)
        self._postgres = EmbeddedPostgres(
            self._directory / "postgres", durable=False, settings=POSTGRES
        )
        self._filled: dict[int, tuple[UUID, str]] = {}

    def __enter__(self) -> Self:
        try:
            self._postgres.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._postgres.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    @contextmanager
    def stage(self, contacts: int) -> Iterator[Stage]:
        """A stage with this many contacts."""
        if contacts not in self._filled:
            self._filled[contacts] = self._fill(contacts)
        self._server("DROP DATABASE IF EXISTS bench WITH (FORCE)")
        self._server(f"CREATE DATABASE bench TEMPLATE {_name(contacts)} STRATEGY file_copy")
        # Fresh tables are what autovacuum is for; filled ones have been seen to.
        self._server(f"ALTER SYSTEM SET autovacuum = {'off' if contacts else 'on'}")
        self._server("SELECT pg_reload_conf()")
        files = Path(tempfile.mkdtemp(prefix="stage-", dir=self._directory))
        redis = EmbeddedRedis(files / "redis")
        try:
            redis.start()
            pid = self._postgres.pid
            assert pid is not None
            dsn = self._postgres.dsn("bench")
            yield Stage(contacts, *self._filled[contacts], dsn, redis.url(), files, pid)
        finally:
            redis.stop()
            shutil.rmtree(files, ignore_errors=True)

    def _fill(self, contacts: int) -> tuple[UUID, str]:
        name = _name(contacts)
        # One that was given up half filled.
        self._server(f"DROP DATABASE IF EXISTS {name}")
        self._server(f"CREATE DATABASE {name}")
        config = Config(ROOT / "alembic.ini")
        config.set_main_option("script_location", str(ROOT / "migrations"))
        config.attributes["url"] = self._postgres.url(name)
        command.upgrade(config, "head")
        return asyncio.run(_populate(self._postgres.dsn(name), contacts))

    def _server(self, sql: str) -> None:
        asyncio.run(_query(self._postgres.dsn(), sql))


def _name(contacts: int) -> str:
    return f"filled_{contacts}"


async def _query(dsn: str, sql: str, *args: Any) -> list[Any]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(sql, *args)
    finally:
        await connection.close()


async def _populate(dsn: str, contacts: int) -> tuple[UUID, str]:
    database = open_database(Settings(database_url=dsn, secret_key=SECRET))
    try:
        own, token = await found_organization(database, "Benchmark", country="US")
    finally:
        await database.close()
    if contacts:
        connection = await asyncpg.connect(dsn)
        try:
            await fill.fill(connection, own, contacts)
        finally:
            await connection.close()
    return own, token
