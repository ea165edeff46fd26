"""What one process tells the others."""

from uuid import uuid4

from crm_api.kit.broadcast import CHANNEL, Broadcast
from support.waiting import patiently


async def until(condition):
    async for _ in patiently(0.01):
        if condition():
            break


async def test_others_hear_what_one_tells(servers):
    teller, listener = Broadcast(servers.redis_url), Broadcast(servers.redis_url)
    heard = []
    listener.on("topic", heard.append)
    listener.start()
    organization = uuid4()
    async for _ in patiently(0.02):
        await teller.tell("topic", organization)
        if heard:
            break
    await until(lambda: organization in heard)
    await teller.tell("another", uuid4())
    await listener._redis.publish(CHANNEL, b"\xff not a message")
    await listener._redis.publish(CHANNEL, b'["topic"]')
    await listener._redis.publish(CHANNEL, b'["topic", 7]')
    last = uuid4()
    await teller.tell("topic", last)
    await until(lambda: last in heard)
    assert set(heard) == {organization, last}
    await teller.close()
    await listener.close()


async def test_without_redis_the_own_process_hears():
    for url in (None, "redis://127.0.0.1:1/0"):
        broadcast = Broadcast(url)
        heard = []
        broadcast.on("topic", heard.append)
        broadcast.start()
        organization = uuid4()
        await broadcast.tell("topic", organization)
        await broadcast.tell("topic", organization)
        assert heard == [organization] * 2
        await broadcast.close()
