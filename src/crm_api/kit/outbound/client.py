"""Asking addresses that others have named, without reaching what is not theirs.

An address is resolved once; every answer has to be open, and the connection goes to exactly that
one, so that a second answer of the name server changes nothing. The certificate is still that of
the name. Redirects, proxies of the environment and cookies there are none.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, Literal

import httpcore

from crm_api.kit.outbound.addresses import Reach
from crm_api.kit.outbound.pool import KEPT_S, Pool
from crm_api.kit.outbound.urls import web_address

CONNECT_S = 5.0
TOTAL_S = 15.0
READ_AT_MOST = 16_384
Cause = Literal[
    "dns_failed",
    "blocked_address",
    "connect_failed",
    "connect_timeout",
    "tls_failed",
    "timeout",
    "protocol_error",
    "too_long",
]
Allows = Callable[[str, int], bool]


class NotSent(Exception):
    """No whole answer came; `cause` says why, without telling what the service sees inside."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause)
        self.cause: Cause = cause


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: of the body no more than was wanted."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Outbound:
    """Asks others; one of them for each purpose and process."""

    def __init__(self, reach: Reach, *, connections: int = 100, plain: bool = True) -> None:
        """Without `plain`, what is sent outside of the named networks is always encrypted."""
        self._reach, self._plain = reach, plain
        tls = _tls()
        unencrypted = reach.allows if plain else reach.names
        self._pools = {
            b"https": Pool(partial(_connection, _Vetted(reach.allows), tls), connections),
            b"http": Pool(partial(_connection, _Vetted(unencrypted), tls), connections),
        }

    def check(self, url: str) -> None:
        """Raise `ValueError` for what is never asked, whatever its name resolves to."""
        self._reach.check(web_address(url), plain=self._plain)

    async def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        total_s: float = TOTAL_S,
        most: int = READ_AT_MOST,
        whole: bool = False,
        repeatable: bool = False,
    ) -> Answer:
        """The answer to one request, its body read up to `most` bytes; raises `NotSent`.

        `whole` takes no answer that is longer. What is `repeatable`, as GET and HEAD always are, is
        sent once more, by a new connection, where one that was kept ends without any answer.
        """
        limits = {"connect": CONNECT_S, "read": total_s, "write": total_s}
        try:
            place = httpcore.URL(web_address(url))
            request = httpcore.Request(
                method,
                place,
                headers=_headers(place, headers or {}, body),
                content=body,
                extensions={"timeout": limits},
            )
            # The time limits of the library are for each packet: this one is for all of them.
            async with asyncio.timeout(total_s):
                repeatable = repeatable or method in {"GET", "HEAD"}
                answer = await self._answered(request, most, repeatable=repeatable)
        except NotSent:
            raise
        except Exception as error:
            cause = _cause_of(error)
            if cause is None:
                raise
            raise NotSent(cause) from None
        if whole and len(answer.body) > most:
            raise NotSent("too_long")
        return replace(answer, body=answer.body[:most])

    async def _answered(self, request: httpcore.Request, most: int, *, repeatable: bool) -> Answer:
        pool, origin = self._pools[request.url.scheme], request.url.origin
        async with pool.connected(origin) as connection:
            was_kept = connection.is_idle()
            try:
                return await _asked(connection, request, most)
            except _Unheard:
                if not (was_kept and repeatable):
                    raise
        async with pool.connected(origin, new=True) as connection:
            return await _asked(connection, request, most)

    async def close(self) -> None:
        """Close the connections."""
        for pool in self._pools.values():
            await pool.close()


async def _asked(
    connection: httpcore.AsyncHTTPConnection, request: httpcore.Request, most: int
) -> Answer:
    """The answer, its body read until it is longer than `most`."""
    body = b""
    response = await connection.handle_async_request(request)
    try:
        async for chunk in _stream_of(response):
            body += chunk
            if len(body) > most:
                break
    finally:
        await response.aclose()
    headers = {name.decode("latin-1").lower(): v.decode("latin-1") for name, v in response.headers}
    return Answer(response.status, headers, body)


@cache
def _tls() -> ssl.SSLContext:
    """For the whole process: to load what is trusted takes 20 ms."""
    return ssl.create_default_context()


