"""Waiting for what happens beside a test."""

import asyncio
import io
from collections.abc import AsyncIterator

import asyncpg

PATIENCE_S = 200
"""However busy the machine is; below the time at which pytest gives a test up."""

_HELD = """
    SELECT EXISTS (SELECT FROM events WHERE tx >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint)
"""


async def patiently(every_s: float = 0.05) -> AsyncIterator[None]:
    """Look until there is a `break`: `async for _ in patiently(): …`.

    If it never comes, the failure shows what every task of the process waits for.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE_S
    while loop.time() < end:
        yield
        await asyncio.sleep(every_s)
    raise AssertionError(f"It never came. What everything waits for:\n{_stacks()}")


async def settled(owner: asyncpg.Pool) -> None:
    """Wait until the feed ends with what happened last.

    A transaction that is under way holds back all that began after it, also where it belongs to a
    test beside this one, in another database of the same server.
    """
    async for _ in patiently():
        if not await owner.fetchval(_HELD):
            return


def _stacks() -> str:
    text = io.StringIO()
    for task in asyncio.all_tasks():
        task.print_stack(limit=12, file=text)
    return text.getvalue()
