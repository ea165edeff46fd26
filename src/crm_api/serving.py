"""How the ASGI server is set up, in production and development alike."""

import asyncio
import socket
from typing import TYPE_CHECKING, Any, cast

from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from crm_api.settings import Settings

APPLICATION = "crm_api.serving:application"


def application() -> ASGIApp:
    """The service and its logs, as the environment has them; what an ASGI server is given."""
    # Not before a process serves: those that start it need none of this.
    from crm_api.api import logs
    from crm_api.main import create_app
    from crm_api.settings import Settings

    settings = Settings()  # pyright: ignore[reportCallIssue]
    logs.configure(settings)
    return create_app(settings)


class Connection(HttpToolsProtocol):
    """A connection that ends when its client has taken nothing of what it is sent for too long.

    Whoever sends waits for the client, and so would do forever for one that stays and never reads.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Have the system watch over it; what becomes of it, such as a WebSocket, stays watched."""
        # Linux alone has the option: it counts from when the client last took anything.
        option, found = (
            getattr(socket, "TCP_USER_TIMEOUT", None),
            transport.get_extra_info("socket"),
        )
        if option is not None and found is not None:
            most_s = cast("float", self.config.ws_ping_timeout)
            found.setsockopt(socket.IPPROTO_TCP, option, int(most_s * 1000))
        super().connection_made(cast("asyncio.Transport", transport))


def uvicorn_options(settings: "Settings", *, patience_s: int = 25) -> dict[str, Any]:
    """Options of uvicorn; `patience_s` is how long open requests may take at the end."""
    return {
        "factory": True,
        "loop": "uvloop",
        "http": Connection,
        "ws": "websockets-sansio",
        # What a client sends there is a GraphQL document.
        "ws_max_size": 131_072,
        # Of a socket that answers no ping, and of any connection that takes nothing.
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
