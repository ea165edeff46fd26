"""A change of prices that is only thought of: what it would be, and prices as if it were done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_api.domains.catalogue.repository import CATEGORIES, VARIANTS
from crm_api.domains.catalogue.repository import LISTING as PRODUCTS
from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.prices.adjusting import adjusted_price, adjusted_tier
from crm_api.domains.prices.gathering import (
    Facts,
    Question,
    Row,
    add_contract,
    add_rule,
    amount,
)
from crm_api.domains.prices.holding import optional_ones
from crm_api.domains.prices.planned import (
    PriceChange,
    ProposedAdjustment,
    ProposedComponent,
    ProposedContractPrice,
    ProposedCoupon,
    ProposedPrice,
    ProposedProduct,
    ProposedPromotion,
    ProposedTax,
)
from crm_api.domains.prices.repository import PriceLists, PriceRules
from crm_api.domains.promotions.models import Promotion
from crm_api.domains.promotions.repository import Coupons, Promotions
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.ids import new_id
from crm_api.kit.pricing.rounding import exactly
from crm_api.kit.query.kinds import kinds_of

_NEW: Row = {
    **dict.fromkeys(("percent", "amount", "currency", "product_id", "category_id")),
    "needs_coupon": False,
    "stacking": "stackable",
    "priority": 0,
}
"""A promotion of which nothing is said."""
_NEW_PART: Row = {
    **dict.fromkeys(("max_quantity", "price", "percent")),
    "quantity": 1_000_000,
    "min_quantity": 0,
    "is_optional": False,
    "price_mode": "sum",
}
"""A component of which nothing is said."""


@dataclass(frozen=True)
class Proposal:
    """A change of prices whose parts are there and seen."""

    change: PriceChange
    targets: Sequence[frozenset[str] | None]
    """Of each adjustment what its rules are for; None for everything."""
    promotions: Sequence["Planned"]
    options: Sequence[UUID]
    """The optional ones of the components that would change."""

    @property
    def rates(self) -> Mapping[tuple[str, str], Decimal]:
        """By pair what one unit of the first would cost in the second."""
        return {(one.base, one.quote): one.rate for one in self.change.rates}

    def asking(self, asked: Question) -> Question:
        """The question, also for what would count and for what would be in bundles."""
        parts = self.change.components
        return replace(
            asked,
            begun=self.change.begin,
            products=[*asked.products, *(one.component_id for one in parts)],
            variants=[*asked.variants, *(id for one in parts if (id := one.variant_id))],
            options=[*asked.options, *self.options],
        )

    @exactly
    def apply(self, facts: Facts, asked: Question) -> None:
        """Have prices be as if it were done; raises `Invalid` where one would be too high."""
        ended = {str(id) for id in self.change.end}
        facts.asked = [one for one in facts.asked if one["id"] not in ended]
        facts.lists = {id: one for id, one in facts.lists.items() if id not in ended}
        for product in self.change.products:
            _reprice(facts, product)
        for place, (one, targets) in enumerate(zip(self.change.adjust, self.targets, strict=True)):
            try:
                _adjust(facts, one, targets)
            except Invalid as mistake:
                raise mistake.under(f"/adjust/{place}") from None
        for price in self.change.prices:
            add_rule(facts, _rule(price))
        for price in self.change.contract_prices:
            if (price.company_id, price.currency) == (asked.company_id, asked.currency):
                key = (str(price.variant_id or price.product_id), _millionths(price.min_quantity))
                add_contract(facts, *key, _contract(price))
        self._apply_beside(facts, asked)

    def _apply_beside(self, facts: Facts, asked: Question) -> None:
        """What prices do not say themselves."""
        for one in self.promotions:
            one.apply(facts, asked.day)
        for tax in self.change.taxes:
            _have_due(facts, tax, (asked.region or "").upper())
        for coupon in self.change.coupons:
            _have_coupon(facts, coupon)
        for component in self.change.components:
            _have_inside(facts, component)


@dataclass(frozen=True)
class Planned:
    """A promotion as it would be."""

    row: Row
    is_active: bool
    last: date | None

    def apply(self, facts: Facts, day: date) -> None:
        """Have it count, or count no more."""
        facts.promotions = [row for row in facts.promotions if row["id"] != self.row["id"]]
        if self.is_active and (self.last is None or day <= self.last):
            facts.promotions.append(self.row)


async def proposal_of(tx: Tx, change: PriceChange) -> Proposal:
    """The change, ready to be applied; raises `Invalid` where it is of what is not there."""
    beside = {
        "companies": change.contract_prices,
        "promotions": [*change.promotions, *change.coupons],
    }
    beside |= {"tax_rates": change.taxes, "exchange_rates": change.rates}
    for area in ("prices", "products", *(area for area, given in beside.items() if given)):
        tx.actor.require(f"{area}:read")
    rules = PriceRules(tx)
    await _need_known(tx, change)
    targets = [
        None if one.category_id is None else await rules.targets_below(one.category_id)
        for one in change.adjust
    ]
    faults = [
        _unknown(f"/adjust/{place}/category_id", "category")
        for place, found in enumerate(targets)
        if found == []
    ]
    if faults:
        raise Invalid("A record that is referred to does not exist.", faults=faults)
    return Proposal(
        change,
        [None if ids is None else frozenset(map(str, ids)) for ids in targets],
        await _promotions(tx, change.promotions),
        await optional_ones(tx, change.components),
    )


async def _promotions(tx: Tx, given: Sequence[ProposedPromotion]) -> list[Planned]:
    """Promotions as they would be; raises `Invalid` where one is not there."""
    ids = [one.promotion_id for one in given if one.promotion_id is not None]
    known = {one.id: one for one in await Promotions(tx).some(ids)} if ids else {}
    faults = [
        _unknown(f"/promotions/{n}/promotion_id", "promotion")
        for n, one in enumerate(given)
        if one.promotion_id is not None and one.promotion_id not in known
    ]
    if faults:
        raise Invalid("A record that is referred to does not exist.", faults=faults)
    found: list[Planned] = []
    for one in given:
        current = None if one.promotion_id is None else known[one.promotion_id]
        last = None if current is None else current.valid_to
        found.append(Planned(_promotion(one, current), one.is_active, last))
    return found


async def _need_known(tx: Tx, change: PriceChange) -> None:
    lists = {
        **{f"/begin/{n}": id for n, id in enumerate(change.begin)},
        **{f"/end/{n}": id for n, id in enumerate(change.end)},
        **{f"/adjust/{n}/price_list_id": one.price_list_id for n, one in enumerate(change.adjust)},
        **{f"/prices/{n}/price_list_id": one.price_list_id for n, one in enumerate(change.prices)},
    }
    sold: dict[str, UUID] = {
        f"/products/{n}/product_id": one.product_id for n, one in enumerate(change.products)
    }
    for n, one in enumerate(change.prices):
        sold |= _things(f"/prices/{n}", one)
    for n, one in enumerate(change.contract_prices):
        sold |= _things(f"/contract_prices/{n}", one)
    parts = ("product_id", "component_id", "variant_id")
    for n, one in enumerate(change.components):
        sold |= _things(f"/components/{n}", one, parts)
    beside: dict[str, UUID] = {
        f"/contract_prices/{n}/company_id": one.company_id
        for n, one in enumerate(change.contract_prices)
    }
    for n, one in enumerate(change.promotions):
        sold |= _things(f"/promotions/{n}", one, ("product_id",))
        beside |= _things(f"/promotions/{n}", one, ("category_id",))
    known_lists = {one.id for one in await PriceLists(tx).some(list(set(lists.values())))}
    known_sold = await kinds_of(tx, [PRODUCTS, VARIANTS], list(set(sold.values())))
    known_beside = await kinds_of(tx, [COMPANIES, CATEGORIES], list(set(beside.values())))
    faults = [_unknown(at, "price list") for at, id in lists.items() if id not in known_lists]
    faults += [_unknown(at, "product") for at, id in sold.items() if id not in known_sold]
    faults += [
        _unknown(at, "company" if at.endswith("company_id") else "category")
        for at, id in beside.items()
        if id not in known_beside
    ]
    faults += await _unknown_coupons(tx, [one.code.strip().upper() for one in change.coupons])
    if faults:
        raise Invalid("A record that is referred to does not exist.", faults=faults)


async def _unknown_coupons(tx: Tx, codes: Sequence[str]) -> list[Fault]:
    known = {row["code"] for row in await Coupons(tx).by_codes(codes)} if codes else set[str]()
    return [
        _unknown(f"/coupons/{n}/code", "coupon")
        for n, code in enumerate(codes)
        if code not in known
    ]


def _things(
    at: str, one: Any, names: Sequence[str] = ("product_id", "variant_id")
) -> dict[str, UUID]:
    return {f"{at}/{name}": id for name in names if (id := getattr(one, name)) is not None}


def _unknown(pointer: str, what: str) -> Fault:
    return Fault("unknown_reference", f"There is no such {what}.", pointer)


def _reprice(facts: Facts, product: ProposedProduct) -> None:
    if (row := facts.products.get(str(product.product_id))) is not None:
        row |= {
            name: _whole(value)
            for name in ("list_price", "cost")
            if (value := getattr(product, name)) is not None
        }


def _adjust(facts: Facts, change: ProposedAdjustment, targets: frozenset[str] | None) -> None:
    for (list_id, target), rules in facts.rules.items():
        if list_id == str(change.price_list_id) and (targets is None or target in targets):
            for rule in rules:
                if rule["method"] == "fixed" and (price := amount(rule["unit_price"])) is not None:
                    rule["unit_price"] = _whole(adjusted_price(price, change))
                if rule["tiers"]:
                    rule["tiers"] = [adjusted_tier(tier, change) for tier in rule["tiers"]]


def _rule(price: ProposedPrice) -> Row:
    empty = ("percent", "formula", "surcharge", "round_to", "ending", "floor", "ceiling",
             "min_margin", "max_margin", "tier_mode", "valid_from")  # fmt: skip
    values: Mapping[str, Any] = {
        "price_list_id": str(price.price_list_id),
        "target_id": str(price.variant_id or price.product_id),
        "min_quantity": _millionths(price.min_quantity),
        "method": "fixed",
        "unit_price": _whole(price.unit_price),
        "base": "list",
        "direction": "nearest",
        "tiers": [],
    }
    return {**dict.fromkeys(empty), **values, "id": "proposed"}


def _contract(price: ProposedContractPrice) -> Row | None:
    """What would be agreed; None where nothing is."""
    if price.unit_price is None:
        return None
    return {
        "id": str(new_id()),
        "min_quantity": _millionths(price.min_quantity),
        "unit_price": _whole(price.unit_price),
        "tax_included": price.tax_included,
        "valid_from": None,
    }


def _promotion(given: ProposedPromotion, current: Promotion | None) -> Row:
    row: Row = {**_NEW, "id": str(new_id())}
    if current is not None:
        row = {name: getattr(current, name) for name in row}
    # Each takes the place of the other.
    for pair in (("percent", "amount"), ("product_id", "category_id")):
        if any(getattr(given, name) is not None for name in pair):
            row |= dict.fromkeys(pair)
    if given.percent is not None:
        row["currency"] = None
    said = {name: value for name in row if (value := getattr(given, name, None)) is not None}
    row |= said
    ids = {n: row[n] and str(row[n]) for n in ("id", "product_id", "category_id")}
    off, percent = row["amount"], row["percent"]
    return {
        **row,
        **ids,
        "amount": None if off is None else _whole(off),
        "percent": None if percent is None else _millionths(percent),
    }


def _have_due(facts: Facts, tax: ProposedTax, region: str) -> None:
    """Have a rate be due, if it is for the customer."""
    if tax.country != facts.country or tax.region not in {"", region}:
        return
    same = {name: getattr(tax, name) for name in ("code", "region", "tax_category")}
    old = [row for row in facts.taxes if same.items() <= row.items()]
    row = {"compound": False, "position": 0, "name": tax.code, "id": str(new_id())}
    for one in old:
        row |= one
        facts.taxes.remove(one)
    own = {name: v for name in ("compound", "position") if (v := getattr(tax, name)) is not None}
    facts.taxes.append({**row, **same, "rate": _millionths(tax.rate), **own})


def _have_coupon(facts: Facts, coupon: ProposedCoupon) -> None:
    if (row := facts.coupons.get(coupon.code.strip().upper())) is not None:
        row["counts"] = coupon.is_active
        if coupon.is_active:
            row |= dict.fromkeys(("max_redemptions", "max_per_customer"))


def _have_inside(facts: Facts, given: ProposedComponent) -> None:
    """Have a bundle hold a component, if anybody asks for it."""
    bundle, part = str(given.product_id), str(given.component_id)
    if bundle not in facts.products:
        return
    variant = None if given.variant_id is None else str(given.variant_id)
    rows = facts.parts.get(bundle, [])
    row = next((r for r in rows if (r["component_id"], r["variant_id"]) == (part, variant)), None)
    if not given.is_there:
        facts.parts[bundle] = [one for one in rows if one is not row]
        return
    if row is None:
        row = {**_NEW_PART, "id": str(new_id()), "product_id": bundle}
        row |= {"component_id": part, "variant_id": variant}
        facts.parts[bundle] = [*rows, row]
    if given.quantity is not None:
        row["quantity"] = _millionths(given.quantity)
    if given.price_mode is not None:
        price, percent = given.price, given.percent
        row["price_mode"] = given.price_mode
        row["price"] = None if price is None else _whole(price)
        row["percent"] = None if percent is None else _millionths(percent)


def _millionths(value: Decimal) -> int:
    """A quantity as facts have it (`QuantityType`)."""
    return int(value.scaleb(6))


def _whole(value: Decimal) -> int:
    """An amount as facts have it (`AmountType`)."""
    return int(value.scaleb(4))
