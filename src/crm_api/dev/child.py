"""The API or the worker as a child of `crm-api dev`: `python -m crm_api.dev.child api 5`."""

import os
import signal
import socket
import sys
import threading
import time

PATIENCE_S = 5


def main(role: str, *descriptors: str) -> None:
    """Serve until SIGTERM, or until the parent is gone."""
    threading.Thread(target=_follow_parent, daemon=True).start()
    if role == "api":
        _serve_api(int(descriptors[0]))
    else:
        _work()


def _follow_parent() -> None:
    # Standard input is a pipe that only the parent holds open: it ends when the parent does,
    # even by SIGKILL and on systems that have no PR_SET_PDEATHSIG.
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PATIENCE_S + 1)
    os._exit(1)


def _serve_api(descriptor: int) -> None:
    import uvicorn

    from crm_api.serving import APPLICATION, uvicorn_options
    from crm_api.settings import Settings

    settings = Settings()  # pyright: ignore[reportCallIssue]
    options = uvicorn_options(settings, patience_s=PATIENCE_S)
    config = uvicorn.Config(APPLICATION, **options)
    with socket.socket(fileno=descriptor) as listener:
        uvicorn.Server(config).run(sockets=[listener])


def _work() -> None:
    import uvloop

    from crm_api.settings import Settings
    from crm_api.worker import run

    uvloop.run(run(Settings()))  # pyright: ignore[reportCallIssue]


if __name__ == "__main__":
    main(*sys.argv[1:])
