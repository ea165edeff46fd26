"""How the ASGI server is set up, in production and development alike."""

from typing import Any

APPLICATION = "crm_api.main:create_app"


def uvicorn_options(*, patience_s: int = 25) -> dict[str, Any]:
    """Options of uvicorn; `patience_s` is how long open requests may take at the end."""
    return {
        "factory": True,
        "loop": "uvloop",
        "http": "httptools",
        # The service logs requests itself.
        "access_log": False,
        "log_config": None,
        "server_header": False,
        # Longer than load balancers keep theirs, so that none sends into a closed connection.
        "timeout_keep_alive": 75,
        "timeout_graceful_shutdown": patience_s,
    }
