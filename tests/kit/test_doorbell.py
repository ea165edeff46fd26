"""The doorbell: a Redis that is away holds nobody up."""

import asyncio
import time
from uuid import uuid4

from crm_api.kit.doorbell import Doorbell


async def test_without_redis_nothing_rings():
    bell = Doorbell(None)
    await bell.ring(uuid4(), [uuid4()])
    await bell.close()


async def test_a_redis_that_is_away_is_left_alone_for_a_while():
    tried = 0

    def hang_up(_, writer):
        nonlocal tried
        tried += 1
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1") as broken:
        bell = Doorbell(f"redis://127.0.0.1:{broken.sockets[0].getsockname()[1]}/0")
        begun = time.monotonic()
        await bell.ring(uuid4(), [uuid4()])
        first = tried
        for _ in range(1000):
            await bell.ring(uuid4(), [uuid4()])
        rings = 1 + (time.monotonic() - begun) // 5
        await bell.close()
    assert 1 <= first <= tried <= first * rings
