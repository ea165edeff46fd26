"""How the ASGI server is set up, in production and development alike."""

import asyncio
import socket
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

if TYPE_CHECKING:
    from crm_api.settings import Settings

APPLICATION = "crm_api.serving:application"
MOST_HEAD = 65_536
"""Bytes of a request line and its headers."""


def application() -> ASGIApp:
    """The service and its logs, as the environment has them; what an ASGI server is given."""
    # Not before a process serves: those that start it need none of this.
    from crm_api.api import logs
    from crm_api.main import create_app
    from crm_api.settings import Settings

    settings = Settings()  # pyright: ignore[reportCallIssue]
    logs.configure(settings)
    return create_app(settings)


class _Together:
    """A transport that sends the head of an answer and its body at once.

    The server writes one after the other, each a call of the system and a packet, which wakes the
    client twice. What nothing follows leaves as soon as the loop gets to it.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.alone, self._loop = transport, loop
        self._held: bytes | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.alone, name)

    def write(self, data: bytes) -> None:
        """Send with what is held, or hold it till the loop comes round."""
        if self._held is None:
            self._held = data
            self._loop.call_soon(self.flush)
            return
        held, self._held = self._held, None
        self.alone.writelines((held, data))

    def flush(self) -> None:
        """Send what is held."""
        if self._held is not None:
            held, self._held = self._held, None
            self.alone.write(held)

    def close(self) -> None:
        """Send what is held, and close."""
        self.flush()
        self.alone.close()


class Connection(HttpToolsProtocol):
    """A connection that waits for its client, but not for ever.

    It ends when the client has taken nothing of what it is sent for too long: whoever sends waits
    for those who take it. And when the head of a request is not there in time, or when it, or what
    trails the body, has no end; the body is bounded by the application (`api/middleware.py`).
    """

    _is_in_head = False
    _is_upgraded = False
    _loose = 0
    """Bytes that were read since anything was seen of what they are."""
    _headers_size = 0
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Have the system watch over it; what becomes of it, such as a WebSocket, stays watched."""
        # Linux alone has the option: it counts from when the client last took anything.
        option, found = (
            getattr(socket, "TCP_USER_TIMEOUT", None),
            transport.get_extra_info("socket"),
        )
        if option is not None and found is not None:
            found.setsockopt(socket.IPPROTO_TCP, option, int(self._most_s * 1000))
        together = _Together(cast("asyncio.Transport", transport), self.loop)
        super().connection_made(cast("asyncio.Transport", together))
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Have heads and trailers be there in time, and be no larger than any needs."""
        # What is read may be of a header that has not ended, until something else is seen of it.
        self._loose += len(data)
        super().data_received(data)
        if self._is_upgraded:
            return
        if max(self._loose, self._headers_size) > MOST_HEAD:
            self._end(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        # There is none before the first request.
        cycle: Any = self.cycle
        if self._is_in_head or cycle is None or cycle.response_complete:
            self._wait()

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._is_in_head, self._loose, self._headers_size = True, 0, 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header of a head, or of what trails a body, is there."""
        super().on_header(name, value)
        self._loose, self._headers_size = 0, self._headers_size + len(name) + len(value)

    def on_headers_complete(self) -> None:
        """It is there."""
        self._is_in_head, self._loose, self._headers_size = False, 0, 0
        self._wait_no_more()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """What the application bounds comes."""
        self._loose = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is there as a whole."""
        self._loose = 0
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """From here on it is another protocol's."""
        self._is_upgraded = True
        together = cast("_Together", self.transport)
        together.flush()
        self.transport = together.alone
        super().handle_websocket_upgrade()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._wait_no_more()
        super().connection_lost(exc)

    @property
    def _most_s(self) -> float:
        return cast("float", self.config.ws_ping_timeout)

    def _wait(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(
                self._most_s, self._end, HTTPStatus.REQUEST_TIMEOUT
            )

    def _wait_no_more(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _end(self, status: HTTPStatus) -> None:
        """Close it; whoever has begun to ask, and waits for no other answer, is told why."""
        cycle: Any = self.cycle
        is_free = cycle is None or cycle.response_complete
        if self._is_in_head and is_free and not self.transport.is_closing():
            answer = b"content-length: 0\r\nconnection: close\r\n\r\n"
            self.transport.write(STATUS_LINE[status] + answer)
        self.transport.close()


def uvicorn_options(settings: "Settings", *, patience_s: int = 25) -> dict[str, Any]:
    """Options of uvicorn; `patience_s` is how long open requests may take at the end."""
    return {
        "factory": True,
        "loop": "uvloop",
        "http": Connection,
        "ws": "websockets-sansio",
        # What a client sends there is a GraphQL document.
        "ws_max_size": 131_072,
        # Of a socket that answers no ping, and of any connection that takes nothing or does not ask.
        "ws_ping_timeout": settings.silence_timeout_s,
        # The service logs requests itself.
        "access_log": False,
        "log_config": None,
        "server_header": False,
        # Who asks, and whether by HTTPS, is what a proxy says; whoever else says so is not heard.
        "proxy_headers": True,
        "forwarded_allow_ips": list(settings.trusted_proxies),
        # Longer than load balancers keep theirs, so that none sends into a closed connection.
        "timeout_keep_alive": 75,
        "timeout_graceful_shutdown": patience_s,
    }
