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
# What PostgreSQL makes of groups of a million deals hangs on how many it expects. Of an inner join
# with the stages it expects next to none, and then sorts by one process what several could share;
# so stages are joined from outside, and all is read where it is used (`NOT MATERIALIZED`). Joined
# with themselves, moves would be compared by all pairs.
_STAYS = """
    WITH places AS NOT MATERIALIZED (
        SELECT id, name, kind, position, rotting_days, kind = 'open' AS is_open,
            kind <> 'lost' AS is_further,
            CASE kind WHEN 'open' THEN -position ELSE -2147483647 END AS left_to_go
        FROM stages WHERE organization_id = :organization AND pipeline_id = :pipeline
            AND (deleted_at IS NULL OR kind = 'open')),
    stays AS NOT MATERIALIZED (
        SELECT m.deal_id, r.status, r.created_at, m.from_stage_id AS stage_id, m.entered_at,
            m.created_at AS left_at
        FROM deal_moves m JOIN rows r ON r.id = m.deal_id
        WHERE m.organization_id = :organization AND m.deleted_at IS NULL AND m.verb <> 'split'
        UNION ALL SELECT id, status, created_at, stage_id, stage_entered_at, NULL FROM rows),
    stood AS NOT MATERIALIZED (
        SELECT s.deal_id, p.left_to_go, s.stage_id, s.status, max(s.entered_at) AS last,
            min(s.entered_at) FILTER (WHERE p.is_open AND s.entered_at < :until) AS first
        FROM stays s LEFT JOIN places p ON p.id = s.stage_id
        WHERE coalesce(p.is_further, false) AND s.entered_at >= :since GROUP BY 1, 2, 3, 4),
    passing AS NOT MATERIALIZED (
        SELECT deal_id, stage_id, status, passed FROM (
            SELECT *, coalesce(first <= max(last) OVER (PARTITION BY deal_id ORDER BY left_to_go
                GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), false) AS passed
            FROM stood) AS each
        WHERE first IS NOT NULL),
    timed AS NOT MATERIALIZED (
        SELECT s.deal_id, s.stage_id, s.status, s.created_at,
            bool_or(s.entered_at < :until AND coalesce(s.left_at, :now) >= :since) AS within,
            s.status = 'open' AND bool_or(s.left_at IS NULL) AS is_there,
            bool_or(s.left_at IS NULL AND s.entered_at
                < CAST(:now AS timestamptz) - make_interval(days => p.rotting_days)) AS is_rotting,
            -- Whole microseconds, which add up to the same in any order.
            sum(greatest(round(date_part('epoch', coalesce(s.left_at, :now) - s.entered_at) * 1e6),
                0)) / 1e6 AS seconds
        FROM stays s LEFT JOIN places p ON p.id = s.stage_id
        WHERE coalesce(p.is_open, false) GROUP BY 1, 2, 3, 4)
"""
CONVERSION = f"""
    {_STAYS},
    counted AS MATERIALIZED (
        SELECT stage_id, count(*) AS entered, count(*) FILTER (WHERE passed) AS passed,
            count(*) FILTER (WHERE NOT passed AND status = 'lost') AS lost
        FROM passing GROUP BY 1)
    SELECT p.id, p.name, coalesce(c.entered, 0) AS entered, coalesce(c.passed, 0) AS passed,
        coalesce(c.lost, 0) AS lost
    FROM places p LEFT JOIN counted c ON c.stage_id = p.id
    WHERE p.kind = 'open' ORDER BY p.position, p.id
"""  # noqa: S608 - made of constants
# Arrays come of hashing; a percentile of groups would have every deal sorted by its stage first.
TIMES = f"""
    {_STAYS},
    taken AS MATERIALIZED (
        SELECT stage_id, array_agg(seconds) FILTER (WHERE within) AS timed,
            array_agg(seconds) FILTER (WHERE status = 'won') AS won,
            array_agg(seconds) FILTER (WHERE is_there) AS there,
            array_agg(date_part('epoch', CAST(:now AS timestamptz) - created_at))
                FILTER (WHERE is_there) AS ages,
            count(*) FILTER (WHERE is_there AND is_rotting) AS rotting
        FROM timed GROUP BY 1)
    SELECT p.id, p.name, coalesce(cardinality(t.timed), 0) AS timed, inside.times[1] AS median,
        inside.times[2] AS p90, won.p75 AS won_p75, coalesce(cardinality(t.there), 0) AS open_deals,
        old.age, (SELECT count(*) FROM unnest(t.there) AS s WHERE s > won.p75) AS stalled,
        coalesce(t.rotting, 0) AS rotting
    FROM places p LEFT JOIN taken t ON t.stage_id = p.id
    CROSS JOIN LATERAL (SELECT percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY s) AS times
        FROM unnest(t.timed) AS s) AS inside
    CROSS JOIN LATERAL (SELECT percentile_cont(0.75) WITHIN GROUP (ORDER BY s) AS p75
        FROM unnest(t.won) AS s) AS won
    CROSS JOIN LATERAL (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY s) AS age
        FROM unnest(t.ages) AS s) AS old
    WHERE p.kind = 'open' ORDER BY p.position, p.id
"""  # noqa: S608 - made of constants
# How far each deal came at any time; stages of won deals are beyond all others.
_FURTHEST = """
    SELECT s.deal_id, min(p.left_to_go) AS left_to_go
    FROM stays s LEFT JOIN places p ON p.id = s.stage_id
    WHERE coalesce(p.is_further, false) AND s.created_at >= :since AND s.created_at < :until
    GROUP BY 1
"""
FUNNEL = f"""
    {_STAYS},
    reached AS MATERIALIZED (
        SELECT left_to_go, count(*) AS deals FROM ({_FURTHEST}) AS each GROUP BY 1)
    SELECT p.id, p.name, coalesce(sum(f.deals), 0)::bigint AS reached
    FROM places p LEFT JOIN reached f ON f.left_to_go <= p.left_to_go
    WHERE p.is_further GROUP BY p.id, p.name, p.left_to_go, p.position
    ORDER BY p.left_to_go DESC, p.position, p.id
"""  # noqa: S608 - made of constants
_OF_STAGE = "SELECT deal_id FROM passing WHERE stage_id = :stage"
_OF_TIMED = "SELECT deal_id FROM timed WHERE stage_id = :stage"
_P75 = """
    SELECT percentile_cont(0.75) WITHIN GROUP (ORDER BY seconds) FROM timed
    WHERE stage_id = :stage AND status = 'won'
"""
_DEALS: Mapping[StagePart, str] = {
    "entered": _OF_STAGE,
    "passed": f"{_OF_STAGE} AND passed",
    "lost": f"{_OF_STAGE} AND NOT passed AND status = 'lost'",
    "undecided": f"{_OF_STAGE} AND NOT passed AND status <> 'lost'",
    "timed": f"{_OF_TIMED} AND within",
    "open_deals": f"{_OF_TIMED} AND is_there",
    "stalled": f"{_OF_TIMED} AND is_there AND seconds > ({_P75})",
    "rotting": f"{_OF_TIMED} AND is_there AND is_rotting",
    "reached": f"""SELECT f.deal_id FROM ({_FURTHEST}) AS f
        JOIN places p ON p.id = :stage AND f.left_to_go <= p.left_to_go""",  # noqa: S608 - made of constants
}
DEALS_OF: Mapping[StagePart, str] = {
    part: f"{_STAYS} {sql} ORDER BY deal_id LIMIT CAST(:most AS bigint)"
    for part, sql in _DEALS.items()
}
"""The deals that a figure of a stage is of."""
