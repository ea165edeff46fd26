"""Whoever watches comes to an end of their own."""

import asyncio
from types import SimpleNamespace

import pytest

from crm_api.kit.watching import watch_forever


class Watcher:
    """Finds nothing, and takes its time to close."""

    def __init__(self, error=None):
        self.closed, self.error = False, error

    async def look(self):
        return None

    async def close(self):
        await asyncio.sleep(0.3)
        self.closed = True
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize("error", [None, ValueError("No end")])
async def test_it_is_closed_to_the_end_however_often_it_is_told_to(error):
    watcher = Watcher(error)
    watch = SimpleNamespace(name="An example", begin=lambda place: watcher)
    task = asyncio.create_task(watch_forever(watch, SimpleNamespace(), asyncio.Event()))
    await asyncio.sleep(0.05)
    for _ in range(100):
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=0.02)
        if done:
            break
    assert watcher.closed
    assert task.cancelled()
