"""Servers, databases, clients and organizations for every test.

Each test has organizations of its own in a database that it shares with the others of its worker;
commits are real. A test that changes what belongs to everybody carries the marker `commits` and
takes `own_database`.
"""

import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from crm_api.api import logs, services
from crm_api.kit.crud.feed import LAST
from crm_api.kit.crud.places import HORIZON
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx
from crm_api.kit.doorbell import QUEUE, connect
from crm_api.main import create_app
from crm_api.platform.identity.service import found_organization
from crm_api.settings import Settings
from support import pooler as test_pooler
from support import servers as test_servers
from support.clients import Api, Org
from support.clients import tx_of as new_tx
from support.processes import Forked, work
from support.servers import Servers, environment_of
from support.shares import is_left_out
from support.statements import Recorder
from support.working import at_work

BASE = pytest.StashKey[Path]()
READ_ALL = ["*:read"]

hypothesis_settings.register_profile(
    "suite",
    deadline=None,
    max_examples=40,
    # Every example has the same organization; what one leaves behind the next may see.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
hypothesis_settings.load_profile("suite")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    workerinput = getattr(config, "workerinput", None)
    if workerinput is None:
        # An end on request, so that the servers are stopped as well.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # PostgreSQL's Unix socket needs a short path.
    given = workerinput["crm_base"] if workerinput else tempfile.mkdtemp(prefix="crm-tests-")
    config.stash[BASE] = Path(given)
    told = getattr(getattr(config, "failures_db", None), "sock", None)
    if told is not None and workerinput is not None:
        # pytest-rerunfailures says and then asks something here for each test; without this the
        # question waits 40 ms for what was said to be acknowledged.
        told.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = {item for item in items if is_left_out(item)}
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=list(left_out))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Three workers for two processors: a test waits for what it started nearly a third of the time."""
    if config.option.numprocesses != "auto":
        return None
    return (len(os.sched_getaffinity(0)) * 3 + 1) // 2


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    base = node.config.stash[BASE]
    # Here and not in a worker: the servers must outlive the first worker that ends.
    test_servers.start(base)
    node.workerinput["crm_base"] = str(base)


def pytest_unconfigure(config: pytest.Config) -> None:
    base = config.stash.get(BASE, None)
    if base is not None and not hasattr(config, "workerinput"):
        test_servers.stop()
        shutil.rmtree(base, ignore_errors=True)


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Servers:
    """PostgreSQL and Redis of this run."""
    return test_servers.start(request.config.stash[BASE])


@pytest.fixture(scope="session")
def database_url(servers: Servers, worker_id: str) -> Iterator[str]:
    """The migrated database of this worker, as its owner."""
    name = f"crm_{worker_id}"
    yield servers.clone(name)
    servers.drop(name)


@pytest.fixture(scope="session")
def pooler(
    database_url: str, servers: Servers, worker_id: str
) -> Iterator[test_pooler.Pooler | None]:
    """What stands before PostgreSQL, if the run wants it."""
    if not test_pooler.IS_WANTED:
        yield None
        return
    base = Path(servers.base) / worker_id
    base.mkdir(exist_ok=True)
    made = test_pooler.start(base, servers.host, database_url)
    yield made
    made.stop()


def settings_of(url: str, servers: Servers, **given: Any) -> Settings:
    """Settings that no environment can change."""
    values: dict[str, Any] = {
        "database_url": url,
        "redis_url": servers.redis_url,
        "secret_key": "the secret key of the test suite, long enough",
        "encryption_keys": ("a1" * 32,),
        "data_dir": Path(servers.base) / "data",
        "log_level": "error",
        "mail_outbox": Path(servers.base) / "outbox",
        "pages_url": "https://crm.example.com/pages",
        # Where the receivers and the providers of tests listen.
        "outbound_networks": ("127.0.0.0/8", "::1/128"),
        # Some tests ask a thousand things within a second.
        "rate_limit_key": 0,
        "rate_limit_organization": 0,
        # A slow machine fails no test; those that are about what takes too long say how long.
        "database_timeout_s": 25.0,
    }
    return Settings(_env_file=None, **{**values, **given})


@pytest.fixture(scope="session")
def settings(
    database_url: str, servers: Servers, worker_id: str, pooler: test_pooler.Pooler | None
) -> Settings:
    """What the application runs with; a Redis database of its own, so that no other rings there."""
    number = int(worker_id.removeprefix("gw")) + 1 if worker_id.startswith("gw") else 1
    redis_url = servers.redis_url.replace("db=0", f"db={number % 16}")
    made = settings_of(
        database_url, servers, redis_url=redis_url, **_by_way_of(pooler, database_url)
    )
    logs.configure(made)
    return made


def _by_way_of(pooler: test_pooler.Pooler | None, url: str, **login: str) -> dict[str, Any]:
    if pooler is None:
        return {}
    return {"database_url": pooler.url(url, **login), "database_pooler": "transaction"}


@dataclass
class World:
    """An application with its database."""

    app: Any
    url: str
    database: Database
    statements: Recorder
    owner: asyncpg.Pool
    """Connections that see every organization."""
    stack: AsyncExitStack = field(repr=False)

    async def org(self, **options: Any) -> Org:
        """A new organization."""
        options = {"country": "DE"} | options
        return Org(*await found_organization(self.database, "Example", **options))

    async def client(self, org: Org | None = None, token: str | None = None) -> Api:
        """A client that is closed at the end of the test."""
        api = Api(self.app, token or (org.token if org else None))
        return await self.stack.enter_async_context(api)


_DESCRIPTIONS: list[dict[str, Any]] = []


def _described(describe: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What is the same for every application, and takes seconds to make."""
    if not _DESCRIPTIONS:
        _DESCRIPTIONS.append(describe())
    return _DESCRIPTIONS[0]


