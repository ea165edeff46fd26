"""The connection pool, and the organization that each connection is bound to."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast
from uuid import UUID

import msgspec
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import PoolProxiedConnection, QueuePool

from crm_api.kit.db.catalogues import Catalogues
from crm_api.kit.db.failures import is_lost, translate
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.memory import Memory
from crm_api.kit.errors import Unavailable
from crm_api.kit.outbound.addresses import Reach
from crm_api.kit.secrets import Keyring

APP_ROLE = "crm_app"
WORKER_ROLE = "crm_worker"
LIFETIME_S = 1800
"""How long a connection is used before another takes its place."""
_PATIENCE_S = 0.1
T = TypeVar("T")
Tell = Callable[[str, UUID], Awaitable[None]]
_SET = "SELECT set_config($1, $2, true)"
BIND = "SELECT set_config('app.organization_id', $1, $2)"


def async_url(url: str) -> str:
    """Any spelling of a PostgreSQL URL, as the one that names the asyncpg driver."""
    parsed = make_url(url)
    return parsed.set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


class Database:
    """One engine per process and role.

    Statements outside a transaction run in autocommit: a read costs one round trip. The
    organization is then a session setting, written only when a connection changes hands; behind a
    transaction pooler it is set inside a transaction each time (ADR-0004).

    A connection that a statement has used stays at hand for the next one, or is handed to whoever
    waits with one: the pool takes longer to hand one out than PostgreSQL to answer a read. Whoever
    waits for the pool comes first.
    """

    replica: "Database | None" = None
    """Another server that follows this one and is read by what takes long: reports."""

    def __init__(
        self,
        url: str,
        *,
        signing_key: bytes,
        secrets: Keyring | None = None,
        role: str | None = APP_ROLE,
        pool_size: int = 10,
        timeout_s: float = 5.0,
        pooler: bool = False,
        reach: Reach | None = None,
    ) -> None:
        self.pooler = pooler
        self.reach = reach or Reach()
        """What requests to others may reach, for whoever stores where to."""
        self.signing_key = signing_key
        self.secrets = secrets or Keyring([])
        self.memory = Memory()
        self.engine: AsyncEngine = create_async_engine(
            async_url(url),
            pool_size=pool_size,
            max_overflow=0,
            # Errors are logged: what people have written does not belong there.
            hide_parameters=True,
            pool_timeout=2.0,
            pool_recycle=LIFETIME_S,
            # Nothing is left open that a ROLLBACK would have to undo: transactions end in `Tx`.
            pool_reset_on_return=None,
            json_serializer=_json,
            json_deserializer=decode,
            connect_args=_connect_args(role, timeout_s, pooler=pooler),
        )
        event.listen(self.engine.sync_engine, "connect", _raw_json)
        event.listen(self.engine.sync_engine, "checkout", _refuse_closed)
        event.listen(self.engine.sync_engine, "checkin", self._given_back)
        self.tell: Tell = _tell_nobody
        """Tells every process that what it remembers of an organization has changed.

        At best effort: whoever remembers something forgets it within a second by itself.
        """
        self.news: Callable[[UUID], None] = _no_news
        """Tells every process that something happened in an organization; at best effort."""
        self._size = pool_size
        self._at_hand: list[PoolProxiedConnection] = []
        self._queue: deque[_Turn] = deque()
        """Statements that wait for a connection, until it is their turn."""
        self._is_closed = False
        self._waiting = 0
        self.catalogues = Catalogues(self.fetch)

    async def close(self) -> None:
        """Close every connection; those in use close when they are given back."""
        while self._at_hand:
            self._at_hand.pop().close()
        self._is_closed = True
        await self.engine.dispose()
        if self.replica is not None:
            await self.replica.close()

    async def connect(self) -> AsyncConnection:
        """A connection for a transaction; `Unavailable` when none is free in time."""
        if self._at_hand:
            self._at_hand.pop().close()
        return await self._from_pool(self.engine.connect())

    @property
    def is_idle(self) -> bool:
        """Whether most connections are free, so that who has one may take another.

        Never behind a pooler, of which nobody knows how many it has.
        """
        taken = cast("QueuePool", self.engine.sync_engine.pool).checkedout() - len(self._at_hand)
        return not self.pooler and not self._waiting and 2 * taken < self._size

    async def checkout(self) -> PoolProxiedConnection:
        """A connection for a statement, to be handed to `keep` or closed."""
        while self._at_hand:
            if _is_good(pooled := self._at_hand.pop()):
                return pooled
            pooled.invalidate()
        if cast("QueuePool", self.engine.sync_engine.pool).checkedout() >= self._size:
            handed = await self._turn()
            if handed is not None and _is_good(handed):
                return handed
            if handed is not None:
                handed.invalidate()
        pooled = await self._from_pool(self.engine.raw_connection())
        pooled.info.setdefault("until", time.monotonic() + LIFETIME_S)
        return pooled

    def keep(self, pooled: PoolProxiedConnection) -> None:
        """Have the connection at hand for the next statement."""
        if self._is_closed and pooled.is_valid:
            # Nobody comes for it any more.
            pooled.invalidate()
        elif self._waiting or not pooled.is_valid:
            pooled.close()
        elif (turn := self._next()) is not None:
            turn.set_result(pooled)
        else:
            self._at_hand.append(pooled)

    async def _turn(self) -> PoolProxiedConnection | None:
        """A connection that a statement is done with; None where the pool is to be asked.

        That it has one again is not always told, so it is asked in any case before long.
        """
        loop = asyncio.get_running_loop()
        turn: _Turn = loop.create_future()
        self._queue.append(turn)
        end = loop.call_later(_PATIENCE_S, _skip, turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                handed = turn.result()
                self._returned() if handed is None else self.keep(handed)
            raise
        finally:
            end.cancel()

    def _next(self) -> "_Turn | None":
        while self._queue:
            turn = self._queue.popleft()
            if not turn.done():
                return turn
        return None

    def _given_back(self, connection: DBAPIConnection | None, _record: object) -> None:
        """The pool has a connection again, unless nobody comes for it any more."""
        if self._is_closed and connection is not None:
            # A pool that was closed keeps what comes later, and closes it no more.
            connection.driver_connection.terminate()
        self._returned()

    def _returned(self) -> None:
        """Whoever waits for the pool has what it has first."""
        if (turn := self._next()) is not None:
            turn.set_result(None)

    async def _from_pool(self, taking: Awaitable[T]) -> T:
        self._waiting += 1
        try:
            return await taking
        except PoolTimeout as error:
            raise Unavailable("All database connections are busy.", code="busy") from error
        except Exception as error:
            # Also the driver's own errors: of a new connection nobody wraps them.
            known = translate(error)
            if known is error:
                raise
            raise known from error
        finally:
            self._waiting -= 1

    async def ask(self, sql: str, *args: Any) -> list[Any]:
        """Rows of one statement with no organization of its own: credentials, queues, health."""
        return await self._rows(None, sql, args)

    async def ask_as(self, sent: Callable[[], None], sql: str, *args: Any) -> list[Any]:
        """As `ask`, calling `sent` once the statement has left and before its answer comes.

        Whoever dies before has done neither, and the server finishes a statement whose sender has
        died. Behind a pooler `sent` is called after the answer.
        """
        return await self._rows(None, sql, args, sent)

    async def fetch(self, organization_id: UUID, sql: str, args: Sequence[Any]) -> list[Any]:
        """Rows of one statement in autocommit, bound to an organization."""
        return await self._rows(organization_id, sql, args)

    @asynccontextmanager
    async def transaction(self, **bound: str) -> AsyncGenerator[Any]:
        """The driver in a transaction of no organization, with `app` settings bound to it.

        For the rows that belong to the installation: `ddl.protect_by` says which setting opens
        which of them.
        """
        connection = await self.connect()
        try:
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            async with driver.transaction():
                for name, value in bound.items():
                    await driver.fetchval(_SET, f"app.{name}", value)
                yield driver
        except Exception as error:
            known = translate(error)
            if known is error:
                raise
            raise known from error
        except BaseException:
            await connection.invalidate()
            raise
        finally:
            await connection.close()

    async def _rows(
        self,
        organization_id: UUID | None,
        sql: str,
        args: Sequence[Any],
        sent: Callable[[], None] | None = None,
    ) -> list[Any]:
        pooled = await self.checkout()
        driver = _driver(pooled)
        try:
            if organization_id is not None and self.pooler:
                async with driver.transaction():
                    await driver.fetchval(BIND, str(organization_id), True)
                    return await driver.fetch(sql, *args)
            if organization_id is not None:
                await _bind(pooled, organization_id)
            if sent is not None and not self.pooler:
                return await _sending(driver, sql, args, sent)
            rows = await driver.fetch(sql, *args)
            if sent is not None:
                sent()
            return rows
        except Exception as error:
            if is_lost(error):
                pooled.invalidate()
            raise translate(error) from error
        except BaseException:
            # Cancelled in the middle of a statement: nobody knows the connection's state.
            pooled.invalidate()
            raise
        finally:
            self.keep(pooled)


async def _sending(
    driver: Any, sql: str, args: Sequence[Any], sent: Callable[[], None]
) -> list[Any]:
    # To prepare is a question of its own; what is left is written by the first step of the task.
    statement = await driver.prepare(sql)
    asking: asyncio.Future[list[Any]] = asyncio.ensure_future(statement.fetch(*args))
    await asyncio.sleep(0)
    transport = driver._transport  # noqa: SLF001 - nobody else knows what has not left yet
    while not asking.done() and transport.get_write_buffer_size():  # noqa: ASYNC110 - no event
        await asyncio.sleep(0)
    if not asking.done():
        sent()
    return await asking


def _connect_args(role: str | None, timeout_s: float, *, pooler: bool) -> dict[str, Any]:
    if pooler:
        return {"statement_cache_size": 0, "prepared_statement_cache_size": 0, "timeout": 5}
    settings = {
        "application_name": "crm-api",
        "timezone": "UTC",
        "statement_timeout": f"{int(timeout_s * 1000)}",
        "lock_timeout": f"{int(min(timeout_s, 2) * 1000)}",
        "idle_in_transaction_session_timeout": "10000",
        "jit": "off",
    }
    if role is not None:
        settings["role"] = role
    return {
        "server_settings": settings,
        "statement_cache_size": 400,
        "prepared_statement_cache_size": 400,
        "timeout": 5,
    }


def _no_news(_organization_id: UUID) -> None:
    pass


async def _tell_nobody(_topic: str, _organization_id: UUID) -> None:
    pass


def _json(value: Any) -> str:
    return encode(value).decode()


_Turn = asyncio.Future[PoolProxiedConnection | None]


def _skip(turn: _Turn) -> None:
    if not turn.done():
        turn.set_result(None)


def _is_good(pooled: PoolProxiedConnection) -> bool:
    """Whether a connection is open, and not too old."""
    return not _driver(pooled).is_closed() and time.monotonic() < pooled.info["until"]


def _driver(pooled: PoolProxiedConnection) -> Any:
    return pooled.driver_connection


async def _bind(pooled: PoolProxiedConnection, organization_id: UUID) -> None:
    info = pooled.info
    if info.get("organization") != organization_id:
        info["organization"] = None
        await _driver(pooled).fetchval(BIND, str(organization_id), False)
        info["organization"] = organization_id


def _raw_json(connection: DBAPIConnection, _record: object) -> None:
    """Hand JSONB over as the text it is, so that reading never parses it."""

    async def register(driver: Any) -> None:
        await driver.set_type_codec(
            "jsonb",
            schema="pg_catalog",
            encoder=_encode_jsonb,
            # A class, not a function: it is called for each value without a Python frame.
            decoder=msgspec.Raw,
            format="text",
        )

    connection.run_async(register)


def _refuse_closed(connection: DBAPIConnection, _record: object, _pooled: object) -> None:
    """Have the pool replace a connection that PostgreSQL has ended, such as by a restart."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _encode_jsonb(value: str | bytes | msgspec.Raw) -> str:
    return value if isinstance(value, str) else bytes(value).decode()
