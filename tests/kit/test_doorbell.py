"""The doorbell: a Redis that is away holds nobody up."""

import time
from uuid import uuid4

from crm_api.kit.doorbell import Doorbell


async def test_without_redis_nothing_rings():
    bell = Doorbell(None)
    await bell.ring(uuid4(), [uuid4()])
    await bell.close()


async def test_a_redis_that_is_away_is_left_alone_for_a_while():
    bell = Doorbell("redis://127.0.0.1:1/0")
    await bell.ring(uuid4(), [uuid4()])
    begun = time.monotonic()
    for _ in range(1000):
        await bell.ring(uuid4(), [uuid4()])
    assert time.monotonic() - begun < 1
    await bell.close()