async def _worlds(settings: Settings, url: str) -> AsyncIterator[World]:
    # Tests compare whole tables; when keys were used last is noted when they say so.
    services.NOTED_EVERY_S = 86_400.0
    app = create_app(settings)
    app.openapi = partial(_described, app.openapi)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))
        database = app.state.services.database
        owner = await stack.enter_async_context(asyncpg.create_pool(url, min_size=0, max_size=4))
        yield World(app, url, database, Recorder(database), owner, stack)


@pytest.fixture(scope="session")
async def world(settings: Settings, database_url: str) -> AsyncIterator[World]:
    """The application that most tests share."""
    async for made in _worlds(settings, database_url):
        yield made


@pytest.fixture(scope="session")
def app(world: World) -> Any:
    return world.app


@pytest.fixture(scope="session")
def database(world: World) -> Database:
    return world.database


@pytest.fixture(scope="session")
def owner(world: World) -> asyncpg.Pool:
    """Connections that see every organization, to look behind the application's back."""
    return world.owner


@pytest.fixture(scope="session")
def statements(world: World) -> Recorder:
    """`async with statements() as seen: …`, then `assert len(seen) == 1`."""
    return world.statements


@pytest.fixture
async def org(world: World) -> Org:
    """The organization of this test."""
    return await world.org()


@pytest.fixture
async def other_org(world: World) -> Org:
    """An organization that has nothing to do with the first."""
    return await world.org()


async def _client(app: Any, token: str | None) -> AsyncIterator[Api]:
    async with Api(app, token) as api:
        yield api


@pytest.fixture
async def client(app: Any, org: Org) -> AsyncIterator[Api]:
    """A client that may do everything in `org`."""
    async for api in _client(app, org.token):
        yield api


@pytest.fixture
async def other(app: Any, other_org: Org) -> AsyncIterator[Api]:
    """A client that may do everything in another organization."""
    async for api in _client(app, other_org.token):
        yield api


@pytest.fixture
async def anonymous(app: Any) -> AsyncIterator[Api]:
    """A client without a credential."""
    async for api in _client(app, None):
        yield api


@pytest.fixture
async def keyed(app: Any, client: Api) -> AsyncIterator[Callable[..., Awaitable[Api]]]:
    """`await keyed("contacts:read")`: a client of `org` whose key has only these scopes."""
    async with AsyncExitStack() as stack:

        async def make(*scopes: str, **body: Any) -> Api:
            made = await client.made("api-keys", {"name": "Example", "scopes": scopes, **body})
            return await stack.enter_async_context(Api(app, made["token"]))

        yield make


@pytest.fixture
async def read_only(keyed: Callable[..., Awaitable[Api]]) -> Api:
    """A client of `org` that may read everything and write nothing."""
    return await keyed(*READ_ALL)


@pytest.fixture
def gql(client: Api) -> Callable[..., Awaitable[dict[str, Any]]]:
    """`await gql(document, **variables)`: the whole answer."""
    return client.gql


