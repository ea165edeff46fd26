"""What products, variants and units are called: for whatever has lines of them."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid

# One list of ids: behind an OR of two the index of products is not asked.
_SOLD = """
    SELECT p.id, p.sku, p.name, p.names, p.type, p.status, p.description, p.descriptions, p.unit_id
    FROM products p WHERE p.organization_id = $1 AND p.deleted_at IS NULL AND p.id = ANY(ARRAY(
        SELECT unnest($2::uuid[]) UNION SELECT product_id FROM product_variants
            WHERE organization_id = $1 AND id = ANY($3::uuid[])))
"""
_VARIANTS = """
    SELECT id, product_id, sku, name, names, status FROM product_variants
    WHERE organization_id = $1 AND id = ANY($2) AND deleted_at IS NULL
"""
_UNITS = """
    SELECT id, name, symbol, decimals FROM units WHERE organization_id = $1 AND id = ANY($2)
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


TOO_FINE = "too_many_decimals"


def is_countable(quantity: Decimal, decimals: int) -> bool:
    """Whether there can be so much of a unit of so many decimals."""
    return quantity == round(quantity, decimals)


def too_many_decimals(pointer: str, decimals: int) -> Invalid:
    """The error for a quantity that its unit does not have."""
    words = "no decimals" if decimals == 0 else f"at most {decimals} decimals"
    return Invalid.at(pointer, TOO_FINE, f"A quantity of this unit has {words}.")
