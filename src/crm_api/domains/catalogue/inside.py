"""What bundles hold in any case, however deep they are in one another."""

from collections.abc import Collection
from uuid import UUID

from crm_api.kit.db.tx import Tx

_INSIDE = """
    WITH RECURSIVE inside AS (
        SELECT unnest($2::uuid[]) AS id
        UNION SELECT c.component_id FROM bundle_components c JOIN inside ON c.product_id = inside.id
        WHERE c.organization_id = $1 AND c.deleted_at IS NULL AND NOT c.is_optional
            AND c.quantity > 0)
    SELECT p.id FROM products p JOIN inside ON p.id = inside.id
    WHERE p.organization_id = $1 AND p.deleted_at IS NULL
"""


async def held_in(tx: Tx, products: Collection[UUID]) -> set[UUID]:
    """The living products in the bundles among some products, without these, whoever asks."""
    if not products:
        return set()
    rows = await tx.fetch(_INSIDE, tx.organization_id, list(products))
    return {row["id"] for row in rows} - set(products)
