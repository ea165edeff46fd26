"""Receivers of webhooks on the loopback: they keep what they get, and answer as they are told."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from support.waiting import patiently

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Answer = Callable[["Received"], "int | tuple[int, dict[str, str], bytes]"]


@dataclass
class Received:
    """A request that came."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """The `webhook-id`."""
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        """What it tells."""
        return json.loads(self.body)


@dataclass
class Receiver:
    """An endpoint of somebody else."""

    url: str = ""
    got: list[Received] = field(default_factory=list)
    answer: Answer = lambda _: 204
    delay_s: float = 0.0
    busy: int = 0
    busiest: int = 0
    """How many requests there were at a time."""

    async def have(self, count: int) -> list[Received]:
        """The requests once there are so many."""
        async for _ in patiently(0.02):
            if len(self.got) >= count:
                break
        return self.got

    async def heard(self, count: int) -> list[Received]:
        """The requests once they told so many messages, however often each."""
        async for _ in patiently(0.02):
            if len({received.id for received in self.got}) >= count:
                break
        return self.got

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")[1:]
            pairs = (line.partition(": ") for line in lines if line)
            headers = {name.lower(): value for name, _, value in pairs}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            await self._answer(Received(headers, body), writer)

    async def _answer(self, received: Received, writer: asyncio.StreamWriter) -> None:
        self.busy += 1
        self.busiest = max(self.busy, self.busiest)
        self.got.append(received)
        await asyncio.sleep(self.delay_s)
        self.busy -= 1
        told = self.answer(received)
        status, headers, body = told if isinstance(told, tuple) else (told, {}, b"")
        given = {"Content-Length": str(len(body)), **headers}
        lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {v}" for name, v in given.items())]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()


@asynccontextmanager
async def receiving(**given: Any) -> AsyncIterator[Receiver]:
    """A receiver that listens while the block runs."""
    receiver = Receiver(**given)
    async with serving(receiver.serve) as port:
        receiver.url = f"http://127.0.0.1:{port}/hook"
        yield receiver


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[int]:
    """A server on the loopback while the block runs; its port. Nothing of it stays open."""
    writers: list[asyncio.StreamWriter] = []
    tasks: list[asyncio.Task[None]] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await serve(reader, writer)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        if tasks:
            await asyncio.wait(tasks, timeout=5)
