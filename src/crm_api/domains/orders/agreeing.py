"""What agreed lines come to: pure.

What a line comes to after all its discounts is what was agreed, so discounts play no part any
more: of another quantity it is so many times as much, and the taxes are those of the line. Lines
that stay as they are come to the same again, to the cent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from crm_api.domains.quotes.calculating import INTERVALS
from crm_api.domains.quotes.showing import storable, sums_of
from crm_api.kit.money import shown_amount
from crm_api.kit.pricing.documents import (
    Arithmetic,
    Calculated,
    CalculatedLine,
    Document,
    Line,
    calculate,
)
from crm_api.kit.pricing.rounding import ZERO, exactly, rounded
from crm_api.kit.pricing.taxes import Tax

Content = Mapping[str, Any]
_VALUES = ("net", "tax", "gross", "one_time", "mrr", "arr", "acv", "tcv")
_AMOUNTS = ("unit_net", "amount", "net", "tax", "gross")


@dataclass(frozen=True)
class Agreed:
    """Lines, and what they come to."""

    lines: list[dict[str, Any]]
    totals: list[dict[str, Any]]
    values: dict[str, Decimal]
    """As columns of an order hold them."""


@dataclass
class _Part:
    stored: Content
    counts: bool = True
    done: CalculatedLine | None = None

    @property
    def given(self) -> "_Part":
        return self

    @property
    def interval(self) -> str | None:
        return self.stored["interval"]

    @property
    def term(self) -> int | None:
        return self.stored["term"]

    @property
    def result(self) -> CalculatedLine:
        assert self.done is not None
        return self.done


@exactly
def agreed(lines: Sequence[Content], rules: Arithmetic) -> Agreed:
    """What lines come to by their agreed amounts; raises `Invalid` for too many digits."""
    parts = [_Part(line) for line in lines]
    totals: list[dict[str, Any]] = []
    for interval in INTERVALS:
        own = [part for part in parts if part.interval == interval]
        if own:
            found = calculate(Document(rules, [_line(part.stored) for part in own]))
            for part, done in zip(own, found.lines, strict=True):
                part.done = done
            totals.append(_totals(interval, found, own))
    sums = storable(sums_of(parts, rules.currency), "/lines")
    values = {name: sums[name] or ZERO for name in _VALUES}
    return Agreed([_shown(part) for part in parts], totals, values)


@exactly
def repriced(line: Content, quantity: Decimal, price: Decimal | None, rules: Arithmetic) -> Decimal:
    """What a line comes to of another quantity or at another price of a unit.

    `price` is after all discounts, and taxed as that of the line is.
    """
    if price is None:
        price = Decimal(line["amount"]) / Decimal(line["quantity"])
    return rounded(price * quantity, rules.currency, rules.rounding)


def _line(line: Content) -> Line:
    return Line(
        quantity=ZERO if line["kind"] == "text" else Decimal(line["quantity"]),
        unit_price=ZERO,
        amount=Decimal(line["amount"]),
        taxes=tuple(Tax(tax["tax_rate_id"], Decimal(tax["rate"])) for tax in line["taxes"]),
        tax_included=line["tax_included"],
    )


def _shown(part: _Part) -> dict[str, Any]:
    done, taxes = part.result, part.stored["taxes"]
    due = {tax.name: amount for tax, amount in done.taxes}
    return {
        **part.stored,
        **{name: shown_amount(getattr(done, name)) for name in _AMOUNTS},
        "taxes": [{**tax, "amount": shown_amount(due[tax["tax_rate_id"]])} for tax in taxes],
    }


def _totals(interval: str | None, found: Calculated, own: Sequence[_Part]) -> dict[str, Any]:
    named = {
        tax["tax_rate_id"]: {name: tax[name] for name in ("tax_rate_id", "name", "rate")}
        for part in own
        for tax in part.stored["taxes"]
    }
    sums = found.totals
    return {
        "interval": interval,
        **{name: shown_amount(getattr(sums, name)) for name in ("net", "tax", "gross")},
        "taxes": [
            {
                **named[due.tax.name],
                "taxable": shown_amount(due.taxable),
                "amount": shown_amount(due.amount),
            }
            for due in found.taxes
        ],
    }
