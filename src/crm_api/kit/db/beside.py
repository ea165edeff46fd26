"""Two halves of one reading at once, by two connections that see the same moment."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager, nullcontext
from typing import Any, TypeVar

from crm_api.kit.db.tx import Tx, at_one_moment, unit_of_work

A = TypeVar("A")
B = TypeVar("B")
_SHARED = """
    SELECT pg_export_snapshot() AS moment, current_setting('statement_timeout') AS patience
"""
_PATIENT = "SELECT set_config('statement_timeout', $1, true)"


@asynccontextmanager
async def still(tx: Tx) -> AsyncGenerator[Tx]:
    """The transaction that is open, or one of `at_one_moment`; begun, so that settings last."""
    async with nullcontext(tx) if tx.bounded else at_one_moment(tx) as one:
        await one.session()
        yield one


@asynccontextmanager
async def beside(tx: Tx) -> AsyncGenerator[Tx]:
    """Another transaction that sees what one of `at_one_moment` sees, and is bounded alike.

    It is the same one, which does one thing after the other, where few connections are free:
    whoever has one must not wait for another. So it is where the first does not stand still, and
    within a part of it that is undone by itself, whose moment nobody else is told.
    """
    if not tx.still or not tx.source.is_idle or await _is_part(tx):
        yield tx
        return
    (shared,) = await tx.fetch(_SHARED)
    other = Tx(tx.database, tx.actor, read_only=True)
    other.now, other.source, other.guard = tx.now, tx.source, tx.guard
    other.still = (tx.still[0], f"SET TRANSACTION SNAPSHOT '{shared['moment']}'")
    async with unit_of_work(other):
        # What was free then may be taken by now; between this and the next line nobody comes.
        if tx.source.is_idle:
            await other.fetch(_PATIENT, shared["patience"])
            yield other
        else:
            yield tx


async def _is_part(tx: Tx) -> bool:
    connection = await (await tx.session()).connection()
    return connection.in_nested_transaction()


async def both(
    one: Coroutine[Any, Any, A], other: Coroutine[Any, Any, B], *, at_once: bool
) -> tuple[A, B]:
    """What two come to, at once or one after the other, as those must that have one transaction.

    Where one fails, the other is ended before that is told.
    """
    if not at_once:
        return await in_turn(one, other)
    tasks = asyncio.ensure_future(one), asyncio.ensure_future(other)
    try:
        first, second = await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
    return first, second


async def in_turn(one: Coroutine[Any, Any, A], other: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """What two come to, one after the other; the second is not begun where the first fails."""
    try:
        return await one, await other
    finally:
        other.close()
