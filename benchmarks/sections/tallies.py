"""Tallies of 1,000,000 deals: read by reports and dashboards, followed, and compared by night."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

from benchmarks.section import NotMeasured, Outcome, Section, Setting, at_most, table
from benchmarks.sections.reports import BY_MONTH, DEALS, QUESTIONS, fill, told
from benchmarks.serving import Server, WrongAnswer, asked, serving
from benchmarks.stage import Stage
from crm_api import registry
from crm_api.api.services import open_database
from crm_api.domains.reports.declared import Declared
from crm_api.domains.reports.keeping import Keeper
from crm_api.kit.actor import Actor
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx, unit_of_work

CHANGED = 10_000
SUMMARY_MS, FOLLOWED_S, DASHBOARD_MS = 30, 10, 1_500
TILES, BY_RECORDS = 20, 5
# As if so many people had each changed the day and the amount of one.
_CHANGE = """
    WITH changed AS (
        UPDATE deals SET closes_on = closes_on + 1, base_amount = base_amount + 10000,
            amount = amount + 10000, version = version + 1
        WHERE organization_id = $1 AND id IN (
            SELECT id FROM deals WHERE organization_id = $1 ORDER BY random() LIMIT $2)
        RETURNING id, version)
    INSERT INTO events (organization_id, id, type, entity, record_id, version, data, actor_kind,
        occurred_at)
    SELECT $1, gen_random_uuid(), 'deal.updated', 'deal', id, version, '{}', 'system', now()
    FROM changed
