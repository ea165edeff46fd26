"""A worker in the process of the tests."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from crm_api import worker
from crm_api.settings import Settings


@asynccontextmanager
async def at_work(settings: Settings) -> AsyncGenerator[None]:
    """One that begins now, and ends with the block."""
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(settings, stop=stop))
    try:
        yield
    finally:
        stop.set()
        await running
