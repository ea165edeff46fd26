"""How the server bears clients who take nothing of what they are sent, or do not say what they want."""

import asyncio
import socket
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from struct import unpack_from

import pytest
import uvicorn
import uvloop
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import connect

from crm_api.kit.followers import Followers
from crm_api.serving import uvicorn_options
from crm_api.settings import Settings

SILENCE_S = 2
BLOCK = 65_536
STREAM = b"GET / HTTP/1.1\r\nHost: crm\r\n\r\n"
SOCKET = (
    b"GET / HTTP/1.1\r\nHost: crm\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Telling:
    """Tells whoever follows as much as they take."""

    def __init__(self):
        self.followers = Followers(10, 10)
        self.told = 0

    async def __call__(self, scope, receive, send):
        with self.followers.connected():
            if scope["type"] == "http":
                request = Request(scope, receive)
                await StreamingResponse(self.blocks())(request.scope, receive, send)
                return
            client = WebSocket(scope, receive, send)
            await client.accept()
            with suppress(WebSocketDisconnect):
                async for block in self.blocks():
                    await client.send_bytes(block)

    async def blocks(self):
        while True:
            self.told += BLOCK
            yield b"x" * BLOCK
            await asyncio.sleep(0)


async def asking(stack, listener, head):
    """A client on whose side next to nothing is kept."""
    client = stack.enter_context(socket.socket())
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, listener.getsockname())
    await loop.sock_sendall(client, head)
    return client


@asynccontextmanager
async def served(application):
    """Where it listens; all ends with it."""
    settings = Settings(_env_file=None, silence_timeout_s=SILENCE_S)
    options = {**uvicorn_options(settings), "factory": False, "lifespan": "off"}
    server = uvicorn.Server(uvicorn.Config(application, **options))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve([listener]))
        try:
            yield listener
        finally:
            server.should_exit = True
            await serving


async def story():
    telling, loop = Telling(), asyncio.get_running_loop()
    async with served(telling) as listener, AsyncExitStack() as stack:
        slow = await asking(stack, listener, STREAM)
        for head in (STREAM, SOCKET):
            await asking(stack, listener, head)
        taken, ended_at = 0, None
        begun = loop.time()
        while ended_at is None or loop.time() < ended_at + 2 * SILENCE_S:
            taken += len(await asyncio.wait_for(loop.sock_recv(slow, BLOCK), 10 * SILENCE_S))
            if ended_at is None and loop.time() - begun > SILENCE_S / 2:
                if telling.followers._open == 1:
                    ended_at = loop.time()
                # Who takes nothing waits: only what the buffers of the system hold was told.
                assert telling.told < 64 * 2**20
            assert loop.time() < begun + 60
            await asyncio.sleep(0.05)
        assert telling.followers._open == 1
        assert taken > 0
        slow.close()
    assert telling.followers._open == 0


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux alone ends them.")
def test_who_takes_nothing_is_ended_and_who_takes_little_is_not():
    uvloop.run(story())


async def echoing(scope, receive, send):
    """Answers a request once its body is there, and says what a socket says."""
    if scope["type"] == "http":
        request = Request(scope, receive)
        await PlainTextResponse(await request.body())(scope, receive, send)
        return
    client = WebSocket(scope, receive, send)
    await client.accept()
    with suppress(WebSocketDisconnect):
        while True:
            await client.send_text(await client.receive_text())


async def everything(client):
    """What comes until the connection is closed."""
    loop, found = asyncio.get_running_loop(), b""
    async with asyncio.timeout(10 * SILENCE_S):
        while block := await loop.sock_recv(client, BLOCK):
            found += block
    return found


