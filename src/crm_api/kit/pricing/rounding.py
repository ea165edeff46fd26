"""Amounts rounded to what their currency has, and shared out without losing any of it."""

from collections.abc import Callable, Mapping, Sequence
from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    Context,
    Decimal,
    getcontext,
    localcontext,
)
from functools import cache, wraps
from typing import Any, Literal, ParamSpec, TypeVar

from crm_api.kit.values.codes import minor_digits

P = ParamSpec("P")
R = TypeVar("R")
RoundingMode = Literal["half_up", "half_even"]
"""Of what is half-way: away from zero, or to the even neighbour."""
Direction = Literal["nearest", "up", "down"]

ZERO, ONE, HUNDRED = Decimal(0), Decimal(1), Decimal(100)
# An amount of 14 digits, a quantity of 12 and a handful of rates, with their decimals, are exact.
EXACT = Context(prec=60, rounding=ROUND_HALF_UP)
_MODES: Mapping[RoundingMode, str] = {"half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN}
_DIRECTIONS: Mapping[Direction, str] = {
    "nearest": ROUND_HALF_UP,
    "up": ROUND_CEILING,
    "down": ROUND_FLOOR,
}
# What a unit price is kept with (`kit/money.py`), for fractions of the smallest coin.
_UNIT_STEP = Decimal("0.0001")
_PERCENT_STEP = Decimal("0.01")


def exactly(function: Callable[P, R]) -> Callable[P, R]:
    """The same function, calculating with as many digits as prices can need."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        # Entering a context costs more than most of what is done in one.
        if getcontext().prec == EXACT.prec:
            return function(*args, **kwargs)
        with localcontext(EXACT):
            return function(*args, **kwargs)

    return run


def exact(value: Any) -> Decimal:
    """A number as a decimal; raises `TypeError` for a float, whose cents are not what they seem."""
    if isinstance(value, bool | float) or not isinstance(value, Decimal | int | str):
        raise TypeError(f"a price is made of decimals, not of a {type(value).__name__}")
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError("a price is a finite number")
    return number


@cache
def smallest(currency: str) -> Decimal:
    """The smallest amount that a currency has: 0.01 for EUR, 1 for JPY, 0.001 for KWD."""
    return ONE.scaleb(-minor_digits(currency))


def rounded(amount: Decimal, currency: str, mode: RoundingMode = "half_up") -> Decimal:
    """An amount in whole smallest units of its currency."""
    return amount.quantize(smallest(currency), _MODES[mode], EXACT)


def rounded_unit(price: Decimal, mode: RoundingMode = "half_up") -> Decimal:
    """A unit price with the decimals that unit prices have, finer than those of amounts."""
    return price.quantize(_UNIT_STEP, _MODES[mode], EXACT)


def as_percent(share: Decimal) -> Decimal:
    """A percentage as it is told: with two decimals."""
    return share.quantize(_PERCENT_STEP, context=EXACT)


def in_cash(amount: Decimal, step: Decimal, currency: str) -> Decimal:
    """What is paid in coins where the smallest is `step`, such as 0.05 of Swiss francs."""
    return rounded(to_multiple(amount, step), currency)


@exactly
def to_multiple(
    price: Decimal, multiple: Decimal, direction: Direction = "nearest", ending: Decimal = ZERO
) -> Decimal:
    """The neighbouring price that is a multiple plus an ending.

    Of 12.40, with a multiple of 1 and an ending of 0.99, that is 11.99 below and 12.99 above.
    """
    if multiple <= ZERO:
        raise ValueError("prices are rounded to a multiple above zero")
    steps = (price - ending) / multiple
    whole = steps.to_integral_value(_DIRECTIONS[direction])
    return whole * multiple + ending


@exactly
def spread(total: Decimal, weights: Sequence[Decimal], step: Decimal) -> list[Decimal]:
    """A total shared out by weights, in whole steps, so that the shares are the total.

    By largest remainder (Hamilton): each gets its share rounded down, and what is left goes step
    by step to those that lost most, the earlier ones first where they lost alike. What is negative
    is shared out as if it were positive.
    """
    if any(weight < ZERO for weight in weights):
        raise ValueError("a share is by a weight that is not negative")
    whole = sum(weights, ZERO)
    if whole == ZERO:
        if total != ZERO:
            raise ValueError("there is nothing to share this out over")
        return [ZERO] * len(weights)
    steps, broken = divmod(abs(total), step)
    if broken:
        raise ValueError("what is shared out is made of whole steps")
    # Whole numbers and remainders, which are exact where quotients are not.
    parts = [divmod(steps * weight, whole) for weight in weights]
    left = int(steps - sum((share for share, _ in parts), ZERO))
    losers = sorted(range(len(parts)), key=lambda place: -parts[place][1])[:left]
    sign = step if total >= ZERO else -step
    return [(share + (place in losers)) * sign for place, (share, _) in enumerate(parts)]
