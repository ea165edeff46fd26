"""How the ASGI server is set up, in production and development alike."""

from collections.abc import Sequence
from typing import Any

from starlette.types import ASGIApp

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


def uvicorn_options(trusted: Sequence[str], *, patience_s: int = 25) -> dict[str, Any]:
    """Options of uvicorn.

    `trusted` are the networks of proxies, `patience_s` is how long open requests may take at the
    end.
    """
    return {
        "factory": True,
        "loop": "uvloop",
        "http": "httptools",
        "ws": "websockets-sansio",
        # What a client sends there is a GraphQL document.
        "ws_max_size": 131_072,
        # The service logs requests itself.
        "access_log": False,
        "log_config": None,
        "server_header": False,
        # Who asks, and whether by HTTPS, is what a proxy says; whoever else says so is not heard.
        "proxy_headers": True,
        "forwarded_allow_ips": list(trusted),
        # Longer than load balancers keep theirs, so that none sends into a closed connection.
        "timeout_keep_alive": 75,
        "timeout_graceful_shutdown": patience_s,
    }
