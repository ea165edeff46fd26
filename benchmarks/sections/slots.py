"""Free slots of two weeks over 200 people who have 100,000 bookings, one request after the other."""

import json
import time
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from typing import Any

from benchmarks import cpu
from benchmarks.section import Outcome, Section, Setting, at_most, table
from benchmarks.serving import Server, WrongAnswer, asked, serving
from benchmarks.stage import Stage

BOOKINGS = 100_000
RESOURCES = 200
TARGET_MS = 60
CALLS = 60
# Over a year from today on, an hour each, none beside another of the same person.
_BOOKINGS = """
    INSERT INTO bookings (organization_id, id, title, status, starts_at, ends_at, buffer_before,
        buffer_after, resources, ignores_calendars, booking_type_id, sequence, is_detached, custom,
        external_ids, version, created_at, updated_at)
    SELECT $1, gen_random_uuid(), 'Booking ' || n, 'confirmed', at, at + interval '1 hour', 0, 0,
        jsonb_build_array(jsonb_build_object('resource_id', r.id, 'quantity', 1)), true, $2, 0,
        false, '{}', '{}', 1, now() - interval '1 hour', now() - interval '1 hour'
    FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM resources
            WHERE organization_id = $1) r,
        generate_series(1, $3::int) n,
        LATERAL (SELECT date_trunc('day', now()) + n * (interval '366 days' / $3::int)
            + r.place * interval '13 minutes' AS at) t
"""
_ALLOCATIONS = """
    INSERT INTO booking_allocations (organization_id, id, booking_id, resource_id, starts_at,
        ends_at, quantity, is_exclusive, is_active)
    SELECT organization_id, gen_random_uuid(), id, (resources -> 0 ->> 'resource_id')::uuid,
        starts_at, ends_at, 1, true, true
    FROM bookings WHERE organization_id = $1
"""


def run(setting: Setting) -> Outcome:
    """What one client waits for."""
    bookings = setting.size(BOOKINGS)
    with setting.stage(0) as stage, serving(stage, "ours") as server:
        kinds = _filled(stage, server, bookings)
        start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        found = {name: _times(stage, server, id, start) for name, id in kinds.items()}
    title = f"slots of two weeks, {RESOURCES} people, {bookings:,} bookings"
    shown = table(title, "p50 ms", "p95 ms", "app ms", "pg ms")
    for name, (times, *used) in found.items():
        spread = (median(times), quantiles(times, n=20)[-1], *used)
        shown.add_row(name, *(f"{one:.1f}" for one in spread))
    p50 = {name: median(times) for name, (times, *_) in found.items()}
    what = f"slots of two weeks over {RESOURCES} people with {bookings:,} bookings, p50 ms"
    return Outcome([at_most(what, p50["round_robin"], TARGET_MS, "{:.1f}")], shown, p50)


def _filled(stage: Stage, server: Server, bookings: int) -> dict[str, str]:
    def made(path: str, body: Any) -> str:
        return asked(stage, server, "POST", f"/v1/{path}", json.dumps(body).encode())["id"]

    days = ("monday", "tuesday", "wednesday", "thursday", "friday")
    hours = {day: [{"start": "09:00", "end": "17:00"}] for day in days}
    body = {"name": "Office", "time_zone": "Europe/Berlin", "week": hours}
    calendar = made("working-calendars", body)
    person = {"name": "Person", "kind": "person", "calendar_id": calendar}
    items = {"op": "create", "items": [person] * RESOURCES}
    asked(stage, server, "POST", "/v1/resources/bulk", json.dumps(items).encode())
    kinds = {
        name: made(
            "booking-types",
            {
                "name": "Visit",
                "key": name.replace("_", "-"),
                "assignment": name,
                "requirements": [{"kind": "person"}],
                "durations": [30],
                "slot_step": 15,
                "time_zone": "Europe/Berlin",
                "buffer_before": 5,
                "buffer_after": 10,
            },
        )
        for name in ("round_robin", "least_loaded")
    }
    each = bookings // RESOURCES
    stage.query(_BOOKINGS, stage.organization_id, kinds["round_robin"], each)
    stage.query(_ALLOCATIONS, stage.organization_id)
    stage.tidy("bookings")
    stage.tidy("booking_allocations")
    return kinds


def _times(
    stage: Stage, server: Server, id: str, start: datetime
) -> tuple[list[float], float, float]:
    """What each request took, and the processor time of the server and of PostgreSQL for one."""
    end = start + timedelta(days=14)
    body = {"booking_type_id": id, "start": start.isoformat(), "end": end.isoformat()}
    content = json.dumps({**body, "limit": 2000}).encode()

    def used() -> tuple[int, int]:
        return cpu.of_process(server.pid), cpu.of_family(stage.postgres_pid)

    times: list[float] = []
    before = used()
    for _ in range(CALLS):
        begun = time.perf_counter()
        found = asked(stage, server, "POST", "/v1/availability/slots", content)
        times.append((time.perf_counter() - begun) * 1000)
        if len(found["slots"]) < 100 or found["next_start"] is not None:
            raise WrongAnswer(f"There are {len(found['slots'])} slots")
    app_ms, pg_ms = ((b - a) / CALLS / 1e6 for a, b in zip(before, used(), strict=True))
    return times[5:], app_ms, pg_ms


SECTION = Section("Free slots over many resources", run, within_s=180)
