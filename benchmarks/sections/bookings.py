"""Bookings that are confirmed at once, while all clients want the same few resources."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from statistics import median
from typing import Any

from benchmarks import cpu, load
from benchmarks.load import CONNECTIONS, Call
from benchmarks.section import NotMeasured, Outcome, Section, Setting, at_least, table
from benchmarks.serving import Server, WrongAnswer, asked, serving
from benchmarks.stage import Stage

CALLS = 1_500
RESOURCES = 20
TARGET = 300
_DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
_TOLD = """
    SELECT count(*) AS bookings, sum(jsonb_array_length(resources)) AS wanted,
        (SELECT count(*) FROM booking_allocations WHERE is_active) AS taken
    FROM bookings WHERE status = 'confirmed'
"""


@dataclass(frozen=True)
class Run:
    """One round of bookings of one kind."""

    rate: float
    p50_ms: float
    p99_ms: float
    app_ms: float
    pg_ms: float


def run(setting: Setting) -> Outcome:
    """Every booking is of other hours and of few resources: these are waited for, none is refused."""
    calls = max(100, int(CALLS * min(1.0, setting.size(100_000) / 100_000)))
    found: dict[str, list[Run]] = {"one of one": [], "two of twenty": [], "one through a type": []}
    with setting.stage(0) as stage, serving(stage, "ours") as server:
        ids, kind = _filled(stage, server)
        start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=2)
        for number in range(setting.rounds):
            at = start + timedelta(hours=number * calls * len(found))
            wanted = {
                "one of one": _plain(ids[:1], 1, at, calls),
                "two of twenty": _plain(ids, 2, at + timedelta(hours=calls), calls),
                "one through a type": _typed(kind, start + timedelta(hours=number * calls), calls),
            }
            for name, bodies in wanted.items():
                found[name].append(_measured(stage, server, bodies))
        (counted,) = stage.query(_TOLD)
        deadlocks = stage.query(_DEADLOCKS)[0]["deadlocks"]
    if counted["wanted"] != counted["taken"] or counted["bookings"] < calls:
        raise WrongAnswer(f"{counted['wanted']} wanted, {counted['taken']} taken")
    if deadlocks:
        raise NotMeasured(f"{deadlocks} deadlocks")
    columns = ("bookings/s", "p50 ms", "p99 ms", "app ms", "pg ms")
    shown = table(f"confirmed bookings over {CONNECTIONS} connections", *columns)
    rates: dict[str, float] = {}
    for name, runs in found.items():
        rates[name] = median(one.rate for one in runs)
        rest = ("p50_ms", "p99_ms", "app_ms", "pg_ms")
        cells = (f"{median(getattr(one, part) for one in runs):.1f}" for part in rest)
        shown.add_row(name, f"{rates[name]:.0f}", *cells)
    what = "confirmed bookings of two of twenty resources, /s"
    return Outcome([at_least(what, rates["two of twenty"], TARGET)], shown, rates)


def _filled(stage: Stage, server: Server) -> tuple[list[str], str]:
    def made(path: str, body: Any) -> Any:
        return asked(stage, server, "POST", f"/v1/{path}", json.dumps(body).encode())

    person = {"name": "Person", "kind": "person"}
    made("resources/bulk", {"op": "create", "items": [person] * RESOURCES})
    ids = [str(row["id"]) for row in stage.query("SELECT id FROM resources ORDER BY id")]
    kind = made(
        "booking-types",
        {
            "name": "Visit",
            "key": "visit",
            "requirements": [{"kind": "person"}],
            "durations": [30],
            "minimum_notice": 0,
            "horizon_days": 730,
            "time_zone": "UTC",
        },
    )
    return ids, kind["id"]


def _plain(ids: list[str], number: int, start: datetime, calls: int) -> list[Call]:
    """Half an hour each, of some resources in any order, so that many want the same at once."""
    random = Random(7)
    bodies = [
        {
            "title": "Visit",
            "starts_at": (start + timedelta(hours=n)).isoformat(),
            "duration": 30,
            "resources": [{"resource_id": id} for id in random.sample(ids, number)],
        }
        for n in range(calls)
    ]
    return [Call("POST", "/v1/bookings", json.dumps(body)) for body in bodies]


def _typed(kind: str, start: datetime, calls: int) -> list[Call]:
    """The service chooses whose turn it is, of twenty, under the locks of all."""
    at = (start + timedelta(hours=n, minutes=30) for n in range(calls))
    bodies = [{"booking_type_id": kind, "starts_at": one.isoformat()} for one in at]
    return [Call("POST", "/v1/bookings", json.dumps(body)) for body in bodies]


def _measured(stage: Stage, server: Server, calls: list[Call]) -> Run:
    def used() -> tuple[int, int]:
        return cpu.of_process(server.pid), cpu.of_family(stage.postgres_pid)

    before, begun = used(), datetime.now(UTC)
    times = sorted(load.timed(server.url, stage.token, calls, CONNECTIONS))
    seconds = (datetime.now(UTC) - begun).total_seconds()
    app, pg = ((b - a) / len(calls) / 1e6 for a, b in zip(before, used(), strict=True))
    p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
    return Run(len(calls) / seconds, p50, p99, app, pg)


SECTION = Section("Bookings that want the same resources", run, within_s=240)
