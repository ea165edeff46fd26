"""The service in processes of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

from crm_api.settings import Settings
from support.clients import Org
from support.servers import environment_of


class Server:
    """The service in a process of its own, which a test may kill."""

    def __init__(self, settings: Settings, **environment: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        program = str(Path(sys.executable).with_name("crm-api"))
        command = [program, "serve", "--host", "127.0.0.1", "--port", str(self.port)]
        self.process = subprocess.Popen(command, env={**environment_of(settings), **environment})

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
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()
