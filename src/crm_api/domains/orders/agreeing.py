"""What agreed lines come to: pure.

What a line comes to after all its discounts is what was agreed, so discounts play no part any
more: of another quantity it is so many times as much, and the taxes are those of the line. Lines
that stay as they are come to the same again, to the cent.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from crm_api.domains.quotes.calculating import INTERVALS
from crm_api.domains.quotes.lines import MOST_LINES, tax_of, taxes_named
from crm_api.domains.quotes.showing import storable, sums_of
from crm_api.kit.errors import Fault
from crm_api.kit.money import shown_amount, shown_quantity
from crm_api.kit.pricing.documents import (
    Arithmetic,
    Calculated,
    CalculatedLine,
    Document,
    Line,
    calculate,
)
from crm_api.kit.pricing.rounding import ZERO, exactly, rounded

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


def misfits(lines: Sequence[Content], changes: Sequence[Content]) -> Iterable[Fault]:
    """What of some changes is not for these lines."""
    known = {line["id"]: line for line in lines}
    seen: set[str] = set()
    for place, change in enumerate(changes):
        id, at = change["line_id"], f"/changes/{place}/line_id"
        if id is None:
            continue
        if id not in known:
            yield Fault("unknown_line", "The order has no such line.", at)
        elif id in seen:
            yield Fault("repeated", "Another change is of this line.", at)
        elif change["action"] == "change" and known[id]["kind"] == "text":
            yield Fault("text_line", "A text costs nothing: remove it, and add another.", at)
        elif change["action"] == "change" and _needs_price(known[id], change):
            message = "Of nothing no price was agreed: say it."
            yield Fault("price_needed", message, f"/changes/{place}/unit_price")
        seen.add(id)
    added = sum(change["action"] == "add" for change in changes)
    removed = sum(change["action"] == "remove" for change in changes)
    if added and len(lines) + added - removed > MOST_LINES:
        yield Fault("too_many_lines", f"An order has at most {MOST_LINES} lines.", "/changes")


@exactly
def changed(
    lines: Sequence[Content], changes: Sequence[Content], rules: Arithmetic
) -> list[Content]:
    """Lines as some changes make them, which fit; what they come to is for `agreed` to say.

    Of another quantity a line costs so many times what one unit of it was agreed to cost.
    """
    by_line = {change["line_id"]: change for change in changes if change["line_id"] is not None}
    kept: list[Content] = []
    for line in lines:
        change = by_line.get(line["id"])
        if change is None:
            kept.append(line)
        elif change["action"] == "change":
            kept.append(_repriced(line, change, rules))
    return [*kept, *(change["line"] for change in changes if change["action"] == "add")]


def _needs_price(line: Content, change: Content) -> bool:
    return change["unit_price"] is None and Decimal(line["quantity"]) == ZERO


def _repriced(line: Content, change: Content, rules: Arithmetic) -> Content:
    quantity = Decimal(change["quantity"] or line["quantity"])
    if change["unit_price"] is None:
        whole = Decimal(line["amount"]) * quantity / Decimal(line["quantity"])
        priced: Content = {}
    else:
        whole = Decimal(change["unit_price"]) * quantity
        same = {"price": change["unit_price"], "discount_percent": "0"}
        # What costs no less than was agreed, and what is no product, gives nothing.
        same |= {name: change.get(name) for name in ("manual_percent", "below_floor")}
        priced = {**same, "unit_price": change["unit_price"]}
    amount = rounded(whole, rules.currency, rules.rounding)
    return {
        **line,
        **priced,
        "quantity": shown_quantity(quantity),
        "amount": shown_amount(amount),
    }


def _line(line: Content) -> Line:
    return Line(
        quantity=ZERO if line["kind"] == "text" else Decimal(line["quantity"]),
        unit_price=ZERO,
        amount=Decimal(line["amount"]),
        taxes=tuple(map(tax_of, line["taxes"])),
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
    named = taxes_named(part.stored for part in own)
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
