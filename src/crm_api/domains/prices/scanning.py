"""The search of a whole list for prices that look wrong, some things at a time."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_api.domains.catalogue.repository import LISTING as PRODUCTS
from crm_api.domains.prices.checking import (
    FEWEST,
    REASONS,
    Finding,
    Known,
    Spread,
    Thing,
    finding,
    findings,
)
from crm_api.domains.prices.items import Item
from crm_api.domains.prices.lacking import in_doubt, unpriced
from crm_api.domains.prices.models import PriceList
from crm_api.domains.prices.repository import PriceLists
from crm_api.domains.prices.resolving import PriceService
from crm_api.kit.calendar import today_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict
from crm_api.kit.pricing.rounding import ONE
from crm_api.kit.query.visibility import among, sight_of

MOST_FOUND = 1_000
"""So many findings are told one by one; the others are counted."""
STRETCH = 500
_DUE = "deleted_at IS NULL AND (valid_to IS NULL OR valid_to >= $3)"
_TARGETS = f"""
    SELECT DISTINCT target_id FROM price_rules
    WHERE organization_id = $1 AND price_list_id = $2 AND {_DUE} ORDER BY target_id
"""  # noqa: S608
_THINGS = f"""
    WITH sold AS (
        SELECT id, product_id, list_price, list_price_delta, cost, cost_delta, deleted_at
        FROM product_variants WHERE organization_id = $1 AND id = ANY($4))
    SELECT
        (SELECT json_agg(r) FROM (
            SELECT id, target_id, min_quantity, method, unit_price, percent, base, formula,
                surcharge, round_to, direction, ending, floor, ceiling, min_margin, max_margin,
                tier_mode, tiers, valid_from, valid_to
            FROM price_rules WHERE organization_id = $1 AND price_list_id = $2
                AND target_id = ANY($4) AND {_DUE} ORDER BY target_id, min_quantity, id) r) AS rules,
        (SELECT json_agg(v) FROM sold v) AS variants,
        (SELECT json_agg(p) FROM (
            SELECT id, type, currency, list_price, cost, deleted_at FROM products
            WHERE organization_id = $1 AND id = ANY(
                $4::uuid[] || ARRAY(SELECT product_id FROM sold))) p) AS products,
        (SELECT json_agg(c) FROM (
            SELECT id, deleted_at FROM product_categories
            WHERE organization_id = $1 AND id = ANY($4)) c) AS categories,
        (SELECT json_agg(o) FROM (
            SELECT r.target_id, r.min_quantity, r.unit_price FROM price_rules r
            JOIN price_lists l ON l.organization_id = $1 AND l.id = r.price_list_id
            WHERE r.organization_id = $1 AND r.target_id = ANY($4) AND r.price_list_id <> $2
                AND l.currency = $5 AND l.status <> 'draft' AND l.deleted_at IS NULL
                AND r.deleted_at IS NULL AND r.method = 'fixed' AND r.unit_price > 0
                AND (r.valid_from IS NULL OR r.valid_from <= $3)
                AND (r.valid_to IS NULL OR r.valid_to >= $3)) o) AS others
"""  # noqa: S608
# What a rule asks by what the product has as its list price, of the whole list.
_RATIOS = """
    WITH ratios AS (
        SELECT ln(r.unit_price::float8 / p.list_price) AS ratio FROM price_rules r
        JOIN products p ON p.organization_id = $1 AND p.id = r.target_id
        WHERE r.organization_id = $1 AND r.price_list_id = $2 AND r.method = 'fixed'
            AND r.unit_price > 0 AND p.list_price > 0 AND p.currency = $4
            AND r.deleted_at IS NULL AND (r.valid_to IS NULL OR r.valid_to >= $3)),
    middle AS (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ratio) AS at FROM ratios)
    SELECT count(*) AS number, min(middle.at) AS middle, avg(abs(ratio - middle.at)) AS mean,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY abs(ratio - middle.at)) AS mad
    FROM ratios, middle
