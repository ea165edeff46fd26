"""The unit of work: what one use case reads and writes, and the only commit there is."""

import asyncio
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Executable, Result, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from crm_api.kit import clock
from crm_api.kit.actor import Actor
from crm_api.kit.db import copies, inserts
from crm_api.kit.db.base import Base
from crm_api.kit.db.database import Database
from crm_api.kit.db.failures import translate
from crm_api.kit.db.tables import EventRow, JobRow, RecordKey
from crm_api.kit.errors import ExternalIdTaken, Unavailable
from crm_api.kit.ids import new_id
from crm_api.kit.messages import Message

_HOLDER = (
    "SELECT record_id FROM record_keys WHERE organization_id = $1 AND entity = $2 "
    "AND kind = 'external' AND value = $3"
)
_BIND = text("SELECT set_config('app.organization_id', :organization, true)")


class _Rehearsed(Exception):
    """A rehearsal has come to its end."""


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
    ) -> None:
        self.database = database
        self.actor = actor
        self.request_id = request_id
        self.cause_id = cause_id
        self.read_only = read_only
        self.dry_run = dry_run
        self.now: datetime = clock.now()
        self.statements = 0
        self.jobs: list[UUID] = []
        self._rows: dict[type[Base], list[dict[str, Any]]] = {}
        self._keys: Sequence[Mapping[str, Any]] = ()
        self._connection: AsyncConnection | None = None
        self._session: AsyncSession | None = None
        self._lock = asyncio.Lock()
        self._bounded = False
        self._broken = False

    @property
    def organization_id(self) -> UUID:
        """The tenant that everything here belongs to."""
        return self.actor.organization_id

    # Writing

    def insert(self, model: type[Base], values: Mapping[str, Any]) -> None:
        """Keep a new row back until the next flush; the organization is filled in."""
        self._rows.setdefault(model, []).append(dict(values))

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
        self.insert(
            EventRow,
            {
                "id": new_id(),
                "type": type,
                "entity": entity,
                "record_id": record_id,
                "version": version,
                "data": data,
                "previous": previous,
                "actor_kind": self.actor.kind,
                "actor_id": self.actor.id,
                "request_id": self.request_id,
                "cause_id": self.cause_id,
                "occurred_at": self.now,
            },
        )

    def enqueue(
        self, message: Message, *, run_at: datetime | None = None, dedupe_key: str | None = None
    ) -> UUID:
        """Have work done after the commit; it happens if and only if this commits."""
        job_id = new_id()
        self.insert(
            JobRow,
            {
                "id": job_id,
                "kind": message.kind,
                "args": message.args(),
                "max_attempts": message.max_attempts,
                "run_at": run_at or self.now,
                "dedupe_key": dedupe_key,
                "actor": asdict(self.actor) | {"scopes": sorted(self.actor.scopes)},
                "created_by": self.actor.id,
                "created_at": self.now,
            },
        )
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

    def forget(self, ids: Collection[UUID]) -> None:
        """Have some loaded records be read again: a statement has changed them behind the ORM."""
        if self._session is not None:
            for record in list(self._session.identity_map.values()):
                if getattr(record, "id", None) in ids:
                    self._session.expire(record)

    @property
    def has_begun(self) -> bool:
        """Whether a transaction is open: more was asked than to keep new rows back."""
        return self._connection is not None

    def kept(self, model: type[Base]) -> Sequence[Mapping[str, Any]]:
        """The new rows of a table that are still kept back."""
        return self._rows.get(model, ())

    # Asking

    async def session(self) -> AsyncSession:
        """The ORM session, in a transaction that begins here; only within `unit_of_work`."""
        if self._session is None:
            if not self._bounded:
                raise RuntimeError("This read has no end at which a transaction could be closed.")
            try:
                self._connection = await self.database.connect()
                await self._connection.begin()
                if self.read_only:
                    await self._connection.execute(text("SET TRANSACTION READ ONLY"))
                await self._connection.execute(_BIND, {"organization": str(self.organization_id)})
            except Exception as error:
                raise translate(error) from error
            self.statements += 1
            self._session = AsyncSession(
                bind=self._connection, expire_on_commit=False, autoflush=False
            )
        return self._session

    async def run(self, statement: Executable) -> Result[Any]:
        """One SQLAlchemy statement inside the transaction."""
        await self.flush()
        async with self._lock:
            self.statements += 1
            try:
                return await (await self.session()).execute(statement)
            except Exception as error:
                self._broken = True
                raise translate(error) from error

    async def fetch(self, sql: str, *args: Any) -> list[Any]:
        """Rows of one reading statement straight from the driver.

        Inside the transaction if one has begun, else in autocommit.
        """
        async with self._lock:
            await self._send_all()
            self.statements += 1
            if self._connection is None:
                return await self.database.fetch(self.organization_id, sql, args)
            return await self._in_transaction(sql, args)

    async def write(self, sql: str, *args: Any) -> list[Any]:
        """Rows of one changing statement, inside the transaction, which begins here if need be."""
        async with self._lock:
            await self.session()
            await self._send_all()
            self.statements += 1
            return await self._in_transaction(sql, args)

    async def flush(self) -> None:
        """Send what was kept back; a constraint that is broken speaks here."""
        async with self._lock:
            await self._send_all()

    async def _send_all(self) -> None:
        """New rows first: what is changed may refer to them."""
        await self._send_rows()
        if self._session is not None and self._session.dirty:
            try:
                await self._session.flush()
            except Exception as error:
                self._broken = True
                raise translate(error) from error

    async def _send_rows(self) -> None:
        if not self._rows:
            return
        self.statements += 1
        if self._are_many():
            await self._driven(copies.send, self._take_rows(), self.organization_id)
        else:
            await self._in_transaction(*self._take_statement())

    async def _in_transaction(self, sql: str, args: Sequence[Any]) -> list[Any]:
        return await self._driven(lambda driver: driver.fetch(sql, *args))

    async def _driven(self, work: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        await self.session()
        assert self._connection is not None
        try:
            raw = await self._connection.get_raw_connection()
            return await work(raw.driver_connection, *args)
        except Exception as error:
            self._broken = True
            raise translate(error) from error

    def _are_many(self) -> bool:
        return sum(map(len, self._rows.values())) >= copies.ENOUGH

    def _take_rows(self) -> dict[type[Base], list[dict[str, Any]]]:
        rows, self._rows = self._rows, {}
        self._keys = rows.get(RecordKey, ())
        return rows

    def _take_statement(self) -> tuple[str, list[Any]]:
        rows = self._take_rows()
        models = tuple(sorted(rows, key=lambda model: model.__tablename__))
        args = [inserts.encoded(model, rows[model], self.organization_id) for model in models]
        return inserts.statement(models), args

    @asynccontextmanager
    async def atomic(self, *, alone: bool = False) -> AsyncIterator[None]:
        """A part that happens wholly or not at all, whatever becomes of the rest.

        `alone` says that there is no rest, so that its rows may still leave with the commit.
        """
        await self.flush()
        jobs = len(self.jobs)
        if self._connection is None:
            try:
                yield
                if not alone:
                    # A constraint must speak here, not in the part that comes after.
                    await self.flush()
            except BaseException as error:
                await self.abandon()
                await self.explain(error)
                raise
            return
        savepoint = await self._connection.begin_nested()
        try:
            yield
            await self.flush()
        except BaseException as error:
            self._rows.clear()
            del self.jobs[jobs:]
            if self._session is not None:
                self._session.expire_all()
            await savepoint.rollback()
            self._broken = False
            await self.explain(error)
            raise
        await savepoint.commit()

    @asynccontextmanager
    async def rehearsal(self) -> AsyncIterator[None]:
        """A part that is checked as if it happened, and is undone."""
        with suppress(_Rehearsed):
            async with self.atomic():
                yield
                await self.flush()
                raise _Rehearsed

    # The beginning and the end

    def begin(self) -> None:
        """Allow a transaction; called by `unit_of_work` alone, which also ends it."""
        self._bounded = True

    async def finish(self) -> None:
        """Commit; called by `unit_of_work` alone."""
        if self.dry_run:
            await self.flush()
            await self.abandon()
            return
        if self._connection is None and self._rows and not self._are_many():
            sql, args = self._take_statement()
            self.statements += 1
            await self.database.fetch(self.organization_id, sql, args)
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
        self._rows.clear()
        self.jobs.clear()
        self._broken = False
        if self._connection is not None:
            try:
                await self._connection.rollback()
            except Exception:  # noqa: BLE001 - the connection is lost, and with it the transaction
                await self._connection.invalidate()
            finally:
                await self._close()

    async def explain(self, error: BaseException) -> None:
        """Name the record that stands in the way; PostgreSQL keeps it back under row security.

        After the rollback: a failed transaction answers nothing more.
        """
        if isinstance(error, ExternalIdTaken) and "record_id" not in error.details:
            for key in [key for key in self._keys if key["kind"] == "external"]:
                found = await self.fetch(_HOLDER, self.organization_id, key["entity"], key["value"])
                if found and found[0][0] != key["record_id"]:
                    error.held_by(found[0][0], key["value"].partition(":")[0])
                    return

    async def _close(self) -> None:
        session, self._session = self._session, None
        connection, self._connection = self._connection, None
        if session is not None:
            await session.close()
        if connection is not None:
            await connection.close()


Ring = Callable[[UUID, Sequence[UUID]], Awaitable[None]]


@asynccontextmanager
async def unit_of_work(tx: Tx, ring: Ring | None = None) -> AsyncIterator[Tx]:
    """Commit at the end of the block, roll back on any exception.

    `ring` is told the ids of the jobs that were written, after the commit and at best effort.
    """
    tx.begin()
    try:
        yield tx
        jobs = list(tx.jobs)
        await tx.finish()
    except BaseException as error:
        await asyncio.shield(tx.abandon())
        await tx.explain(error)
        raise
    if ring is not None and jobs and not tx.dry_run:
        await ring(tx.organization_id, jobs)
