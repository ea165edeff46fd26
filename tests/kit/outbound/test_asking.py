"""Requests to places that organizations name: what is asked, and what never is."""

import asyncio
import socket
from contextlib import asynccontextmanager

import pytest

from crm_api.kit.outbound.addresses import Reach
from crm_api.kit.outbound.client import NotSent, Outbound

REFUSED = [
    "http://example.com/",
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://0/",
    "https://127.0.0.1./",
    "https://①②⑦.0.0.1/",
    "https://[fe80::1%25lo]/",
    "https://user@example.com/",
    "https://example.com\\@evil.example.org/",
    "https://example.com/#x",
    "https://exa mple.com/",
    "https://example.com:0/",
    "https://example.com:22/",
    "https://example.com:99999/",
    "https:///x",
    "file:///etc/passwd",
    "https://" + "a" * 2100,
    "",
]


@asynccontextmanager
async def encrypted(*networks):
    """What asks the providers of logins."""
    client = Outbound(Reach(networks), plain=False)
    try:
        yield client
    finally:
        await client.close()


HERE = ("127.0.0.0/8", "::1/128")


@pytest.mark.parametrize("url", REFUSED)
async def test_urls_that_are_never_asked(url):
    async with encrypted() as client:
        with pytest.raises(ValueError, match=r"."):
            client.check(url)
        with pytest.raises(NotSent):
            await client.ask("GET", url)


async def test_urls_that_are_asked():
    async with encrypted() as client:
        for url in (
            "https://example.com",
            "https://xn--bcher-kva.example:8443/a?b=c",
            "https://login1",
            "https://93.184.216.34/",
        ):
            client.check(url)
    async with encrypted(*HERE) as client:
        for url in ("http://127.0.0.1:9000/", "http://localhost:9000/", "https://[::1]/"):
            client.check(url)
        for url in ("http://93.184.216.34/", "https://10.0.0.1/"):
            with pytest.raises(ValueError, match="public"):
                client.check(url)


async def test_nothing_is_sent_to_the_world_unencrypted(monkeypatch):
    asked = []

    def resolve(host, port, **_):
        asked.append(host)
        return [(2, 1, 6, "", ("93.184.216.34", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    async with encrypted(*HERE) as client:
        with pytest.raises(NotSent, match="blocked_address"):
            await client.ask("GET", "http://example.com/")
    assert asked == ["example.com"]


@pytest.fixture
async def canary():
    """A server that counts who connects, and answers by what the test says."""
    seen = []
    answer = {"bytes": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "every_s": None}

    async def serve(reader, writer):
        seen.append(writer.get_extra_info("peername"))
        try:
            await reader.readuntil(b"\r\n\r\n")
            if answer["every_s"] is None:
                writer.write(answer["bytes"])
            else:
                for byte in answer["bytes"]:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(answer["every_s"])
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield port, seen, answer


async def test_a_name_that_leads_inside_is_not_connected_to(canary):
    port, seen, _ = canary
    async with encrypted() as client:
        for host in ("localhost", "127.0.0.1"):
            with pytest.raises(NotSent, match="blocked_address"):
                await client.ask("GET", f"https://{host}:{port}/")
    assert seen == []


async def test_private_places_are_asked_where_that_is_wanted(canary):
    port, seen, _ = canary
    async with encrypted(*HERE) as client:
        answer = await client.ask("GET", f"http://127.0.0.1:{port}/")
    assert (answer.status, answer.body) == (200, b"ok")
    assert len(seen) == 1


async def test_redirects_are_not_followed(canary):
    port, seen, answer = canary
    answer["bytes"] = (
        b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    )
    async with encrypted(*HERE) as client:
        found = await client.ask("GET", f"http://127.0.0.1:{port}/")
    assert found.status == 302
    assert len(seen) == 1


async def test_long_answers_are_cut_off_or_none(canary):
    port, _, answer = canary
    answer["bytes"] = b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"a" * 2000
    url = f"http://127.0.0.1:{port}/"
    async with encrypted(*HERE) as client:
        with pytest.raises(NotSent, match="too_long"):
            await client.ask("GET", url, most=1000, whole=True)
        assert len((await client.ask("GET", url, most=1000)).body) == 1000
        assert len((await client.ask("GET", url, most=2000, whole=True)).body) == 2000


async def test_slow_answers_are_given_up(canary):
    port, _, answer = canary
    answer["every_s"] = 0.05
    async with encrypted(*HERE) as client:
        with pytest.raises(NotSent, match="timeout"):
            await client.ask("GET", f"http://127.0.0.1:{port}/", total_s=0.3)


@pytest.mark.parametrize("said", [b"nonsense\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\n"])
async def test_what_is_no_answer_is_said_to_be_none(canary, said):
    port, _, answer = canary
    answer["bytes"] = said
    async with encrypted(*HERE) as client:
        with pytest.raises(NotSent, match="protocol_error"):
            await client.ask("GET", f"http://127.0.0.1:{port}/")
