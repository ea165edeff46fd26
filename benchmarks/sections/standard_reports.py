"""The library of standard reports over 1,000,000 deals and 5,000,000 activities, each by itself."""

import json
import time
from math import inf
from typing import Any

from benchmarks import copies
from benchmarks.copies import refilled
from benchmarks.load import Call
from benchmarks.section import Outcome, Section, Setting, at_most, table
from benchmarks.sections.reports import DEALS, fill
from benchmarks.serving import Server, WrongAnswer, asked, serving
from benchmarks.stage import Stage

CONTACTS, ACTIVITIES_OF_DEAL = 50_000, 5
RECORDS = 200_000
"""Of the other kinds, each: orders, quotes, cases, leads, entries of time."""
CAMPAIGNS, TOUCHES_OF_CONTACT = 20, 12
REPORT_S = 3.0
QUESTIONS = 3
# Half of the deals have ended within the year, one of four was won.
_CLOSED = """
    UPDATE deals d SET closed_at = least(created_at + interval '20 days', now()),
        stage_entered_at = least(created_at + interval '20 days', now()),
        status = CASE part WHEN 0 THEN 'won' ELSE 'lost' END,
        stage_id = CASE part WHEN 0 THEN $2::uuid ELSE $3::uuid END,
        loss_reason_id = CASE part WHEN 0 THEN NULL ELSE $4::uuid END,
        forecast_category = CASE part WHEN 0 THEN 'closed' ELSE 'omitted' END
    FROM (SELECT id AS own, get_byte(uuid_send(id), 15) % 4 AS part FROM deals
        WHERE organization_id = $1) AS parted
    WHERE organization_id = $1 AND id = own AND part < 2
"""
_CUSTOMERS = """
    UPDATE deals d SET company_id = c.id FROM (
        SELECT id, row_number() OVER (ORDER BY id) AS place, count(*) OVER () AS number
        FROM companies WHERE organization_id = $1) c
    WHERE d.organization_id = $1
        AND c.place = 1 + get_byte(uuid_send(d.id), 14) * 256 % c.number
"""
# Whose deals they are, and what brought them: three touches before most of the deals.
_BUYERS = """
    WITH numbered AS (SELECT id, row_number() OVER (ORDER BY id) AS place FROM contacts
        WHERE organization_id = $1)
    UPDATE deals d SET contact_id = c.id FROM numbered c
    WHERE d.organization_id = $1 AND c.place
        = 1 + (hashtext(d.id::text) & 2147483647) % (SELECT count(*) FROM numbered)
"""
_TOUCHES = """
    INSERT INTO campaign_touches (organization_id, source, source_id, kind, person_id, person_kind,
        campaign_id, occurred_at)
    SELECT $1, 'event', gen_random_uuid(), (ARRAY['clicked', 'visited', 'opened'])[1 + n % 3],
        c.id, 'contact', ($2::uuid[])[1 + (h & 2147483647) % cardinality($2::uuid[])],
        now() - make_interval(mins => (h >> 4 & 2147483647) % 525600)
    FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM contacts
        WHERE organization_id = $1) c, generate_series(1, $3::int) n,
        LATERAL (SELECT hashint8(c.place * 16 + n) AS h) a
"""
_MOVES = """
    INSERT INTO deal_moves (organization_id, id, deal_id, verb, from_stage_id, to_stage_id,
        entered_at, seconds, version, created_at, updated_at)
    SELECT $1, gen_random_uuid(), d.id, CASE d.status WHEN 'open' THEN 'moved' ELSE d.status END,
        ($2::uuid[])[1], d.stage_id, d.created_at, 86400 * 10, 1, d.stage_entered_at,
        d.stage_entered_at
    FROM deals d WHERE d.organization_id = $1
"""
_ACTIVITIES = """
    INSERT INTO activities (organization_id, id, kind, status, subject, direction, is_billable,
        is_internal, starts_at, ended_at, duration, completed_at, deal_id, company_id, owner_id,
        links, tags, version, created_at, updated_at)
    SELECT $1, gen_random_uuid(), (ARRAY['call', 'meeting', 'email'])[1 + n % 3], 'completed', 'S',
        CASE n % 2 WHEN 0 THEN 'inbound' ELSE 'outbound' END, false, false, at, at, 600, at, d.id,
        d.company_id, d.owner_id, '[]', '[]', 1, at, at
    FROM deals d, generate_series(1, $2::int) n, LATERAL (
        SELECT least(d.created_at + make_interval(days => n), now()) AS at) a
    WHERE d.organization_id = $1
"""


