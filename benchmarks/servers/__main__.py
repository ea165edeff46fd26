"""One server on loopback: `python -m benchmarks.servers limit 8001`."""

import sys
from importlib import import_module

import uvicorn


def main(name: str, port: str) -> None:
    server = import_module(f"benchmarks.servers.{name}")
    uvicorn.run(
        server.create(),
        host="127.0.0.1",
        port=int(port),
        loop="uvloop",
        # The service has connections of its own.
        http=getattr(server, "CONNECTION", "httptools"),
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
