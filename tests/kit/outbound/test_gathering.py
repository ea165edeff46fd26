"""Requests leave by one packet each, and an answer is heard whoever takes the rest of them."""

import asyncio
import contextlib

import httpcore
import pytest

from crm_api.kit.outbound.addresses import Reach
from crm_api.kit.outbound.client import NotSent, Outbound, _Gathering
from support.receivers import serving

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ORIGIN = httpcore.Origin(b"http", b"example.com", 80)


class Wire(httpcore.AsyncNetworkStream):
    """What the library has for a socket: it keeps what is sent, and answers as the test says."""

    def __init__(self, *answers, takes=True):
        self.answers, self.takes = list(answers), takes
        self.sent = []

    async def write(self, buffer, timeout=None):  # noqa: ASYNC109
        self.sent.append(buffer)
        if not self.takes:
            raise httpcore.WriteError

    async def read(self, max_bytes, timeout=None):  # noqa: ASYNC109
        if not self.answers:
            raise httpcore.ReadError
        return self.answers.pop(0)

    async def aclose(self):
        """Nothing is open."""

    def get_extra_info(self, info):
        return None


async def ask(connection):
    headers = [(b"Host", b"example.com"), (b"Content-Length", b"4")]
    request = httpcore.Request("POST", "http://example.com/", headers=headers, content=b"body")
    response = await connection.handle_async_request(request)
    body = await response.aread()
    await response.aclose()
    return response.status, body


async def test_each_request_is_sent_at_once():
    wire = Wire(OK, OK[:20], OK[20:])
    connection = httpcore.AsyncHTTP11Connection(ORIGIN, _Gathering(wire))
    for number in (1, 2):
        assert await ask(connection) == (200, b"ok")
        assert len(wire.sent) == number
    assert all(sent.startswith(b"POST /") and sent.endswith(b"\r\n\r\nbody") for sent in wire.sent)


async def test_whoever_answers_early_and_takes_no_more_is_heard():
    wire = Wire(b"HTTP/1.1 413 Too large\r\nContent-Length: 0\r\n\r\n", takes=False)
    connection = httpcore.AsyncHTTP11Connection(ORIGIN, _Gathering(wire))
    assert await ask(connection) == (413, b"")


@pytest.mark.parametrize("answers", [[], [b""]])
async def test_whoever_says_nothing_is_told_from_whoever_breaks_off(answers):
    connection = httpcore.AsyncHTTP11Connection(ORIGIN, _Gathering(Wire(*answers)))
    with pytest.raises(httpcore.RemoteProtocolError, match="without an answer"):
        await ask(connection)
    broken = httpcore.AsyncHTTP11Connection(ORIGIN, _Gathering(Wire(b"HTTP/1.1 2", b"")))
    with pytest.raises(httpcore.RemoteProtocolError, match="disconnected"):
        await ask(broken)


class Leaving:
    """A server that answers on each connection so often, and ends it as it is asked once more."""

    def __init__(self, answers, last=b""):
        self.answers, self.last = answers, last
        self.asked = []

    async def serve(self, reader, writer):
        self.asked.append(0)
        number = len(self.asked) - 1
        for _ in range(self.answers + 1):
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length or b"0"))
            self.asked[number] += 1
            writer.write(OK if self.asked[number] <= self.answers else self.last)
            await writer.drain()
        writer.close()


@pytest.mark.parametrize(
    ("method", "more", "last", "again"),
    [
        ("GET", {}, b"", True),
        ("POST", {"repeatable": True}, b"", True),
        ("POST", {}, b"", False),
        ("POST", {"repeatable": True}, b"HTTP/1.1 2", False),
    ],
)
async def test_a_kept_connection_that_ends_as_it_is_used(method, more, last, again):
    place = Leaving(1, last)
    body = b"body" if method == "POST" else None
    async with serving(place.serve) as port:
        client = Outbound(Reach(("127.0.0.0/8",)))
        url = f"http://127.0.0.1:{port}/"
        assert (await client.ask(method, url, body=body, **more)).status == 200
        if again:
            assert (await client.ask(method, url, body=body, **more)).status == 200
        else:
            with pytest.raises(NotSent, match="protocol_error"):
                await client.ask(method, url, body=body, **more)
        assert place.asked == ([2, 1] if again else [2])
        await client.close()


async def test_a_new_connection_that_ends_is_not_asked_again():
    place = Leaving(0)
    async with serving(place.serve) as port:
        client = Outbound(Reach(("127.0.0.0/8",)))
        with pytest.raises(NotSent, match="protocol_error"):
            await client.ask("GET", f"http://127.0.0.1:{port}/")
        assert place.asked == [1]
        await client.close()


async def test_whoever_gives_up_while_keys_are_agreed_leaves_nothing_open():
    """A server that takes connections and says nothing."""
    ended = asyncio.Event()

    async def serve(reader, _writer):
        with contextlib.suppress(ConnectionError):
            await reader.read()
        ended.set()

    async with serving(serve) as port:
        client = Outbound(Reach(("127.0.0.0/8",)))
        asking = asyncio.create_task(client.ask("GET", f"https://127.0.0.1:{port}/"))
        await asyncio.sleep(0.3)
        asking.cancel()
        await asyncio.wait([asking])
        async with asyncio.timeout(3):
            await ended.wait()
        await client.close()
