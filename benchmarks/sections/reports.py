"""Reports over 1,000,000 deals: groups by stage and month, of all and of a user's own."""

import json
import time
from statistics import median
from typing import Any

from benchmarks import cpu
from benchmarks.load import Call
from benchmarks.section import NotMeasured, Outcome, Section, Setting, at_most, table
from benchmarks.sections.forecasting import pipeline_of
from benchmarks.serving import Server, WrongAnswer, asked, serving, working
from benchmarks.stage import Stage

DEALS = 1_000_000
SUMMARY_MS = 500
QUESTIONS = 5
_FILES = {"csv": 15.0, "xlsx": 60.0}
"""In how many seconds all deals are to be written."""
FILE_MB = 400
_GIVE_UP_S = 240.0
_TABLE: dict[str, Any] = {
    "source": "deal",
    "kind": "table",
    "columns": ["id", "name", "stage.name", "status", "amount", "currency", "closes_on"],
}
_DEALS = """
    INSERT INTO deals (organization_id, id, name, sort_name, pipeline_id, stage_id, owner_id,
        status, amount, currency, expected_amount, base_amount, base_currency, closes_on,
        probability, forecast_category, checked, tags, stage_entered_at, rank, version, created_at,
        updated_at, amount_mode, lines, push_count, competitors, competitor_ids, splits, promises)
    SELECT $1, gen_random_uuid(), 'Deal ' || n, 'deal ' || n, $2,
        ($3::uuid[])[1 + n / 7 % cardinality($3::uuid[])],
        ('0190000000007000b' || lpad(to_hex(n % 50), 15, '0'))::uuid, 'open', n % 9973 * 10000,
        'EUR', n % 9973 * 1000, n % 9973 * 10000, 'EUR', date '2026-01-01' + n % 365, 10,
        'pipeline', '[]', '[]', now(), n::text, 1, now() - make_interval(mins => n % 525600),
        now(), 'manual', '[]', 0, '[]', '[]', '[]', '[]'
    FROM generate_series(1, $4::int) n
"""
BY_MONTH: dict[str, Any] = {
    "source": "deal",
    "groupings": [{"field": "stage.name"}, {"field": "closes_on", "bucket": "month"}],
    "measures": [
        {"name": "number", "function": "count"},
        {"name": "amount", "function": "sum", "field": "base_amount"},
    ],
}
_REPORTS: dict[str, dict[str, Any]] = {
    "summary by stage and month": BY_MONTH,
    "the same with totals": {**BY_MONTH, "totals": True},
    "median by month": {
        "source": "deal",
        "groupings": [{"field": "closes_on", "bucket": "month"}],
        "measures": [{"name": "median", "function": "median", "field": "base_amount"}],
    },
    "by local day of an instant": {
        "source": "deal",
        "groupings": [{"field": "created_at", "bucket": "day"}],
    },
}


def run(setting: Setting) -> Outcome:
    """Each report as often as it takes to know its median."""
    deals = setting.size(DEALS)
    shown = table("reports", "report", "ms", "of the target")
    figures: list[Any] = []
    details: dict[str, Any] = {}
    with setting.stage(0) as stage, serving(stage, "ours") as server:
        fill(stage, server, deals)
        for name, report in _REPORTS.items():
            times = [told(stage, server, report, deals)[0] for _ in range(QUESTIONS)]
            ms = median(times[1:]) * 1000
            shown.add_row("", f"{name}, {deals:,} deals", f"{ms:,.0f}", f"{ms / SUMMARY_MS:.0%}")
            figures.append(at_most(f"{name}, ms", ms, SUMMARY_MS))
            details[name] = times
        for name, done in _files(stage, server, deals).items():
            seconds, peak = done["s"], done["peak_mb"]
            shown.add_row(
                "", f"{deals:,} rows to {name}", f"{seconds * 1000:,.0f}", f"{peak:.0f} MB"
            )
            figures.append(at_most(f"rows to {name}, s", seconds, _FILES[name]))
            figures.append(at_most(f"worker's peak by {name}, MB", peak, FILE_MB))
            details[name] = done
    return Outcome(figures, shown, details)


def _files(stage: Stage, server: Server, deals: int) -> dict[str, Any]:
    """All deals as a file by a report, from the request to the end of the job."""
    found: dict[str, Any] = {}
    with working(stage) as worker:
        # The worker may still be starting, which is not what is measured.
        _file(stage, server, worker, "csv", 0)
        for name in _FILES:
            found[name] = _file(stage, server, worker, name, deals)
    return found


def _file(stage: Stage, server: Server, worker: int, name: str, deals: int) -> dict[str, Any]:
    table_of = {**_TABLE, "filter": {} if deals else {"version": 0}}
    body = json.dumps({"definition": table_of, "format": name}).encode()
    begun = time.monotonic()
    id = asked(stage, server, "POST", "/v1/report-exports", body)["export"]["id"]
    while True:
        done = asked(stage, server, "GET", f"/v1/exports/{id}")
        if done["status"] not in {"queued", "running"}:
            break
        if time.monotonic() > begun + _GIVE_UP_S:
            raise NotMeasured(f"the job did not end: {done}")
        time.sleep(0.05)
    if done["status"] != "succeeded" or done["rows"] != deals:
        raise NotMeasured(f"not {deals} deals: {done}")
    return {"s": time.monotonic() - begun, "peak_mb": cpu.peak_memory_mb(worker)}


def fill(stage: Stage, server: Server, deals: int) -> None:
    """Deals of a year, in the stages of a pipeline, of 50 people; their indexes are made after."""
    pipeline, _ = pipeline_of(stage, server)
    for name in ("Offer", "Terms", "Contract"):
        made = {"name": name, "pipeline_id": pipeline, "probability": 20}
        asked(stage, server, "POST", "/v1/stages", json.dumps(made).encode())
    path = f"/v1/stages?filter[pipeline_id]={pipeline}&filter[kind]=open"
    stages = [one["id"] for one in asked(stage, server, "GET", path)["data"]]
    indexes = stage.query(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' "
        "AND tablename = 'deals' AND indexname NOT LIKE 'pk_%' AND indexname NOT LIKE 'uq_%'"
    )
    stage.query("ALTER TABLE deals DISABLE TRIGGER ALL")
    for name, _ in indexes:
        stage.query(f'DROP INDEX "{name}"')
    stage.query(_DEALS, stage.organization_id, pipeline, stages, deals)
    for _, definition in indexes:
        stage.query(definition)
    stage.query("ALTER TABLE deals ENABLE TRIGGER ALL")
    stage.tidy("deals")


def told(
    stage: Stage, server: Server, report: dict[str, Any], deals: int
) -> tuple[float, dict[str, Any]]:
    """How long an answer of so many deals took, and what it is."""
    call = Call("POST", "/v1/reports/run", json.dumps(report))
    begun = time.perf_counter()
    _, found, _ = server.ask(call, stage.token)
    taken = time.perf_counter() - begun
    counts = [row["values"].get("number") for row in found.get("rows", ())]
    if not counts or (None not in counts and sum(counts) != deals):
        raise WrongAnswer(f"{str(found)[:300]}")
    return taken, found


SECTION = Section("Reports over many deals", run, within_s=600)