def _connection(
    backend: httpcore.AsyncNetworkBackend, tls: ssl.SSLContext, origin: httpcore.Origin
) -> httpcore.AsyncHTTPConnection:
    return httpcore.AsyncHTTPConnection(
        origin, ssl_context=tls, keepalive_expiry=KEPT_S, network_backend=backend
    )


class _Vetted(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were looked at, and to nothing else."""

    def __init__(self, allows: Allows) -> None:
        self._allows = allows
        # The library's stub of it is empty.
        self._plain: Any = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's interface
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first of the host's addresses that answers."""
        addresses = await _resolved(host, port)
        if not all(self._allows(address, port) for address in addresses):
            raise NotSent("blocked_address")
        last: Exception | None = None
        for address in addresses[:2]:
            try:
                stream = await self._plain.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
                return _Gathering(stream)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last or NotSent("dns_failed")

    async def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 - the library's interface
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        """Never."""
        raise NotSent("blocked_address")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class _Unheard(httpcore.RemoteProtocolError):
    """A connection ended before anything of an answer came."""


class _Gathering(httpcore.AsyncNetworkStream):
    """Sends what was written once somebody reads: a call of the system for a whole request."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream, self._unsent = stream, b""
        self._timeout: float | None = None

    async def write(
        self,
        buffer: bytes,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's interface
    ) -> None:
        """Have it sent with what follows."""
        self._unsent += buffer
        self._timeout = timeout

    async def read(
        self,
        max_bytes: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's interface
    ) -> bytes:
        """Send what was written, and give what comes."""
        unsent, self._unsent = self._unsent, b""
        if not unsent:
            return await self._stream.read(max_bytes, timeout)
        # Whoever takes no more may have answered already.
        with suppress(httpcore.WriteError):
            await self._stream.write(unsent, self._timeout)
        found = b""
        with suppress(httpcore.ReadError):
            found = await self._stream.read(max_bytes, timeout)
        if not found:
            raise _Unheard("The connection ended without an answer.")
        return found

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's interface
    ) -> httpcore.AsyncNetworkStream:
        """The same, encrypted."""
        try:
            stream = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            # The library does so at an error, and not where somebody gives up.
            await self._stream.aclose()
            raise
        return _Gathering(stream)

    def get_extra_info(self, info: str) -> Any:
        """What the system knows of it."""
        return self._stream.get_extra_info(info)

    async def aclose(self) -> None:
        """End it."""
        await self._stream.aclose()


_NAMES = ThreadPoolExecutor(32, "names")
"""Name servers that take their time hold up neither other work in threads nor, but for very many of
them, each other. Threads are begun as they are needed."""


async def _resolved(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    asked = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        found = await loop.run_in_executor(_NAMES, asked)
    except (OSError, UnicodeError):
        raise NotSent("dns_failed") from None
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _stream_of(response: httpcore.Response) -> Any:
    return response.stream


def _headers(
    place: httpcore.URL, given: Mapping[str, str], body: bytes | None
) -> list[tuple[bytes, bytes]]:
    sent = {
        "User-Agent": "crm-api",
        # What is not decompressed cannot grow.
        "Accept-Encoding": "identity",
        **given,
    }
    if body is not None:
        sent["Content-Length"] = str(len(body))
    own = [(name.encode(), value.encode()) for name, value in sent.items()]
    return [(b"Host", _authority(place)), *own]


def _authority(url: httpcore.URL) -> bytes:
    host = b"[" + url.host + b"]" if b":" in url.host else url.host
    return host if url.port is None else host + b":" + str(url.port).encode()


def _cause_of(error: Exception) -> Cause | None:
    """Why there is no answer; None for what is a mistake of our own."""
    if isinstance(error, httpcore.ConnectTimeout):
        return "connect_timeout"
    if isinstance(error, TimeoutError | httpcore.TimeoutException):
        return "timeout"
    if isinstance(error, httpcore.ConnectError):
        return "tls_failed" if _is_of_tls(error) else "connect_failed"
    if isinstance(error, httpcore.NetworkError | httpcore.ProtocolError | OSError | ValueError):
        return "protocol_error"
    return None


def _is_of_tls(error: BaseException) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
