"""Connections that are kept: used again, never two requests at a time, and not for ever."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager

import httpcore
import pytest

from crm_api.kit.outbound import pool
from crm_api.kit.outbound.addresses import Reach
from crm_api.kit.outbound.client import NotSent, Outbound


class Place:
    """A server that counts its connections, and how many requests it has at a time."""

    def __init__(self):
        self.opened = self.open = self.busy = self.busiest = 0
        self.last = False
        """Whether it ends each connection after its answer, without saying so."""

    async def serve(self, reader, writer):
        self.opened, self.open = self.opened + 1, self.open + 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.busy += 1
                self.busiest = max(self.busy, self.busiest)
                await asyncio.sleep(0.02)
                self.busy -= 1
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                await writer.drain()
                if self.last:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open -= 1
            writer.close()


@asynccontextmanager
async def asking(place, most):
    """What asks a place: `await ask()` is the status."""
    server = await asyncio.start_server(place.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = Outbound(Reach(("127.0.0.0/8",)), connections=most)

    async def ask():
        return (await client.ask("GET", f"http://127.0.0.1:{port}/")).status

    try:
        yield ask
    finally:
        await client.close()
        server.close()


async def test_connections_are_used_again_by_one_request_at_a_time():
    place = Place()
    async with asking(place, 3) as ask:
        for _ in range(5):
            assert await ask() == 200
        assert place.opened == 1
        assert set(await asyncio.gather(*(ask() for _ in range(12)))) == {200}
        assert (place.opened, place.busiest) == (3, 3)
    for _ in range(100):
        if not place.open:
            break
        await asyncio.sleep(0.02)
    assert place.open == 0


async def test_what_ended_meanwhile_is_not_used():
    place = Place()
    place.last = True
    async with asking(place, 3) as ask:
        for number in range(3):
            assert await ask() == 200
            assert place.opened == number + 1
            await asyncio.sleep(0.1)


async def test_what_nobody_uses_is_ended(monkeypatch):
    monkeypatch.setattr(pool, "KEPT_S", 0.2)
    monkeypatch.setattr("crm_api.kit.outbound.client.KEPT_S", 0.2)
    place = Place()
    async with asking(place, 3) as ask:
        await asyncio.gather(*(ask() for _ in range(3)))
        await asyncio.sleep(0.3)
        assert await ask() == 200
        await asyncio.sleep(0.1)
        assert (place.opened, place.open) == (4, 1)


async def test_whoever_gives_up_makes_room():
    place = Place()
    async with asking(place, 1) as ask:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.005):
                    await ask()
        with pytest.raises((NotSent, TimeoutError)):
            async with asyncio.timeout(0):
                await ask()
        assert await ask() == 200


class Stream:
    """What the library has for a connection, which takes its time to end."""

    ended = closed = False

    def is_idle(self):
        return True

    def has_expired(self):
        return self.ended

    async def aclose(self):
        await asyncio.sleep(0.05)
        self.closed = True


async def test_what_comes_back_after_the_end_is_ended():
    kept, origin = pool.Pool(lambda _: Stream(), 8), httpcore.Origin(b"https", b"a.example", 443)
    async with kept.connected(origin) as connection:
        await kept.close()
        assert not connection.closed
    assert connection.closed
    assert not any(kept._kept.values())


async def test_what_is_gone_through_is_ended_though_somebody_gives_up(monkeypatch):
    made = []

    def make(_):
        made.append(Stream())
        return made[-1]

    kept, origin = pool.Pool(make, 8), httpcore.Origin(b"https", b"a.example", 443)
    async with AsyncExitStack() as stack:
        for _ in range(4):
            await stack.enter_async_context(kept.connected(origin))
    monkeypatch.setattr(pool, "KEPT_S", 0)

    async def use():
        async with kept.connected(origin):
            for one in made:
                one.ended = True

    task = asyncio.create_task(use())
    await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.wait([task])
    await kept.close()
    assert [one.closed for one in made] == [True] * 4


async def test_no_two_requests_have_one_connection_while_others_end(monkeypatch):
    """Somebody finds one that has ended, and meanwhile all that are kept are gone through."""
    made = []

    def make(_):
        made.append(Stream())
        return made[-1]

    kept, origin = pool.Pool(make, 8), httpcore.Origin(b"https", b"example.com", 443)
    async with AsyncExitStack() as before:
        for _ in range(4):
            await before.enter_async_context(kept.connected(origin))
    async with AsyncExitStack() as now:
        async with kept.connected(origin):
            monkeypatch.setattr(pool, "KEPT_S", 0)
            next(one for one in reversed(kept._kept[b"https", b"example.com", 443])).ended = True
            first = asyncio.create_task(now.enter_async_context(kept.connected(origin)))
            await asyncio.sleep(0.01)
        monkeypatch.setattr(pool, "KEPT_S", 60)
        taken = [await now.enter_async_context(kept.connected(origin)) for _ in range(3)]
        taken.append(await first)
        assert len({id(one) for one in taken}) == 4
