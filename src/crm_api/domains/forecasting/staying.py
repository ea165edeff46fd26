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
_STAYS = """
    WITH places AS (
        SELECT id, name, kind, position, rotting_days,
            CASE kind WHEN 'open' THEN position WHEN 'won' THEN 2147483647 ELSE -1 END AS place
        FROM stages WHERE organization_id = :organization AND pipeline_id = :pipeline
            AND (deleted_at IS NULL OR kind = 'open')),
    stays AS (
        SELECT m.deal_id, m.from_stage_id AS stage_id, m.entered_at, m.created_at AS left_at
        FROM deal_moves m JOIN rows r ON r.id = m.deal_id
        WHERE m.organization_id = :organization AND m.deleted_at IS NULL AND m.verb <> 'split'
        UNION ALL SELECT id, stage_id, stage_entered_at, NULL FROM rows),
    ranked AS (
        SELECT s.*, p.place, p.kind FROM stays s JOIN places p ON p.id = s.stage_id),
    cohort AS (
        SELECT deal_id, stage_id, place, min(entered_at) AS first_at FROM ranked
        WHERE kind = 'open' AND entered_at >= :since AND entered_at < :until GROUP BY 1, 2, 3),
    passing AS (
        SELECT c.stage_id, c.deal_id, bool_or(t.place > c.place AND t.entered_at >= c.first_at)
            AS passed
        FROM cohort c JOIN ranked t ON t.deal_id = c.deal_id GROUP BY 1, 2),
    conversion AS (
        SELECT p.stage_id, count(*) AS entered, count(*) FILTER (WHERE passed) AS passed,
            count(*) FILTER (WHERE NOT passed AND r.status = 'lost') AS lost
        FROM passing p JOIN rows r ON r.id = p.deal_id GROUP BY 1),
    timed AS (
        SELECT deal_id, stage_id, bool_or(entered_at < :until AND coalesce(left_at, :now) >= :since)
                AS within, max(entered_at) FILTER (WHERE left_at IS NULL) AS begun,
            sum(extract(epoch FROM greatest(coalesce(left_at, :now) - entered_at, '0'))) AS seconds
        FROM ranked WHERE kind = 'open' GROUP BY 1, 2),
    times AS (
        SELECT t.stage_id, count(*) FILTER (WHERE within) AS timed,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE within) AS median,
            percentile_cont(0.9) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE within) AS p90,
            percentile_cont(0.75) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE r.status = 'won')
                AS won_p75
        FROM timed t JOIN rows r ON r.id = t.deal_id GROUP BY 1),
    ages AS (
        SELECT r.stage_id, count(*) AS open_deals,
            percentile_cont(0.5) WITHIN GROUP
                (ORDER BY extract(epoch FROM CAST(:now AS timestamptz) - r.created_at)) AS age,
            count(*) FILTER (WHERE t.seconds > times.won_p75) AS stalled,
            count(*) FILTER (WHERE t.begun < CAST(:now AS timestamptz)
                - make_interval(days => p.rotting_days)) AS rotting
        FROM rows r JOIN timed t ON t.deal_id = r.id AND t.stage_id = r.stage_id
        JOIN times ON times.stage_id = r.stage_id JOIN places p ON p.id = r.stage_id
        WHERE r.status = 'open' GROUP BY 1)
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
    SELECT r.id AS deal_id, max(k.place) AS place FROM rows r JOIN ranked k ON k.deal_id = r.id
    WHERE r.created_at >= :since AND r.created_at < :until GROUP BY 1
"""
FUNNEL = f"""
    {_STAYS}
    SELECT p.id, p.name, count(f.deal_id) AS reached
    FROM places p LEFT JOIN ({_FURTHEST}) AS f ON f.place >= p.place
    WHERE p.kind IN ('open', 'won') GROUP BY p.id, p.name, p.place, p.position
    ORDER BY p.place, p.position, p.id
"""  # noqa: S608 - made of constants
_OF_STAGE = "FROM passing g JOIN rows r ON r.id = g.deal_id WHERE g.stage_id = :stage"
_OF_TIMED = "FROM timed t WHERE t.stage_id = :stage AND t.within"
_OF_OPEN = """
    FROM rows r JOIN timed t ON t.deal_id = r.id AND t.stage_id = r.stage_id
    JOIN times ON times.stage_id = r.stage_id JOIN places p ON p.id = r.stage_id
    WHERE r.status = 'open' AND r.stage_id = :stage
"""
_DEALS: Mapping[StagePart, str] = {
    "entered": f"SELECT g.deal_id {_OF_STAGE}",
    "passed": f"SELECT g.deal_id {_OF_STAGE} AND g.passed",
    "lost": f"SELECT g.deal_id {_OF_STAGE} AND NOT g.passed AND r.status = 'lost'",
    "undecided": f"SELECT g.deal_id {_OF_STAGE} AND NOT g.passed AND r.status <> 'lost'",
    "timed": f"SELECT t.deal_id {_OF_TIMED}",
    "open_deals": f"SELECT r.id AS deal_id {_OF_OPEN}",
    "stalled": f"SELECT r.id AS deal_id {_OF_OPEN} AND t.seconds > times.won_p75",
    "rotting": f"""SELECT r.id AS deal_id {_OF_OPEN} AND t.begun < CAST(:now AS timestamptz)
        - make_interval(days => p.rotting_days)""",
    "reached": f"""SELECT f.deal_id FROM ({_FURTHEST}) AS f
        JOIN places p ON p.id = :stage AND f.place >= p.place""",  # noqa: S608 - made of constants
}
DEALS_OF: Mapping[StagePart, str] = {
    part: f"{_STAYS} {sql} ORDER BY deal_id LIMIT CAST(:most AS bigint)"
    for part, sql in _DEALS.items()
}
"""The deals that a figure of a stage is of."""
