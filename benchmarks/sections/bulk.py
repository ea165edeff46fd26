"""1,000 contacts in one call: created, changed and put in the bin, each checked."""

import http.client
import json
import time
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from benchmarks import cpu
from benchmarks.section import NotMeasured, Outcome, Section, Setting, at_least, table
from benchmarks.serving import Server, serving
from benchmarks.stage import Stage

CALL = 1_000
RATE = 6_000
BEFORE = 100_000
ROUNDS = 10


def run(setting: Setting) -> Outcome:
    """Calls one after the other on one connection, into a table that is filled already."""
    with setting.stage(setting.size(BEFORE)) as stage, serving(stage, "ours") as server:
        client = _Client(stage, server)
        client.write("create", _people(0))
        runs: dict[str, list[_Run]] = {"create": [], "update": [], "delete": [], "restore": []}
        for turn in range(1, 1 + max(3, setting.rounds * 3)):
            made, ids = client.write("create", _people(turn))
            runs["create"].append(made)
            which = [{"id": id} for id in ids]
            patch = {"title": "Head of purchasing", "email": None}
            for op in ("update", "delete", "restore"):
                items = [{**item, "patch": patch} for item in which] if op == "update" else which
                runs[op].append(client.write(op, items)[0])
        client.close()
    shown = table(f"{CALL:,} contacts in one call", "rows/s", "app µs/row", "pg µs/row")
    for op, found in runs.items():
        cells = (
            median(run.rate for run in found),
            *(median(v) for v in zip(*((run.app_us, run.pg_us) for run in found), strict=True)),
        )
        shown.add_row(op, *(f"{value:,.0f}" for value in cells))
    rate = median(run.rate for run in runs["create"])
    details = {op: [asdict(run) for run in found] for op, found in runs.items()}
    return Outcome([at_least("created in one call, rows/s", rate, RATE)], shown, details)


@dataclass(frozen=True)
class _Run:
    """One call: from sending the request to having read the answer."""

    rate: float
    app_us: float
    pg_us: float


def _people(turn: int) -> list[dict[str, Any]]:
    return [
        {
            "first_name": "Sample",
            "last_name": f"Person {n}",
            "email": f"bulk.{turn}.{n}@example.com",
            "phone": f"+49 30 {turn % 10}{n:06d}",
            "title": "Buyer",
            "tags": ["example"],
            "description": "Met at the fair, asked for a sample.",
        }
        for n in range(CALL)
    ]


class _Client:
    def __init__(self, stage: Stage, server: Server) -> None:
        self._token, self._processes = stage.token, (server.pid, stage.postgres_pid)
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def write(self, op: str, items: list[dict[str, Any]]) -> tuple[_Run, list[str]]:
        """What a call costs, and the ids of its records."""
        body = json.dumps({"op": op, "items": items})
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        before, begun = self._used(), time.perf_counter()
        self._connection.request("POST", "/v1/contacts/bulk", body, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        took, after = time.perf_counter() - begun, self._used()
        if answer.status != 200 or json.loads(content)["succeeded"] != len(items):
            raise NotMeasured(f"{op}: {answer.status} {content[:300]!r}")
        app, pg = ((b - a) / 1_000 / len(items) for a, b in zip(before, after, strict=True))
        ids = [result["id"] for result in json.loads(content)["results"]]
        return _Run(len(items) / took, app, pg), ids

    def _used(self) -> tuple[float, float]:
        app, postgres = self._processes
        return cpu.of_process(app), cpu.of_family(postgres)

    def close(self) -> None:
        self._connection.close()


SECTION = Section("Contacts written 1,000 at a time", run, within_s=120)
