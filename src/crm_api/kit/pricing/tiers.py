"""Prices that depend on the quantity: by the tier reached, by slices, by packages."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from itertools import pairwise
from typing import Literal

from crm_api.kit.pricing.rounding import ONE, ZERO, exactly

TierMode = Literal["volume", "graduated", "package"]
"""The whole quantity at the price of the tier it reaches; each slice at the price of its own; or
whole packages, each begun one at the price of the tier that the quantity reaches."""


@dataclass(frozen=True, slots=True)
class Tier:
    """A stretch of quantities."""

    unit_price: Decimal
    """Of one unit; of a package where packages are sold."""
    up_to: Decimal | None = None
    """The last quantity in it; the last tier has none."""
    flat_fee: Decimal = ZERO
    """Once, as soon as the tier is used."""
    package: Decimal = ONE
    """How many units a package has."""


@dataclass(frozen=True, slots=True)
class Hint:
    """More that costs less."""

    quantity: Decimal
    amount: Decimal
    saves: Decimal


def check_tiers(tiers: Sequence[Tier]) -> None:
    """Raises `ValueError` unless the tiers follow one another to the end."""
    if not tiers:
        raise ValueError("there is at least one tier")
    if tiers[-1].up_to is not None or any(tier.up_to is None for tier in tiers[:-1]):
        raise ValueError("the last tier has no end, and no other")
    ends = [ZERO, *(tier.up_to for tier in tiers if tier.up_to is not None)]
    if any(later <= earlier for earlier, later in pairwise(ends)):
        raise ValueError("the tiers are in order of their ends")
    if any(
        tier.unit_price < ZERO or tier.flat_fee < ZERO or tier.package <= ZERO for tier in tiers
    ):
        raise ValueError("prices are not negative, and packages hold something")


@exactly
def amount_of(quantity: Decimal, mode: TierMode, tiers: Sequence[Tier]) -> Decimal:
    """What a quantity costs, unrounded."""
    if quantity < ZERO:
        raise ValueError("a quantity is not negative")
    if quantity == ZERO:
        return ZERO
    if mode == "graduated":
        return sum((_slice(begin, quantity, tier) for begin, tier in _begun(tiers, quantity)), ZERO)
    tier = _reached(tiers, quantity)
    count = quantity
    if mode == "package":
        count = (quantity / tier.package).to_integral_value(ROUND_CEILING)
    return count * tier.unit_price + tier.flat_fee


@exactly
def cheaper_more(
    quantity: Decimal, mode: TierMode, tiers: Sequence[Tier], step: Decimal = ONE
) -> Hint | None:
    """The quantity above this one that costs least, where it costs less than this one.

    Where the price falls for the whole quantity, more can cost less just behind the end of a tier.
    """
    ends = (tier.up_to for tier in tiers if tier.up_to is not None)
    behind = [end - end % step + step for end in ends if end >= quantity]
    offers = ((more, amount_of(more, mode, tiers)) for more in behind)
    return cheapest(amount_of(quantity, mode, tiers), offers)


def cheapest(amount: Decimal, offers: Iterable[tuple[Decimal, Decimal]]) -> Hint | None:
    """The cheapest of some quantities with their amounts, where it costs less than an amount."""
    best = min(offers, key=lambda offer: (offer[1], offer[0]), default=None)
    if best is None or best[1] >= amount:
        return None
    return Hint(best[0], best[1], amount - best[1])


def _reached(tiers: Sequence[Tier], quantity: Decimal) -> Tier:
    return next(tier for tier in tiers if tier.up_to is None or quantity <= tier.up_to)


def _begun(tiers: Sequence[Tier], quantity: Decimal) -> Iterable[tuple[Decimal, Tier]]:
    begin = ZERO
    for tier in tiers:
        if begin >= quantity:
            return
        yield begin, tier
        begin = quantity if tier.up_to is None else tier.up_to


def _slice(begin: Decimal, quantity: Decimal, tier: Tier) -> Decimal:
    end = quantity if tier.up_to is None else min(quantity, tier.up_to)
    return (end - begin) * tier.unit_price + tier.flat_fee
