"""The timeline of a company with 100,000 points of contact, and the picture of it."""

import json
from collections.abc import Iterator
from statistics import median
from typing import Any

from benchmarks import load
from benchmarks.load import Call
from benchmarks.section import Outcome, Section, Setting, at_most, table
from benchmarks.serving import Server, WrongAnswer, serving
from benchmarks.stage import Stage

TOUCHPOINTS = 100_000
DEALS, PEOPLE, OF_EACH = 2_000, 100, 25
TIMELINE_MS, PICTURE_MS = 15, 60
ASKED = 40
_DEALS = """
    INSERT INTO deals (organization_id, id, name, sort_name, pipeline_id, stage_id, status, amount,
        currency, expected_amount, base_amount, base_currency, closes_on, probability,
        forecast_category, checked, tags, stage_entered_at, rank, version, created_at, updated_at,
        amount_mode, lines, push_count, competitors, competitor_ids, splits, promises, company_id)
    SELECT $1, gen_random_uuid(), 'Deal ' || n, 'deal ' || n, d.pipeline_id, d.stage_id,
        'open', n % 9973 * 10000, 'EUR', n % 9973 * 1000,
        n % 9973 * 10000, 'EUR', current_date + n % 200, 10, 'pipeline', '[]', '[]', now(), n::text,
        1, now(), now(), 'manual', '[]', 0, '[]', '[]', '[]', '[]', d.company_id
    FROM generate_series(1, $3::int) n, deals d WHERE d.organization_id = $1 AND d.id = $2
"""
_TOUCHPOINTS = """
    WITH known AS (
        SELECT id, row_number() OVER () AS place FROM deals
        WHERE organization_id = $1 AND company_id = $2),
    made AS (
        INSERT INTO touchpoints (organization_id, id, at, topic, department, entity, record_id,
            actor_kind)
        SELECT $1, gen_random_uuid(), now() - n * interval '5 minutes', 'deal.moved',
            (ARRAY['sales', 'delivery', 'service', 'finance'])[1 + n % 4], 'deal', known.id, 'user'
        FROM generate_series(1, $3::int) n
        JOIN known ON known.place = 1 + n % (SELECT count(*) FROM known)
        RETURNING *)
    INSERT INTO touchpoint_parties (organization_id, party_id, party_kind, touchpoint_id, at,
        department, topic, entity, is_direct)
    SELECT organization_id, $2, 'company', id, at, department, topic, entity, false FROM made
"""


def run(setting: Setting) -> Outcome:
    """A company with people and deals; its first page, one of a department, and its picture."""
    number = setting.size(TOUCHPOINTS)
    with setting.stage(0) as stage, serving(stage, "ours") as server:
        company = _company(stage, server, number)
        paths = {
            "timeline": f"/v1/companies/{company}/timeline",
            "timeline of a department": f"/v1/companies/{company}/timeline?department=service",
            "360": f"/v1/companies/{company}/360",
        }
        times = {
            what: load.timed(server.url, stage.token, [Call("GET", path)] * ASKED, 1)
            for what, path in paths.items()
        }
        _, page, _ = server.ask(Call("GET", paths["timeline"]), stage.token)
        if len(page["data"]) != 50:
            raise WrongAnswer(f"{len(page['data'])} entries")
    shown = table(f"a company with {number:,} points of contact", "what", "p50 ms")
    for what, found in times.items():
        shown.add_row(what, f"{median(found):.1f}")
    figures = [
        at_most("first page of a timeline, p50 ms", median(times["timeline"]), TIMELINE_MS),
        at_most("customer 360, p50 ms", median(times["360"]), PICTURE_MS),
    ]
    return Outcome(figures, shown, times)


def _company(stage: Stage, server: Server, number: int) -> str:
    def made(path: str, body: dict[str, Any]) -> str:
        _, answer, _ = server.ask(Call("POST", path, json.dumps(body)), stage.token)
        return answer["id"]

    company = made("/v1/companies", {"name": "Example Industries"})
    for n in range(PEOPLE):
        made("/v1/contacts", {"last_name": f"Person {n}", "company_id": company})
    deal = made("/v1/deals", {"name": "Office", "company_id": company})
    for path, body in _around(company, deal):
        for _ in range(OF_EACH):
            made(path, body)
    stage.query(_DEALS, stage.organization_id, deal, DEALS)
    stage.query(_TOUCHPOINTS, stage.organization_id, company, number)
    for name in ("deals", "touchpoints", "touchpoint_parties", "contacts"):
        stage.query(f"ANALYZE {name}")
    return company


def _around(company: str, deal: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """What each department has open with the customer, for the sections of the picture."""
    whom = {"company_id": company}
    subject = {"subject": "Example", **whom, "deal_id": deal}
    yield "/v1/activities", {"kind": "call", **subject}
    yield "/v1/tasks", {"due_on": "2031-03-03", **subject}
    yield "/v1/cases", {"subject": "Example", **whom}
    yield "/v1/commitments", {"text": "Example", "due_on": "2031-03-03", **whom}
    yield "/v1/projects", {"name": "Example", **whom}
    line = {"name": "Example", "quantity": "2", "unit_price": "10.00"}
    yield "/v1/orders", {"currency": "EUR", **whom, "lines": [line]}
    yield "/v1/quotes", {"currency": "EUR", **whom, "lines": [line]}


SECTION = Section("Customers", run, within_s=120)
