"""Alembic, driven from code: to a revision, down to one, or as a script."""

import asyncio
from pathlib import Path
from typing import TextIO

from alembic import command
from alembic.config import Config
from sqlalchemy import pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from crm_api.kit.db.database import async_url


class NoMigrations(Exception):
    """The directory of migrations is not where it should be."""


def migrations_dir() -> Path:
    """Where the migrations are: in the source tree, or in the working directory of an image."""
    for root in (Path(__file__).parents[2], Path.cwd()):
        if (root / "migrations" / "env.py").exists():
            return root / "migrations"
    raise NoMigrations("there is no directory of migrations here")


def config(url: str | None = None, *, output: TextIO | None = None) -> Config:
    """What Alembic needs to know."""
    made = Config(output_buffer=output)
    made.set_main_option("script_location", str(migrations_dir()).replace("%", "%%"))
    made.attributes["url"] = url
    return made


async def create_database(url: str, name: str) -> None:
    """Create a database on the server of `url` unless it is there; `name` is a plain word."""
    engine = create_async_engine(async_url(url), isolation_level="AUTOCOMMIT")
    try:
        async with engine.connect() as connection:
            found = text("SELECT 1 FROM pg_database WHERE datname = :name")
            if (await connection.execute(found, {"name": name})).scalar() is None:
                await connection.execute(text(f"CREATE DATABASE {name}"))
    finally:
        await engine.dispose()


async def migrate(url: str, to: str = "head") -> None:
    """Bring a database up to a revision; only one migrator works at a time."""
    await asyncio.to_thread(command.upgrade, config(url), to)


async def migrate_down(url: str, to: str) -> None:
    """Take a database down to a revision, `base` for none."""
    await asyncio.to_thread(command.downgrade, config(url), to)


def script(to: str = "head", *, output: TextIO | None = None) -> None:
    """Write the SQL of an upgrade; a range such as `old:new` begins elsewhere than at nothing."""
    command.upgrade(config(output=output), to, sql=True)


def script_down(span: str, *, output: TextIO | None = None) -> None:
    """Write the SQL of a downgrade from `new:old`."""
    command.downgrade(config(output=output), span, sql=True)


async def revision(url: str) -> str | None:
    """The revision a database is at."""
    engine = create_async_engine(async_url(url), poolclass=pool.NullPool)
    try:
        async with engine.connect() as connection:
            known = await connection.execute(text("SELECT to_regclass('alembic_version')"))
            if known.scalar() is None:
                return None
            found = await connection.execute(text("SELECT version_num FROM alembic_version"))
            return found.scalar()
    finally:
        await engine.dispose()