@pytest.fixture
def tx_of(database: Database) -> Callable[..., Tx]:
    """`async with unit_of_work(tx_of(org)) as tx`: for tests of services."""
    return lambda org, *scopes, **options: new_tx(database, org, *scopes, **options)


@pytest.fixture
def empty_database(servers: Servers) -> Iterator[str]:
    """The URL of a database without any table."""
    name = f"empty_{uuid4().hex[:12]}"
    yield servers.empty(name)
    servers.drop(name)


@pytest.fixture
def own_url(servers: Servers) -> Iterator[str]:
    """The URL of a migrated database that this test has for itself."""
    name = f"own_{uuid4().hex[:12]}"
    yield servers.clone(name)
    servers.drop(name)


@pytest.fixture
async def own_database(
    request: pytest.FixtureRequest,
    own_url: str,
    servers: Servers,
    pooler: test_pooler.Pooler | None,
) -> AsyncIterator[World]:
    """An application on a database of its own; `request.param` may hold settings."""
    given = getattr(request, "param", {})
    given = {**_by_way_of(pooler, own_url), **given}
    async for made in _worlds(settings_of(own_url, servers, **given), own_url):
        yield made


_FOLLOWERS = {
    "notification_states": "crm_organizations_with_news",
    "touchpoint_states": "crm_organizations_with_touchpoints",
    "campaign_touch_states": "crm_organizations_with_touches",
    "segment_states": "crm_organizations_with_segment_news",
    "lead_score_states": "crm_organizations_with_score_news",
    "waitlist_states": "crm_organizations_with_waitlist_news",
    "sequence_states": "crm_organizations_with_sequence_news",
    "journey_states": "crm_organizations_with_journey_news",
}
"""How far each follower of the feed has read, and what tells whom it has something to read of."""
LEFT_OVER = (
    "DELETE FROM jobs WHERE status IN ('queued', 'running') AND organization_id <> $1",
    "DELETE FROM webhook_deliveries WHERE organization_id <> $1",
    "DELETE FROM webhook_states WHERE organization_id <> $1",
    "DELETE FROM automation_states WHERE organization_id <> $1",
    "DELETE FROM tally_states WHERE organization_id <> $1",
    "DELETE FROM notification_dues WHERE organization_id <> $1",
    "UPDATE mailings SET status = 'cancelled' WHERE status = 'running' AND organization_id <> $1",
    "UPDATE alerts SET next_at = NULL WHERE next_at IS NOT NULL AND organization_id <> $1",
    "UPDATE report_schedules SET next_at = NULL WHERE next_at IS NOT NULL AND organization_id <> $1",
    *(
        f"INSERT INTO {states} (organization_id, tx, seq) "
        f"SELECT id, {HORIZON}, {LAST} FROM {news}(1000000) AS id WHERE id <> $1 "
        "ON CONFLICT (organization_id) DO UPDATE SET tx = excluded.tx, seq = excluded.seq"
        for states, news in _FOLLOWERS.items()
    ),
)
"""What workers would find of organizations that other tests have left."""


@pytest.fixture
async def empty_queue(owner: asyncpg.Pool, settings: Settings, org: Org) -> None:
    """Nothing of what tests without a worker asked for, or brought about, is left to do."""
    for statement in LEFT_OVER:
        await owner.execute(statement, org.id)
    assert settings.redis_url is not None
    redis = connect(settings.redis_url)
    await redis.delete(QUEUE)
    await redis.aclose(close_connection_pool=True)


@pytest.fixture
def worker_settings(
    settings: Settings, database_url: str, pooler: test_pooler.Pooler | None, empty_queue: None
) -> Settings:
    """What workers run with: behind a pooler they have a login of their own."""
    own = _by_way_of(pooler, database_url, login=test_pooler.WORKER)
    return settings.model_copy(update=own)


@pytest.fixture
async def worker(worker_settings: Settings, app: Any) -> AsyncIterator[None]:
    """Jobs are carried out while the test runs."""
    async with at_work(worker_settings):
        yield


@pytest.fixture
def worker_process(worker_settings: Settings) -> Iterator[Callable[..., Forked]]:
    """Workers of their own, which a test may kill; with settings as `CRM_…="…"`."""
    started: list[Forked] = []

    def start(**given: str) -> Forked:
        started.append(Forked(work, {**environment_of(worker_settings), **given}))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