def run(setting: Setting) -> Outcome:
    """As they are run without being told anything: of the last year."""
    deals = setting.size(DEALS)
    with setting.stage(setting.size(CONTACTS)) as stage, serving(stage, "ours") as server:
        fill(stage, server, deals)
        copies.fill(stage, server, setting.size(RECORDS), _fill(stage, server))
        names = [one["name"] for one in asked(stage, server, "GET", "/v1/standard-reports")["data"]]
        times = {name: _time(stage, server, name) for name in names}
    shown = table(f"{deals:,} deals, {deals * ACTIVITIES_OF_DEAL:,} activities", "way", "s", "rows")
    for name, (taken, rows) in sorted(times.items(), key=lambda one: -one[1][0]):
        shown.add_row(name, f"{taken:.2f}", rows)
    slowest = max(taken for taken, _ in times.values())
    figures = [at_most("the slowest standard report, s", slowest, REPORT_S, "{:.2f}")]
    return Outcome(figures, shown, times)


def _fill(stage: Stage, server: Server) -> list[str]:
    """What became of the deals, and what was done for them; the campaigns that there are."""
    stages = asked(stage, server, "GET", "/v1/stages?sort=created_at&limit=200")["data"]
    pipeline = stages[-1]["pipeline_id"]
    of_kind: dict[str, list[str]] = {}
    for one in stages:
        if one["pipeline_id"] == pipeline:
            of_kind.setdefault(one["kind"], []).append(one["id"])
    # Where nobody names one, reports are of this.
    asked(stage, server, "PATCH", f"/v1/pipelines/{pipeline}", b'{"is_default": true}')
    reason = asked(
        stage, server, "POST", "/v1/loss-reasons", json.dumps({"name": "Price"}).encode()
    )
    campaigns = [
        asked(stage, server, "POST", "/v1/campaigns", f'{{"name": "C{n}"}}'.encode())["id"]
        for n in range(CAMPAIGNS)
    ]
    for name, sql, args in (
        ("deals", _CUSTOMERS, ()),
        ("deals", _BUYERS, ()),
        ("campaign_touches", _TOUCHES, (campaigns, TOUCHES_OF_CONTACT)),
        ("deals", _CLOSED, (of_kind["won"][0], of_kind["lost"][0], reason["id"])),
        ("deal_moves", _MOVES, (of_kind["open"],)),
        ("activities", _ACTIVITIES, (ACTIVITIES_OF_DEAL,)),
    ):
        refilled(stage, name, sql, *args)
    return campaigns


def _time(stage: Stage, server: Server, name: str) -> tuple[float, str]:
    """The fastest answer in seconds, and how many rows it has, or how it was refused."""
    call = Call("POST", f"/v1/standard-reports/{name}/run", "{}")
    times: list[float] = []
    rows = ""
    for _ in range(QUESTIONS):
        begun = time.perf_counter()
        try:
            _, answer, _ = server.ask(call, stage.token)
        except WrongAnswer as error:
            return inf, str(error).rpartition('"code":')[2][:30]
        times.append(time.perf_counter() - begun)
        found: Any = answer["answer"]
        rows = f"{len(found['rows']):,}"
    return min(times), rows


SECTION = Section("Standard reports", run, within_s=1_800)
