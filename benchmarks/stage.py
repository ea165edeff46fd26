"""A throw-away PostgreSQL and Redis with one organization full of contacts."""

import asyncio
import os
import shutil
import tempfile
from contextlib import AbstractContextManager
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


class Stage(AbstractContextManager["Stage"]):
    """Servers, schema and rows; gone at the end."""

    organization_id: UUID
    token: str

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.directory = Path(tempfile.mkdtemp(prefix="crm-bench-"))
        # PostgreSQL runs as another user where this is run by root.
        self.directory.chmod(0o711)
        # Fresh tables are what autovacuum is for; filled ones have been seen to.
        settings = POSTGRES | {"autovacuum": "off" if rows else "on"}
        self.postgres = EmbeddedPostgres(
            self.directory / "postgres", durable=False, settings=settings
        )
        self.redis = EmbeddedRedis(self.directory / "redis")

    def __enter__(self) -> Self:
        try:
            self.postgres.start()
            self.redis.start()
            asyncio.run(self._create_database())
            config = Config(ROOT / "alembic.ini")
            config.set_main_option("script_location", str(ROOT / "migrations"))
            config.attributes["url"] = self.postgres.url("bench")
            command.upgrade(config, "head")
            asyncio.run(self._found())
            if self.rows:
                asyncio.run(self._fill())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    @property
    def dsn(self) -> str:
        """The database as its owner, past row-level security."""
        return self.postgres.dsn("bench")

    @property
    def environment(self) -> dict[str, str]:
        """What a server or a worker needs to know."""
        return {
            **os.environ,
            "CRM_DATABASE_URL": self.dsn,
            "CRM_REDIS_URL": self.redis.url(),
            "CRM_SECRET_KEY": SECRET,
            "CRM_DATA_DIR": str(self.directory),
            "CRM_LOG_FORMAT": "json",
            "CRM_LOG_LEVEL": "info",
            "BENCH_ORGANIZATION": str(self.organization_id),
        }

    @property
    def settings(self) -> Settings:
        """The same as settings."""
        return Settings(database_url=self.dsn, redis_url=self.redis.url(), secret_key=SECRET)

    def query(self, sql: str, *args: Any) -> list[Any]:
        """Rows of one statement as the owner."""

        async def run() -> list[Any]:
            connection = await asyncpg.connect(self.dsn)
            try:
                return await connection.fetch(sql, *args)
            finally:
                await connection.close()

        return asyncio.run(run())

    async def _create_database(self) -> None:
        connection = await asyncpg.connect(self.postgres.dsn())
        await connection.execute("CREATE DATABASE bench")
        await connection.close()

    async def _found(self) -> None:
        database = open_database(self.settings)
        try:
            self.organization_id, self.token = await found_organization(
                database, "Benchmark", country="US"
            )
        finally:
            await database.close()

    async def _fill(self) -> None:
        connection = await asyncpg.connect(self.dsn)
        try:
            await fill.fill(connection, self.organization_id, self.rows)
        finally:
            await connection.close()

    def _stop(self) -> None:
        self.redis.stop()
        self.postgres.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
