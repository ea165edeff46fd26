"""Runs migrations as the owner of the tables, one migrator at a time."""

import asyncio
import time
from logging import getLogger

from alembic import context
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

import crm_api.platform.quotas.models  # no collection's table, so the registry may not know it
import crm_api.registry
from crm_api.kit.db.base import Base
from crm_api.kit.db.database import async_url
from crm_api.settings import MissingSetting, Settings

assert crm_api.registry.MODULES
log = getLogger("alembic")
# Any number that no other lock uses.
MIGRATOR_LOCK = 4_727_001


def configure(**options: object) -> None:
    context.configure(
        target_metadata=Base.metadata,
        transaction_per_migration=True,
        compare_type=True,
        compare_server_default=False,
        **options,
    )


def url() -> str:
    given = context.config.attributes.get("url")
    if given is None:
        settings = Settings()
        given = settings.migration_database_url or settings.database_url
    if given is None:
        raise MissingSetting("database_url")
    return async_url(given)


def run(connection: Connection) -> None:
    # A migration that cannot have its lock at once must not hold up everybody behind it.
    connection.execute(text("SET lock_timeout = '4s'"))
    connection.execute(text("SET statement_timeout = '15min'"))
    # Asked for again and again, since a statement that waits would itself be waited for by an
    # index that the other migrator builds concurrently.
    while not connection.scalar(text(f"SELECT pg_try_advisory_lock({MIGRATOR_LOCK})")):
        connection.rollback()
        time.sleep(0.1)
    connection.commit()
    configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()


async def online() -> None:
    engine = create_async_engine(url(), poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(run)
        await connection.commit()
    await engine.dispose()


if context.is_offline_mode():
    configure(url="postgresql+asyncpg://", literal_binds=True, dialect_opts={"paramstyle": "named"})
    with context.begin_transaction():
        context.run_migrations()
elif (given := context.config.attributes.get("connection")) is not None:
    run(given)
else:
    asyncio.run(online())
