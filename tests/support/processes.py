"""The service in processes of its own, which a test may kill.

To load the service takes ten seconds of a processor. Each run of tests does it once, in a process
that serves nothing, and forks from there.
"""

import multiprocessing
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import cast

import httpx

import crm_api
from crm_api.settings import Settings
from support.clients import Org
from support.servers import environment_of


@cache
def _loaded() -> ForkServerContext:
    """What forks; it is started here, since it finds what it loads by the environment alone."""
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload(["support.loaded"])
    given = os.environ.get("PYTHONPATH")
    # What is tested is served, not another copy of it that is installed.
    sources = (Path(__file__).parent.parent, Path(crm_api.__file__).parent.parent)
    os.environ["PYTHONPATH"] = os.pathsep.join(map(str, sources))
    try:
        forkserver.ensure_running()
    finally:
        del os.environ["PYTHONPATH"]
        if given is not None:
            os.environ["PYTHONPATH"] = given
    return made


class Forked:
    """A process in the words of `subprocess.Popen`."""

    def __init__(self, work: Callable[[], None], environment: Mapping[str, str]) -> None:
        self._process = _loaded().Process(target=_carry_out, args=(work, dict(environment)))
        self._process.start()

    @property
    def pid(self) -> int:
        """Its number."""
        return cast("int", self._process.pid)

    def poll(self) -> int | None:
        """How it ended, if it has."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """How it ended, once it has; `subprocess.TimeoutExpired` where that takes longer."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("the service", cast("float", timeout))
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()


def _carry_out(work: Callable[[], None], environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    work()


def work() -> None:
    """Be a worker."""
    import uvloop

    from crm_api.worker import run

    uvloop.run(run(Settings(_env_file=None)))  # pyright: ignore[reportCallIssue]


class Serving:
    """Serve the API at a port: `crm-api serve`."""

    def __init__(self, port: int) -> None:
        self.port = port

    def __call__(self) -> None:
        from crm_api.cli import main

        sys.argv = ["crm-api", "serve", "--host", "127.0.0.1", "--port", str(self.port)]
        main()


class Server:
    """The API in a process of its own."""

    def __init__(self, settings: Settings, **environment: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.process = Forked(Serving(self.port), {**environment_of(settings), **environment})

    def wait(self) -> None:
        """Until it answers."""
        with httpx.Client(base_url=self.url, trust_env=False, verify=False) as api:
            while self.process.poll() is None:
                try:
                    if api.get("/healthz").status_code == 200:
                        return
                except httpx.HTTPError:
                    time.sleep(0.2)
        raise AssertionError("the server has ended")

    @property
    def url(self) -> str:
        """Where it is found."""
        return f"http://127.0.0.1:{self.port}"

    def client(self, org: Org) -> httpx.AsyncClient:
        """A client that may do everything in an organization."""
        headers = {"Authorization": f"Bearer {org.token}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, trust_env=False, timeout=30)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()
