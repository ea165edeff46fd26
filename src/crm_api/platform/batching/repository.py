"""What an organization allows."""

from crm_api.kit.db.tx import Tx


async def limit_of(tx: Tx) -> int:
    """How many records one change by filter may touch."""
    rows = await tx.fetch("SELECT bulk_limit FROM organizations WHERE id = $1", tx.organization_id)
    return rows[0]["bulk_limit"]
