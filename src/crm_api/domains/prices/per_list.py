"""What a product costs in each list, by quantity. Pure, as choosing is."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from crm_api.domains.prices.choosing import Chooser, NoPrice
from crm_api.domains.prices.gathering import Facts, Row, quantity
from crm_api.domains.prices.items import UNIT, item_of
from crm_api.kit.errors import Conflict
from crm_api.kit.money import shown_amount, shown_quantity
from crm_api.kit.pricing.rounding import ONE, ZERO


def in_list(chooser: Chooser, facts: Facts, of_list: Row, product: Row) -> list[dict[str, Any]]:
    """The prices of a product in a list, from each quantity on."""
    chain: list[Row] = [of_list]
    while (above := facts.lists.get(chain[-1]["parent_id"])) is not None and above not in chain:
        chain.append(above)
    targets = [product["id"], *facts.categories_of(product)]
    rules = [
        rule
        for one in chain
        for target in (*targets, one["id"])
        for rule in facts.rules.get((one["id"], target), ())
    ]
    breaks = sorted({quantity(rule["min_quantity"]) or ZERO for rule in rules})
    found: list[dict[str, Any]] = []
    for least, beyond in pairwise([*breaks, None]):
        assert least is not None
        # What counts from nothing on is told of one unit, or of as little as does not reach more.
        few = ONE if beyond is None or beyond > ONE else UNIT
        item = item_of(facts, product, None, least or few)
        try:
            chosen = chooser.in_list(of_list, item)
        except Conflict:
            # What this list says is not known without a rate; others say what they say.
            return []
        if chosen is not None and (not found or found[-1]["trace"] != chosen):
            found.append(
                {
                    "price_list_id": of_list["id"],
                    "price_list": of_list["name"],
                    "currency": of_list["currency"],
                    "tax_included": chosen.tax_included,
                    "min_quantity": shown_quantity(least),
                    "unit_price": shown_amount(chosen.unit),
                    "trace": chosen,
                }
            )
    return found


def own_price(facts: Facts, product: Row) -> list[dict[str, Any]]:
    """The list price of a product itself, if it has one."""
    try:
        item = item_of(facts, product, None, ONE)
        found = Chooser(facts, product["currency"] or "", {}).own_price(item)
    except NoPrice:
        return []
    own: Mapping[str, Any] = {
        "price_list_id": None,
        "price_list": None,
        "currency": product["currency"],
        "tax_included": False,
        "min_quantity": "0",
        "unit_price": shown_amount(found.unit),
        "trace": found,
    }
    return [dict(own)]
