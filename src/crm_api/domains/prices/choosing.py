"""Which price counts, in a fixed order, and why: pure, over what was gathered.

Contract price; then the lists for the account, its segments, the channel, the region, everybody,
in each audience by priority; in a list the variant before the product before the nearest category
before everything, then the highest quantity reached, then the latest start; else what the list
above says; else the product's own list price, exchanged.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from crm_api.domains.prices.gathering import Facts, Row, amount, quantity
from crm_api.domains.prices.items import Chosen, Item
from crm_api.domains.prices.schemas import tier_of
from crm_api.kit.errors import Conflict
from crm_api.kit.pricing.methods import Bases, Method, NoBase, formula_of, price
from crm_api.kit.pricing.rounding import ONE, ZERO, exactly, rounded_unit
from crm_api.kit.pricing.taxes import Tax, shares
from crm_api.kit.pricing.tiers import Hint, Tier, TierMode, amount_of, cheaper_more, cheapest

_MOST_LOST = 20
Rates = Mapping[tuple[str, str], Decimal | Conflict]
"""Between two currencies the rate, or why there is none."""


DEEPEST = 10
"""So many lists may stand above one another."""
HIGHEST = Decimal(10) ** 14
"""No unit price is as high (`AmountType`)."""


class RateNeeded(Exception):
    """A price cannot be exchanged before the rate between two currencies is known."""

    def __init__(self, currency: str, to: str) -> None:
        super().__init__(currency, to)
        self.pair = (currency, to)


class NoPrice(Exception):
    """Nothing says what something costs: itself, or what is named."""


class Chooser:
    """Prices of items, by what was gathered and by rates of exchange."""

    def __init__(self, facts: Facts, currency: str, rates: Rates) -> None:
        self.facts, self.currency, self.rates = facts, currency, rates
        self.unpacked = 0
        """So many components of bundles were looked at."""
        self._taxes: dict[str, tuple[Tax, ...]] = {}
        self._found: dict[tuple[Any, ...], Chosen | None] = {}

    @exactly
    def choose(self, item: Item) -> Chosen:
        """The price that counts; raises `NoPrice`, `RateNeeded`, `Conflict`."""
        found, place = self._contract(item), -1
        if found is None:
            of_lists = ((n, self.in_list(one, item)) for n, one in enumerate(self.facts.asked))
            place, found = next(
                ((n, one) for n, one in of_lists if one is not None), (len(self.facts.asked), None)
            )
        lost = self._lost(item, place, found)
        found = found or self.own_price(item)
        found.lost = lost
        return found

    @exactly
    def in_list(self, of_list: Row, item: Item, depth: int = 1) -> Chosen | None:
        """What a list says, or the one above it; None where neither says anything."""
        variant = None if item.variant is None else item.variant["id"]
        # Rules above may ask for what the lists below have asked for already.
        key = (of_list["id"], item.product["id"], variant, item.quantity, depth)
        if key not in self._found:
            self._found[key] = self._in_list(of_list, item, depth)
        found = self._found[key]
        return None if found is None else found.again()

    def _in_list(self, of_list: Row, item: Item, depth: int) -> Chosen | None:
        for scope, rule in self._candidates(of_list, item):
            if rule["min_quantity"] <= item.quantity.scaleb(6):
                try:
                    return self._ruled(of_list, item, scope, rule, depth)
                except NoBase:
                    continue
        return self._inherited(of_list, item, depth)

    def _inherited(self, of_list: Row, item: Item, depth: int) -> Chosen | None:
        """A price of the list above as this list has it; None where it says nothing."""
        parent = self.facts.lists.get(of_list["parent_id"])
        if parent is None or depth == DEEPEST:
            return None
        found = self.in_list(parent, item, depth + 1)
        if found is None:
            return None
        if found.tax_included != of_list["tax_included"]:
            gross = self.gross(item)
            found.multiply(gross if of_list["tax_included"] else ONE / gross, "taxes")
        found.multiply(quantity(of_list["factor"]) or ONE, "parent", of_list["id"])
        found.way, found.tax_included = "parent", of_list["tax_included"]
        return None if found.unit >= HIGHEST else found

    def taxes(self, item: Item) -> tuple[Tax, ...]:
        """The taxes that are due: of each the rate that is most specific."""
        category = item.product["tax_category"] or ""
        if category not in self._taxes:
            self._taxes[category] = taxes_of(category, self.facts.taxes)
        return self._taxes[category]

    def gross(self, item: Item) -> Decimal:
        """How much an amount is with its taxes, of one without."""
        return ONE + sum(shares(self.taxes(item)), ZERO)

    def exchanged(self, value: Decimal | None, currency: str | None, to: str) -> Decimal | None:
        """An amount in another currency; raises `RateNeeded`, `Conflict`."""
        if value is None or currency is None or currency == to:
            return value if currency is not None else None
        return rounded_unit(value * self.rate(currency, to))

    def rate(self, currency: str, to: str) -> Decimal:
        """The rate between two currencies; raises `RateNeeded`, or `Conflict` without one."""
        if (currency, to) not in self.rates:
            raise RateNeeded(currency, to)
        found = self.rates[currency, to]
        if isinstance(found, Conflict):
            raise found
        return found

    def cost(self, item: Item) -> Decimal | None:
        """What it costs us, in the currency that is asked for; None where there is no rate."""
        try:
            return self.exchanged(item.own("cost"), item.product["currency"], self.currency)
        except Conflict:
            # A margin is worth asking for a rate, and not worth failing for want of it.
            return None

    def _candidates(self, of_list: Row, item: Item) -> Iterator[tuple[str, Row]]:
        for scope, target in (*item.targets, ("all", of_list["id"])):
            for rule in self.facts.rules.get((of_list["id"], target), ()):
                yield scope, rule

    def _contract(self, item: Item) -> Chosen | None:
        for scope, target in item.targets[: 1 + (item.variant is not None)]:
            for contract in self.facts.contracts.get(target, ()):
                if contract["min_quantity"] <= item.quantity.scaleb(6):
                    unit = amount(contract["unit_price"]) or ZERO
                    found = Chosen("contract", unit, contract["tax_included"], scope=scope)
                    found.contract_price_id = contract["id"]
                    found.min_quantity = quantity(contract["min_quantity"])
                    found.step("contract", None, unit)
                    return found
        return None

    def _ruled(self, of_list: Row, item: Item, scope: str, rule: Row, depth: int) -> Chosen:
        bases = self._bases(of_list, item, rule, depth)
        found = Chosen("rule", ZERO, of_list["tax_included"], scope=scope)
        found.price_list_id, found.price_rule_id = of_list["id"], rule["id"]
        found.min_quantity = quantity(rule["min_quantity"])
        if rule["tiers"]:
            _tiered(found, item, rule, of_list["id"])
        else:
            made = price(method_of(rule), bases)
            found.unit, found.floor = made.unit, made.floor
            found.bound_by_cost = bases.cost is not None and rule["min_margin"] is not None
            for one in made.steps:
                found.step(one.step, one.before, one.after, rule=rule, list_id=of_list["id"])
            found.cheaper = self._more(of_list, item, rule, made.unit, depth)
        if found.unit >= HIGHEST:
            raise NoBase("range")
        return found

    def _bases(self, of_list: Row, item: Item, rule: Row, depth: int) -> Bases:
        """What the rule's price is made of, taxed as the list is; raises `NoBase` without a rate.

        Only what it needs, lest a rate is asked for in vain.
        """
        wanted = _wanted(rule)
        to = of_list["currency"]
        parent = self._inherited(of_list, item, depth) if "parent_price" in wanted else None
        return Bases(
            self._own(item, "list_price", of_list, to) if "list_price" in wanted else None,
            self._own(item, "cost", of_list, to) if "cost" in wanted else None,
            None if parent is None else parent.unit,
            item.quantity,
        )

    def _own(self, item: Item, name: str, of_list: Row, to: str) -> Decimal | None:
        try:
            found = self.exchanged(item.own(name), item.product["currency"], to)
        except Conflict:
            raise NoBase(name) from None
        return found if found is None or not of_list["tax_included"] else found * self.gross(item)

    @exactly
    def own_price(self, item: Item) -> Chosen:
        """The list price of the product; raises `NoPrice`, `RateNeeded`, `Conflict`."""
        own, currency = item.own("list_price"), item.product["currency"]
        if own is None or currency is None:
            raise NoPrice
        found = Chosen("list_price", own, tax_included=False)
        found.step("list_price", None, own)
        if currency != self.currency:
            rate = self.rate(currency, self.currency)
            found.unit = rounded_unit(own * rate)
            found.step("exchange", own, found.unit, factor=rate)
        return found

    def _more(self, of_list: Row, item: Item, rule: Row, unit: Decimal, depth: int) -> Hint | None:
        """More that costs less by a later quantity of the same rules."""
        reached = item.quantity.scaleb(6)
        offers: list[tuple[Decimal, Decimal]] = []
        for one in self.facts.rules[of_list["id"], rule["target_id"]]:
            if one["min_quantity"] > reached and not one["tiers"]:
                more = quantity(one["min_quantity"]) or ZERO
                try:
                    bases = self._bases(of_list, replace(item, quantity=more), one, depth)
                    offers.append((more, more * price(method_of(one), bases).unit))
                except NoBase:
                    continue
        return cheapest(item.quantity * unit, offers)

    def _lost(self, item: Item, place: int, found: Chosen | None) -> list[dict[str, Any]]:
        """The other rules of the lists for the item, and why they do not count.

        `place` is that of the list that was found to say what it costs: those after it were not
        asked, and those before it had nothing to say.
        """
        lost: list[dict[str, Any]] = []
        for n, one in enumerate(self.facts.asked):
            beaten_by: str | None = None
            for _, rule in self._candidates(one, item):
                if found is not None and rule["id"] == found.price_rule_id:
                    beaten_by = rule["target_id"]
                    continue
                reason = "list_asked_later" if n > place else _reason(item, rule, beaten_by)
                lost.append(
                    {"price_rule_id": rule["id"], "price_list_id": one["id"], "reason": reason}
                )
                if len(lost) == _MOST_LOST:
                    return lost
        return lost


def _reason(item: Item, rule: Row, beaten_by: str | None) -> str:
    """Why a rule of the list that counts, or of one before it, does not."""
    if rule["min_quantity"] > item.quantity.scaleb(6):
        return "quantity_not_reached"
    if beaten_by is None:
        return "no_base"
    return "lower_quantity" if rule["target_id"] == beaten_by else "less_specific"


def _wanted(rule: Row) -> set[str]:
    """What the price of a rule is made of."""
    if rule["tiers"]:
        return set()
    wanted: set[str] = set()
    if rule["method"] == "formula":
        wanted |= formula_of(rule["formula"]).uses.keys()
    elif rule["method"] == "cost_plus":
        wanted.add("cost")
    elif rule["method"] == "percent":
        wanted.add({"list": "list_price", "cost": "cost", "parent": "parent_price"}[rule["base"]])
    if rule["min_margin"] is not None or rule["max_margin"] is not None:
        wanted.add("cost")
    return wanted


def taxes_of(category: str, rates: Sequence[Row]) -> tuple[Tax, ...]:
    """The taxes of a category: of each the rate that is most specific."""
    best: dict[str, tuple[tuple[bool, bool], Row]] = {}
    for rate in rates:
        if rate["tax_category"] in {"", category}:
            fit = (rate["tax_category"] != "", rate["region"] != "")
            if rate["code"] not in best or fit > best[rate["code"]][0]:
                best[rate["code"]] = (fit, rate)
    due = sorted(
        (rate for _, rate in best.values()), key=lambda one: (one["position"], one["code"])
    )
    return tuple(
        Tax(one["id"], quantity(one["rate"]) or Decimal(0), one["compound"]) for one in due
    )


def _tiered(found: Chosen, item: Item, rule: Row, list_id: str) -> None:
    mode: TierMode = rule["tier_mode"]
    tiers: list[Tier] = [tier_of(tier) for tier in rule["tiers"]]
    whole = amount_of(item.quantity, mode, tiers)
    average = whole / item.quantity if item.quantity else tiers[0].unit_price
    found.unit, found.amount = rounded_unit(average), whole
    found.floor = amount(rule["floor"])
    found.cheaper = cheaper_more(item.quantity, mode, tiers)
    found.step(mode, None, found.unit, rule=rule, list_id=list_id)


def method_of(rule: Row) -> Method:
    """How a rule makes a price, as the arithmetic takes it."""
    fixed = rule["method"] == "fixed"
    # So many percent of the cost are told as what they are: of a cost.
    of_cost = rule["method"] == "percent" and rule["base"] == "cost"
    return Method(
        "cost_plus" if of_cost else rule["method"],
        amount(rule["unit_price"]) if fixed else quantity(rule["percent"]),
        base=rule["base"],
        formula=rule["formula"],
        surcharge=amount(rule["surcharge"]) or ZERO,
        round_to=amount(rule["round_to"]),
        direction=rule["direction"],
        ending=amount(rule["ending"]) or ZERO,
        floor=amount(rule["floor"]),
        ceiling=amount(rule["ceiling"]),
        min_margin=quantity(rule["min_margin"]),
        max_margin=quantity(rule["max_margin"]),
    )
