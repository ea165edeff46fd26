"""A document of lines in; priced lines, taxes and totals out. The one way in which it is done.

Lines first: quantity times price, less the discounts of the line, rounded once. Then what is off
several lines, shared out; then the taxes; then the totals, which are sums of what stands above
them. So lines and totals agree to the cent, whatever the currency.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from crm_api.kit.pricing.discounts import (
    Discount,
    SharedDiscount,
    Shares,
    Taken,
    check_discount,
    effective_percent,
    off_line,
    off_lines,
    off_one_more,
)
from crm_api.kit.pricing.methods import margin_of
from crm_api.kit.pricing.rounding import (
    ZERO,
    RoundingMode,
    exact,
    exactly,
    in_cash,
    rounded,
    rounded_unit,
)
from crm_api.kit.pricing.taxes import Tax, Taxable, Taxed, TaxRounding, TaxTotal, taxed, totals_of


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """How a document is calculated."""

    currency: str
    rounding: RoundingMode = "half_up"
    tax_rounding: TaxRounding = "document"
    cash_step: Decimal | None = None
    """The smallest coin, where what is to be paid is rounded to it: 0.05 of Swiss francs."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a line is made of."""

    quantity: Decimal
    unit_price: Decimal
    amount: Decimal | None = None
    """What the quantity costs, where that is not so many times the unit price: slices, packages."""
    discounts: tuple[Discount, ...] = ()
    taxes: tuple[Tax, ...] = ()
    tax_included: bool = False
    section: str | None = None
    counts: bool = True
    """False for an option that was not chosen: priced, and not part of any sum."""
    is_optional: bool = False
    """Whether it may be chosen and left out, so that others share with it what is off all."""
    unit_cost: Decimal | None = None
    unit_floor: Decimal | None = None
    """The lowest price of a unit that is allowed without approval, taxed as the price is."""


@dataclass(frozen=True, slots=True)
class Document:
    """Lines, and what is off several of them."""

    arithmetic: Arithmetic
    lines: Sequence[Line]
    discounts: Sequence[SharedDiscount] = ()


@dataclass(frozen=True, slots=True)
class CalculatedLine:
    """A line with everything that it comes to."""

    list_amount: Decimal
    """Before discounts, taxed as the price is."""
    amount: Decimal
    """After discounts, taxed as the price is."""
    unit_net: Decimal
    """Of one unit, after discounts, without taxes."""
    net: Decimal
    tax: Decimal
    gross: Decimal
    discounts: list[Taken]
    discount_percent: Decimal
    """All discounts as one."""
    taxes: list[tuple[Tax, Decimal]]
    cost: Decimal | None
    margin: Decimal | None
    """What is left of the net amount over the cost."""
    margin_percent: Decimal | None
    below_floor: bool
    """Whether it is, or would be with other options."""
    most_taken: list[Taken]
    """The discounts at their most: with no options beside what has to be there, and it."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of the lines that count."""

    list_amount: Decimal
    discount: Decimal
    net: Decimal
    tax: Decimal
    gross: Decimal
    cash_rounding: Decimal
    """What is added or taken off so that it can be paid in coins; a line of its own."""
    payable: Decimal
    cost: Decimal | None
    """None where a line's cost is not known."""
    margin: Decimal | None
    margin_percent: Decimal | None


@dataclass(frozen=True, slots=True)
class Calculated:
    """A document's lines, in the order given, with its taxes and totals."""

    lines: list[CalculatedLine]
    taxes: list[TaxTotal]
    totals: Totals


@dataclass(slots=True)
class _Working:
    line: Line
    listed: Decimal
    left: Decimal
    taken: list[Taken] = field(default_factory=list[Taken])
    at_most: tuple[Decimal, list[Taken]] | None = None
    """What is left, and what is off, with the fewest lines to share out with."""


@exactly
def calculate(document: Document) -> Calculated:
    """Everything that a document comes to; raises `ValueError`, or `TypeError` for a float."""
    check(document)
    rules = document.arithmetic
    works = [_begun(line, rules) for line in document.lines]
    counting = [work for work in works if work.line.counts]
    _share_out(document, works)
    options = [work for work in works if not work.line.counts]
    of_work = _taxed(counting, rules)
    totals = totals_of(of_work.values())
    # An option alone is what it would be alone: no part of the rounding of the document's taxes.
    for option in options:
        of_work |= _taxed([option], rules)
    lines = [_finished(work, of_work[id(work)], rules) for work in works]
    sums = [line for line, work in zip(lines, works, strict=True) if work.line.counts]
    return Calculated(lines, totals, _totals(sums, rules))


def check(document: Document) -> None:
    """Raises `ValueError` for what no document can be made of, `TypeError` for a float."""
    for line in document.lines:
        _exact_all(
            line.quantity,
            line.unit_price,
            line.amount,
            line.unit_cost,
            line.unit_floor,
            *(tax.rate for tax in line.taxes),
        )
        if line.quantity < ZERO:
            raise ValueError("a quantity is not negative")
        if line.unit_price < ZERO or (line.amount is not None and line.amount < ZERO):
            raise ValueError("a price is not negative")
        if any(tax.rate < ZERO for tax in line.taxes):
            raise ValueError("a tax is not negative")
    for discount in [*document.discounts, *(d for line in document.lines for d in line.discounts)]:
        _exact_all(discount.percent, discount.amount)
        check_discount(discount)


