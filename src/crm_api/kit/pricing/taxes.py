"""Taxes on lines: on top of prices or in them, one upon the other, rounded once.

EN 16931, BR-CO-17: the amount of a tax is its taxable amount times its rate, rounded; so by
default each tax is rounded once for the whole document, and lines get shares of it. Of prices that
include their taxes the net amount is rounded, and the tax is the rest.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from crm_api.kit.pricing.rounding import (
    HUNDRED,
    ONE,
    ZERO,
    RoundingMode,
    exactly,
    rounded,
    smallest,
    spread,
)

TaxRounding = Literal["document", "line"]


@dataclass(frozen=True, slots=True)
class Tax:
    """A tax that a line bears."""

    name: str
    rate: Decimal
    """In percent."""
    compound: bool = False
    """Whether it is also on the taxes before it."""


@dataclass(frozen=True, slots=True)
class Taxable:
    """What taxes are calculated of: an amount that holds them already, or not."""

    amount: Decimal
    taxes: tuple[Tax, ...]
    included: bool


@dataclass(slots=True)
class Taxed:
    """A line with its taxes."""

    net: Decimal
    gross: Decimal
    taxes: list[tuple[Tax, Decimal]]


@dataclass(frozen=True, slots=True)
class TaxTotal:
    """What is due of one tax in the whole document."""

    tax: Tax
    taxable: Decimal
    """The net amounts of the lines that bear it; of one upon others with these."""
    amount: Decimal


@exactly
def taxed(
    lines: Sequence[Taxable], currency: str, mode: RoundingMode, per: TaxRounding
) -> list[Taxed]:
    """The lines with their taxes, in the same order."""
    found: dict[int, Taxed] = {}
    places = range(len(lines))
    groups = [[place] for place in places] if per == "line" else [places]
    for group in groups:
        found |= _exclusive(lines, [p for p in group if not lines[p].included], currency, mode)
        for alike in _alike(lines, [p for p in group if lines[p].included]):
            found |= _inclusive(lines, alike, currency, mode)
    return [found[place] for place in places]


@exactly
def totals_of(lines: Iterable[Taxed]) -> list[TaxTotal]:
    """What is due of each tax, in the order in which they appear."""
    sums: dict[Tax, tuple[Decimal, Decimal]] = {}
    for line in lines:
        before = ZERO
        for tax, amount in line.taxes:
            taxable, due = sums.get(tax, (ZERO, ZERO))
            base = line.net + before if tax.compound else line.net
            sums[tax] = taxable + base, due + amount
            before += amount
    return [TaxTotal(tax, taxable, due) for tax, (taxable, due) in sums.items()]


@exactly
def shares(taxes: Sequence[Tax]) -> list[Decimal]:
    """What each tax is of a net amount of one, unrounded."""
    found: list[Decimal] = []
    for tax in taxes:
        base = ONE + (sum(found, ZERO) if tax.compound else ZERO)
        found.append(base * tax.rate / HUNDRED)
    return found


def _exclusive(
    lines: Sequence[Taxable], places: Sequence[int], currency: str, mode: RoundingMode
) -> dict[int, Taxed]:
    """Taxes on top of the amounts: each is summed up exactly, rounded once and shared out."""
    parts: dict[Tax, dict[int, Decimal]] = {}
    for place in places:
        line = lines[place]
        for tax, share in zip(line.taxes, shares(line.taxes), strict=True):
            parts.setdefault(tax, {})[place] = line.amount * share
    due: dict[int, list[tuple[Tax, Decimal]]] = {place: [] for place in places}
    for tax, weights in parts.items():
        total = rounded(sum(weights.values(), ZERO), currency, mode)
        amounts = _shared(total, list(weights.values()), smallest(currency))
        for place, amount in zip(weights, amounts, strict=True):
            due[place].append((tax, amount))
    return {
        place: Taxed(
            net := lines[place].amount, net + sum((a for _, a in due[place]), ZERO), due[place]
        )
        for place in places
    }


def _inclusive(
    lines: Sequence[Taxable], places: Sequence[int], currency: str, mode: RoundingMode
) -> dict[int, Taxed]:
    """Taxes in the amounts of lines that bear the same: the net is rounded, the tax is the rest.

    The rest is shared out over the taxes once for all lines, and each tax then over the lines: none
    of them gets more than it has left, so that lines and taxes both add up.
    """
    step, taxes = smallest(currency), lines[places[0]].taxes
    parts = shares(taxes)
    amounts = [lines[place].amount for place in places]
    whole = sum(amounts, ZERO)
    net = rounded(whole / (ONE + sum(parts, ZERO)), currency, mode)
    nets = _shared(net, amounts, step)
    left = [amount - own for amount, own in zip(amounts, nets, strict=True)]
    due: list[list[tuple[Tax, Decimal]]] = [[] for _ in places]
    for tax, total in zip(taxes, _shared(whole - net, parts, step), strict=True):
        for index, amount in enumerate(spread(total, left, step)):
            due[index].append((tax, amount))
            left[index] -= amount
    return {
        place: Taxed(own, amount, of_line)
        for place, own, amount, of_line in zip(places, nets, amounts, due, strict=True)
    }


def _shared(total: Decimal, weights: Sequence[Decimal], step: Decimal) -> list[Decimal]:
    return spread(total, weights, step) if weights else []


def _alike(lines: Sequence[Taxable], places: Sequence[int]) -> Iterable[list[int]]:
    groups: dict[tuple[Tax, ...], list[int]] = {}
    for place in places:
        groups.setdefault(lines[place].taxes, []).append(place)
    return groups.values()
