"""Who is in a suppression, and so is to be reached by nobody."""

from collections.abc import Collection
from uuid import UUID

from crm_api.kit.db.tx import Tx

_ACTIVE = """
    SELECT id FROM segments WHERE organization_id = $1 AND kind = 'suppression' AND is_active
        AND deleted_at IS NULL
"""
# Whoever was merged into somebody counts as long as the members have not been looked at since.
_SUPPRESSED = f"""
    WITH RECURSIVE suppression AS MATERIALIZED ({_ACTIVE}),
    whole (id, record) AS (
        SELECT one, one FROM unnest($2::uuid[]) AS one
        UNION SELECT r.record_id, w.record FROM whole w JOIN record_redirects r
        ON r.organization_id = $1 AND r.target_id = w.id)
    SELECT DISTINCT w.record FROM whole w
    JOIN segment_members m ON m.organization_id = $1 AND m.record_id = w.id AND m.left_at IS NULL
        AND m.segment_id IN (SELECT id FROM suppression)
    WHERE EXISTS (SELECT FROM suppression)
"""  # noqa: S608
ALL_SUPPRESSED = f"""
    WITH RECURSIVE barred (id) AS (
        SELECT m.record_id FROM segment_members m WHERE m.organization_id = $1
            AND m.left_at IS NULL AND m.segment_id = ANY(ARRAY({_ACTIVE}))
        UNION SELECT r.target_id FROM barred b JOIN record_redirects r
        ON r.organization_id = $1 AND r.record_id = b.id)
    SELECT id FROM barred
"""  # noqa: S608
"""The SQL of all of them: contacts and companies, each once, and whom they were merged into."""
_COMPANIES = """
    SELECT id, company_id FROM contacts
    WHERE organization_id = $1 AND id = ANY($2) AND company_id IS NOT NULL
"""


async def suppressed(tx: Tx, ids: Collection[UUID]) -> set[UUID]:
    """Those of some contacts and companies that are in an active suppression now, whoever asks."""
    rows = await tx.fetch(_SUPPRESSED, tx.organization_id, list(ids)) if ids else []
    return {row["record"] for row in rows}


async def suppressed_or_theirs(tx: Tx, ids: Collection[UUID]) -> set[UUID]:
    """Those of some contacts and companies that are suppressed, by themselves or by their company."""
    rows = await tx.fetch(_COMPANIES, tx.organization_id, list(ids)) if ids else []
    company_of = {row["id"]: row["company_id"] for row in rows}
    barred = await suppressed(tx, {*ids, *company_of.values()})
    return {id for id in ids if id in barred or company_of.get(id) in barred}