"""
# A rule for many products never counts where each of them has a price of its own for all of its
# quantities and days.
_SHADOWED = f"""
    WITH RECURSIVE broad AS (
        SELECT id, target_id, category_id, min_quantity, valid_from, valid_to FROM price_rules
        WHERE organization_id = $1 AND price_list_id = $2 AND product_id IS NULL
            AND variant_id IS NULL AND {_DUE}),
    below AS (
        SELECT id AS rule_id, category_id FROM broad WHERE category_id IS NOT NULL
        UNION SELECT b.rule_id, c.id FROM product_categories c
        JOIN below b ON c.parent_id = b.category_id WHERE c.organization_id = $1),
    covered AS (
        SELECT broad.id AS rule_id, p.id FROM broad JOIN products p
            ON p.organization_id = $1 AND p.deleted_at IS NULL AND (broad.category_id IS NULL
                OR (broad.id, p.category_id) IN (SELECT rule_id, category_id FROM below)))
    SELECT broad.id::text AS id, broad.target_id::text AS target_id, broad.min_quantity FROM broad
    WHERE EXISTS (SELECT FROM covered c WHERE c.rule_id = broad.id)
    AND NOT EXISTS (SELECT FROM covered c WHERE c.rule_id = broad.id AND NOT EXISTS (
        SELECT FROM price_rules own WHERE own.organization_id = $1 AND own.price_list_id = $2
            AND own.target_id = c.id AND own.deleted_at IS NULL AND own.method = 'fixed'
            AND own.min_quantity <= broad.min_quantity
            AND coalesce(own.valid_from, '-infinity') <= coalesce(broad.valid_from, '-infinity')
            AND coalesce(own.valid_to, 'infinity') >= coalesce(broad.valid_to, 'infinity')))
    ORDER BY broad.id
