"""What resources are busy with elsewhere: the spans that calendar files have told."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from crm_api.kit.db.tx import Tx

Span = tuple[datetime, datetime]
_BETWEEN = """
    SELECT resource_id, starts_at, ends_at FROM busy_spans
    WHERE organization_id = $1 AND resource_id = ANY($2) AND ends_at > $3 AND starts_at < $4
    ORDER BY resource_id, starts_at
"""


async def busy_between(
    tx: Tx, ids: Sequence[UUID], start: datetime, end: datetime
) -> dict[UUID, list[Span]]:
    """When resources are busy elsewhere in a window, in order, whoever asks; not cut to it."""
    found: dict[UUID, list[Span]] = {}
    for row in await tx.fetch(_BETWEEN, tx.organization_id, list(ids), start, end):
        found.setdefault(row["resource_id"], []).append((row["starts_at"], row["ends_at"]))
    return found
