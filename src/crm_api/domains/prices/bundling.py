"""What bundles cost: their own price, and what their components add to it. Pure, as choosing is.

Components that a bundle can do without are counted where a line takes them; of bundles in bundles
nobody can.
"""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from crm_api.domains.catalogue.compositions import DEEPEST_BUNDLES
from crm_api.domains.prices.choosing import HIGHEST, Chooser, NoPrice
from crm_api.domains.prices.gathering import Facts, Row, amount, quantity
from crm_api.domains.prices.items import Chosen, Item, in_units, item_of
from crm_api.kit.pricing.rounding import HUNDRED, ONE, ZERO, exactly, rounded_unit

MOST_PARTS = 10_000
"""In all lines that are priced together, since other requests wait meanwhile."""


class TooMuchInside(NoPrice):
    """A bundle holds more, or deeper, than is priced."""


@dataclass(frozen=True)
class _Part:
    """A component, and what one of it costs in the bundle."""

    row: Row
    count: Decimal
    """How many there are in one bundle."""
    price: Chosen


@exactly
def price_of(chooser: Chooser, item: Item, depth: int = 1) -> Chosen:
    """The price of something, with that of its components if it is a bundle.

    A bundle without a price of its own costs what they do. Raises `NoPrice`, also where one of them
    has no price, `TooMuchInside`, `RateNeeded`, `Conflict`.
    """
    rows = _unpacked(chooser, item, depth)
    if not rows:
        return chooser.choose(item)
    parts = [_part(chooser, item, row, depth) for row in rows]
    try:
        found = chooser.choose(item)
    except NoPrice:
        found = Chosen("components", ZERO, _all_taxed(parts))
    parts = [replace(part, price=_taxed_as(found, chooser, item, part)) for part in parts]
    return _together(found, item, parts)


@exactly
def cost_of(chooser: Chooser, item: Item, depth: int = 1) -> Decimal | None:
    """What one costs us; of a bundle without a cost of its own, what its components cost.

    Raises `TooMuchInside`.
    """
    own = chooser.cost(item)
    rows = _unpacked(chooser, item, depth) if own is None or item.options else ()
    if own is not None:
        # It is of the bundle as it is without them.
        rows = [row for row in rows if row["is_optional"]]
    elif not rows:
        return None
    whole = own or ZERO
    for row in rows:
        inside = _inside(chooser, item, row)
        cost = None if inside is None else cost_of(chooser, inside, depth + 1)
        if cost is None:
            return None
        whole += (quantity(row["quantity"]) or ZERO) * cost
    return whole


def products_in(facts: Facts, bundle: str, options: Container[str]) -> Sequence[str]:
    """All products that a bundle holds with some of its options, however deep; each once."""
    found: dict[str, None] = {}
    ends = _held(facts, bundle, options)
    while ends:
        row = ends.pop(0)
        if (id := row["component_id"]) in facts.products and id not in found:
            found[id] = None
            ends += _held(facts, id, ())
    return list(found)


def _held(facts: Facts, bundle: str, options: Container[str]) -> list[Row]:
    """The components that it has in any case, and those of the others that were chosen."""
    rows = facts.parts.get(bundle, ())
    return [row for row in rows if row["id"] in options or not row["is_optional"]]


def _unpacked(chooser: Chooser, item: Item, depth: int) -> Sequence[Row]:
    """The components of a bundle; of what holds the same by many ways there is no end otherwise."""
    rows = [
        row
        if (count := item.options.get(row["id"])) is None
        else {**row, "quantity": count.scaleb(6)}
        for row in _held(chooser.facts, item.product["id"], item.options)
    ]
    chooser.unpacked += len(rows)
    if rows and (depth > DEEPEST_BUNDLES or chooser.unpacked > MOST_PARTS):
        raise TooMuchInside("a bundle of so many components")
    return rows


