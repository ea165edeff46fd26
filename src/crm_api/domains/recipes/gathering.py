"""Reads what can be offered: products, what they have to do with each other, and their prices."""

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_api.domains.catalogue.repository import LISTING as PRODUCTS
from crm_api.domains.catalogue.sold import TOO_FINE
from crm_api.domains.prices.asking import PriceLineInput, PriceQuestion
from crm_api.domains.prices.belonging import segments_of
from crm_api.domains.prices.items import Priced
from crm_api.domains.prices.resolving import PriceService
from crm_api.domains.recipes.asking import ProposalRequest
from crm_api.domains.recipes.goods import Good, Goods, Key, Relation, Variant
from crm_api.domains.recipes.writing import Customer
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.pricing.rounding import ONE
from crm_api.kit.query.visibility import among, sight_of

_MOST_FOUND = 50
"""So many products are looked at for each need, and for each category."""
_MOST_PRICED = 500
_DEEPEST = 20
"""So many steps are gone from a product to what that requires."""
# What is in the bin is gone, and what is in no category is in none above it.
_SEEDS = """
    WITH RECURSIVE below AS (
        SELECT id AS root, id FROM product_categories WHERE organization_id = $1 AND id = ANY($4)
            AND deleted_at IS NULL
        UNION SELECT below.root, c.id FROM product_categories c JOIN below ON c.parent_id = below.id
        WHERE c.organization_id = $1 AND c.deleted_at IS NULL),
    found AS (
        SELECT f.id FROM unnest($3::text[]) AS need CROSS JOIN LATERAL (
            SELECT id FROM products WHERE organization_id = $1 AND deleted_at IS NULL
            AND status = 'active' AND needs ? need ORDER BY id LIMIT $5) f
        UNION SELECT f.id FROM unnest($4::uuid[]) AS wanted (root) CROSS JOIN LATERAL (
            SELECT p.id FROM products p WHERE p.organization_id = $1 AND p.deleted_at IS NULL
            AND p.status = 'active'
            AND p.category_id IN (SELECT b.id FROM below b WHERE b.root = wanted.root)
            ORDER BY p.id LIMIT $5) f)
    SELECT
        (SELECT json_agg(id) FROM found) AS found,
        (SELECT json_agg(v) FROM (SELECT id, product_id, status FROM product_variants
            WHERE organization_id = $1 AND id = ANY($2) AND deleted_at IS NULL) v) AS variants
"""
_AROUND = """
    WITH RECURSIVE own AS (
        SELECT id, name, status, needs, category_id, successor_id FROM products
        WHERE organization_id = $1 AND id = ANY($2) AND deleted_at IS NULL),
    above AS (
        SELECT id AS product_id, category_id AS id FROM own WHERE category_id IS NOT NULL
        UNION SELECT above.product_id, c.parent_id FROM product_categories c
        JOIN above ON c.id = above.id
        WHERE c.organization_id = $1 AND c.parent_id IS NOT NULL)
    SELECT
        (SELECT json_agg(o) FROM own o) AS products,
        (SELECT json_agg(a) FROM above a) AS categories,
        (SELECT json_agg(r) FROM (
            SELECT id, product_id, related_id, kind, reason FROM product_relations
            WHERE organization_id = $1 AND deleted_at IS NULL
            AND (product_id = ANY($2) OR related_id = ANY($2)) ORDER BY position, id) r) AS relations,
        (SELECT json_agg(c) FROM (
            SELECT product_id, component_id FROM bundle_components
            WHERE organization_id = $1 AND product_id = ANY($2) AND deleted_at IS NULL
            AND NOT is_optional) c) AS components
"""
_NEAR = frozenset({"cross_sell", "up_sell", "substitute"})
Row = dict[str, Any]


