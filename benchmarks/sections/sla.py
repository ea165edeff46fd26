"""The tick of SLA clocks over 100,000 open cases: of those that are due, and of all at once."""

import asyncio
import json
import time
from typing import Any

from benchmarks.section import Outcome, Section, Setting, at_most, table
from benchmarks.serving import WrongAnswer, asked, serving
from benchmarks.stage import Stage
from crm_api.api.services import open_database
from crm_api.domains.cases.ticking import Tick
from crm_api.kit.jobs import Workplace

CASES = 100_000
TARGET_S = 5
ONE_OF = 50
"""Of so many cases one is due at a tick, which is many: others come a few in a second."""
_CASES = """
    INSERT INTO cases (organization_id, id, number, subject, sort_name, kind, channel, status,
        priority, reopened, clocks, escalation_level, is_escalated, sla_track, sla_next_at,
        tags, custom, external_ids, version, created_at, updated_at)
    SELECT $1, gen_random_uuid(), 'B-' || n, 'Case ' || n, 'case ' || n, 'question', 'email', 'new',
        'normal', 0, '[]', 0, false, '{}', now(), '[]', '{}', '{}', 1, now() - interval '10 minutes',
        now() - interval '10 minutes'
    FROM generate_series(1, $2::int) n
"""
# As if they had been opened an hour earlier.
_AGED = """
    UPDATE cases SET sla_next_at = now(), sla_track = replace(sla_track::text,
        to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI'),
        to_char((created_at - interval '1 hour') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI'))::jsonb
    WHERE organization_id = $1 AND substr(number, 3)::int % $2::int = 0
"""
_DONE = "SELECT count(*) AS n FROM sla_escalations WHERE organization_id = $1"
_LEFT = "SELECT count(*) AS n FROM cases WHERE organization_id = $1 AND sla_next_at < now()"


def run(setting: Setting) -> Outcome:
    """One worker ticks till nothing is due."""
    cases = setting.size(CASES)
    with setting.stage(0) as stage, serving(stage, "ours") as server:
        asked(stage, server, "POST", "/v1/sla-policies", _policy(stage, server))
        stage.query(_CASES, stage.organization_id, cases)
        stage.query("ANALYZE cases")
        whole = asyncio.run(_ticked(stage))
        stage.tidy("cases")
        idle = asyncio.run(_ticked(stage))
        some = _late(stage, ONE_OF, 2 * (cases // ONE_OF))
        # Those that were late before are so no more: what they had to tell is told.
        every = _late(stage, 1, 2 * cases)
    times = {
        f"{cases:,} open cases, nothing due": idle,
        f"{cases // ONE_OF:,} of {cases:,} late": some,
        f"all {cases:,} at once, their clocks begin": whole,
        f"all {cases:,} at once, late, two steps each": every,
    }
    shown = table("the tick of SLA clocks", "s")
    for what, taken in times.items():
        shown.add_row(what, f"{taken:.2f}")
    told = {
        f"SLA tick, {cases // ONE_OF:,} late of {cases:,} open cases, s": some,
        f"SLA tick, clocks of all {cases:,} open cases begin, s": whole,
        f"SLA tick, all {cases:,} open cases late, two steps each, s": every,
    }
    figures = [at_most(what, taken, TARGET_S, "{:.2f}") for what, taken in told.items()]
    return Outcome(figures, shown, times)


def _late(stage: Stage, one_of: int, steps: int) -> float:
    """The time for one of so many cases that is late, till so many steps were taken in all."""
    stage.query(_AGED, stage.organization_id, one_of)
    stage.tidy("cases")
    taken = asyncio.run(_ticked(stage))
    done, left = (stage.query(sql, stage.organization_id)[0]["n"] for sql in (_DONE, _LEFT))
    if done != steps or left:
        raise WrongAnswer(f"{done} steps were taken, {left} cases are left")
    return taken


def _policy(stage: Stage, server: Any) -> bytes:
    halves = [{"start": "00:00", "end": "12:00"}, {"start": "12:00", "end": "00:00"}]
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    calendar = {"name": "Always", "time_zone": "UTC", "week": dict.fromkeys(days, halves)}
    made = asked(stage, server, "POST", "/v1/working-calendars", json.dumps(calendar).encode())
    targets = [
        {"target": target, "priority": "normal", "minutes": 60}
        for target in ("first_response", "resolution")
    ]
    body = {
        "name": "Standard",
        "targets": targets,
        "calendar_id": made["id"],
        "escalations": [{"percent": 100, "raises": True}],
    }
    return json.dumps(body).encode()


async def _ticked(stage: Stage) -> float:
    database = open_database(stage.settings)
    tick = Tick(Workplace(database, database, lambda: None))
    begun = time.perf_counter()
    while await tick.look():
        pass
    taken = time.perf_counter() - begun
    await database.close()
    return taken


SECTION = Section("SLA clocks of open cases", run, within_s=300)
