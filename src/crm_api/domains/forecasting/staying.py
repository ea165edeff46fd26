"""Stays of deals in open stages, those that have ended and those that go on, as text."""

from collections.abc import Mapping
from typing import Literal, get_args

StagePart = Literal[
    "entered",
    "passed",
    "lost",
    "undecided",
    "timed",
    "open_deals",
    "stalled",
    "rotting",
    "reached",
]
STAGE_PARTS: tuple[StagePart, ...] = get_args(StagePart)
# Each deal once in each stage, by groups and windows alone: joined with itself, what nothing is known
# about how many there are is compared by all pairs.
_STAYS = """
    WITH places AS (
        SELECT id, name, kind, position, rotting_days,
            CASE kind WHEN 'open' THEN position WHEN 'won' THEN 2147483647 ELSE -1 END AS place
        FROM stages WHERE organization_id = :organization AND pipeline_id = :pipeline
            AND (deleted_at IS NULL OR kind = 'open')),
    stays AS (
        SELECT m.deal_id, r.status, r.created_at, m.from_stage_id AS stage_id, m.entered_at,
            m.created_at AS left_at
        FROM deal_moves m JOIN rows r ON r.id = m.deal_id
        WHERE m.organization_id = :organization AND m.deleted_at IS NULL AND m.verb <> 'split'
        UNION ALL SELECT id, status, created_at, stage_id, stage_entered_at, NULL FROM rows),
    ranked AS (
        SELECT s.*, p.place, p.kind,
            max(p.place) OVER (PARTITION BY s.deal_id ORDER BY s.entered_at DESC) AS furthest
        FROM stays s JOIN places p ON p.id = s.stage_id),
    passing AS (
        SELECT stage_id, deal_id, status, max(furthest) > place AS passed FROM ranked
        WHERE kind = 'open' AND entered_at >= :since AND entered_at < :until
        GROUP BY stage_id, deal_id, status, place),
    conversion AS (
        SELECT stage_id, count(*) AS entered, count(*) FILTER (WHERE passed) AS passed,
            count(*) FILTER (WHERE NOT passed AND status = 'lost') AS lost
        FROM passing GROUP BY 1),
    timed AS (
        SELECT deal_id, stage_id, status, created_at,
            bool_or(entered_at < :until AND coalesce(left_at, :now) >= :since) AS within,
            max(entered_at) FILTER (WHERE left_at IS NULL) AS begun,
            sum(extract(epoch FROM greatest(coalesce(left_at, :now) - entered_at, '0'))) AS seconds
        FROM ranked WHERE kind = 'open' GROUP BY 1, 2, 3, 4),
    times AS (
        SELECT stage_id, count(*) FILTER (WHERE within) AS timed,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE within) AS median,
            percentile_cont(0.9) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE within) AS p90,
            percentile_cont(0.75) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE status = 'won')
                AS won_p75
        FROM timed GROUP BY 1),
    there AS (
        SELECT t.deal_id, t.stage_id, t.created_at, t.seconds > times.won_p75 AS is_stalled,
            t.begun < CAST(:now AS timestamptz) - make_interval(days => p.rotting_days) AS is_rotting
        FROM timed t JOIN times ON times.stage_id = t.stage_id JOIN places p ON p.id = t.stage_id
        WHERE t.status = 'open' AND t.begun IS NOT NULL),
    ages AS (
        SELECT stage_id, count(*) AS open_deals,
            percentile_cont(0.5) WITHIN GROUP
                (ORDER BY extract(epoch FROM CAST(:now AS timestamptz) - created_at)) AS age,
            count(*) FILTER (WHERE is_stalled) AS stalled,
            count(*) FILTER (WHERE is_rotting) AS rotting
        FROM there GROUP BY 1)
"""
STAGES = f"""
    {_STAYS}
    SELECT p.id, p.name, coalesce(c.entered, 0) AS entered, coalesce(c.passed, 0) AS passed,
        coalesce(c.lost, 0) AS lost, coalesce(t.timed, 0) AS timed, t.median, t.p90, t.won_p75,
        coalesce(a.open_deals, 0) AS open_deals, a.age, coalesce(a.stalled, 0) AS stalled,
        coalesce(a.rotting, 0) AS rotting
    FROM places p LEFT JOIN conversion c ON c.stage_id = p.id LEFT JOIN times t ON t.stage_id = p.id
    LEFT JOIN ages a ON a.stage_id = p.id WHERE p.kind = 'open' ORDER BY p.position, p.id
"""  # noqa: S608 - made of constants
# How far each deal came at any time; stages of won deals are beyond all others.
_FURTHEST = """
    SELECT deal_id, max(place) AS place FROM ranked
    WHERE created_at >= :since AND created_at < :until GROUP BY 1
"""
FUNNEL = f"""
    {_STAYS}
    SELECT p.id, p.name, coalesce(sum(f.deals), 0)::bigint AS reached
    FROM places p LEFT JOIN (SELECT place, count(*) AS deals FROM ({_FURTHEST}) AS each GROUP BY 1)
        AS f ON f.place >= p.place
    WHERE p.kind IN ('open', 'won') GROUP BY p.id, p.name, p.place, p.position
    ORDER BY p.place, p.position, p.id
"""  # noqa: S608 - made of constants
_OF_STAGE = "SELECT deal_id FROM passing WHERE stage_id = :stage"
_OF_OPEN = "SELECT deal_id FROM there WHERE stage_id = :stage"
_DEALS: Mapping[StagePart, str] = {
    "entered": _OF_STAGE,
    "passed": f"{_OF_STAGE} AND passed",
    "lost": f"{_OF_STAGE} AND NOT passed AND status = 'lost'",
    "undecided": f"{_OF_STAGE} AND NOT passed AND status <> 'lost'",
    "timed": "SELECT deal_id FROM timed WHERE stage_id = :stage AND within",
    "open_deals": _OF_OPEN,
    "stalled": f"{_OF_OPEN} AND is_stalled",
    "rotting": f"{_OF_OPEN} AND is_rotting",
    "reached": f"""SELECT f.deal_id FROM ({_FURTHEST}) AS f
        JOIN places p ON p.id = :stage AND f.place >= p.place""",  # noqa: S608 - made of constants
}
DEALS_OF: Mapping[StagePart, str] = {
    part: f"{_STAYS} {sql} ORDER BY deal_id LIMIT CAST(:most AS bigint)"
    for part, sql in _DEALS.items()
}
"""The deals that a figure of a stage is of."""