async def heads():
    loop, body = (
        asyncio.get_running_loop(),
        b"POST / HTTP/1.1\r\nHost: crm\r\nContent-Length: 2\r\n\r\n",
    )
    async with served(echoing) as listener, AsyncExitStack() as stack:
        host, port = listener.getsockname()
        socket_url = f"ws://{host}:{port}/"
        talking = await stack.enter_async_context(connect(socket_url, proxy=None))
        patient = await asking(stack, listener, body)
        begun = loop.time()
        half = await asking(stack, listener, STREAM[:-2])
        assert (await everything(half)).startswith(b"HTTP/1.1 408 ")
        assert loop.time() - begun > SILENCE_S / 2
        assert await everything(await asking(stack, listener, b"")) == b""
        endless = b"GET / HTTP/1.1\r\n" + b"X-Name: %s\r\n" % (b"x" * 8_000) * 12
        assert (await everything(await asking(stack, listener, endless))).startswith(
            b"HTTP/1.1 431 "
        )
        trailed = body.replace(b"Content-Length: 2", b"Transfer-Encoding: chunked") + b"0\r\n"
        endless = await asking(stack, listener, trailed + b"X-Name: %s\r\n" % (b"x" * 8_000) * 12)
        assert not (await everything(endless)).startswith(b"HTTP/1.1 200 ")
        # Another head on a connection that has served one, and nothing at all before it.
        again = await asking(stack, listener, body + b"ok" + b"GET / HTTP/1.1\r\nHo")
        told = await everything(again)
        assert told.startswith(b"HTTP/1.1 200 ")
        assert b"HTTP/1.1 408 " in told
        # What comes after the head is the application's to wait for, and a socket is its own.
        assert loop.time() - begun > 2 * SILENCE_S
        await loop.sock_sendall(patient, b"ok")
        async with asyncio.timeout(10 * SILENCE_S):
            assert (await loop.sock_recv(patient, BLOCK)).startswith(b"HTTP/1.1 200 ")
            await talking.send("still there")
            assert await talking.recv() == "still there"


def test_heads_of_requests_come_in_time_and_have_an_end():
    uvloop.run(heads())


class Staged:
    """Answers at once, or says its head, and its body once that was seen."""

    def __init__(self):
        self.seen = asyncio.Event()

    async def __call__(self, scope, receive, send):
        if scope["path"] == "/stream":
            answer = StreamingResponse(self.late())
        else:
            answer = PlainTextResponse(f"told {scope['path']}" * 100)
        await answer(scope, receive, send)

    async def late(self):
        await self.seen.wait()
        yield "late"


def packets(client):
    """How many with something in them the client was sent: `tcpi_data_segs_in` of Linux."""
    return unpack_from("I", client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192), 152)[0]


async def answers():
    staged, loop = Staged(), asyncio.get_running_loop()
    async with served(staged) as listener, AsyncExitStack() as stack:
        body = b"told /a" * 100
        for _ in range(5):
            client = await asking(stack, listener, STREAM.replace(b"/ ", b"/a ", 1))
            whole = await loop.sock_recv(client, BLOCK)
            assert whole.startswith(b"HTTP/1.1 200 ")
            assert whole.endswith(b"\r\n\r\n" + body)
            assert packets(client) == 1
        streamed = await asking(stack, listener, STREAM.replace(b"/ ", b"/stream ", 1))
        async with asyncio.timeout(10 * SILENCE_S):
            head = await loop.sock_recv(streamed, BLOCK)
            assert head.startswith(b"HTTP/1.1 200 ")
            assert b"late" not in head
            staged.seen.set()
            assert b"late" in await loop.sock_recv(streamed, BLOCK)
        # One connection that asks for everything at once, the last time by its head alone.
        ask = b"%s /%s HTTP/1.1\r\nHost: crm\r\n%s\r\n"
        asked = ask % (b"GET", b"a", b"") + ask % (b"GET", b"b", b"")
        last = ask % (b"HEAD", b"a", b"Connection: close\r\n")
        told = await everything(await asking(stack, listener, asked + last))
        first, second = told.index(body), told.index(b"told /b" * 100)
        assert first < second < told.rindex(b"HTTP/1.1 200 ")
        assert told.endswith(b"\r\n\r\n")


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="Linux alone counts packets.")
def test_an_answer_is_sent_at_once_and_a_stream_as_it_comes():
    uvloop.run(answers())
