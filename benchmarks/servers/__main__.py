"""One server on loopback: `python -m benchmarks.servers limit 8001`."""

import sys
from importlib import import_module

import uvicorn


def main(name: str, port: str) -> None:
    app = import_module(f"benchmarks.servers.{name}").create()
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(port),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
