"""How far the queue is behind, lane by lane; of one organization and of all."""

from collections.abc import Mapping
from typing import Any, get_args

from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx
from crm_api.kit.messages import Lane
from crm_api.kit.meters import Values
from crm_api.kit.standing import MOST, age_s

LANES: list[str] = list(get_args(Lane))
MOST_OF_ALL = 100_000
# Of what waits never more is read than is counted, of what runs as much as the workers have slots:
# the orders are those of the indexes, so that nobody thinks of reading the table instead.
_OWN = """
    SELECT l.lane,
        (SELECT count(*) FROM (SELECT FROM jobs j WHERE j.organization_id = $1
            AND j.lane = l.lane AND j.status = 'queued'
            ORDER BY j.run_at LIMIT $3) q) AS queued,
        (SELECT count(*) FROM jobs j WHERE j.organization_id = $1
            AND j.lane = l.lane AND j.status = 'running') AS running,
        (SELECT j.run_at FROM jobs j WHERE j.organization_id = $1
            AND j.lane = l.lane AND j.status = 'queued' AND j.run_at <= now()
            ORDER BY j.run_at LIMIT 1) AS oldest_due_at,
        (SELECT count(*) FROM (SELECT FROM jobs j WHERE j.organization_id = $1
            AND j.status = 'failed' ORDER BY j.finished_at LIMIT $3) f) AS failed,
        crm_worker_seen() AS worker_seen_at, now() AS at
    FROM unnest($2::text[]) AS l (lane)
"""
# From organization to organization, as the queue itself looks for whose turn it is.
_ALL = """
    WITH RECURSIVE waiting (lane, organization_id) AS (
        SELECT l.lane, (SELECT j.organization_id FROM jobs j
            WHERE j.status = 'queued' AND j.lane = l.lane ORDER BY j.organization_id LIMIT 1)
        FROM unnest($1::text[]) AS l (lane)
        UNION ALL
        SELECT w.lane, (SELECT j.organization_id FROM jobs j
            WHERE j.status = 'queued' AND j.lane = w.lane
                AND j.organization_id > w.organization_id ORDER BY j.organization_id LIMIT 1)
        FROM waiting w WHERE w.organization_id IS NOT NULL),
    firsts AS (
        SELECT w.lane, (SELECT j.run_at FROM jobs j WHERE j.organization_id = w.organization_id
            AND j.lane = w.lane AND j.status = 'queued' AND j.run_at <= now()
            ORDER BY j.run_at LIMIT 1) AS run_at
        FROM waiting w)
    SELECT l.lane,
        (SELECT count(*) FROM (SELECT FROM jobs j
            WHERE j.lane = l.lane AND j.status = 'queued'
            ORDER BY j.organization_id, j.run_at LIMIT $2) q) AS queued,
        (SELECT count(*) FROM jobs j WHERE j.lane = l.lane AND j.status = 'running') AS running,
        coalesce(extract(epoch FROM now() - (SELECT min(run_at) FROM firsts f
            WHERE f.lane = l.lane))::float8, 0) AS lag_s
    FROM unnest($1::text[]) AS l (lane)
"""


async def jobs_standing(tx: Tx) -> dict[str, Any]:
    """How the jobs of an organization fare."""
    rows = await tx.fetch(_OWN, tx.organization_id, LANES, MOST)
    lanes = [
        {
            "lane": row["lane"],
            "queued": row["queued"],
            "running": row["running"],
            "oldest_due_at": row["oldest_due_at"],
            "lag_s": age_s(row["oldest_due_at"], row["at"]),
        }
        for row in rows
    ]
    return {
        "lanes": lanes,
        "failed": rows[0]["failed"],
        "worker_seen_at": rows[0]["worker_seen_at"],
    }


async def measured_jobs(shared: Database) -> Mapping[str, Values]:
    """Where the gauges of all jobs stand; needs the worker's role."""
    rows = await shared.ask(_ALL, LANES, MOST_OF_ALL)
    states = ("queued", "running")
    return {
        "depth": [
            (row[state], {"lane": row["lane"], "state": state}) for row in rows for state in states
        ],
        "lag": [(row["lag_s"], {"lane": row["lane"]}) for row in rows],
    }
