"""Scores of leads: all of them reckoned anew, a model learned, and what it adds to one change."""

import json
import time
from datetime import datetime
from statistics import median
from typing import Any

from benchmarks import cpu
from benchmarks.section import NotMeasured, Outcome, Section, Setting, at_most, table
from benchmarks.serving import Server, WrongAnswer, asked, serving, working
from benchmarks.stage import Stage

LEADS = 100_000
EVENTS_EACH = 3
RESCORE_S, UNMOVED_S, TRAIN_S, ADDED_MS, MEMORY_MB = 60, 30, 20, 20, 500
ALONE = 60
_GIVE_UP_S = 600.0
# Half of them have ended, by what their source says; the others are to be scored.
_LEADS = """
    WITH made AS (
        INSERT INTO leads (organization_id, id, name, sort_name, last_name, emails, phones,
            addresses, tags, skills, utm, candidates, decision, status, status_reason,
            converted_at, hops, source, medium, country, industry, employees, matched_contact_id,
            custom, external_ids, version, created_at, updated_at)
        SELECT $1, gen_random_uuid(), 'Person ' || n, 'person ' || n, 'Person ' || n, '[]', '[]',
            '[]', '[]', '[]', '{}', '[]', '{}', status, CASE status WHEN 'disqualified'
            THEN 'no need' END, CASE status WHEN 'converted' THEN now() END, 0, source,
            (ARRAY['cpc', 'email', 'fair'])[1 + n % 3], (ARRAY['DE', 'AT', 'CH', 'FR'])[1 + n % 4],
            (ARRAY['bank', 'shop', 'school', 'farm', 'clinic'])[1 + n % 5], n % 2000, contact, '{}',
            '{}', 1, now() - (n % 300 + 1) * interval '1 day', now()
        FROM (
            SELECT n, c.id AS contact, source, CASE WHEN $3 THEN 'new'
                WHEN random() < 0.2 + 0.5 * (source = 'partner')::int THEN 'converted'
                ELSE 'disqualified' END AS status
            FROM (SELECT n, (ARRAY['partner', 'web', 'bought'])[1 + n * 7919 % 3] AS source
                FROM generate_series(1, $2::int) n) s
            LEFT JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place FROM contacts
                WHERE organization_id = $1) c ON c.place = n) t
        RETURNING id, source, medium, country, industry, employees, matched_contact_id, created_at)
    INSERT INTO events (organization_id, id, type, entity, record_id, version, occurred_at, data,
        actor_kind)
    SELECT $1, gen_random_uuid(), 'lead.created', 'lead', id, 1, created_at, jsonb_build_object(
        'status', 'new', 'source', source, 'medium', medium, 'country', country, 'industry',
        industry, 'employees', employees, 'matched_contact_id', matched_contact_id), 'system'
    FROM made
"""
_DEEDS = """
    INSERT INTO behaviour_events (organization_id, id, contact_id, name, occurred_at, properties,
        version, created_at, updated_at)
    SELECT $1, gen_random_uuid(), id, (ARRAY['page.viewed', 'mail.opened'])[1 + n % 2],
        now() - n * interval '20 days', '{}', 1, now(), now()
    FROM contacts, generate_series(1, $2::int) n WHERE organization_id = $1
"""
_RULES: list[dict[str, Any]] = [
    {"category": "fit", "points": 40, "filter": {"industry": {"in": ["bank", "clinic"]}}},
    {"category": "fit", "points": 25, "filter": {"employees": {"gte": 500}}},
    {"category": "engagement", "points": 60, "half_life_days": 60},
    {
        "category": "engagement",
        "points": 15,
        "event": {"did": "page.viewed"},
        "half_life_days": 30,
        "cap": 40,
    },
    {"category": "negative", "points": -20, "filter": {"country": {"eq": "FR"}}},
]
_SCORED = """
    SELECT count(*) AS n, count(probability) AS learned FROM leads
    WHERE organization_id = $1 AND status = 'new' AND score IS NOT NULL
"""


