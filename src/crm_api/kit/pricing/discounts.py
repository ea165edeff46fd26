"""Discounts: one after the other in a fixed order, and shared out where they are of many lines."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from crm_api.kit.pricing.rounding import (
    HUNDRED,
    ZERO,
    RoundingMode,
    as_percent,
    exactly,
    rounded,
    smallest,
    spread,
)

LineStage = Literal["list", "volume", "customer", "campaign", "manual"]
SharedStage = Literal["section", "document", "coupon"]
_LINE_ORDER: tuple[LineStage, ...] = ("list", "volume", "customer", "campaign", "manual")
_SHARED_ORDER: tuple[SharedStage, ...] = ("section", "document", "coupon")


@dataclass(frozen=True, slots=True)
class Discount:
    """Off one line: a percentage of what is left of it, or an amount off all of it."""

    stage: LineStage
    percent: Decimal | None = None
    amount: Decimal | None = None
    source: str | None = None
    """Whose it is, as the client knows it."""


@dataclass(frozen=True, slots=True)
class SharedDiscount:
    """Off several lines together, of which each gets its share."""

    stage: SharedStage
    percent: Decimal | None = None
    amount: Decimal | None = None
    source: str | None = None
    section: str | None = None
    """Only lines of this section."""
    lines: frozenset[int] | None = None
    """Only these lines, by position."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a discount took."""

    stage: LineStage | SharedStage
    source: str | None
    percent: Decimal | None
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Shares:
    """What shared discounts make of lines."""

    left: list[Decimal]
    taken: list[list[Taken]]
    wholes: list[Decimal]
    """What the lines that each discount is for came to before it, by the order of the stages."""


def check_discount(discount: Discount | SharedDiscount) -> None:
    """Raises `ValueError` unless it is so many percent, or an amount, that is not negative."""
    if (discount.percent is None) == (discount.amount is None):
        raise ValueError("a discount is a percentage or an amount")
    if discount.percent is not None and not ZERO <= discount.percent <= HUNDRED:
        raise ValueError("a discount is between 0 and 100 percent")
    if discount.amount is not None and discount.amount < ZERO:
        raise ValueError("a discount is not negative")


@exactly
def off_line(
    amount: Decimal, discounts: Iterable[Discount], currency: str, mode: RoundingMode
) -> tuple[Decimal, list[Taken]]:
    """What is left of an unrounded line amount, and what each discount took of it.

    The percentages are multiplied unrounded and what is left is rounded once; a discount took what
    the rounded amount sank by, so that amount, discounts and rest always add up.
    """
    left, shown = amount, rounded(amount, currency, mode)
    taken: list[Taken] = []
    for discount in sorted(discounts, key=lambda one: _LINE_ORDER.index(one.stage)):
        left -= min(left, _off(left, discount))
        now = rounded(left, currency, mode)
        taken.append(Taken(discount.stage, discount.source, discount.percent, shown - now))
        shown = now
    return shown, taken


@exactly
def off_lines(
    amounts: Sequence[Decimal],
    groups: Sequence[object],
    sections: Sequence[str | None],
    discounts: Iterable[SharedDiscount],
    currency: str,
    mode: RoundingMode,
) -> Shares:
    """What is left of rounded line amounts, and what each shared discount took of each line.

    `groups` says which lines are taxed alike: a discount is shared out over them first, and then
    over the lines of each, so that no tax is of an amount that is off by more than its rounding.
    """
    left, taken, wholes = list(amounts), [list[Taken]() for _ in amounts], list[Decimal]()
    for discount in _in_order(discounts):
        places = [place for place in range(len(left)) if _meant(discount, place, sections[place])]
        whole = sum((left[place] for place in places), ZERO)
        wholes.append(whole)
        total = min(whole, rounded(_off(whole, discount), currency, mode))
        for place, share in _shares(total, places, left, groups, smallest(currency)):
            left[place] -= share
            one = Taken(discount.stage, discount.source, discount.percent, share)
            taken[place].append(one)
    return Shares(left, taken, wholes)


@exactly
def off_one_more(
    amount: Decimal,
    place: int,
    section: str | None,
    discounts: Iterable[SharedDiscount],
    wholes: Sequence[Decimal],
    currency: str,
    mode: RoundingMode,
) -> tuple[Decimal, list[Taken]]:
    """The same of one line beside others that come to `wholes`, without sharing out anew.

    What it takes of an amount the others keep, which makes its share a little larger; its own
    rounding may be another by the smallest coin.
    """
    left, taken = amount, list[Taken]()
    for discount, others in zip(_in_order(discounts), wholes, strict=True):
        if left == ZERO or not _meant(discount, place, section):
            continue
        whole = others + left
        share = min(left, rounded(_off(whole, discount) * left / whole, currency, mode))
        left -= share
        taken.append(Taken(discount.stage, discount.source, discount.percent, share))
    return left, taken


@exactly
def effective_percent(before: Decimal, after: Decimal) -> Decimal:
    """How much less it is, in percent with two decimals."""
    if before == ZERO:
        return ZERO
    return as_percent((before - after) * HUNDRED / before)


def _in_order(discounts: Iterable[SharedDiscount]) -> list[SharedDiscount]:
    return sorted(discounts, key=lambda one: _SHARED_ORDER.index(one.stage))


def _off(amount: Decimal, discount: Discount | SharedDiscount) -> Decimal:
    if discount.percent is not None:
        return amount * discount.percent / HUNDRED
    return discount.amount or ZERO


def _meant(discount: SharedDiscount, place: int, section: str | None) -> bool:
    in_section = discount.section is None or discount.section == section
    return in_section and (discount.lines is None or place in discount.lines)


def _shares(
    total: Decimal,
    places: Sequence[int],
    left: Sequence[Decimal],
    groups: Sequence[object],
    step: Decimal,
) -> Iterable[tuple[int, Decimal]]:
    alike: dict[object, list[int]] = {}
    for place in places:
        alike.setdefault(groups[place], []).append(place)
    sums = [sum((left[place] for place in members), ZERO) for members in alike.values()]
    for members, share in zip(alike.values(), spread(total, sums, step), strict=True):
        own = [left[place] for place in members]
        yield from zip(members, spread(share, own, step), strict=True)
