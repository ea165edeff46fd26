"""What bundles would hold: the checks of the catalogue, of all planned components together."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.catalogue.compositions import DEEPEST_BUNDLES
from crm_api.domains.catalogue.repository import Products, ProductVariants
from crm_api.domains.prices.opting import out_of_range
from crm_api.domains.prices.planned import ProposedComponent
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid

# Of some products, of what is in them, and of what they are in, however deep.
_AROUND = """
    WITH RECURSIVE inside AS (
        SELECT unnest($2::uuid[]) AS id
        UNION SELECT c.component_id FROM bundle_components c JOIN inside ON c.product_id = inside.id
        WHERE c.organization_id = $1 AND c.deleted_at IS NULL),
    outside AS (
        SELECT unnest($2::uuid[]) AS id
        UNION SELECT c.product_id FROM bundle_components c JOIN outside ON c.component_id = outside.id
        WHERE c.organization_id = $1 AND c.deleted_at IS NULL)
    SELECT id, product_id, component_id, variant_id, is_optional, min_quantity, max_quantity
    FROM bundle_components WHERE organization_id = $1 AND deleted_at IS NULL
    AND (product_id IN (SELECT inside.id FROM inside)
        OR component_id IN (SELECT outside.id FROM outside))
"""
Edge = tuple[UUID, UUID, UUID | None]
"""A bundle, the product in it, and which variant."""
Edges = dict[UUID, set[UUID]]


async def optional_ones(tx: Tx, given: Sequence[ProposedComponent]) -> list[UUID]:
    """The optional components of the bundles that would change.

    Raises `Invalid` for what the catalogue would refuse.
    """
    if not given:
        return []
    ends = {id for one in given for id in (one.product_id, one.component_id)}
    found = await tx.fetch(_AROUND, tx.organization_id, list(ends))
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
    faults += _misplaced(given, rows)
    if faults:
        raise Invalid("The catalogue has no such components.", faults=faults)
    bundles = {one.product_id for one in given}
    return [
        row["id"] for row in rows.values() if row["is_optional"] and row["product_id"] in bundles
    ]


def _misplaced(given: Sequence[ProposedComponent], rows: Collection[Edge]) -> Iterable[Fault]:
    """Those by which a bundle would be in itself, or too deep in others, as all of it would be."""
    gone = {_edge(one) for one in given if not one.is_there}
    inside, outside = Edges(), Edges()
    for bundle, part, _ in [*(set(rows) - gone), *(_edge(one) for one in given if one.is_there)]:
        inside.setdefault(bundle, set()).add(part)
        outside.setdefault(part, set()).add(bundle)
    for place, one in enumerate(given):
        at = f"/components/{place}/component_id"
        if not one.is_there:
            continue
        if one.product_id in _reached(inside, one.component_id):
            yield Fault("bundle_cycle", "A bundle cannot be a part of itself.", at)
        # As the catalogue does, which asks this of new ones alone.
        elif _edge(one) not in rows:
            deep = 1 + _depth(inside, one.component_id) + _depth(outside, one.product_id)
            if deep > DEEPEST_BUNDLES:
                message = f"At most {DEEPEST_BUNDLES} bundles are in one another."
                yield Fault("bundle_too_deep", message, at)


def _reached(inside: Edges, start: UUID) -> set[UUID]:
    found, ends = {start}, [start]
    while ends:
        new = inside.get(ends.pop(), set()) - found
        found |= new
        ends += new
    return found


def _depth(edges: Edges, start: UUID) -> int:
    """How long the longest way from there is, not followed much further than may be."""
    depth, ends = -1, {start}
    while ends and depth <= DEEPEST_BUNDLES:
        ends = {id for end in ends for id in edges.get(end, ())}
        depth += 1
    return depth


def _edge(one: ProposedComponent) -> Edge:
    return one.product_id, one.component_id, one.variant_id


def _edge_of(row: Any) -> Edge:
    return row["product_id"], row["component_id"], row["variant_id"]
