"""The unit of work: what one use case reads and writes, and the only commit there is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Executable, Result, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from crm_api.kit import clock, traces
from crm_api.kit.actor import Actor
from crm_api.kit.custom.catalogue import Catalogue
from crm_api.kit.db.base import Base, TenantRow
from crm_api.kit.db.catalogues import Learned
from crm_api.kit.db.database import Database
from crm_api.kit.db.events import event_row
from crm_api.kit.db.failures import translate
from crm_api.kit.db.guarding import Guard, explained, reads_of, told
from crm_api.kit.db.holders import name_holder
from crm_api.kit.db.kept import Kept
from crm_api.kit.db.queued import job_row
from crm_api.kit.db.readings import Readings
from crm_api.kit.db.settling import settle
from crm_api.kit.db.tables import EventRow, JobRow
from crm_api.kit.errors import KeyTaken, Unavailable
from crm_api.kit.ids import new_id
from crm_api.kit.messages import Message

# Who it is, too: what the database itself writes down names them (`crm_erase`).
_BIND = text(
    "SELECT set_config('app.organization_id', :organization, true), "
    "set_config('app.actor', :actor, true)"
)


class Tx:
    """One session, one actor, one moment.

    New rows are kept back and leave as a single statement. When nothing else was asked of the
    database, that statement commits by itself: a plain create is one round trip.
    """

    def __init__(
        self,
        database: Database,
        actor: Actor,
        *,
        request_id: str | None = None,
        cause_id: UUID | None = None,
        read_only: bool = False,
        dry_run: bool = False,
        allow_duplicates: bool = False,
        subject: str | None = None,
    ) -> None:
        self.database, self.learned = database, Learned(database.catalogues, actor)
        self.source = database  # what it asks, or a replica for reads that bear to be a little late
        self.request_id, self.cause_id, self.subject = request_id, cause_id, subject
        self.read_only, self.dry_run, self.allow_duplicates = read_only, dry_run, allow_duplicates
        self.trace = traces.CURRENT.get()
        self.links: list[tuple[str, str]] = []
        """What the answer points at: the relation (RFC 8288) and the path."""
        self.now: datetime = clock.now()
        self.statements = self.told = 0
        """How much was asked, and how many events there are of what was done and not undone."""
        self.confidential = False
        """Set by a use case whose answer holds a secret that must not be stored."""
        self.jobs: list[UUID] = []
        self.stale: set[str] = set()  # what every process asks again about after the commit
        self._connection: AsyncConnection | None = None
        self._session: AsyncSession | None = None
        self._kept, self._lock = Kept(), asyncio.Lock()
        self.bounded = self._broken = False
        self.readings, self.still = Readings(), tuple[str, ...]()
        self.guard: Guard | None = None  # looks at each reading statement before it begins

    @property
    def actor(self) -> Actor:
        """Who asks, and what is closed to everybody of the organization."""
        return self.learned.actor

    @property
    def catalogue(self) -> Catalogue:
        """The custom fields and switches of the organization, as they were at the beginning."""
        return self.learned.catalogue

    @property
    def organization_id(self) -> UUID:
        """The tenant that everything here belongs to."""
        return self.actor.organization_id

    # Writing

    def insert(self, model: type[Base], values: Mapping[str, Any]) -> None:
        """Keep a new row back until the next flush; the organization is filled in."""
        self._kept.insert(model, values)

    def describes(self, record_id: UUID) -> bool:
        """Whether new rows are kept back by which this record is found."""
        return self._kept.describes(record_id)

    def remove(self, model: type[Base], **which: Any) -> None:
        """Keep the removal of the rows with these values back; it leaves before new rows do."""
        self._kept.remove(model, which)

    def change(self, row: TenantRow, values: Mapping[str, Any]) -> None:
        """Set columns of a loaded row, and keep that back until the next flush."""
        self._kept.change(row, values)

    def record(
        self,
        type: str,
        *,
        entity: str,
        record_id: UUID,
        version: int,
        data: Any,
        previous: Mapping[str, Any] | None = None,
    ) -> None:
        """Write down what happened, in the same transaction as the change itself.

        `data` holds the values after (all of them at creation, else those that changed),
        `previous` the values before.
        """
        self.told += 1
        self.learned.touch(entity, record_id, is_new=version == 1)
        self.insert(EventRow, event_row(self, type, entity, record_id, version, data, previous))

    def enqueue(
        self,
        message: Message,
        *,
        run_at: datetime | None = None,
        dedupe_key: str | None = None,
        job_id: UUID | None = None,
    ) -> UUID:
        """Have work done after the commit; it happens if and only if this commits."""
        job_id = job_id or new_id()
        self.insert(JobRow, job_row(self, job_id, message, run_at, dedupe_key))
        if run_at is None:
            self.jobs.append(job_id)
        return job_id

    @contextmanager
    def caused_by(self, id: UUID) -> Iterator[None]:
        """Have the events of a block name what they belong to."""
        before, self.cause_id = self.cause_id, id
        try:
            yield
        finally:
            self.cause_id = before

    @property
    def mark(self) -> int:
        """A place for `untouched_since`."""
        return self._kept.writes

    def untouched_since(self, mark: int) -> bool:
        """Whether nothing was written since, so that there is nothing to undo."""
        return self._kept.writes == mark and not self._broken

    def forget(self, ids: set[UUID]) -> None:
        """Have some loaded records be read again: a statement has changed them behind the ORM."""
        if self._session is not None:
            for record in list(self._session.identity_map.values()):
                if vars(record).get("id") in ids:  # what has expired has no value there
                    self._session.expire(record)

    async def spend(self, points: int) -> None:
        """Have more be counted than one thing to do, where that is counted; raises `RateLimited`."""

    @property
    def has_begun(self) -> bool:
        """Whether a transaction is open: more was asked than to keep new rows back."""
        return self._connection is not None

    def kept(self, model: type[Base]) -> Sequence[Mapping[str, Any]]:
        """The new rows of a table that are still kept back."""
        return self._kept.new(model)

    # Asking

    async def session(self) -> AsyncSession:
        """The ORM session, in a transaction that begins here; only within `unit_of_work`."""
        if self._session is None:
            if not self.bounded:
                raise RuntimeError("This read has no end at which a transaction could be closed.")
            try:
                self._connection = await self.source.connect()
                await self._connection.begin()
                if self.read_only:
                    for said in self.still or ("SET TRANSACTION READ ONLY",):
                        await self._connection.execute(text(said))
                bound = {"organization": str(self.organization_id), "actor": str(self.actor)}
                await self._connection.execute(_BIND, bound)
            except Exception as error:
                raise translate(error) from error
            self.statements += 1
            self._session = AsyncSession(
                bind=self._connection,
                expire_on_commit=False,
                autoflush=False,
                join_transaction_mode="rollback_only",  # savepoints are made here alone
            )
        return self._session

    async def run(self, statement: Executable) -> Result[Any]:
        """One SQLAlchemy statement inside the transaction."""
        await self.flush()
        if self.guard is not None and (asked := explained(statement)) is not None:
            self.guard.need_little(told((await self._run(asked)).scalar_one()))
        return await self._run(statement)

    async def _run(self, statement: Executable) -> Result[Any]:
        async with self._lock:
            self.statements += 1
            try:
                return await (await self.session()).execute(statement)
            except Exception as error:
                self._broken = True
                raise translate(error) from error

    async def fetch(self, sql: str, *args: Any) -> list[Any]:
        """Rows of one reading statement: in autocommit unless the transaction has begun."""
        async with self._lock:
            await self._send_all()
            self.statements += 1
            if self._connection is None and not (self.still and self.bounded):
                return await self.source.fetch(self.organization_id, sql, args)
            if self.guard is not None:
                self.guard.need_little(await self._driven(reads_of, sql, args))
            return await self._driven(lambda driver: driver.fetch(sql, *args))

    async def write(self, sql: str, *args: Any) -> list[Any]:
        """Rows of one changing statement, inside the transaction, which begins here if need be."""
        async with self._lock:
            self._kept.writes += 1
            await self.session()
            await self._send_all()
            self.statements += 1
            return await self._driven(lambda driver: driver.fetch(sql, *args))

    async def flush(self) -> None:
        """Send what was kept back; a constraint that is broken speaks here."""
        async with self._lock:
            await self._send_all()

    async def _send_all(self) -> None:
        if self._kept:
            self.statements += await self._driven(self._kept.send, self.organization_id)

    async def _driven(self, work: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        await self.session()
        assert self._connection is not None
        try:
            raw = await self._connection.get_raw_connection()
            return await work(raw.driver_connection, *args)
        except Exception as error:
            self._broken = True
            raise translate(error) from error

    @asynccontextmanager
    async def atomic(self, *, alone: bool = False) -> AsyncIterator[None]:
        """A part that happens wholly or not at all, whatever becomes of the rest.

        `alone` says that there is no rest, so that its rows may still leave with the commit.
        """
        await self.flush()
        jobs, links = len(self.jobs), len(self.links)
        learned, told = self.learned.state, self.told
        if self._connection is None:
            try:
                yield
                if not alone:
                    # A constraint must speak here, not in the part that comes after.
                    await self.flush()
            except BaseException as error:
                self.learned.state = learned
                await self.abandon()
                await self.explain(error)
                raise
            return
        savepoint = await self._connection.begin_nested()
        try:
            yield
            await self.flush()
        except BaseException as error:
            self._kept.clear()
            self.learned.state = learned
            del self.jobs[jobs:], self.links[links:]
            self.told = told
            if self._session is not None:
                self._session.expire_all()
            await savepoint.rollback()
            self._broken = False
            await self.explain(error)
            raise
        await savepoint.commit()

    # The beginning and the end

    async def begin(self) -> None:
        """Allow a transaction; called by `unit_of_work` alone, which also ends it."""
        await self.learned.learn()
        self.bounded = True

    async def finish(self) -> None:
        """Commit; called by `unit_of_work` alone."""
        if self.dry_run:
            await self.flush()
            await self.abandon()
            return
        await settle(self)
        alone = self._kept.alone(self.organization_id) if self._connection is None else None
        if alone is not None:
            self.statements += 1
            await self.database.fetch(self.organization_id, *alone)
            return
        await self.flush()
        if self._connection is not None:
            if self._broken:
                # PostgreSQL would answer the COMMIT of a failed transaction with a silent ROLLBACK.
                raise Unavailable("The transaction had failed.", code="aborted")
            try:
                await self._connection.commit()
            except Exception as error:
                raise translate(error) from error
            finally:
                await self._close()

    async def abandon(self) -> None:
        """Undo everything."""
        self._kept.clear()
        self.jobs.clear()
        self.links.clear()
        self.told = 0
        self._broken = False
        if self._connection is not None:
            try:
                await self._connection.rollback()
            except Exception:  # noqa: BLE001 - the connection is lost, and with it the transaction
                await self._connection.invalidate()
            finally:
                await self._close()

    async def explain(self, error: BaseException) -> None:
        """Name the record in the way, after the rollback: before it nothing is answered.

        Not to those who may not see all there is.
        """
        if isinstance(error, KeyTaken) and (self.actor.access is None or self.actor.access.full):
            await name_holder(self.fetch, self.organization_id, error, self._kept.keys)

    async def _close(self) -> None:
        session, connection = self._session, self._connection
        self._session = self._connection = None
        if session is not None:
            await session.close()
        if connection is not None:
            await connection.close()


T = TypeVar("T", bound=Tx)
Ring = Callable[[UUID, Sequence[UUID]], Awaitable[None]]


@asynccontextmanager
async def unit_of_work(tx: T, ring: Ring | None = None) -> AsyncIterator[T]:
    """Commit at the end of the block, roll back on any exception; then `ring` is told of jobs."""
    await tx.begin()
    try:
        yield tx
        await tx.finish()
        jobs = list(tx.jobs)  # also those that what follows from the changes has asked for
    except BaseException as error:
        await asyncio.shield(tx.abandon())
        if tx.readings:
            await tx.readings.tell(tx)
        await tx.explain(error)
        raise
    if not tx.dry_run:
        tx.learned.publish()
        if tx.told:
            tx.database.news(tx.organization_id)
        if ring is not None and jobs:
            await ring(tx.organization_id, jobs)
        for topic in tx.stale:
            await tx.database.tell(topic, tx.organization_id)
    if tx.readings:
        await tx.readings.tell(tx)


def at_one_moment(tx: Tx, *, late: bool = False) -> AbstractAsyncContextManager[Tx]:
    """For reads that have to see the same; of a replica, if there is one and they may be `late`."""
    one = Tx(tx.database, tx.actor, read_only=True)
    one.still = ("SET TRANSACTION READ ONLY, ISOLATION LEVEL REPEATABLE READ",)
    one.source = (late and tx.database.replica) or tx.database
    return unit_of_work(one)
