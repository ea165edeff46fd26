"""What a product costs in each list, by quantity. Pure, as choosing is."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal
from itertools import pairwise
from typing import Any

from crm_api.domains.prices.bundling import MOST_PARTS, cost_of, price_of
from crm_api.domains.prices.choosing import Chooser, NoPrice, Rates
from crm_api.domains.prices.gathering import Facts, Row, quantity
from crm_api.domains.prices.items import UNIT, Chosen, Item, item_of
from crm_api.kit.errors import Conflict, Invalid
from crm_api.kit.money import shown_amount, shown_quantity
from crm_api.kit.pricing.rounding import ONE, ZERO


def in_list(whole: Chooser, facts: Facts, of_list: Row, product: Row) -> list[dict[str, Any]]:
    """The prices of a product in a list, from each quantity on; of a bundle with its components.

    What the list does not say of them they cost as such. `whole` counts the components of all
    lists; raises `Invalid` where these are too many.
    """
    chooser = Chooser(replace(facts, asked=[of_list]), of_list["currency"], whole.rates)
    breaks = sorted({*_breaks(facts, of_list, product)})
    found: list[dict[str, Any]] = []
    for least, beyond in pairwise([*breaks, None]):
        assert least is not None
        # What counts from nothing on is told of one unit, or of as little as does not reach more.
        few = ONE if beyond is None or beyond > ONE else UNIT
        item = item_of(facts, product, None, least or few)
        _need_few(whole)
        chooser.unpacked = 0
        try:
            chosen = _in_list(chooser, of_list, item)
        except NoPrice:
            continue
        except Conflict:
            # What this list says is not known without a rate; others say what they say.
            return []
        finally:
            whole.unpacked += chooser.unpacked
        if chosen is not None and (not found or found[-1]["trace"] != chosen):
            found.append(_shown(of_list, least, chosen))
    return found


def _need_few(whole: Chooser) -> None:
    if whole.unpacked > MOST_PARTS:
        message = (
            f"Components of bundles are priced {MOST_PARTS:,} times at most, for all quantities and "
            "lists together: ask for one currency, or for the lines that are meant."
        )
        raise Invalid(message, code="too_many_components")


def _in_list(chooser: Chooser, of_list: Row, item: Item) -> Chosen | None:
    """None where the list says nothing of it, nor of what it holds."""
    if not chooser.facts.parts.get(item.product["id"]):
        return chooser.in_list(of_list, item)
    found = price_of(chooser, item)
    parts = [one["price_list_id"] for one in found.components or ()]
    return found if any((found.price_list_id, *parts)) else None


def _breaks(facts: Facts, of_list: Row, product: Row) -> Iterator[Decimal]:
    """From which quantities on another rule may count, of components as many bundles have them."""
    chain: list[Row] = [of_list]
    while (above := facts.lists.get(chain[-1]["parent_id"])) is not None and above not in chain:
        chain.append(above)
    for inside, variant, count in _held(facts, product):
        named = [inside["id"]] if variant is None else [variant, inside["id"]]
        targets = [*named, *facts.categories_of(inside)]
        for one in chain:
            for target in (*targets, one["id"]):
                for rule in facts.rules.get((one["id"], target), ()):
                    least = quantity(rule["min_quantity"]) or ZERO
                    yield (least / count).quantize(UNIT, ROUND_CEILING)


def _held(facts: Facts, product: Row) -> Iterator[tuple[Row, str | None, Decimal]]:
    """A product, and what it cannot do without: of each its variant, and how many one of it has."""
    left: list[tuple[Row, str | None, Decimal]] = [(product, None, ONE)]
    seen = set[tuple[str, str | None, Decimal]]()
    while left and len(seen) < MOST_PARTS:
        one, variant, count = left.pop()
        if (one["id"], variant, count) in seen:
            continue
        seen.add((one["id"], variant, count))
        yield one, variant, count
        left += [
            (inside, part["variant_id"], count * (quantity(part["quantity"]) or ONE))
            for part in facts.parts.get(one["id"], ())
            if (inside := facts.products.get(part["component_id"])) is not None
        ]


def held_in(
    rates: Rates, facts: Facts, of_list: Row, product: Row
) -> tuple[Decimal, Decimal | None] | None:
    """What the components of one bundle add to its price in a list, and what all of it costs us.

    None where nothing says what it costs.
    """
    chooser = Chooser(replace(facts, asked=[of_list]), of_list["currency"], rates)
    item = item_of(facts, product, None, ONE)
    try:
        found = price_of(chooser, item)
        return sum((one["amount"] for one in found.components or ()), ZERO), cost_of(chooser, item)
    except (Conflict, NoPrice):
        return None


def own_price(rates: Rates, facts: Facts, product: Row) -> list[dict[str, Any]]:
    """The list price of a product itself, if it has one; of a bundle with its components."""
    chooser = Chooser(replace(facts, asked=[]), product["currency"] or "", rates)
    if not chooser.currency:
        return []
    try:
        found = price_of(chooser, item_of(facts, product, None, ONE))
    except (Conflict, NoPrice):
        return []
    nothing = {"id": None, "name": None, "currency": product["currency"]}
    return [_shown(nothing, ZERO, found)]


def _shown(of_list: Row, least: Decimal, chosen: Chosen) -> dict[str, Any]:
    return {
        "price_list_id": of_list["id"],
        "price_list": of_list["name"],
        "currency": of_list["currency"],
        "tax_included": chosen.tax_included,
        "min_quantity": shown_quantity(least),
        "unit_price": shown_amount(chosen.unit),
        "trace": chosen,
    }
