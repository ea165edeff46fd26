"""Servers as processes of their own, asked and loaded with every answer checked."""

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import cpu, load
from benchmarks.load import Call
from benchmarks.section import NotMeasured
from benchmarks.stage import ROOT, Stage

START_S = 180
"""How long a server may take to start on a busy machine."""


class WrongAnswer(NotMeasured):
    """A server answered something else than it was asked for; its figures mean nothing."""


@dataclass(frozen=True)
class Server:
    """A running server."""

    name: str
    pid: int
    port: int

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def ask(self, call: Call, token: str) -> tuple[int, Any, int]:
        """Status, value and size of one answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request(call.method, call.path, call.body or None, headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if not (answer.getheader("content-type") or "").startswith("application/json"):
            raise WrongAnswer(f"{self.name}: {call}: {answer.status} {body[:300]!r}")
        return answer.status, json.loads(body), len(body)


@dataclass(frozen=True)
class Run:
    """One measured round."""

    rate: float
    app_us: float
    pg_us: float
    p50_ms: float
    p99_ms: float


@contextmanager
def working(stage: Stage, **given: str) -> Iterator[int]:
    """A worker as a process of its own, with settings as `CRM_…="…"`; its id."""
    command = [sys.executable, "-c", "from crm_api.cli import main; main()", "worker"]
    nowhere = subprocess.DEVNULL
    environment = {**stage.environment, **given}
    worker = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=nowhere, stderr=nowhere)
    try:
        yield worker.pid
    finally:
        worker.terminate()
        try:
            worker.wait(20)
        except subprocess.TimeoutExpired:
            worker.kill()


def asked(
    stage: Stage,
    server: Server,
    method: str,
    path: str,
    body: bytes = b"",
    kind: str = "application/json",
) -> Any:
    """The value of an answer that is none of an error."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"Authorization": f"Bearer {stage.token}", "Content-Type": kind}
    connection.request(method, path, body or None, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    if answer.status >= 400:
        raise NotMeasured(f"{method} {path}: {answer.status} {content[:300]!r}")
    return json.loads(content)


@contextmanager
def serving(stage: Stage, name: str) -> Iterator[Server]:
    """A server as a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.servers", name, str(port)]
    log = stage.directory / f"{name}.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            command, cwd=ROOT, env=stage.environment, stdout=written, stderr=written
        )
    try:
        _wait(process, port, log)
        yield Server(name, process.pid, port)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    ended = "is not ready" if process.poll() is None else "has ended"
    raise NotMeasured(f"the server {log.stem} {ended}: {log.read_text()[-1000:]}")


def measure(
    stage: Stage, server: Server, calls: Sequence[Call], seconds: float, *, warm_up: bool = True
) -> Run:
    """One round of these calls on a server, each answer about as long as the first."""
    size = _size(server, calls[0], stage.token)
    if warm_up:
        load.run(server.url, stage.token, calls, 1)
    before = cpu.of_process(server.pid), cpu.of_family(stage.postgres_pid)
    done = load.run(server.url, stage.token, calls, seconds)
    after = cpu.of_process(server.pid), cpu.of_family(stage.postgres_pid)
    if done.failed or not done.requests:
        raise WrongAnswer(f"{server.name}: {done.failed} of {done.requests} failed")
    # The heads of the answers come on top; bodies differ a little from record to record.
    each = done.bytes / done.requests
    if not size * 0.9 < each < size * 1.1 + 700:
        raise WrongAnswer(f"{server.name}: answers of {each:.0f} bytes, not {size}")
    app_us, pg_us = ((b - a) / done.requests / 1000 for a, b in zip(before, after, strict=True))
    return Run(done.rate, app_us, pg_us, done.p50_ms, done.p99_ms)


def _size(server: Server, call: Call, token: str) -> int:
    status, body, size = server.ask(call, token)
    listed = body.get("data")
    if status not in {200, 201} or (isinstance(listed, list) and len(listed) != 50):
        raise WrongAnswer(f"{server.name}: {call.method} {call.path}: {status} {body}")
    return size


def middle(runs: list[Run], name: str) -> float:
    """The median of a figure over the rounds."""
    return median(getattr(run, name) for run in runs)


def ratio(runs: list[Run], against: list[Run]) -> float:
    """The median of the rates' ratios, round by round: neighbours share the machine's mood."""
    return median(a.rate / b.rate for a, b in zip(runs, against, strict=True))


def work_ratio(runs: list[Run], against: list[Run]) -> float:
    """The same of processor time, which a busy machine distorts less than rates."""
    return median(
        (b.app_us + b.pg_us) / (a.app_us + a.pg_us) for a, b in zip(runs, against, strict=True)
    )


COLUMNS = ("req/s", "app µs", "pg µs", "p50 ms", "p99 ms")


def cells(runs: list[Run]) -> list[str]:
    """The columns of a table of runs."""
    rate, app, pg = (middle(runs, name) for name in ("rate", "app_us", "pg_us"))
    p50, p99 = (middle(runs, name) for name in ("p50_ms", "p99_ms"))
    return [f"{rate:,.0f}", f"{app:,.0f}", f"{pg:,.0f}", f"{p50:.1f}", f"{p99:.1f}"]
