"""Workers forked from a process that has imported the product, for tests that kill many of them."""

import multiprocessing
import os
from collections.abc import Mapping
from multiprocessing.process import BaseProcess

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(["crm_api.worker"])


def forked_worker(environment: Mapping[str, str]) -> BaseProcess:
    """A worker that has begun, as a process of its own."""
    process = _SERVER.Process(target=_work, args=(dict(environment),), daemon=True)
    process.start()
    return process


def _work(environment: Mapping[str, str]) -> None:
    import uvloop

    from crm_api.settings import Settings
    from crm_api.worker import run

    os.environ.clear()
    os.environ.update(environment)
    uvloop.run(run(Settings(_env_file=None)))  # pyright: ignore[reportCallIssue]
