"""What may be reached, and how requests to others end."""

import asyncio
import socket
import threading
from contextlib import asynccontextmanager

import pytest

from crm_api.kit.outbound.addresses import Reach
from crm_api.kit.outbound.client import READ_AT_MOST, NotSent, Outbound
from crm_api.kit.outbound.urls import web_address
from support.receivers import receiving, serving

CLOSED = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "168.63.129.16",
    "192.0.0.9",
    "192.0.0.192",
    "192.88.99.1",
    "198.18.0.1",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:10.0.0.1",
    "::ffff:0:127.0.0.1",
    "4000::1",
    "8000::1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:a9fe:a9fe::1",
    "2001::1",
    "2001:db8::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%lo",
    "fec0::1",
    "ff02::1",
    "3fff::1",
    "5f00::1",
    "100::1",
    "nonsense",
    "127.1",
]
OPEN = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "2606:4700::1111",
    "2a00::1",
    "::ffff:8.8.8.8",
    "172.32.0.1",
]


def test_only_what_is_everybodys_is_reached():
    reach = Reach()
    assert [address for address in CLOSED if reach.allows(address, 443)] == []
    assert [address for address in OPEN if not reach.allows(address, 443)] == []
    assert [port for port in (22, 25, 6379, 5432, 0) if reach.allows("1.1.1.1", port)] == []


def test_named_networks_are_reached_and_no_others():
    reach = Reach(["10.20.0.0/16", "fd12::/16"])
    assert reach.allows("10.20.3.4", 9000)
    assert reach.allows("::ffff:10.20.3.4", 9000)
    assert reach.allows("fd12::1", 1)
    assert not reach.allows("10.21.0.1", 443)
    assert not reach.allows("127.0.0.1", 443)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://Example.COM", "https://example.com/"),
        ("http://127.0.0.1:8080/a?b=c", "http://127.0.0.1:8080/a?b=c"),
        ("https://[::1]/x", "https://[::1]/x"),
        ("https://bücher.example/ä", "https://xn--bcher-kva.example/%C3%A4"),
        ("http://receiver:9000/hook", "http://receiver:9000/hook"),
    ],
)
def test_addresses_have_one_spelling(given, kept):
    assert web_address(given) == kept
    assert web_address(kept) == kept


@pytest.mark.parametrize(
    "given",
    [
        "ftp://example.com",
        "file:///etc/passwd",
        "gopher://example.com",
        "//example.com",
        "example.com",
        "https://",
        "http://user:pass@example.com",
        "http://user@example.com",
        "http://example.com/#part",
        "http://2130706433",
        "http://0x7f.1",
        "http://127.1",
        "http://0177.0.0.1",
        "http://example.com:99999",
        "http://[fe80::1%25lo]/",
        "http://[::1",
        "http://a\\b.example",
        "javascript:alert(1)",
        "http://-example.com",
        "http://.example.com",
        "http://%31%32%37.0.0.1",
        "http://exa\tmple.com",
        "http://exa mple.com",
        "http://example.com\r\nX: y",
    ],
)
def test_what_is_no_address_is_refused(given):
    with pytest.raises(ValueError):
        web_address(given)


@asynccontextmanager
async def outbound(*networks):
    client = Outbound(Reach(networks))
    try:
        yield client
    finally:
        await client.close()


async def sent(client, url, **more):
    return await client.ask(
        "POST", url, body=b"{}", headers={"Content-Type": "application/json"}, **more
    )


async def refused(client, url, cause, **more):
    with pytest.raises(NotSent) as raised:
        await sent(client, url, **more)
    assert raised.value.cause == cause


async def test_loopback_is_not_reached_unless_it_is_named():
    """The receiver is the canary: it must not even see a connection."""
    async with receiving() as receiver, outbound() as client:
        port = receiver.url.rpartition(":")[2].partition("/")[0]
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::1]", "0.0.0.0"):
            await refused(client, f"http://{host}:{port}/", "blocked_address")
        assert receiver.got == []
        async with outbound("127.0.0.0/8") as open_:
            assert (await sent(open_, receiver.url)).status == 204
            assert receiver.got[0].headers["accept-encoding"] == "identity"


async def test_every_answer_of_the_name_server_counts(monkeypatch):
    """Names with a public and a private address, and names whose address changes."""
    async with receiving() as receiver, outbound("127.0.0.0/8") as client:
        port = int(receiver.url.rpartition(":")[2].partition("/")[0])
        asked = []
        answers = [["127.0.0.1"], ["10.0.0.1"], ["127.0.0.1", "169.254.169.254"]]

        def resolve(host, port, **_):
            asked.append(host)
            found = answers[min(len(asked), len(answers)) - 1]
            return [(socket.AF_INET, 1, 6, "", (address, port)) for address in found]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        url = f"http://rebinding.example:{port}/"
        receiver.answer = lambda _: (200, {"Connection": "close"}, b"")
        assert (await sent(client, url)).status == 200
        await refused(client, url, "blocked_address")
        await refused(client, url, "blocked_address")
        # Asked once for each connection: what is looked at is what is connected to.
        assert asked == ["rebinding.example"] * 3
        assert len(receiver.got) == 1


async def test_slow_name_servers_hold_up_nothing_else(monkeypatch):
    """More names whose servers do not answer than the event loop has threads of its own."""
    answered = threading.Event()
    real = socket.getaddrinfo

    def resolve(host, port, **more):
        if host.startswith("slow"):
            answered.wait(30)
            raise socket.gaierror("no answer")
        return real(host, port, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    async with receiving() as receiver, outbound("127.0.0.0/8") as client:
        waiting = [
            asyncio.create_task(refused(client, f"http://slow{n}.example/", "dns_failed"))
            for n in range(20)
        ]
        await asyncio.sleep(0.1)
        assert (await asyncio.wait_for(sent(client, receiver.url), 5)).status == 204
        assert await asyncio.wait_for(asyncio.to_thread(lambda: 1), 5) == 1
        answered.set()
        await asyncio.gather(*waiting)


async def test_redirects_are_answers():
    async with receiving() as receiver, outbound("127.0.0.0/8") as client:
        receiver.answer = lambda _: (302, {"Location": "http://169.254.169.254/"}, b"")
        assert (await sent(client, receiver.url)).status == 302
        assert len(receiver.got) == 1


async def test_receivers_have_only_so_much_time_and_room():
    async with receiving() as receiver, outbound("127.0.0.0/8") as client:
        receiver.answer = lambda _: (200, {}, b"x" * 10_000_000)
        assert len((await sent(client, receiver.url)).body) == READ_AT_MOST
        receiver.delay_s = 5
        await refused(client, receiver.url, "timeout", total_s=0.2)
        receiver.delay_s = 0
        assert (await sent(client, receiver.url)).status == 200


async def dripping(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def hanging_up(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.transport.abort()


async def babbling(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"SMTP? no\r\n\r\n")
    writer.close()


async def plain(_reader, writer):
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    await writer.drain()


async def test_certificates_are_looked_at():
    async with serving(plain) as port, outbound("127.0.0.0/8") as client:
        await refused(client, f"https://127.0.0.1:{port}/", "tls_failed")


@pytest.mark.parametrize(
    ("serve", "cause"),
    [(dripping, "timeout"), (hanging_up, "protocol_error"), (babbling, "protocol_error")],
)
async def test_bad_receivers_hold_nobody_up(serve, cause):
    async with outbound("127.0.0.0/8") as client:
        async with serving(serve) as port:
            await refused(client, f"http://127.0.0.1:{port}/", cause, total_s=0.5)
        await refused(client, f"http://127.0.0.1:{port}/", "connect_failed")
