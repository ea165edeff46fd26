"""Exports of contacts with all their fields, through REST and a worker of its own."""

import time
from typing import Any

from benchmarks import cpu
from benchmarks.section import (
    NotMeasured,
    Outcome,
    Section,
    Setting,
    at_least,
    at_most,
    table,
)
from benchmarks.serving import Server, asked, serving, working
from benchmarks.stage import Stage

ROWS = 500_000
SHEET_ROWS = 20_000
RATE = 50_000
MEMORY_MB = 250
_GIVE_UP_S = 300.0


def run(setting: Setting) -> Outcome:
    """Every contact of an organization, in each format."""
    rows, sheet_rows = setting.size(ROWS), setting.size(SHEET_ROWS)
    with setting.stage(rows) as stage:
        found = measure(stage, "csv", "ndjson")
    with setting.stage(sheet_rows) as stage:
        found |= measure(stage, "xlsx")
    shown = table(
        f"all fields of {rows:,} contacts; {sheet_rows:,} in the sheet",
        "rows/s",
        "MB",
        "worker's peak MB",
    )
    for name, done in found.items():
        rate, size = f"{done['rows_per_s']:,.0f}", f"{done['size_bytes'] / 1e6:,.0f}"
        shown.add_row(name, rate, size, f"{done['peak_mb']:.0f}")
    figures = [
        at_least("export to CSV, rows/s", found["csv"]["rows_per_s"], RATE),
        at_most("worker's peak MB", found["csv"]["peak_mb"], MEMORY_MB),
    ]
    return Outcome(figures, shown, found)


def measure(stage: Stage, *formats: str) -> dict[str, Any]:
    """Rows per second from the request to the end of the job, by format."""
    with serving(stage, "ours") as server, working(stage) as worker:
        # The worker may still be starting, and first uses take longer: not what is measured.
        _measure(stage, server, worker, "csv", b', "filter": {"version": 0}')
        return {name: _measure(stage, server, worker, name) for name in formats}


def _measure(
    stage: Stage, server: Server, worker: int, name: str, more: bytes = b""
) -> dict[str, Any]:
    body = b'{"format": "' + name.encode() + b'"' + more + b"}"
    rows = 0 if more else stage.rows
    begun = time.monotonic()
    id = asked(stage, server, "POST", "/v1/contacts/export", body)["export"]["id"]
    while True:
        done = asked(stage, server, "GET", f"/v1/exports/{id}")
        if done["status"] not in {"queued", "running"}:
            break
        if time.monotonic() > begun + _GIVE_UP_S:
            raise NotMeasured(f"the job did not end: {done}")
        time.sleep(0.02)
    ended = time.monotonic()
    if done["status"] != "succeeded" or done["rows"] != rows:
        raise NotMeasured(f"not {rows} contacts: {done}")
    return {
        "rows_per_s": rows / (ended - begun),
        "size_bytes": done["size_bytes"],
        "peak_mb": cpu.peak_memory_mb(worker),
    }


SECTION = Section("Export of contacts", run, within_s=420)
