"""Everything that prices of some lines depend on, by two statements however many lines there are.

Reads the tables of the catalogue, taxes and promotions as well: a price is made of all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_api.kit.calendar import today_of
from crm_api.kit.db.tx import Tx

_COUNTS = "deleted_at IS NULL AND (valid_from IS NULL OR valid_from <= {day}) AND (valid_to IS NULL OR valid_to >= {day})"
_DAY = _COUNTS.format(day="$6")
# Those that count on the day, or that are asked as if they did. One that has expired does for days
# that are over alone, whatever its last day is by now: to count again it is activated.
_LISTED = """{l}deleted_at IS NULL AND ({l}id = ANY($13) OR {l}status <> 'draft'
                AND ({l}status <> 'expired' OR $6::date < $14::date)
                AND ({l}valid_from IS NULL OR {l}valid_from <= $6)
                AND ({l}valid_to IS NULL OR {l}valid_to >= $6))"""
# What a bundle cannot do without, and what was chosen.
_PART = (
    "c.id, c.product_id, c.component_id, c.variant_id, c.quantity, c.min_quantity, "
    "c.max_quantity, c.is_optional, c.price_mode, c.price, c.percent, c.position"
)
_INSIDE = """c.organization_id = $1 AND c.deleted_at IS NULL
                AND (NOT c.is_optional AND c.quantity > 0 OR c.id = ANY($15))"""
_LIST = "id, name, currency, priority, audience, valid_from, parent_id, factor, tax_included"
_COUNTRY = """coalesce($10,
                (SELECT country FROM companies WHERE organization_id = $1 AND id = $4),
                (SELECT country FROM contacts WHERE organization_id = $1 AND id = $16
                    AND $4::uuid IS NULL),
                (SELECT country FROM organizations WHERE id = $1))"""
# Of what varies there is nothing that anybody gives.
_FACTS = f"""
    WITH RECURSIVE parts AS (
        SELECT {_PART} FROM bundle_components c WHERE {_INSIDE} AND c.product_id = ANY(
            $2::uuid[] || ARRAY(SELECT product_id FROM product_variants
                WHERE organization_id = $1 AND id = ANY($3) AND deleted_at IS NULL))
        UNION SELECT {_PART} FROM bundle_components c
        JOIN parts outer_one ON c.product_id = outer_one.component_id WHERE {_INSIDE}),
    sold_variants AS (
        SELECT id, product_id, list_price, list_price_delta, cost, cost_delta FROM product_variants
        WHERE organization_id = $1 AND deleted_at IS NULL
            AND id = ANY($3::uuid[] || ARRAY(SELECT variant_id FROM parts))),
    sold AS (
        SELECT p.id, currency, list_price, cost, tax_category, unit_id, category_id FROM products p
        WHERE organization_id = $1 AND deleted_at IS NULL
            AND id = ANY($2::uuid[] || ARRAY(SELECT product_id FROM sold_variants)
                || ARRAY(SELECT component_id FROM parts))),
    above AS (
        SELECT id, parent_id FROM product_categories WHERE organization_id = $1
            AND deleted_at IS NULL AND id = ANY(ARRAY(SELECT category_id FROM sold))
        UNION SELECT c.id, c.parent_id FROM product_categories c
        JOIN above below ON c.id = below.parent_id
        WHERE c.organization_id = $1 AND c.deleted_at IS NULL),
    asked AS (
        SELECT {_LIST} FROM price_lists WHERE organization_id = $1 AND {_LISTED.format(l="")}
            AND ($5::text IS NULL OR currency = $5 AND (audience = 'default'
                OR audience = 'account' AND company_id = $4
                OR audience = 'segment' AND audience_key = ANY($7)
                OR audience = 'channel' AND audience_key = $8
                OR audience = 'region' AND upper(audience_key) = upper($9)))),
    chain AS (
        SELECT {_LIST} FROM asked
        UNION SELECT {", ".join(f"l.{name.strip()}" for name in _LIST.split(","))} FROM price_lists l
        JOIN chain below ON l.id = below.parent_id WHERE l.organization_id = $1
            AND {_LISTED.format(l="l.")})
    SELECT
        (SELECT json_agg(v) FROM sold_variants v) AS variants,
        (SELECT json_agg(p) FROM sold p) AS products,
        (SELECT json_agg(c ORDER BY c.position, c.id) FROM parts c) AS parts,
        (SELECT json_agg(c) FROM above c) AS categories,
        (SELECT json_agg(l) FROM chain l) AS lists,
        (SELECT json_agg(id) FROM asked) AS asked,
        (SELECT json_agg(u) FROM (
            SELECT id, dimension, ratio, decimals FROM units WHERE organization_id = $1
            AND id = ANY($12::uuid[] || ARRAY(SELECT unit_id FROM sold))) u) AS units,
        (SELECT json_agg(t) FROM (
            SELECT id, name, code, region, tax_category, rate, compound, position FROM tax_rates
            WHERE organization_id = $1 AND {_DAY} AND region IN ('', upper(coalesce($9, '')))
            AND country = {_COUNTRY}) t) AS taxes,
        {_COUNTRY} AS country,
        (SELECT json_agg(m) FROM (
            SELECT id, percent, amount, currency, product_id, category_id, needs_coupon, stacking,
                priority FROM promotions
            WHERE organization_id = $1 AND is_active AND {_DAY}) m) AS promotions,
        (SELECT json_agg(k) FROM (
            SELECT code, promotion_id, max_redemptions, max_per_customer, redeemed,
                is_active AND {_COUNTS.format(day="$6")} AS counts,
                (SELECT count(*) FROM coupon_redemptions r WHERE r.organization_id = $1
                    AND (r.company_id = $4 OR $4 IS NULL AND r.contact_id = $16)
                    AND r.coupon_id = coupons.id AND r.deleted_at IS NULL) AS used
            FROM coupons WHERE organization_id = $1 AND code = ANY($11)
                AND deleted_at IS NULL) k) AS coupons,
        (SELECT json_agg(d) FROM (
            SELECT role_id, max_percent FROM discount_policies
            WHERE organization_id = $1 AND deleted_at IS NULL) d) AS policies,
        (SELECT count(*) FROM companies WHERE organization_id = $1 AND id = $4) AS companies
