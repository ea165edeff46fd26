"""What products, variants and units are called: for whatever has lines of them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from crm_api.kit.db.tx import Tx

_SOLD = """
    SELECT p.id, p.sku, p.name, p.names, p.type, p.status, p.description, p.descriptions, p.unit_id
    FROM products p WHERE p.organization_id = $1 AND p.deleted_at IS NULL AND (p.id = ANY($2)
        OR p.id IN (SELECT product_id FROM product_variants
            WHERE organization_id = $1 AND id = ANY($3)))
"""
_VARIANTS = """
    SELECT id, product_id, sku, name, names, status FROM product_variants
    WHERE organization_id = $1 AND id = ANY($2) AND deleted_at IS NULL
"""
_UNITS = """
    SELECT id, name, symbol FROM units WHERE organization_id = $1 AND id = ANY($2)
"""


async def sold(
    tx: Tx, products: Sequence[UUID], variants: Sequence[UUID], units: Sequence[UUID]
) -> dict[str, dict[UUID, Any]]:
    """By `products`, `variants` and `units` what these are called, by their ids.

    The products of variants are among them; what is in the bin is not.
    """
    own = tx.organization_id
    rows = await tx.fetch(_SOLD, own, list(products), list(variants))
    found: dict[str, dict[UUID, Any]] = {"products": {row["id"]: row for row in rows}}
    of_products = [row["unit_id"] for row in rows if row["unit_id"] is not None]
    forms = await tx.fetch(_VARIANTS, own, list(variants)) if variants else []
    measures = [*units, *of_products]
    named = await tx.fetch(_UNITS, own, measures) if measures else []
    found["variants"] = {row["id"]: row for row in forms}
    found["units"] = {row["id"]: row for row in named}
    return found
