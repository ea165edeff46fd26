"""What bundles would hold: the checks of the catalogue, of all planned components together."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.catalogue.repository import Products, ProductVariants
from crm_api.domains.prices.opting import out_of_range
from crm_api.domains.prices.planned import ProposedComponent
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid

# Of some products and of what is in them, however deep.
_INSIDE = """
    WITH RECURSIVE inside AS (
        SELECT unnest($2::uuid[]) AS id
        UNION SELECT c.component_id FROM bundle_components c JOIN inside ON c.product_id = inside.id
        WHERE c.organization_id = $1 AND c.deleted_at IS NULL)
    SELECT id, product_id, component_id, variant_id, is_optional, min_quantity, max_quantity
    FROM bundle_components WHERE organization_id = $1 AND deleted_at IS NULL
    AND product_id IN (SELECT inside.id FROM inside)
"""
Edge = tuple[UUID, UUID, UUID | None]
"""A bundle, the product in it, and which variant."""


async def optional_ones(tx: Tx, given: Sequence[ProposedComponent]) -> list[UUID]:
    """The optional components of the bundles that would change.

    Raises `Invalid` for what the catalogue would refuse.
    """
    if not given:
        return []
    ends = {id for one in given for id in (one.product_id, one.component_id)}
    found = await tx.fetch(_INSIDE, tx.organization_id, list(ends))
    rows = {_edge_of(row): row for row in found}
    products = {one.id: one for one in await Products(tx).some([one.product_id for one in given])}
    named = [one.variant_id for one in given if one.variant_id is not None]
    owners = {one.id: one.product_id for one in await ProductVariants(tx).some(named)}
    faults, seen = list[Fault](), set[Edge]()
    for place, one in enumerate(given):
        at, bundle = f"/components/{place}", products.get(one.product_id)
        if bundle is None or bundle.type != "bundle":
            faults.append(Fault("not_a_bundle", "The product is no bundle.", f"{at}/product_id"))
        if one.variant_id is not None and owners.get(one.variant_id) != one.component_id:
            message = "The component has no such variant."
            faults.append(Fault("unknown_reference", message, f"{at}/variant_id"))
        if _edge(one) in seen:
            message = "Another one is of the same component."
            faults.append(Fault("repeated", message, f"{at}/component_id"))
        seen.add(_edge(one))
        row = rows.get(_edge(one))
        if row is not None and one.quantity is not None and one.is_there:
            faults += out_of_range(one.quantity, row, f"{at}/quantity")
    faults += _circles(given, rows)
    if faults:
        raise Invalid("The catalogue has no such components.", faults=faults)
    bundles = {one.product_id for one in given}
    return [
        row["id"] for row in rows.values() if row["is_optional"] and row["product_id"] in bundles
    ]


def _circles(given: Sequence[ProposedComponent], rows: Iterable[Edge]) -> Iterable[Fault]:
    """Those by which a bundle would be a part of itself, as all of it would be."""
    gone = {_edge(one) for one in given if not one.is_there}
    inside: dict[UUID, set[UUID]] = {}
    for bundle, part, _ in [*(set(rows) - gone), *(_edge(one) for one in given if one.is_there)]:
        inside.setdefault(bundle, set()).add(part)
    for place, one in enumerate(given):
        if one.is_there and one.product_id in _reached(inside, one.component_id):
            message = "A bundle cannot be a part of itself."
            yield Fault("bundle_cycle", message, f"/components/{place}/component_id")


def _reached(inside: dict[UUID, set[UUID]], start: UUID) -> set[UUID]:
    found, ends = {start}, [start]
    while ends:
        new = inside.get(ends.pop(), set()) - found
        found |= new
        ends += new
    return found


def _edge(one: ProposedComponent) -> Edge:
    return one.product_id, one.component_id, one.variant_id


def _edge_of(row: Any) -> Edge:
    return row["product_id"], row["component_id"], row["variant_id"]