def run(setting: Setting) -> Outcome:
    """One server and one worker."""
    leads, seen = setting.size(LEADS), set[str]()
    with setting.stage(leads) as stage, serving(stage, "ours") as server:
        for is_open in (True, False):
            stage.query(_LEADS, stage.organization_id, leads, is_open)
        stage.query(_DEEDS, stage.organization_id, EVENTS_EACH)
        stage.query("ANALYZE leads, behaviour_events, events")
        bare, open_ = _captured(stage, server), leads + ALONE
        for rule in _RULES:
            body = json.dumps({"name": "Rule", "filter": {}, **rule}).encode()
            asked(stage, server, "POST", "/v1/lead-score-rules", body)
        with working(stage) as worker:
            first = _awaited(stage, server, open_, seen, changed=open_)
            training, model = _trained(stage, server)
            asked(stage, server, "POST", f"/v1/lead-score-models/{model['id']}/activate")
            learned = _awaited(stage, server, open_, seen, changed=open_)
            # A cap that nothing reaches.
            body = json.dumps({"negative_cap": 90}).encode()
            asked(stage, server, "PUT", "/v1/lead-scores/settings", body)
            again = _awaited(stage, server, open_, seen, changed=0)
            memory = cpu.peak_memory_mb(worker)
        # The worker would want the cores, too: each capture asks for a distribution.
        change = _captured(stage, server)
        scored = stage.query(_SCORED, stage.organization_id)[0]
        if (scored["n"], scored["learned"]) != (open_ + ALONE, open_ + ALONE):
            raise WrongAnswer(f"{scored['n']} leads are scored, {scored['learned']} by the model")
    times = {
        f"model of {leads:,} leads, s": training,
        f"{leads:,} leads by {len(_RULES)} rules, s": first,
        "the same by a model as well, s": learned,
        "where nothing differs, s": again,
        "a lead that is captured, median ms": bare,
        "a lead that is captured and scored, median ms": change,
        "worker, MB at the most": memory,
    }
    shown = table("scores of leads", "value")
    for what, taken in times.items():
        shown.add_row(what, f"{taken:,.1f}")
    figures = [
        at_most(f"training on {leads:,} leads, s", training, TRAIN_S, "{:.1f}"),
        at_most(f"{leads:,} leads scored by rules, s", first, RESCORE_S, "{:.1f}"),
        at_most(f"{leads:,} leads scored by a model, s", learned, RESCORE_S, "{:.1f}"),
        at_most("the same where nothing differs, s", again, UNMOVED_S, "{:.1f}"),
        at_most("what scores add to a capture, median ms", change - bare, ADDED_MS),
        at_most("memory of the worker, MB", memory, MEMORY_MB),
    ]
    return Outcome(figures, shown, times)


def _trained(stage: Stage, server: Server) -> tuple[float, dict[str, Any]]:
    begun = time.monotonic()
    body = {"name": "Leads of two years"}
    model = asked(stage, server, "POST", "/v1/lead-score-models", json.dumps(body).encode())
    model = asked(stage, server, "POST", f"/v1/lead-score-models/{model['id']}/train")
    _until_ended(stage, server, model["job_id"])
    taken = time.monotonic() - begun
    found = asked(stage, server, "GET", f"/v1/lead-score-models/{model['id']}")
    if found["status"] != "draft" or found["metrics"]["auc"] < 0.6:
        raise WrongAnswer(f"the model is {found['status']}: {found['metrics']}")
    return taken, found


def _awaited(stage: Stage, server: Server, leads: int, seen: set[str], *, changed: int) -> float:
    """Seconds of work of a new job that scored all leads, once there is no other one."""
    end = time.monotonic() + _GIVE_UP_S
    while True:
        jobs = asked(stage, server, "GET", "/v1/jobs?limit=50")["data"]
        new = [job for job in jobs if job["kind"] == "leads.score" and job["id"] not in seen]
        if new and all(job["status"] == "succeeded" for job in new):
            break
        if time.monotonic() > end or any(job["status"] == "failed" for job in new):
            raise NotMeasured(f"leads are not scored: {jobs}")
        time.sleep(0.1)
    seen |= {job["id"] for job in new}
    # The day's first look at what has aged may have come behind it, and found nothing.
    found = max(
        (job for job in new if "leads" in job["result"]), key=lambda job: job["result"]["changed"]
    )
    if found["result"] != {"leads": leads, "changed": changed}:
        raise WrongAnswer(f"{found['result']}, not {changed} of {leads}")
    begun, ended = (datetime.fromisoformat(found[name]) for name in ("started_at", "finished_at"))
    return (ended - begun).total_seconds()


def _captured(stage: Stage, server: Server) -> float:
    """Milliseconds of capturing a lead that is scored in the same transaction."""
    taken: list[float] = []
    for n in range(ALONE):
        body = {"last_name": f"Caller {n}", "source": "partner", "industry": "bank"}
        begun = time.monotonic()
        asked(stage, server, "POST", "/v1/leads", json.dumps(body).encode())
        taken.append((time.monotonic() - begun) * 1000)
    return median(taken)


def _until_ended(stage: Stage, server: Server, job: str) -> None:
    end = time.monotonic() + _GIVE_UP_S
    while (told := asked(stage, server, "GET", f"/v1/jobs/{job}"))["status"] != "succeeded":
        if told["status"] in {"failed", "cancelled"} or time.monotonic() > end:
            raise NotMeasured(f"the job is {told['status']}: {told}")
        time.sleep(0.02)


SECTION = Section("Scores of leads", run, within_s=900)
