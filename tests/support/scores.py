"""Scores of leads as workers keep them, and a past to learn from."""

from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from crm_api.domains.leads.score_following import FollowScores
from crm_api.domains.leads.score_jobs import age_scores
from crm_api.kit import clock
from crm_api.kit.db.database import Database
from crm_api.kit.jobs import Workplace
from support.clients import Api, Org
from support.waiting import patiently

Body = dict[str, Any]
_MOVE = "UPDATE leads SET created_at = $3 WHERE organization_id = $1 AND id = $2"
# Also what is told and not to be taken up yet, since a transaction before it still runs, be it one
# of another database.
_WAITING = """
    SELECT count(*) AS n FROM lead_score_states s JOIN events e USING (organization_id)
    WHERE s.organization_id = $1 AND (e.tx, e.seq) > (s.tx, s.seq)
"""
_YESTERDAY = """
    UPDATE lead_score_states SET aged_on = CURRENT_DATE - 2 WHERE organization_id = $1
"""
# A past of leads as they came, with the events of their creation, and what became of them.
_PAST = """
    WITH made AS (
        INSERT INTO leads (organization_id, id, name, sort_name, last_name, emails, phones,
            addresses, tags, skills, utm, candidates, decision, status, status_reason,
            converted_at, hops, source, industry, custom, external_ids, version, created_at,
            updated_at)
        SELECT $1, gen_random_uuid(), 'Past ' || n, 'past ' || n, 'Past ' || n, '[]', '[]', '[]',
            '[]', '[]', '{}', '[]', '{}', CASE WHEN won THEN 'converted' ELSE 'disqualified' END,
            CASE WHEN won THEN NULL ELSE 'no need' END, CASE WHEN won THEN now() END, 0, source,
            'bank', '{}', '{}', 1, now() - interval '400 days' + n * interval '1 hour', now()
        FROM unnest($2::text[], $3::bool[]) WITH ORDINALITY AS t (source, won, n)
        RETURNING id, source, created_at)
    INSERT INTO events (organization_id, id, type, entity, record_id, version, occurred_at, data,
        actor_kind, previous)
    SELECT $1, gen_random_uuid(), 'lead.created', 'lead', id, 1, created_at,
        jsonb_build_object('status', 'new', 'source', source, 'industry', 'bank'), 'system', NULL
    FROM made
"""


async def rule_of(api: Api, points: int, category: str = "fit", **more: Any) -> Body:
    """A rule for scores; without a filter all leads get the points."""
    body = {"name": "Rule", "category": category, "points": points, "filter": {}, **more}
    return await api.made("lead-score-rules", body)


async def past_of(owner: Any, org: Org, count: int, seed: int = 3) -> None:
    """So many leads that have ended: those of partners mostly converted, bought ones mostly not."""
    chance = Random(seed)
    sources = [chance.choice(("partner", "web", "bought")) for _ in range(count)]
    rates = {"partner": 0.75, "web": 0.4, "bought": 0.1}
    won = [chance.random() < rates[source] for source in sources]
    await owner.execute(_PAST, org.id, sources, won)


async def captured_days_ago(owner: Any, org: Org, lead: Body, days: float) -> datetime:
    """Have a lead have been captured so many days ago."""
    at = clock.now() - timedelta(days=days)
    await owner.execute(_MOVE, org.id, UUID(lead["id"]), at)
    return at


async def follow_scores(owner: Any, database: Database, org: Org) -> None:
    """Take up what happened elsewhere, as workers do, till nothing is left."""
    watch = FollowScores(Workplace(database, database, lambda: None))
    async for _ in patiently():
        await watch.look()
        if not (await owner.fetch(_WAITING, org.id))[0]["n"]:
            return


async def age(owner: Any, database: Database, org: Org, *, next_day: bool = True) -> None:
    """Have scores age, as the chore does once a day; a worker may have done so today."""
    if next_day:
        await owner.execute(_YESTERDAY, org.id)
    await age_scores(database, None)  # pyright: ignore[reportArgumentType]
