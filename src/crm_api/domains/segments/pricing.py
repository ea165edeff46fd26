"""Which segments a customer belongs to now, for the prices that are theirs."""

from collections.abc import Collection
from uuid import UUID

from crm_api.kit.db.tx import Tx

_OF_RECORDS = """
    SELECT DISTINCT m.segment_id FROM segment_members m
    JOIN segments s ON s.organization_id = $1 AND s.id = m.segment_id AND s.is_active
        AND s.deleted_at IS NULL AND s.kind <> 'suppression'
    WHERE m.organization_id = $1 AND m.record_id = ANY($2) AND m.left_at IS NULL
"""


async def segments_for_prices(tx: Tx, ids: Collection[UUID]) -> list[str]:
    """The ids of the active segments that some records belong to, whoever asks."""
    rows = await tx.fetch(_OF_RECORDS, tx.organization_id, list(ids))
    return sorted(str(row["segment_id"]) for row in rows)
