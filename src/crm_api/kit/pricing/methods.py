"""How a rule makes a unit price: of nothing, a list price, a cost, or by a formula."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from crm_api.kit.custom.formulas import Formula, compiled
from crm_api.kit.custom.functions import Kind
from crm_api.kit.pricing.rounding import (
    HUNDRED,
    ONE,
    ZERO,
    Direction,
    as_percent,
    exact,
    exactly,
    rounded_unit,
    to_multiple,
)
from crm_api.kit.values.errors import BadValue

PriceMethod = Literal["fixed", "percent", "formula", "cost_plus"]
Base = Literal["list", "cost", "parent"]
"""What a percentage is of: the list price, the cost, or what the list above says."""
OPERANDS: Mapping[str, Kind] = {
    "list_price": "number",
    "cost": "number",
    "parent_price": "number",
    "quantity": "number",
}
"""What a formula of prices can use."""


@dataclass(frozen=True, slots=True)
class Bases:
    """What prices are made of; None where there is no such price."""

    list_price: Decimal | None = None
    cost: Decimal | None = None
    parent: Decimal | None = None
    quantity: Decimal = ONE


@dataclass(frozen=True, slots=True)
class Method:
    """How a rule makes a price."""

    method: PriceMethod
    value: Decimal | None = None
    """The price; or the percentage added to its base, which may be negative."""
    base: Base = "list"
    formula: str | None = None
    surcharge: Decimal = ZERO
    round_to: Decimal | None = None
    direction: Direction = "nearest"
    ending: Decimal = ZERO
    floor: Decimal | None = None
    ceiling: Decimal | None = None
    min_margin: Decimal | None = None
    """In percent of the price, below 100; it needs a cost."""
    max_margin: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What became of a price on its way."""

    step: str
    before: Decimal | None
    after: Decimal


@dataclass(frozen=True, slots=True)
class Priced:
    """A unit price, the lowest that is allowed, and how it came about."""

    unit: Decimal
    floor: Decimal | None
    steps: list[Step] = field(default_factory=list[Step])


class NoBase(Exception):
    """A price cannot be made, since what it is made of is not there; the argument names it."""


@lru_cache(maxsize=1024)
def formula_of(source: str) -> Formula:
    """A formula of prices; raises `BadValue`."""
    made = compiled(source, OPERANDS.get)
    if made.kind != "number":
        raise BadValue("invalid_formula", "The formula is to have a number for its value.")
    return made


@exactly
def price(method: Method, bases: Bases) -> Priced:
    """The unit price; raises `NoBase` where it would be made of what is not there.

    Base, then surcharge, then rounding, then the bounds: what is rounded never leaves them.
    """
    unit = _made(method, bases)
    steps = [Step(method.method, _base(method, bases), unit)]

    def then(step: str, after: Decimal) -> None:
        nonlocal unit
        if after != unit:
            steps.append(Step(step, unit, after))
            unit = after

    then("surcharge", unit + method.surcharge)
    if method.round_to is not None:
        then("rounding", to_multiple(unit, method.round_to, method.direction, method.ending))
    floor, ceiling = bounds(method, bases.cost)
    if ceiling is not None:
        then("ceiling", min(unit, ceiling))
    if floor is not None:
        then("floor", max(unit, floor))
    then("not_negative", max(unit, ZERO))
    return Priced(rounded_unit(unit), floor, steps)


@exactly
def bounds(method: Method, cost: Decimal | None) -> tuple[Decimal | None, Decimal | None]:
    """The lowest and the highest price that a rule allows."""
    least, most = method.floor, method.ceiling
    if cost is not None and method.min_margin is not None:
        by_margin = rounded_unit(with_margin(cost, method.min_margin))
        least = by_margin if least is None else max(least, by_margin)
    if cost is not None and method.max_margin is not None:
        by_margin = rounded_unit(with_margin(cost, method.max_margin))
        most = by_margin if most is None else min(most, by_margin)
    return least, most


@exactly
def with_margin(cost: Decimal, percent: Decimal) -> Decimal:
    """The price at which so much of it is margin."""
    return cost * HUNDRED / (HUNDRED - percent)


@exactly
def margin_of(net: Decimal, cost: Decimal) -> Decimal | None:
    """How much of a net amount is left over its cost, in percent with two decimals."""
    if net == ZERO:
        return None
    return as_percent((net - cost) * HUNDRED / net)


def _made(method: Method, bases: Bases) -> Decimal:
    if method.method == "fixed":
        return _needed(method.value, "value")
    if method.method == "formula":
        return _by_formula(method.formula or "", bases)
    base = _needed(_base(method, bases), _base_name(method))
    return changed_by(base, _needed(method.value, "value"))


@exactly
def changed_by(amount: Decimal, percent: Decimal) -> Decimal:
    """An amount and so many percent of it."""
    return amount * (HUNDRED + percent) / HUNDRED


def _base_name(method: Method) -> str:
    return "cost" if method.method == "cost_plus" else method.base


def _base(method: Method, bases: Bases) -> Decimal | None:
    if method.method in {"fixed", "formula"}:
        return None
    values = {"list": bases.list_price, "cost": bases.cost, "parent": bases.parent}
    return values[_base_name(method)]


def _by_formula(source: str, bases: Bases) -> Decimal:
    operands = {
        "list_price": bases.list_price,
        "cost": bases.cost,
        "parent_price": bases.parent,
        "quantity": bases.quantity,
    }
    value = formula_of(source).value(operands)
    return exact(_needed(value if isinstance(value, Decimal) else None, "formula"))


def _needed(value: Decimal | None, name: str) -> Decimal:
    if value is None:
        raise NoBase(name)
    return value