class Gathering:
    """What comes into question for one customer."""

    def __init__(self, tx: Tx, asked: ProposalRequest, customer: Customer) -> None:
        self._tx, self._asked, self._customer = tx, asked, customer
        self._segments: list[str] = []
        self.goods = Goods()
        self._relations: dict[UUID, Relation] = {}
        self._rows: dict[UUID, Row] = {}
        self._components: dict[UUID, set[UUID]] = {}
        self._looked_at: set[UUID] = set()
        self._categories: dict[UUID, set[UUID]] = {}

    async def seeds(
        self, variants: Collection[UUID], needs: Collection[str], categories: Collection[UUID]
    ) -> set[UUID]:
        """The products of variants, and those that are good for needs or in categories."""
        [row] = await self._tx.fetch(
            _SEEDS,
            self._tx.organization_id,
            sorted(variants),
            sorted(needs),
            sorted(categories),
            _MOST_FOUND,
        )
        for one in row["variants"] or ():
            id, product = UUID(one["id"]), UUID(one["product_id"])
            self.goods.variants[id] = Variant(id, product, one["status"] == "active")
        found = {UUID(id) for id in row["found"] or ()}
        return found | {variant.product_id for variant in self.goods.variants.values()}

    async def add(self, ids: Iterable[UUID]) -> None:
        """These products with all that they require, and what they would be sold with."""
        ends = set(ids)
        for step in range(_DEEPEST):
            ends -= self._looked_at
            if not ends:
                break
            ends = await self._look(ends, is_near=step < 2)
        await self._know()

    async def _look(self, ends: set[UUID], *, is_near: bool) -> set[UUID]:
        self._looked_at |= ends
        tells = "reason" not in self._tx.actor.hidden("product_relation")
        [row] = await self._tx.fetch(_AROUND, self._tx.organization_id, sorted(ends))
        self._rows |= {UUID(one["id"]): one for one in row["products"] or ()}
        for one in row["categories"] or ():
            self._categories.setdefault(UUID(one["product_id"]), set()).add(UUID(one["id"]))
        further = set[UUID]()
        for one in row["components"] or ():
            bundle, inner = UUID(one["product_id"]), UUID(one["component_id"])
            self._components.setdefault(bundle, set()).add(inner)
            further.add(inner)
        for one in row["relations"] or ():
            reason = one["reason"] if tells else None
            relation = Relation(
                UUID(one["product_id"]), UUID(one["related_id"]), one["kind"], reason
            )
            self._relations[UUID(one["id"])] = relation
            begins = relation.product_id in ends
            if relation.kind == "requires" and begins:
                further.add(relation.related_id)
            # What is sold instead may itself be sold with others; further it does not go.
            if is_near and relation.kind in _NEAR:
                if begins:
                    further.add(relation.related_id)
                elif relation.kind == "substitute":
                    further.add(relation.product_id)
        if is_near:
            successors = (self._rows[id]["successor_id"] for id in ends if id in self._rows)
            further |= {UUID(id) for id in successors if id is not None}
        return further

    async def _know(self) -> None:
        """Turn what was read into goods, without what is not seen."""
        seen = await among(
            self._tx, PRODUCTS, sight_of(self._tx.actor, PRODUCTS), sorted(self._rows)
        )
        goods = self.goods
        goods.products = {id: self._good(id) for id in sorted(seen)}
        goods.components = {id: frozenset(inner) for id, inner in self._components.items()}
        # Ids grow with time, so relations of equal positions are in the order of their making.
        goods.relations = list(self._relations.values())
        for name in ("requires", "excludes", "substitutes", "outward"):
            goods.__dict__.pop(name, None)

    def _good(self, id: UUID) -> Good:
        row = self._rows[id]
        needs = decode(row["needs"]) if isinstance(row["needs"], str) else row["needs"]
        successor = row["successor_id"]
        return Good(
            id,
            row["name"],
            row["status"] == "active",
            frozenset(needs),
            frozenset(self._categories.get(id, ())),
            None if successor is None else UUID(successor),
        )

    async def price(self, quantities: dict[Key, Decimal], by_units: Collection[Key] = ()) -> None:
        """What everything costs for this customer, by one of it or by what is wished for.

        Of what is wished for by another unit it shows later whether it has a price by that.
        """
        goods = self.goods
        self._segments = await segments_of(self._tx, self._customer.contact_id)
        keys: list[Key] = [
            *quantities,
            *((v.product_id, v.id) for v in goods.variants.values()),
            *((id, None) for id in goods.products),
        ]
        sold = [key for key in dict.fromkeys(keys) if goods.problem(key) is None]
        for start in range(0, len(sold), _MOST_PRICED):
            await self._price(sold[start : start + _MOST_PRICED], quantities)
        for key in set(sold).intersection(by_units):
            goods.failed.pop(key, None)

    async def _price(self, keys: Sequence[Key], quantities: dict[Key, Decimal]) -> None:
        found = await PriceService(self._tx).find(self._question(keys, quantities))
        if not found.knows_list:
            message = "The list is not there, or not for this customer, day and currency."
            raise Invalid.at("/price_list_id", "list_not_asked", message)
        for key, one in zip(keys, found.lines, strict=True):
            if isinstance(one, Priced):
                self.goods.prices[key] = one.line.unit_price
            else:
                self.goods.failed[key] = code_of(one.faults[0].code), one.detail

    def _question(self, keys: Sequence[Key], quantities: dict[Key, Decimal]) -> PriceQuestion:
        asked = self._asked
        # What stands in it was validated as a part of the request.
        return PriceQuestion.model_construct(
            lines=[
                PriceLineInput.model_construct(
                    product_id=product,
                    variant_id=variant,
                    quantity=quantities.get((product, variant), ONE),
                    unit_id=None,
                    discount_percent=None,
                )
                for product, variant in keys
            ],
            currency=asked.currency,
            company_id=self._customer.company_id,
            date=asked.priced_on,
            segments=[*asked.segments, *self._segments],
            channel=asked.channel,
            region=asked.region,
            country=asked.country,
            coupon_codes=[],
            price_list_id=asked.price_list_id,
        )


def code_of(code: str) -> str:
    """Why there is no price: a rate of exchange is missing, nothing says what it costs, or such a
    quantity of it is not sold.
    """
    if code == TOO_FINE:
        return code
    return "no_price" if code in {"no_price", "unknown_reference"} else "no_rate"
