"""How far endpoints are behind the feed, and how often they are reached."""

from collections.abc import Iterable, Mapping
from typing import Any

from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx
from crm_api.kit.meters import Values
from crm_api.kit.standing import MOST, age_s
from crm_api.platform.webhooks.tallies import percentile

MOST_MEASURED = 100
"""Of so many endpoints the metrics tell: more would be too many labels."""
# The first event after the place of each endpoint, also one that the feed still holds back.
_BEHIND = """
    FROM webhooks w JOIN webhook_states s
        ON s.organization_id = w.organization_id AND s.webhook_id = w.id
    CROSS JOIN LATERAL (SELECT e.occurred_at FROM events e
        WHERE e.organization_id = s.organization_id AND (e.tx, e.seq) > (s.tx, s.seq)
        ORDER BY e.tx, e.seq LIMIT 1) first
    WHERE w.status = 'enabled' AND w.deleted_at IS NULL
"""
_RELAY = (
    f"SELECT min(first.occurred_at) AS oldest_at, now() AS at {_BEHIND} AND w.organization_id = $1"
)
_LAG = f"SELECT coalesce(extract(epoch FROM now() - min(first.occurred_at))::float8, 0) AS lag_s {_BEHIND}"  # noqa: S608
_ENDPOINTS = """
    SELECT w.id, w.status, s.failing_since, s.last_success_at,
        (SELECT count(*) FROM (SELECT FROM webhook_deliveries d WHERE d.organization_id = $1
            AND d.webhook_id = w.id AND d.status = 'pending'
            ORDER BY d.run_at LIMIT $2) p) AS waiting,
        (SELECT count(*) FROM webhook_deliveries d WHERE d.organization_id = $1
            AND d.webhook_id = w.id AND d.status = 'sending') AS sending,
        (SELECT d.run_at FROM webhook_deliveries d WHERE d.organization_id = $1
            AND d.webhook_id = w.id AND d.status = 'pending' AND d.run_at <= now()
            ORDER BY d.run_at LIMIT 1) AS oldest_due_at, now() AS at
    FROM webhooks w JOIN webhook_states s ON s.organization_id = $1 AND s.webhook_id = w.id
    WHERE w.organization_id = $1 AND w.deleted_at IS NULL ORDER BY w.id
"""
_TALLIES = """
    SELECT webhook_id, latency_class, at > now() - interval '1 hour' AS is_recent,
        sum(succeeded)::bigint AS succeeded, sum(failed)::bigint AS failed
    FROM webhook_tallies WHERE organization_id = $1 AND at > now() - interval '24 hours'
    GROUP BY 1, 2, 3
"""
_RECENT = """
    SELECT webhook_id, sum(succeeded)::bigint AS succeeded, sum(failed)::bigint AS failed
    FROM webhook_tallies WHERE at > now() - interval '1 hour'
    GROUP BY organization_id, webhook_id ORDER BY failed DESC, succeeded DESC LIMIT $1
"""


async def webhooks_standing(tx: Tx) -> dict[str, Any]:
    """How the endpoints of an organization fare."""
    relay = (await tx.fetch(_RELAY, tx.organization_id))[0]
    endpoints = await tx.fetch(_ENDPOINTS, tx.organization_id, MOST)
    tallies = await tx.fetch(_TALLIES, tx.organization_id) if endpoints else []
    return {
        "oldest_event_at": relay["oldest_at"],
        "lag_s": age_s(relay["oldest_at"], relay["at"]),
        "endpoints": [_shown(row, tallies) for row in endpoints],
    }


def _shown(row: Any, tallies: Iterable[Any]) -> dict[str, Any]:
    own = [tally for tally in tallies if tally["webhook_id"] == row["id"]]
    return {
        "webhook_id": row["id"],
        "status": row["status"],
        "waiting": row["waiting"],
        "sending": row["sending"],
        "oldest_due_at": row["oldest_due_at"],
        "lag_s": age_s(row["oldest_due_at"], row["at"]),
        "failing_since": row["failing_since"],
        "last_success_at": row["last_success_at"],
        "last_hour": _summed([tally for tally in own if tally["is_recent"]]),
        "last_day": _summed(own),
    }


def _summed(tallies: Iterable[Any]) -> dict[str, Any]:
    succeeded = failed = 0
    classes: dict[int, int] = {}
    for tally in tallies:
        succeeded, failed = succeeded + tally["succeeded"], failed + tally["failed"]
        number = tally["latency_class"]
        classes[number] = classes.get(number, 0) + tally["succeeded"] + tally["failed"]
    attempts = succeeded + failed
    return {
        "attempts": attempts,
        "succeeded": succeeded,
        "failed": failed,
        "success_share": round(succeeded / attempts, 4) if attempts else None,
        "latency_p50_ms": percentile(classes, 0.5),
        "latency_p95_ms": percentile(classes, 0.95),
    }


async def measured_webhooks(shared: Database) -> Mapping[str, Values]:
    """Where the gauges of all endpoints stand; needs the worker's role."""
    lag_s = (await shared.ask(_LAG))[0]["lag_s"]
    rows = await shared.ask(_RECENT, MOST_MEASURED)
    return {
        "lag": [(max(lag_s, 0.0), {})],
        "recent": [
            (row[outcome], {"webhook": str(row["webhook_id"]), "outcome": outcome})
            for row in rows
            for outcome in ("succeeded", "failed")
        ],
    }
