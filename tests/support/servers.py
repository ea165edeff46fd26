"""One PostgreSQL and one Redis for a whole test run."""

import asyncio
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from threading import Thread
from urllib.parse import quote

import asyncpg
from alembic import command
from alembic.config import Config

from crm_api.embedded import EmbeddedPostgres, EmbeddedRedis
from crm_api.settings import Settings

ROOT = Path(__file__).parents[2]
# A directory of PostgreSQL programs to test instead of the wheel.
BIN_DIR = Path(os.environ["CRM_TEST_PG_BIN"]) if "CRM_TEST_PG_BIN" in os.environ else None
_started: list[EmbeddedPostgres | EmbeddedRedis] = []


@dataclass(frozen=True)
class Servers:
    """Where the servers of this run are."""

    base: str
    host: str
    redis_url: str

    def url(self, database: str) -> str:
        """A database, as its owner."""
        return f"postgresql://postgres@/{database}?host={quote(self.host, safe='/')}&port=5432"

    def template(self) -> str:
        """The database that every other is a copy of: migrated once per state of migrations."""
        name = f"template_{_migrations_hash()}"
        with _locked(Path(self.base)):
            if not run(_exists(self, name)):
                run(_create(self, f"{name}_draft"))
                migrate(self.url(f"{name}_draft"))
                run(_on(self, f'ALTER DATABASE "{name}_draft" RENAME TO "{name}"'))
        return name

    def clone(self, name: str) -> str:
        """A new database like the template; returns its URL."""
        run(_create(self, name, self.template()))
        return self.url(name)

    def empty(self, name: str) -> str:
        """A new database without anything; returns its URL."""
        run(_create(self, name))
        return self.url(name)

    def drop(self, name: str) -> None:
        """Remove a database, and whoever is still connected to it."""
        run(_on(self, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


def start(base: Path) -> Servers:
    """The servers under `base`; the first caller starts them."""
    found = base / "servers.json"
    with _locked(base):
        if not found.exists():
            postgres, redis = _postgres(base), EmbeddedRedis(base / "redis")
            for server in (postgres, redis):
                server.start()
                _started.append(server)
            servers = Servers(str(base), str(postgres.socket_dir), redis.url())
            found.write_text(json.dumps(asdict(servers)))
    return Servers(**json.loads(found.read_text()))


def stop() -> None:
    """Stop what this process started."""
    while _started:
        _started.pop().stop()


def migrate(url: str, revision: str = "head") -> None:
    """Bring a database to a revision; `base` takes everything back."""
    change = command.downgrade if revision == "base" else command.upgrade
    in_thread(lambda: change(alembic_config(url), revision))


def alembic_config(url: str) -> Config:
    """The configuration of the repository, for one database."""
    config = Config(ROOT / "alembic.ini")
    config.set_main_option("script_location", str(ROOT / "migrations"))
    config.attributes["url"] = url
    return config


def in_thread(work):
    """Do what needs an event loop of its own, away from the loop of the tests."""
    outcome = {}

    def target() -> None:
        try:
            outcome["value"] = work()
        except BaseException as error:  # noqa: BLE001 - raised again below
            outcome["error"] = error

    thread = Thread(target=target)
    thread.start()
    thread.join()
    if "error" in outcome:
        raise outcome["error"]
    return outcome["value"]


def run(work):
    """The outcome of a coroutine, from synchronous code."""
    return in_thread(lambda: asyncio.run(work))


async def _exists(servers: Servers, name: str) -> bool:
    connection = await asyncpg.connect(servers.url("postgres"))
    try:
        query = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)"
        return await connection.fetchval(query, name)
    finally:
        await connection.close()


async def _on(servers: Servers, statement: str) -> None:
    connection = await asyncpg.connect(servers.url("postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def _create(servers: Servers, name: str, template: str = "template0") -> None:
    await _on(servers, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')


def _postgres(base: Path) -> EmbeddedPostgres:
    settings = {"max_connections": "200", "max_locks_per_transaction": "128"}
    return EmbeddedPostgres(base / "postgres", bin_dir=BIN_DIR, durable=False, settings=settings)


def _migrations_hash() -> str:
    digest = sha256()
    for path in sorted((ROOT / "migrations" / "versions").glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


@contextmanager
def _locked(base: Path) -> Iterator[None]:
    with (base / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def environment_of(settings: Settings) -> dict[str, str]:
    """What a process of its own is told, so that it serves what the tests see."""
    return {
        **os.environ,
        "CRM_DATABASE_URL": str(settings.database_url),
        "CRM_DATABASE_POOLER": settings.database_pooler,
        "CRM_REDIS_URL": str(settings.redis_url),
        "CRM_SECRET_KEY": str(settings.secret_key),
        "CRM_ENCRYPTION_KEYS": ",".join(settings.encryption_keys),
        "CRM_DATA_DIR": str(settings.data_dir),
        "CRM_MAIL_OUTBOX": str(settings.mail_outbox),
        "CRM_RATE_LIMIT_KEY": str(settings.rate_limit_key),
        "CRM_RATE_LIMIT_ORGANIZATION": str(settings.rate_limit_organization),
        "CRM_OUTBOUND_NETWORKS": ",".join(settings.outbound_networks),
        "CRM_LOG_LEVEL": "error",
    }
