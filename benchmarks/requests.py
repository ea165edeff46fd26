"""List, get and create on three servers in turn, each answer checked."""

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from benchmarks import cpu, load
from benchmarks.load import Call
from benchmarks.stage import ROOT, Stage
from crm_api.kit.query.cursor import context_of, seal
from crm_api.kit.query.filters import Filter

SERVERS = ("limit", "ours", "textbook")
DEPTH = 0.9
"""How far down the list the deep page lies."""


class WrongAnswer(Exception):
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
def serving(stage: Stage, name: str) -> Iterator[Server]:
    """A server as a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.servers", name, str(port)]
    nowhere = subprocess.DEVNULL
    process = subprocess.Popen(
        command, cwd=ROOT, env=stage.environment, stdout=nowhere, stderr=nowhere
    )
    try:
        _wait(process, port)
        yield Server(name, process.pid, port)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the server did not start: {' '.join(map(str, process.args))}")  # pyright: ignore


class Bench:
    """The cases, and how each answer is checked."""

    def __init__(self, stage: Stage, *, rounds: int, seconds: float) -> None:
        self.stage, self.rounds, self.seconds = stage, rounds, seconds
        self.created = 0
        rows = stage.query(
            "SELECT id FROM contacts WHERE organization_id = $1 ORDER BY md5(id::text) LIMIT 5000",
            stage.organization_id,
        )
        self.ids = [str(row[0]) for row in rows]

    def run(self) -> dict[str, dict[str, list[Run]]]:
        """Case -> server -> rounds; `first` and `deep` are pages of ours alone."""
        with (
            serving(self.stage, "limit") as limit,
            serving(self.stage, "ours") as ours,
            serving(self.stage, "textbook") as textbook,
        ):
            servers = (limit, ours, textbook)
            self._check_same(servers)
            page, deep = [Call("GET", "/v1/contacts?limit=50")], [self._deep_page(ours)]
            gets = [Call("GET", f"/v1/contacts/{id}") for id in self.ids]
            found = {"list": self._alternate(servers, page), "get": self._alternate(servers, gets)}
            found["first"], found["deep"] = {"ours": []}, {"ours": []}
            for _ in range(self.rounds):
                found["first"]["ours"].append(self.measure(ours, page))
                found["deep"]["ours"].append(self.measure(ours, deep))
            found["create"] = self._alternate(servers, None)
        return found

    def _alternate(
        self, servers: tuple[Server, ...], calls: list[Call] | None
    ) -> dict[str, list[Run]]:
        found: dict[str, list[Run]] = {server.name: [] for server in servers}
        for _ in range(self.rounds):
            for server in servers:
                run = self.measure(server, calls) if calls else self._measure_create(server)
                found[server.name].append(run)
        return found

    def measure(self, server: Server, calls: list[Call], *, warm_up: bool = True) -> Run:
        """One round of these calls on a server, each answer about as long as the first."""
        size = self._size(server, calls[0])
        token = self.stage.token
        if warm_up:
            load.run(server.url, token, calls, 1)
        postgres = self.stage.postgres.pid
        assert postgres is not None
        before = cpu.of_process(server.pid), cpu.of_family(postgres)
        done = load.run(server.url, token, calls, self.seconds)
        after = cpu.of_process(server.pid), cpu.of_family(postgres)
        if done.failed or not done.requests:
            raise WrongAnswer(f"{server.name}: {done.failed} of {done.requests} failed")
        # The heads of the answers come on top; bodies differ a little from record to record.
        each = done.bytes / done.requests
        if not size * 0.9 < each < size * 1.1 + 700:
            raise WrongAnswer(f"{server.name}: answers of {each:.0f} bytes, not {size}")
        app_us, pg_us = ((b - a) / done.requests / 1000 for a, b in zip(before, after, strict=True))
        return Run(done.rate, app_us, pg_us, done.p50_ms, done.p99_ms)

    def _size(self, server: Server, call: Call) -> int:
        status, body, size = server.ask(call, self.stage.token)
        listed = body.get("data")
        if status not in {200, 201} or (isinstance(listed, list) and len(listed) != 50):
            raise WrongAnswer(f"{server.name}: {call.method} {call.path}: {status} {body}")
        return size

    def _measure_create(self, server: Server) -> Run:
        calls = self._creates(20_000)
        load.run(server.url, self.stage.token, calls[:2_000], 1)
        before = self._counts()
        run = self.measure(server, calls, warm_up=False)
        made = [b - a for a, b in zip(before, self._counts(), strict=True)]
        contacts, events, keys, documents = made
        expected = run.rate * self.seconds
        whole = events == documents == contacts and keys == 2 * contacts
        if not whole or not 0.95 * expected < contacts < 1.1 * expected + 2 * load.CONNECTIONS:
            raise WrongAnswer(f"{server.name}: wrote {made} rows for {expected:.0f} answers")
        return run

    def _creates(self, number: int) -> list[Call]:
        self.created += number
        return [
            Call(
                "POST",
                "/v1/contacts",
                f'{{"first_name": "First{n % 997}", "last_name": "Last{n}", '
                f'"email": "new{n}@example.com", "phone": "+1{201 + n % 700}555{n % 10000:04}", '
                f'"tags": ["tag{n % 50}", "new"]}}',
            )
            for n in range(self.created - number, self.created)
        ]

    def _counts(self) -> list[int]:
        # Only what is newer than the filling is counted, so that counting stays cheap.
        own = self.stage.organization_id
        made = "SELECT id FROM contacts WHERE organization_id = $1 AND created_at > '2025-01-02'"
        row = self.stage.query(
            f"SELECT (SELECT count(*) FROM ({made}) c), "
            "(SELECT count(*) FROM events WHERE organization_id = $1 AND entity = 'contact'), "
            f"(SELECT count(*) FROM record_keys WHERE organization_id = $1 AND record_id IN ({made})), "
            "(SELECT count(*) FROM search_documents WHERE organization_id = $1 "
            f"AND record_id IN ({made}))",
            own,
        )[0]
        return list(row)

    def _check_same(self, servers: tuple[Server, ...]) -> None:
        """Every server must show the same page and the same records."""
        paths = ["/v1/contacts?limit=50", *(f"/v1/contacts/{id}" for id in self.ids[:20])]
        for path in paths:
            call = Call("GET", path)
            shown = [_comparable(s.ask(call, self.stage.token)[1]) for s in servers]
            for server, other in zip(servers, shown, strict=True):
                if not other or other != shown[0]:
                    raise WrongAnswer(f"{server.name}: {path}: {other} is not {shown[0]}")
        made = [s.ask(c, self.stage.token) for s, c in zip(servers, self._creates(3), strict=True)]
        for server, (status, body, _) in zip(servers, made, strict=True):
            if status != 201 or body.keys() != made[0][1].keys():
                raise WrongAnswer(f"{server.name}: create: {status} {body}")
        self.stage.query("DELETE FROM contacts WHERE created_at > '2025-01-02'")
        self.stage.query("DELETE FROM events WHERE entity = 'contact'")
        self.stage.query("VACUUM contacts")

    def _deep_page(self, server: Server) -> Call:
        skipped = int(self.stage.rows * DEPTH)
        rows = self.stage.query(
            "SELECT created_at, id FROM contacts WHERE organization_id = $1 AND deleted_at IS NULL "
            "ORDER BY created_at DESC, id DESC OFFSET $2 LIMIT 2",
            self.stage.organization_id,
            skipped - 1,
        )
        everything = Filter()
        context = context_of(
            self.stage.organization_id,
            "contact",
            [("created_at", True), ("id", True)],
            everything.shape,
            everything.values,
            None,
            None,
        )
        cursor = seal(self.stage.settings.signing_key, context, list(rows[0]))
        call = Call("GET", f"/v1/contacts?limit=50&cursor={cursor}")
        status, body, _ = server.ask(call, self.stage.token)
        if status != 200 or body["data"][0]["id"] != str(rows[1][1]):
            raise WrongAnswer(f"{server.name}: deep page: {status} {body}")
        return call


def _comparable(body: Any) -> Any:
    """Whole records, their times as moments: servers write UTC in different ways."""
    if "data" in body:
        return [_comparable(record) for record in body["data"]]
    return {
        name: datetime.fromisoformat(value) if value and name.endswith("_at") else value
        for name, value in body.items()
    }


def middle(runs: list[Run], name: str) -> float:
    """The median of a figure over the rounds."""
    return median(getattr(run, name) for run in runs)


def ratio(runs: list[Run], against: list[Run]) -> float:
    """The median of the rates' ratios, round by round: neighbours share the machine's mood."""
    return median(a.rate / b.rate for a, b in zip(runs, against, strict=True))