def _exact_all(*values: Any) -> None:
    for value in values:
        if value is not None:
            exact(value)


def _begun(line: Line, rules: Arithmetic) -> _Working:
    whole = line.amount
    if whole is None:
        whole = line.quantity * line.unit_price
    left, taken = off_line(whole, line.discounts, rules.currency, rules.rounding)
    return _Working(line, rounded(whole, rules.currency, rules.rounding), left, taken)


def _share_out(document: Document, works: Sequence[_Working]) -> None:
    # What is off lines by themselves holds before anything is shared out, with any options.
    if document.discounts and any(work.line.is_optional for work in works):
        _share_out_most(document, works)
    counting = [place for place, work in enumerate(works) if work.line.counts]
    found = _shared_out(document, works, counting)
    for place, rest, shares in zip(counting, found.left, found.taken, strict=True):
        works[place].left = rest
        works[place].taken += shares


def _share_out_most(document: Document, works: Sequence[_Working]) -> None:
    rules = document.arithmetic
    firm = [n for n, work in enumerate(works) if work.line.counts and not work.line.is_optional]
    found = _shared_out(document, works, firm)
    for place, rest, shares in zip(firm, found.left, found.taken, strict=True):
        works[place].at_most = rest, [*works[place].taken, *shares]
    for place, work in enumerate(works):
        if work.line.is_optional:
            of_it = (work.left, place, work.line.section)
            rest, shares = off_one_more(
                *of_it, document.discounts, found.wholes, rules.currency, rules.rounding
            )
            work.at_most = rest, [*work.taken, *shares]


def _shared_out(document: Document, works: Sequence[_Working], places: Sequence[int]) -> Shares:
    """What is left of these lines, and what is off them, by what is off several."""
    where = {place: index for index, place in enumerate(places)}
    lines = [works[place].line for place in places]
    return off_lines(
        [works[place].left for place in places],
        [(line.taxes, line.tax_included) for line in lines],
        [line.section for line in lines],
        [_among(discount, where) for discount in document.discounts],
        document.arithmetic.currency,
        document.arithmetic.rounding,
    )


def _among(discount: SharedDiscount, where: dict[int, int]) -> SharedDiscount:
    if discount.lines is None:
        return discount
    return SharedDiscount(
        discount.stage,
        discount.percent,
        discount.amount,
        discount.source,
        discount.section,
        frozenset(where[place] for place in discount.lines if place in where),
    )


def _taxed(works: Sequence[_Working], rules: Arithmetic) -> dict[int, Taxed]:
    given = [Taxable(work.left, work.line.taxes, work.line.tax_included) for work in works]
    found = taxed(given, rules.currency, rules.rounding, rules.tax_rounding)
    return {id(work): one for work, one in zip(works, found, strict=True)}


def _finished(work: _Working, after: Taxed, rules: Arithmetic) -> CalculatedLine:
    line, cost = work.line, None
    if line.unit_cost is not None:
        whole = line.quantity * line.unit_cost
        cost = rounded(whole, rules.currency, rules.rounding)
    return CalculatedLine(
        list_amount=work.listed,
        amount=work.left,
        unit_net=_per_unit(after.net, line.quantity, rules),
        net=after.net,
        tax=after.gross - after.net,
        gross=after.gross,
        discounts=work.taken,
        discount_percent=effective_percent(work.listed, work.left),
        taxes=after.taxes,
        cost=cost,
        margin=None if cost is None else after.net - cost,
        margin_percent=None if cost is None else margin_of(after.net, cost),
        below_floor=_is_below_floor(work, rules),
        most_taken=work.taken if work.at_most is None else work.at_most[1],
    )


def _per_unit(net: Decimal, quantity: Decimal, rules: Arithmetic) -> Decimal:
    if quantity == ZERO:
        return ZERO
    return rounded_unit(net / quantity, rules.rounding)


def _is_below_floor(work: _Working, rules: Arithmetic) -> bool:
    if work.line.unit_floor is None:
        return False
    # As amounts, lest the rounding of a unit price makes a difference that nobody pays.
    least = work.line.quantity * work.line.unit_floor
    left = work.left if work.at_most is None else work.at_most[0]
    return left < rounded(least, rules.currency, rules.rounding)


def _totals(lines: Sequence[CalculatedLine], rules: Arithmetic) -> Totals:
    net, gross = _sum(line.net for line in lines), _sum(line.gross for line in lines)
    listed = _sum(line.list_amount for line in lines)
    payable = gross
    if rules.cash_step is not None:
        payable = in_cash(gross, rules.cash_step, rules.currency)
    costs = [line.cost for line in lines if line.cost is not None]
    cost = _sum(costs) if len(costs) == len(lines) else None
    return Totals(
        list_amount=listed,
        discount=listed - _sum(line.amount for line in lines),
        net=net,
        tax=gross - net,
        gross=gross,
        cash_rounding=payable - gross,
        payable=payable,
        cost=cost,
        margin=None if cost is None else net - cost,
        margin_percent=None if cost is None else margin_of(net, cost),
    )


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)
