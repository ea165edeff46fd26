"""Which prices of a list look wrong, and why: pure, over what was read.

How far a price is off others is the modified z-score of Iglewicz and Hoaglin ("How to Detect and
Handle Outliers", ASQC 1993): 0.6745 times the distance to the median over the median of such
distances (MAD); beyond 3.5 it is an outlier. Where more than half of the others are alike that
median is nothing, and the mean distance takes its place, times 1.253314. Prices are compared by
their logarithms: a tenth is as far off as tenfold. These scores are floats; money never is.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from statistics import fmean, median
from typing import Any, Final

from crm_api.domains.prices.choosing import method_of
from crm_api.domains.prices.gathering import Row, amount, quantity
from crm_api.domains.prices.items import Item
from crm_api.domains.prices.schemas import tier_of
from crm_api.kit.money import shown_amount, shown_quantity
from crm_api.kit.pricing.methods import Bases, NoBase, price
from crm_api.kit.pricing.rounding import ONE, ZERO, exactly, rounded_unit

REASONS: Final = (
    "below_cost", "below_floor", "off_list_price", "off_other_lists", "dearer_in_bulk", "no_base",
    "no_rate", "outside_list_days", "shadowed", "target_gone", "parent_currency", "unpriced",
)  # fmt: skip
OUTLIER: Final = 3.5
FEWEST: Final = 4
"""Of fewer others nothing is an outlier."""
LEAST_OFF: Final = math.log(1.25)
"""What is off by less is no mistake, however alike the others are."""
Finding = dict[str, Any]


@dataclass(frozen=True)
class Spread:
    """Where the middle of some numbers is, and how far they usually are from it."""

    middle: float
    usual: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> "Spread":
        """Of at least one number."""
        middle = median(numbers)
        off = [abs(number - middle) for number in numbers]
        return cls(middle, median(off) / 0.6745 or fmean(off) * 1.253314)

    def score(self, number: float) -> float | None:
        """How far off a number is, with its sign; None where it is not far."""
        off = number - self.middle
        if abs(off) < LEAST_OFF:
            return None
        found = off / self.usual if self.usual else math.copysign(math.inf, off)
        return found if abs(found) > OUTLIER else None


@dataclass(frozen=True)
class Known:
    """What rules of a list are compared with."""

    currency: str
    first: str | None
    """The first day of the list, and the last."""
    last: str | None
    rates: Mapping[str, Decimal | None]
    """Into the currency of the list, by the currency; None where there is none."""
    usual: Spread | None
    """Of the logarithms of prices by list prices, of all rules of the list."""
    sees_costs: bool


@dataclass
class Thing:
    """What some rules of a list are for."""

    item: Item | None
    """None for a category, and for everything."""
    rules: list[Row]
    others: dict[int, list[int]] = field(default_factory=dict[int, list[int]])
    """What other lists ask in the same currency, by quantity."""
    is_gone: bool = False
    added: Decimal | None = ZERO
    """What the components of a bundle add to its price; None where nobody knows."""
    cost: Decimal | None = None
    """What a bundle costs us that has no cost of its own."""


def findings(thing: Thing, known: Known) -> Iterator[Finding]:
    """What looks wrong with the rules for one thing."""
    for rule in thing.rules:
        if thing.is_gone:
            yield finding("target_gone", rule)
        if not _shares_days(rule, {"valid_from": known.first, "valid_to": known.last}):
            yield finding("outside_list_days", rule)
    if thing.item is not None and not thing.is_gone:
        made = [_made(rule, thing.item, known) for rule in thing.rules]
        for one in made:
            yield from _faults(one, thing, known)
        yield from _dearer([one for one in made if one.units])


@dataclass
class _Made:
    rule: Row
    units: list[Decimal] = field(default_factory=list[Decimal])
    """The price of one unit; of each tier, where there are some."""
    list_price: Decimal | None = None
    cost: Decimal | None = None
    faults: list[Finding] = field(default_factory=list[Finding])


@exactly
def _made(rule: Row, item: Item, known: Known) -> _Made:
    rate = known.rates.get(item.product["currency"] or known.currency, ONE)
    made = _Made(rule)
    if rate is None and rule["method"] != "fixed":
        made.faults.append(finding("no_rate", rule))
        return made
    made.list_price, cost = (
        None if own is None or rate is None else rounded_unit(own * rate)
        for own in (item.own("list_price"), item.own("cost"))
    )
    made.cost = cost if known.sees_costs else None
    tiers = [tier_of(tier) for tier in rule["tiers"]]
    if tiers:
        made.units = [tier.unit_price / tier.package for tier in tiers]
        floor = amount(rule["floor"])
        if floor is not None and min(made.units) < floor:
            made.faults.append(finding("below_floor", rule, min(made.units), floor))
    elif _is_open(rule, known):
        _price(rule, made)
    return made


def _is_open(rule: Row, known: Known) -> bool:
    """Whether its price can be told: not without the list above, nor to whom costs are hidden."""
    of_parent = rule["method"] == "percent" and rule["base"] == "parent"
    of_cost = rule["method"] == "cost_plus" or (rule["method"], rule["base"]) == ("percent", "cost")
    return rule["method"] != "formula" and not of_parent and (known.sees_costs or not of_cost)


def _price(rule: Row, made: _Made) -> None:
    least = max(quantity(rule["min_quantity"]) or ZERO, ONE)
    try:
        found = price(method_of(rule), Bases(made.list_price, made.cost, None, least))
    except NoBase:
        made.faults.append(finding("no_base", rule))
        return
    made.units = [found.unit]
    lifted = next((step for step in found.steps if step.step == "floor"), None)
    if lifted is not None and lifted.before is not None:
        made.faults.append(finding("below_floor", rule, lifted.before, lifted.after))


def _faults(made: _Made, thing: Thing, known: Known) -> Iterator[Finding]:
    yield from made.faults
    if not made.units:
        return
    lowest, first = min(made.units), made.units[0]
    cost = thing.cost if made.cost is None and known.sees_costs else made.cost
    if cost is not None and thing.added is not None and lowest + thing.added < cost:
        yield finding("below_cost", made.rule, lowest + thing.added, cost)
    if made.list_price and first and known.usual is not None:
        score = known.usual.score(math.log(first / made.list_price))
        if score is not None:
            yield finding("off_list_price", made.rule, first, made.list_price, score=score)
    others = [amount(other) for other in thing.others.get(made.rule["min_quantity"], ()) if other]
    others = [other for other in others if other]
    if len(others) >= FEWEST and first:
        spread = Spread.of([math.log(other) for other in others])
        if (score := spread.score(math.log(first))) is not None:
            middle = rounded_unit(Decimal(median(others)))
            yield finding("off_other_lists", made.rule, first, middle, score=score)


def _dearer(made: Iterable[_Made]) -> Iterator[Finding]:
    """More that costs more of each: by another rule, or by a tier of the same."""
    before: list[_Made] = []
    for one in sorted(made, key=lambda one: one.rule["min_quantity"]):
        lower = [
            other
            for other in before
            if other.rule["min_quantity"] < one.rule["min_quantity"]
            and _shares_days(other.rule, one.rule)
        ]
        cheapest = min(lower, key=lambda other: other.units[-1], default=None)
        if cheapest is not None and cheapest.units[-1] < one.units[0]:
            yield finding(
                "dearer_in_bulk", one.rule, one.units[0], cheapest.units[-1], other=cheapest.rule
            )
        for less, more in pairwise(one.units):
            if less < more:
                yield finding("dearer_in_bulk", one.rule, more, less)
        before.append(one)


def _shares_days(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(
        a["valid_from"] is None or b["valid_to"] is None or a["valid_from"] <= b["valid_to"]
        for a, b in ((one, other), (other, one))
    )


def finding(
    reason: str,
    rule: Row | None,
    price: Decimal | None = None,
    against: Decimal | None = None,
    *,
    other: Row | None = None,
    score: float | None = None,
) -> Finding:
    """Something that looks wrong, as it is told: the rule, why, and the numbers."""
    least = None if rule is None else quantity(rule["min_quantity"])
    return {
        "reason": reason,
        "price_rule_id": None if rule is None else rule["id"],
        "target_id": None if rule is None else rule["target_id"],
        "min_quantity": None if least is None else shown_quantity(least),
        "price": None if price is None else shown_amount(price),
        "against": None if against is None else shown_amount(against),
        "other_rule_id": None if other is None else other["id"],
        "score": None if score is None or math.isinf(score) else f"{score:.1f}",
    }
