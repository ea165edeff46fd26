"""How far the feed is behind what was committed."""

from typing import Any

from crm_api.kit.db.tx import Tx
from crm_api.kit.standing import age_s

# An event is in the feed once every transaction that began before its own is over.
_HELD = """
    SELECT now() AS at, (SELECT e.occurred_at FROM events e
        WHERE e.organization_id = $1 AND e.tx >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
        ORDER BY e.tx, e.seq LIMIT 1) AS oldest_at
"""


async def feed_standing(tx: Tx) -> dict[str, Any]:
    """How the feed of an organization fares."""
    row = (await tx.fetch(_HELD, tx.organization_id))[0]
    return {"oldest_held_at": row["oldest_at"], "lag_s": age_s(row["oldest_at"], row["at"])}
