"""Who is in a suppression, and so is to be reached by nobody."""

from collections.abc import Collection
from uuid import UUID

from crm_api.kit.db.tx import Tx

# Whoever was merged into somebody counts as long as the members have not been looked at since.
_SUPPRESSED = """
    WITH RECURSIVE suppression AS MATERIALIZED (
        SELECT id FROM segments WHERE organization_id = $1 AND kind = 'suppression' AND is_active
            AND deleted_at IS NULL),
    whole (id, record) AS (
        SELECT one, one FROM unnest($2::uuid[]) AS one
        UNION SELECT r.record_id, w.record FROM whole w JOIN record_redirects r
        ON r.organization_id = $1 AND r.target_id = w.id)
    SELECT DISTINCT w.record FROM whole w
    JOIN segment_members m ON m.organization_id = $1 AND m.record_id = w.id AND m.left_at IS NULL
        AND m.segment_id IN (SELECT id FROM suppression)
    WHERE EXISTS (SELECT FROM suppression)
"""


async def suppressed(tx: Tx, ids: Collection[UUID]) -> set[UUID]:
    """Those of some contacts and companies that are in an active suppression now, whoever asks."""
    rows = await tx.fetch(_SUPPRESSED, tx.organization_id, list(ids)) if ids else []
    return {row["record"] for row in rows}