"""  # noqa: S608


class Found:
    """What was found so far: each reason counted, the first of all told."""

    def __init__(self, price_list_id: UUID) -> None:
        self._list = price_list_id
        self.rules = 0
        self.counts: Counter[str] = Counter()
        self.told: list[Finding] = []

    def add(self, found: Iterable[Finding]) -> None:
        """Take some more."""
        for one in found:
            self.counts[one["reason"]] += 1
            if len(self.told) < MOST_FOUND:
                self.told.append(one)

    def result(self, *, sees_costs: bool) -> dict[str, Any]:
        """As the job tells it."""
        return {
            "price_list_id": str(self._list),
            "rules": self.rules,
            "costs_checked": sees_costs,
            "counts": {name: self.counts[name] for name in REASONS},
            "findings": self.told,
        }


class PriceScan:
    """The search of one list, with the eyes of whoever asks for it."""

    def __init__(self, price_list_id: UUID) -> None:
        self._id = price_list_id
        self._rates: dict[str, Decimal | None] = {}
        self.found = Found(price_list_id)
        self.targets: list[UUID] = []
        """What the rules are for, in the order in which it is looked at."""
        self.products: list[UUID] = []
        """Those that may have no price there at all."""
        self._known: Known | None = None
        self._of: PriceList | None = None

    async def begin(self, tx: Tx) -> None:
        """Look at the list as a whole; raises `NotFound`, `Forbidden`."""
        for area in ("prices", "products"):
            tx.actor.require(f"{area}:read")
        self._of = found = await PriceLists(tx).get(self._id)
        self.products = await in_doubt(tx, found)
        today = today_of(tx)
        rows = await tx.fetch(_TARGETS, tx.organization_id, self._id, today)
        self.targets = [row["target_id"] for row in rows]
        first, last = (day and day.isoformat() for day in (found.valid_from, found.valid_to))
        self._known = Known(
            found.currency,
            first,
            last,
            self._rates,
            await self._usual(tx, found.currency, today),
            "cost" not in tx.actor.hidden("product"),
        )
        self.found.add(await _parent_currencies(tx, found))
        shadowed = await tx.fetch(_SHADOWED, tx.organization_id, self._id, today)
        self.found.add(finding("shadowed", dict(row)) for row in shadowed)

    async def look(self, tx: Tx, targets: Sequence[UUID]) -> None:
        """Look at the rules for some things."""
        known = self._known
        assert known is not None
        today = today_of(tx)
        [row] = await tx.fetch(
            _THINGS, tx.organization_id, self._id, today, list(targets), known.currency
        )
        products = {one["id"]: one for one in row["products"] or ()}
        await self._learn_rates(tx, {one["currency"] for one in products.values()}, today)
        seen = await among(tx, PRODUCTS, sight_of(tx.actor, PRODUCTS), list(map(UUID, products)))
        bundles = [UUID(one["id"]) for one in products.values() if one["type"] == "bundle"]
        held = await PriceService(tx).of_bundles(bundles, self._id) if bundles else {}
        for thing in _things(row, products, {str(id) for id in seen}):
            if thing.item is not None and (id := thing.item.product["id"]) in held:
                thing.added, thing.cost = held[id] or (None, None)
            self.found.rules += len(thing.rules)
            self.found.add(findings(thing, known))

    async def look_for_prices(self, tx: Tx, products: Sequence[UUID]) -> None:
        """See whether some products have a price for whoever the list is for."""
        assert self._of is not None
        seen = await among(tx, PRODUCTS, sight_of(tx.actor, PRODUCTS), list(products))
        self.found.add(await unpriced(tx, self._of, [id for id in products if id in seen]))

    def result(self) -> dict[str, Any]:
        """What was found."""
        return self.found.result(sees_costs=self._known is not None and self._known.sees_costs)

    async def _usual(self, tx: Tx, currency: str, today: date) -> Spread | None:
        [row] = await tx.fetch(_RATIOS, tx.organization_id, self._id, today, currency)
        if row["number"] < FEWEST:
            return None
        return Spread(row["middle"], row["mad"] / 0.6745 or row["mean"] * 1.253314)

    async def _learn_rates(self, tx: Tx, currencies: set[str | None], today: date) -> None:
        assert self._known is not None
        own = self._known.currency
        for currency in currencies - {None, own} - self._rates.keys():
            if currency is not None:
                rate = await PriceService(tx).rate(currency, own, today)
                self._rates[currency] = None if isinstance(rate, Conflict) else rate


async def _parent_currencies(tx: Tx, found: PriceList) -> list[Finding]:
    """The lists above in another currency that have no factor for the rate."""
    told: list[Finding] = []
    at, passed = found, {found.id}
    while at.parent_id is not None and at.parent_id not in passed:
        above = await PriceLists(tx).find(at.parent_id)
        if above is None:
            break
        if above.currency != at.currency and at.factor == ONE:
            lists = {"price_list_id": str(at.id), "parent_id": str(above.id)}
            told.append({**finding("parent_currency", None), **lists})
        passed.add(above.id)
        at = above
    return told


def _things(row: Any, products: Mapping[str, Any], seen: set[str]) -> Iterator[Thing]:
    """What the rules of a stretch are for, without products that are not seen."""
    variants = {one["id"]: one for one in row["variants"] or ()}
    categories = {one["id"]: one for one in row["categories"] or ()}
    rules: dict[str, list[Any]] = {}
    for rule in row["rules"] or ():
        rules.setdefault(rule["target_id"], []).append(rule)
    others: dict[str, dict[int, list[int]]] = {}
    for other in row["others"] or ():
        of = others.setdefault(other["target_id"], {})
        of.setdefault(other["min_quantity"], []).append(other["unit_price"])
    for target, own in rules.items():
        variant = variants.get(target)
        product = products.get(target if variant is None else variant["product_id"])
        if product is not None and product["id"] not in seen:
            continue
        item = None if product is None else Item(product, variant, ONE, ())
        parts = (variant, product, categories.get(target))
        gone = any(part is not None and part["deleted_at"] is not None for part in parts)
        yield Thing(item, own, others.get(target, {}), gone)