"""  # noqa: S608
_PRICES = f"""
    SELECT
        (SELECT json_agg(r) FROM (
            SELECT id, price_list_id, target_id, min_quantity, method, unit_price, percent, base,
                formula, surcharge, round_to, direction, ending, floor, ceiling, min_margin,
                max_margin, tier_mode, tiers, valid_from
            FROM price_rules WHERE organization_id = $1 AND target_id = ANY($2)
            AND price_list_id = ANY($3) AND {_COUNTS.format(day="$4")}) r) AS rules,
        (SELECT json_agg(c) FROM (
            SELECT id, target_id, min_quantity, unit_price, tax_included, valid_from
            FROM contract_prices WHERE organization_id = $1 AND company_id = $5
            AND target_id = ANY($2) AND currency = $6
            AND {_COUNTS.format(day="$4")}) c) AS contracts
"""  # noqa: S608
Row = dict[str, Any]


@dataclass(frozen=True)
class Question:
    """Whose prices are looked up, of what, and when."""

    products: Sequence[UUID]
    variants: Sequence[UUID]
    units: Sequence[UUID]
    currency: str | None
    """None for those of all lists."""
    day: date
    company_id: UUID | None = None
    contact_id: UUID | None = None
    segments: Sequence[str] = ()
    channel: str | None = None
    region: str | None = None
    country: str | None = None
    codes: Sequence[str] = ()
    begun: Sequence[UUID] = ()
    """Lists that are asked as if they counted."""
    options: Sequence[UUID] = ()
    """Optional components of bundles that are chosen."""


@dataclass
class Facts:
    """What prices depend on; ids are texts, amounts whole numbers, as the database tells them."""

    products: dict[str, Row]
    variants: dict[str, Row]
    parents: dict[str, str | None]
    """Of each category the one above it."""
    lists: dict[str, Row]
    asked: list[Row]
    """The lists that are for this customer, in the order in which they are asked."""
    units: dict[str, Row]
    taxes: list[Row]
    promotions: list[Row]
    coupons: dict[str, Row]
    policies: list[Row]
    knows_company: bool
    country: str | None = None
    """Whose taxes are due."""
    parts: dict[str, list[Row]] = field(default_factory=dict[str, list[Row]])
    """By bundle the components that it cannot do without, also of bundles in bundles, and those
    that any line has chosen."""
    rules: dict[tuple[str, str], list[Row]] = field(
        default_factory=dict[tuple[str, str], list[Row]]
    )
    """By list and target, the best first."""
    contracts: dict[str, list[Row]] = field(default_factory=dict[str, list[Row]])
    """By target, the best first."""

    def categories_of(self, product: Row) -> list[str]:
        """The category of a product and those above it, the nearest first."""
        found: list[str] = []
        at = product["category_id"]
        while at in self.parents and at not in found:
            found.append(at)
            at = self.parents.get(at)
        return found


_AUDIENCES = {
    name: place for place, name in enumerate(("account", "segment", "channel", "region", "default"))
}


async def gather(tx: Tx, asked: Question) -> Facts:
    """Everything that is needed to price what is asked."""
    [row] = await tx.fetch(
        _FACTS,
        tx.organization_id,
        list(asked.products),
        list(asked.variants),
        asked.company_id,
        asked.currency,
        asked.day,
        list(asked.segments),
        asked.channel,
        asked.region,
        asked.country,
        list(asked.codes),
        list(asked.units),
        list(asked.begun),
        today_of(tx),
        list(asked.options),
        asked.contact_id,
    )
    facts = _facts(row)
    await _add_prices(tx, asked, facts)
    return facts


async def _add_prices(tx: Tx, asked: Question, facts: Facts) -> None:
    if not facts.products:
        return
    targets = {*facts.products, *facts.variants, *facts.parents, *facts.lists}
    [row] = await tx.fetch(
        _PRICES,
        tx.organization_id,
        [UUID(id) for id in targets],
        [UUID(id) for id in facts.lists],
        asked.day,
        asked.company_id,
        asked.currency,
    )
    for rule in sorted(_rows(row["rules"]), key=_best_first):
        facts.rules.setdefault((rule["price_list_id"], rule["target_id"]), []).append(rule)
    for contract in sorted(_rows(row["contracts"]), key=_best_first):
        facts.contracts.setdefault(contract["target_id"], []).append(contract)


def add_rule(facts: Facts, rule: Row) -> None:
    """Have a rule count, in place of one for the same from the same quantity on."""
    key = (rule["price_list_id"], rule["target_id"])
    kept = [one for one in facts.rules.get(key, ()) if one["min_quantity"] != rule["min_quantity"]]
    facts.rules[key] = sorted([*kept, rule], key=_best_first)


def add_contract(facts: Facts, target: str, min_quantity: int, contract: Row | None) -> None:
    """Have a price be agreed, or none, in place of one for the same from the same quantity on."""
    kept = [one for one in facts.contracts.get(target, ()) if one["min_quantity"] != min_quantity]
    new = [] if contract is None else [contract]
    facts.contracts[target] = sorted([*kept, *new], key=_best_first)


def _facts(row: Any) -> Facts:
    lists = _by_id(row["lists"])
    asked = [lists[id] for id in _rows(row["asked"])]
    return Facts(
        products=_by_id(row["products"]),
        variants=_by_id(row["variants"]),
        parents={one["id"]: one["parent_id"] for one in _rows(row["categories"])},
        lists=lists,
        asked=sorted(asked, key=_asked_first),
        units=_by_id(row["units"]),
        taxes=_rows(row["taxes"]),
        promotions=_rows(row["promotions"]),
        coupons={one["code"]: one for one in _rows(row["coupons"])},
        policies=_rows(row["policies"]),
        knows_company=bool(row["companies"]),
        country=row["country"],
        parts=_by_bundle(row["parts"]),
    )


def _rows(found: Any) -> list[Any]:
    return found or []


def _by_id(found: Any) -> dict[str, Row]:
    return {row["id"]: row for row in _rows(found)}


def _by_bundle(found: Any) -> dict[str, list[Row]]:
    parts: dict[str, list[Row]] = {}
    for row in _rows(found):
        parts.setdefault(row["product_id"], []).append(row)
    return parts


def _asked_first(one: Row) -> tuple[Any, ...]:
    starts = -_ordinal(one["valid_from"])
    return _AUDIENCES[one["audience"]], -one["priority"], starts, one["id"]


def _best_first(one: Row) -> tuple[Any, ...]:
    """The highest quantity, then the latest start."""
    return -one["min_quantity"], -_ordinal(one["valid_from"]), one["id"]


def _ordinal(day: str | None) -> int:
    return 0 if day is None else date.fromisoformat(day).toordinal()


def amount(whole: int | None) -> Decimal | None:
    """Ten-thousandths as the amount that they are (`AmountType`)."""
    return None if whole is None else Decimal(whole).scaleb(-4)


def quantity(whole: int | None) -> Decimal | None:
    """Millionths as the quantity that they are (`QuantityType`)."""
    return None if whole is None else Decimal(whole).scaleb(-6)
