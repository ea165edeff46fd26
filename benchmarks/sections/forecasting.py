"""Snapshots of 100,000 deals, and the waterfall of a pipeline over 1,000,000 snapshots.

Once as ten days of 100,000 deals, and once as two days of 500,000, all of which are compared.
"""

import json
import time
from decimal import Decimal
from statistics import median
from typing import Any

from benchmarks.load import Call
from benchmarks.section import Outcome, Section, Setting, at_most, table
from benchmarks.serving import Server, WrongAnswer, asked, serving
from benchmarks.stage import Stage

DEALS = 100_000
SNAPSHOTS = 1_000_000
TAKEN_S, WATERFALL_MS = 10, 1_000
QUESTIONS = 7
OPEN_DEALS = """
    INSERT INTO deals (organization_id, id, name, sort_name, pipeline_id, stage_id, status, amount,
        currency, expected_amount, base_amount, base_currency, closes_on, probability,
        forecast_category, checked, tags, stage_entered_at, rank, version, created_at, updated_at,
        amount_mode, lines, push_count, competitors, competitor_ids, splits, promises)
    SELECT $1, gen_random_uuid(), 'Deal ' || n, 'deal ' || n, $2, $3, 'open', n % 9973 * 10000,
        CASE WHEN n % 4 = 0 THEN 'USD' ELSE 'EUR' END, n % 9973 * 1000, n % 9973 * 10000, 'EUR',
        current_date + n % 200, 10, 'pipeline', '[]', '[]', now(), n::text, 1, now(), now(),
        'manual', '[]', 0, '[]', '[]', '[]', '[]'
    FROM generate_series(1, $4::int) n
"""
# From one day to the next a few deals come and go, grow, are put off, won and lost.
_SNAPSHOTS = """
    INSERT INTO deal_snapshots (organization_id, day, deal_id, pipeline_id, stage_id, amount,
        base_amount, closes_on, probability, status, currency, base_currency, forecast_category)
    SELECT $1, $2, ('0190000000007000b' || lpad(to_hex(n), 15, '0'))::uuid, $3, $4,
        n % 9973 * 10000 + CASE WHEN n % 11 = d THEN 10000 ELSE 0 END,
        n % 9973 * 10000 + CASE WHEN n % 11 = d THEN 10000 ELSE 0 END,
        date '2026-01-01' + (n % 200 + CASE WHEN n % 13 <= d THEN 90 ELSE 0 END), 10,
        CASE WHEN n % 23 < d THEN 'won' WHEN n % 29 < d THEN 'lost' ELSE 'open' END,
        'EUR', 'EUR', 'pipeline'
    FROM generate_series(1, $5::int) n, (VALUES ($6::int)) AS v (d) WHERE n % 17 <> d
"""
_DAY = "INSERT INTO deal_snapshot_days VALUES ($1, $2, now(), 0)"


def run(setting: Setting) -> Outcome:
    """A day's snapshots taken by request, and then waterfalls over days that were made."""
    deals, snapshots = setting.size(DEALS), setting.size(SNAPSHOTS)
    shown = table("forecasting", "way", "ms", "of the target")
    with setting.stage(0) as stage, serving(stage, "ours") as server:
        pipeline, open_stage = pipeline_of(stage, server)
        stage.query(OPEN_DEALS, stage.organization_id, pipeline, open_stage, deals)
        stage.query("ANALYZE deals")
        begun = time.perf_counter()
        taken = asked(stage, server, "POST", "/v1/deal-snapshots", b"")
        taken_s = time.perf_counter() - begun
        if taken["added"] != deals:
            raise WrongAnswer(f"{taken}")
        shown.add_row("", f"{deals:,} deals taken", f"{taken_s * 1000:,.0f}", _of(taken_s, TAKEN_S))
        figures = [at_most(f"snapshots of {deals:,} deals, s", taken_s, TAKEN_S, "{:.2f}")]
        details: dict[str, Any] = {"taken_s": taken_s}
        for days in (10, 2):
            own, at = pipeline_of(stage, server)
            _fill(stage, (own, at), days, snapshots // days)
            times = [_waterfall(stage, server, own, days) for _ in range(QUESTIONS)]
            ms = median(times[1:]) * 1000
            way = f"waterfall, {days} days of {snapshots // days:,}"
            shown.add_row("", way, f"{ms:,.0f}", _of(ms, WATERFALL_MS))
            figures.append(at_most(f"{way}, ms", ms, WATERFALL_MS))
            details[way] = times
    return Outcome(figures, shown, details)


def pipeline_of(stage: Stage, server: Server) -> tuple[str, str]:
    made = asked(stage, server, "POST", "/v1/pipelines", json.dumps({"name": "Sales"}).encode())
    path = f"/v1/stages?filter[pipeline_id]={made['id']}&filter[kind]=open"
    return made["id"], asked(stage, server, "GET", path)["data"][0]["id"]


def _fill(stage: Stage, place: tuple[str, str], days: int, deals: int) -> None:
    # Of other days than the other way's, so that each is of its own million.
    for n in range(days):
        day = (f"2026-{days:02}-{n + 1:02}",)
        rows = f"SELECT '{day[0]}'::date AS day"
        date = stage.query(rows)[0]["day"]
        stage.query(_DAY, stage.organization_id, date)
        moved = 8 if days == 2 and n else n
        stage.query(_SNAPSHOTS, stage.organization_id, date, *place, deals, moved)
    stage.tidy("deal_snapshots")


def _waterfall(stage: Stage, server: Server, pipeline: str, days: int) -> float:
    span = f"from=2026-{days:02}-01&to=2026-{days:02}-{days:02}"
    due = "closes_from=2026-02-01&closes_to=2026-06-30"
    call = Call("GET", f"/v1/pipelines/{pipeline}/waterfall?{span}&{due}")
    begun = time.perf_counter()
    _, found, _ = server.ask(call, stage.token)
    taken = time.perf_counter() - begun
    parts = (part["sign"] * Decimal(part["amount"]) for part in found["parts"])
    if Decimal(found["start"]) + sum(parts) != Decimal(found["end"]):
        raise WrongAnswer(f"{found}")
    return taken


def _of(value: float, target: float) -> str:
    return f"{value / target:.0%}"


SECTION = Section("Snapshots of deals, and waterfalls over them", run, within_s=300)
