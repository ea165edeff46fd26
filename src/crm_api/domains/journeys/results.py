"""How a journey fares: whoever entered, node by node."""

from typing import Any
from uuid import UUID

from crm_api.domains.journeys.service import JourneyService
from crm_api.kit.db.tx import Tx

_RUNS = """
    SELECT status, count(*)::int AS number FROM journey_runs
    WHERE organization_id = $1 AND journey_id = $2 AND deleted_at IS NULL GROUP BY status
"""
# Somebody who comes to a node twice came there once.
_NODES = """
    SELECT s.version, s.node, min(s.type) AS type, count(DISTINCT s.run_id)::int AS entered,
        count(DISTINCT s.run_id) FILTER (WHERE s.outcome = 'skipped')::int AS skipped,
        count(DISTINCT s.run_id) FILTER (WHERE s.outcome = 'failed')::int AS failed,
        count(DISTINCT s.run_id) FILTER (WHERE r.status = 'succeeded')::int AS succeeded,
        count(DISTINCT s.run_id) FILTER (WHERE r.ended_at IS NULL AND r.node = s.node
            AND r.journey_version = s.version)::int AS here
    FROM journey_steps s
    LEFT JOIN journey_runs r ON r.organization_id = $1 AND r.id = s.run_id
    WHERE s.organization_id = $1 AND s.journey_id = $2
    GROUP BY s.version, s.node ORDER BY s.version DESC, min(s.round), s.node
"""
_STATES = ("active", "paused", "succeeded", "finished", "exited", "failed")


async def results(tx: Tx, id: UUID) -> dict[str, Any]:
    """All runs of a journey that is seen, and how many came through each node."""
    await JourneyService(tx).get(id)
    rows = await tx.fetch(_RUNS, tx.organization_id, id)
    counted = dict.fromkeys(_STATES, 0) | {row["status"]: row["number"] for row in rows}
    nodes = await tx.fetch(_NODES, tx.organization_id, id)
    entered = sum(counted.values())
    through = entered - counted["active"] - counted["paused"]
    return {
        "entered": entered,
        **counted,
        "conversion": _share(counted["succeeded"], through),
        "nodes": [{**row, "conversion": _share(row["succeeded"], row["entered"])} for row in nodes],
    }


def _share(part: int, whole: int) -> str | None:
    return f"{part / whole:.4f}" if whole else None