"""
_SUM = {"name": "amount", "function": "sum", "field": "base_amount"}
_COUNT = {"name": "number", "function": "count"}
_BY_TALLY: tuple[list[dict[str, Any]], ...] = (
    [{"field": "stage.name"}],
    [{"field": "closes_on", "bucket": "month"}],
    [{"field": "closes_on", "bucket": "week"}, {"field": "stage.name"}],
    [{"field": "owner_id"}],
    [{"field": "owner_id"}, {"field": "closes_on", "bucket": "quarter"}],
    [{"field": "status"}],
    [{"field": "forecast_category"}, {"field": "closes_on", "bucket": "month"}],
    [{"field": "currency"}],
)
_BY_RECORDS: tuple[list[dict[str, Any]], ...] = (
    [{"field": "created_at", "bucket": "month"}],
    [{"field": "probability"}],
    [{"field": "stage.name"}, {"field": "created_at", "bucket": "month"}],
    [{"field": "owner_id"}, {"field": "probability"}],
    [{"field": "created_at", "bucket": "week"}],
)


def run(setting: Setting) -> Outcome:
    """Begun over all deals, then read, followed and compared."""
    deals, changed = setting.size(DEALS), setting.size(CHANGED)
    with setting.stage(0) as stage, serving(stage, "ours") as server:
        fill(stage, server, deals)
        times = {"begun": asyncio.run(_timed(stage, _reconcile))}
        stage.tidy("tally_records", "tally_cells", "tally_states")
        times["summary"] = _summary(stage, server, deals)
        stage.query(_CHANGE, stage.organization_id, min(changed, 1_000))
        times["summary with 1,000 pending"] = _summary(stage, server, deals)
        stage.query(_CHANGE, stage.organization_id, changed)
        times["followed"] = asyncio.run(_timed(stage, _follow))
        times["summary again"] = _summary(stage, server, deals)
        times["compared by night"] = asyncio.run(_timed(stage, _reconcile))
        times["dashboard of tallies"] = _dashboard(stage, server, 0)
        times[f"dashboard, {BY_RECORDS} tiles of records"] = _dashboard(stage, server, BY_RECORDS)
        cells = stage.query("SELECT grain, count(*) FROM tally_cells GROUP BY 1 ORDER BY 1")
    shown = table(f"tallies of {deals:,} deals, {changed:,} changed", "s")
    for what, taken in times.items():
        shown.add_row(what, f"{taken:.3f}")
    for grain, number in cells:
        shown.add_row(f"cells of grain {grain}", f"{number:,}")
    mixed = times[f"dashboard, {BY_RECORDS} tiles of records"]
    figures = [
        at_most("summary from a tally, ms", times["summary"] * 1000, SUMMARY_MS),
        at_most("changed deals followed, s", times["followed"], FOLLOWED_S, "{:.2f}"),
        at_most("20 tiles from tallies, ms", times["dashboard of tallies"] * 1000, DASHBOARD_MS),
        at_most(f"20 tiles, {BY_RECORDS} of records, ms", mixed * 1000, DASHBOARD_MS),
    ]
    return Outcome(figures, shown, times)


def _summary(stage: Stage, server: Server, deals: int) -> float:
    """The median time of the answer, which must be that of the records."""
    answers = [told(stage, server, BY_MONTH, deals) for _ in range(2 * QUESTIONS)]
    median_s = {**_SUM, "name": "middle", "function": "median"}
    by_records = {**BY_MONTH, "measures": [*BY_MONTH["measures"], median_s]}
    _, wanted = told(stage, server, by_records, deals)
    for row in wanted["rows"]:
        del row["values"]["middle"]
    found = answers[-1][1]
    if found["tally"] is None or wanted["tally"] is not None or found["rows"] != wanted["rows"]:
        raise WrongAnswer(f"{str(found)[:300]} is not {str(wanted)[:300]}")
    return median(taken for taken, _ in answers[1:])


def _dashboard(stage: Stage, server: Server, of_records: int) -> float:
    """The median time of the data of all tiles, so many of which no tally knows."""
    tiles: list[dict[str, Any]] = []
    for place in range(TILES):
        ways = _BY_RECORDS if place < of_records else _BY_TALLY
        definition = {
            "source": "deal",
            "groupings": ways[place % len(ways)],
            "measures": [_COUNT, _SUM],
            # So that none is another one's.
            "limit": 1_000 + place,
        }
        made = {"name": f"Report {of_records} {place}", "definition": definition}
        report = asked(stage, server, "POST", "/v1/reports", json.dumps(made).encode())
        tiles.append({"key": f"t{place}", "kind": "report", "report_id": report["id"], "y": place})
    body = {"name": f"Dashboard {of_records}", "tiles": tiles}
    id = asked(stage, server, "POST", "/v1/dashboards", json.dumps(body).encode())["id"]
    times: list[float] = []
    for _ in range(QUESTIONS):
        begun = time.perf_counter()
        data = asked(stage, server, "GET", f"/v1/dashboards/{id}/data")
        times.append(time.perf_counter() - begun)
        wrong = [tile for tile in data["tiles"] if tile["error"] or not tile["rows"]]
        if wrong:
            raise NotMeasured(f"{str(wrong)[:300]}")
    return median(times[1:])


async def _timed(stage: Stage, work: Callable[[Keeper], Awaitable[bool]]) -> float:
    assert registry.MODULES
    settings = stage.settings.model_copy(update={"database_timeout_s": 600.0})
    database = open_database(settings)
    begun = time.perf_counter()
    try:
        while await _once(database, stage, work):
            pass
        return time.perf_counter() - begun
    finally:
        await database.close()


async def _once(
    database: Database, stage: Stage, work: Callable[[Keeper], Awaitable[bool]]
) -> bool:
    actor = Actor(stage.organization_id, "system", scopes=frozenset({"*"}))
    async with unit_of_work(Tx(database, actor)) as tx:
        return await work(Keeper(tx, Declared.tallies["deal"]))


async def _reconcile(keeper: Keeper) -> bool:
    await keeper.reconcile(least=0)
    return False


async def _follow(keeper: Keeper) -> bool:
    return await keeper.follow()


SECTION = Section("Tallies of many deals", run, within_s=600)