def _inside(chooser: Chooser, item: Item, row: Row) -> Item | None:
    """A component, as many as so many bundles have; None where it is not there any more."""
    facts, count = chooser.facts, quantity(row["quantity"]) or ZERO
    product = facts.products.get(row["component_id"])
    variant = None if row["variant_id"] is None else facts.variants.get(row["variant_id"])
    if product is None or (variant is None) != (row["variant_id"] is None):
        return None
    return item_of(facts, product, variant, in_units(item.quantity * count))


def _part(chooser: Chooser, item: Item, row: Row, depth: int) -> _Part:
    count, inside = quantity(row["quantity"]) or ZERO, _inside(chooser, item, row)
    if inside is None:
        raise NoPrice("one of its components")
    if row["price_mode"] == "fixed":
        return _Part(row, count, _fixed(chooser, item, row))
    try:
        found = price_of(chooser, inside, depth + 1)
    except TooMuchInside:
        raise
    except NoPrice:
        raise NoPrice("one of its components") from None
    if row["price_mode"] == "percent":
        found.multiply((quantity(row["percent"]) or ZERO) / HUNDRED, "percent")
    return _Part(row, count, found)


def _fixed(chooser: Chooser, item: Item, row: Row) -> Chosen:
    """What a component costs in the bundle's own currency, without taxes as its list price is."""
    own = amount(row["price"]) or ZERO
    unit = chooser.exchanged(own, item.product["currency"], chooser.currency) if own else ZERO
    if unit is None:
        raise NoPrice("one of its components")
    return Chosen("fixed", unit, tax_included=False)


def _all_taxed(parts: list[_Part]) -> bool:
    """Whether taxes are in all that costs something."""
    included = [part.price.tax_included for part in parts if part.price.unit]
    return bool(included) and all(included)


def _taxed_as(found: Chosen, chooser: Chooser, item: Item, part: _Part) -> Chosen:
    """The price of a component, with the bundle's taxes in it if they are in the bundle's price."""
    price = part.price
    if price.tax_included == found.tax_included:
        return price
    inside = _inside(chooser, item, part.row) or item
    gross = chooser.gross(item) if found.tax_included else ONE / chooser.gross(inside)
    price.multiply(gross, "taxes")
    price.tax_included = found.tax_included
    return price


def _together(found: Chosen, item: Item, parts: list[_Part]) -> Chosen:
    own, each = found.unit, [rounded_unit(part.count * part.price.unit) for part in parts]
    if found.amount is not None or any(part.price.amount is not None for part in parts):
        whole = item.quantity * own if found.amount is None else found.amount
        found.amount = whole + sum(_amounts(item, parts), ZERO)
    # Where tiers make an average, it is that of the whole.
    found.unit = rounded_unit(own + sum(each, ZERO))
    if found.unit >= HIGHEST:
        raise NoPrice
    floors = [found.floor, *(_floor(part) for part in parts)]
    if any(floor is not None for floor in floors):
        found.floor = rounded_unit(sum((floor or ZERO for floor in floors), ZERO))
    found.bound_by_cost |= any(part.price.bound_by_cost for part in parts)
    if found.unit != own:
        # What more bundles cost is not what more of the bundle's own price does.
        found.cheaper = None
    found.components = [
        {
            "bundle_component_id": part.row["id"],
            "product_id": part.row["component_id"],
            "variant_id": part.row["variant_id"],
            "quantity": part.count,
            "is_optional": part.row["is_optional"],
            "price_mode": part.row["price_mode"],
            "unit_price": part.price.unit,
            "amount": cost,
            "price_list_id": part.price.price_list_id,
            "price_rule_id": part.price.price_rule_id,
            "contract_price_id": part.price.contract_price_id,
        }
        for part, cost in zip(parts, each, strict=True)
    ]
    found.step("components", own, found.unit)
    return found


def _amounts(item: Item, parts: list[_Part]) -> Iterator[Decimal]:
    """What each comes to in so many bundles."""
    for part in parts:
        whole = part.price.amount
        yield item.quantity * part.count * part.price.unit if whole is None else whole


def _floor(part: _Part) -> Decimal | None:
    """The floor of a component, as much of it as of its price counts."""
    return None if part.price.floor is None else part.count * part.price.floor
