"""Reports over 1,000,000 deals: groups by stage and month, of all and of a user's own."""

import json
import time
from statistics import median
from typing import Any

from benchmarks.load import Call
from benchmarks.section import Outcome, Section, Setting, at_most, table
from benchmarks.sections.forecasting import pipeline_of
from benchmarks.serving import Server, WrongAnswer, serving
from benchmarks.stage import Stage

DEALS = 1_000_000
SUMMARY_MS = 500
QUESTIONS = 5
_DEALS = """
    INSERT INTO deals (organization_id, id, name, sort_name, pipeline_id, stage_id, status, amount,
        currency, expected_amount, base_amount, base_currency, closes_on, probability,
        forecast_category, checked, tags, stage_entered_at, rank, version, created_at, updated_at,
        amount_mode, lines, push_count, competitors, competitor_ids, splits, promises)
    SELECT $1, gen_random_uuid(), 'Deal ' || n, 'deal ' || n, $2, $3, 'open', n % 9973 * 10000,
        'EUR', n % 9973 * 1000, n % 9973 * 10000, 'EUR', date '2026-01-01' + n % 365, 10,
        'pipeline', '[]', '[]', now(), n::text, 1, now(), now(), 'manual', '[]', 0, '[]', '[]',
        '[]', '[]'
    FROM generate_series(1, $4::int) n
"""
_BY_MONTH: dict[str, Any] = {
    "source": "deal",
    "groupings": [{"field": "stage.name"}, {"field": "closes_on", "bucket": "month"}],
    "measures": [
        {"name": "number", "function": "count"},
        {"name": "amount", "function": "sum", "field": "base_amount"},
    ],
}
_REPORTS: dict[str, dict[str, Any]] = {
    "summary by stage and month": _BY_MONTH,
    "the same with totals": {**_BY_MONTH, "totals": True},
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
        pipeline, open_stage = pipeline_of(stage, server)
        _fill(stage, pipeline, open_stage, deals)
        for name, report in _REPORTS.items():
            times = [_asked(stage, server, report, deals) for _ in range(QUESTIONS)]
            ms = median(times[1:]) * 1000
            shown.add_row("", f"{name}, {deals:,} deals", f"{ms:,.0f}", f"{ms / SUMMARY_MS:.0%}")
            figures.append(at_most(f"{name}, ms", ms, SUMMARY_MS))
            details[name] = times
    return Outcome(figures, shown, details)


def _fill(stage: Stage, pipeline: Any, open_stage: Any, deals: int) -> None:
    """Deals first, their indexes after."""
    indexes = stage.query(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' "
        "AND tablename = 'deals' AND indexname NOT LIKE 'pk_%' AND indexname NOT LIKE 'uq_%'"
    )
    stage.query("ALTER TABLE deals DISABLE TRIGGER ALL")
    for name, _ in indexes:
        stage.query(f'DROP INDEX "{name}"')
    stage.query(_DEALS, stage.organization_id, pipeline, open_stage, deals)
    for _, definition in indexes:
        stage.query(definition)
    stage.query("ALTER TABLE deals ENABLE TRIGGER ALL")
    stage.query("VACUUM ANALYZE deals")


def _asked(stage: Stage, server: Server, report: dict[str, Any], deals: int) -> float:
    call = Call("POST", "/v1/reports/run", json.dumps(report))
    begun = time.perf_counter()
    _, found, _ = server.ask(call, stage.token)
    taken = time.perf_counter() - begun
    counts = [row["values"].get("number") for row in found.get("rows", ())]
    if not counts or (None not in counts and sum(counts) != deals):
        raise WrongAnswer(f"{str(found)[:300]}")
    return taken


SECTION = Section("Reports over many deals", run, within_s=600)
