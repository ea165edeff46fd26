"""What a quote comes to, as it is shown and stored."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

from crm_api.domains.prices.answering import floor_of, trace_of
from crm_api.domains.prices.gathering import quantity
from crm_api.domains.quotes.calculating import MOST, Calculator, Groups, Work
from crm_api.domains.quotes.lines import TEXTS, QuoteDiscount, QuoteLine
from crm_api.kit.errors import Invalid
from crm_api.kit.money import shown_amount, shown_quantity
from crm_api.kit.pricing.discounts import effective_percent
from crm_api.kit.pricing.documents import Calculated, CalculatedLine
from crm_api.kit.pricing.methods import margin_of
from crm_api.kit.pricing.recurring import Recurring, worth
from crm_api.kit.pricing.rounding import ZERO, exactly

Shown = dict[str, Any]
_MOST_PERCENT = Decimal(10) ** 12
"""Percentages are below: the digits that columns have."""
_SUMS = ("list_amount", "discount", "net", "tax", "gross")


class Counted(Protocol):
    """A line with what it comes to."""

    counts: bool

    @property
    def given(self) -> Recurring:
        """When it falls due."""
        ...

    @property
    def result(self) -> CalculatedLine:
        """What it comes to."""
        ...


@exactly
def shown_of(calculator: Calculator, groups: Groups) -> Shown:
    """Everything that a quote comes to; `values` are numbers, all else is as it is shown."""
    return _Showing(calculator).whole(groups)


class _Showing:
    def __init__(self, calculator: Calculator) -> None:
        self._calculator = calculator
        self._taxes = {one["id"]: _tax_shown(one) for one in calculator.found.facts.taxes}

    def whole(self, groups: Groups) -> Shown:
        """All of it, and the values that columns hold."""
        lines = [self._line_shown(work) for work in self._calculator.works]
        return {
            "currency": self._calculator.content.currency,
            "priced_on": self._calculator.found.day,
            "lines": lines,
            "totals": [self._totals_shown(interval, one) for interval, one in groups.found.items()],
            "costs": [_cost_shown(work) for work in self._calculator.works if not work.is_text],
            "rates": [
                {"currency": one, "to": other, "rate": _plain(rate)}
                for (one, other), rate in self._calculator.found.rates.items()
                if isinstance(rate, Decimal)
            ],
            "values": storable(self._values(), "/lines"),
        }

    def _values(self) -> dict[str, Decimal | None]:
        works = self._calculator.works
        by_hand = max((work.by_hand for work in works), default=ZERO)
        return {
            **sums_of(works, self._calculator.content.currency),
            "manual_percent": by_hand,
        }

    def _line_shown(self, work: Work) -> Shown:
        return {**self._as_given(work), **self._as_calculated(work)}

    def _as_given(self, work: Work) -> Shown:
        given, named = work.given, work.named
        texts = {name: getattr(given, name) for name in TEXTS}
        looked_up = {
            name: found
            for name in TEXTS
            if texts[name] is None and (found := getattr(named, name, None)) is not None
        }
        return {
            "id": str(work.id),
            "kind": given.kind if named is None else named.kind,
            "section": given.section,
            "product_id": _id(given.product_id or _of_variant(work)),
            "variant_id": _id(given.variant_id),
            **texts,
            "name": given.name or "",
            **looked_up,
            "looked_up": list(looked_up),
            "contents": [] if named is None else list(named.contents),
            "held_ids": list(work.held) or None,
            "components": list(_chosen(given)) or None,
            "quantity": shown_quantity(given.quantity),
            "unit_id": _id(given.unit_id),
            "unit_price": None if given.unit_price is None else shown_amount(given.unit_price),
            "price_reason": given.price_reason,
            "tax_category": given.tax_category,
            "discounts": [discount_shown(one) for one in given.discounts],
            "interval": given.interval,
            "term": given.term,
            "is_optional": given.is_optional,
            "is_selected": given.is_selected,
        }

    def _as_calculated(self, work: Work) -> Shown:
        given, done, priced = work.given, work.result, work.priced
        is_priced = priced is not None or given.unit_price is not None
        return {
            "counts": work.counts,
            "list_price": None if priced is None else shown_amount(priced.line.unit_price),
            "price": shown_amount(work.line.unit_price) if is_priced else None,
            "tax_included": work.line.tax_included,
            **{
                name: shown_amount(getattr(done, name))
                for name in ("unit_net", "list_amount", "amount", "net", "tax", "gross")
            },
            "deductions": [self._deduction_shown(work, one) for one in done.discounts],
            "discount_percent": shown_quantity(done.discount_percent),
            "manual_percent": shown_quantity(work.by_hand),
            "taxes": [
                {**self._taxes[tax.name], "amount": shown_amount(due)} for tax, due in done.taxes
            ],
            # Whoever sees a quote need not see what products cost.
            "floor": None if priced is None else floor_of(priced, hidden=True),
            "below_floor": done.below_floor,
            "trace": None if priced is None else trace_of(priced.chosen, hidden=True),
        }

    def _deduction_shown(self, work: Work, one: Any) -> Shown:
        kind, _, place = (one.source or "").partition(":")
        reason, promotion = None, one.source
        if kind == "manual":
            reason, promotion = work.given.discounts[int(place)].reason, None
        elif kind == "shared":
            reason, promotion = self._calculator.content.discounts[int(place)].reason, None
        return {
            "stage": one.stage,
            "promotion_id": promotion,
            "reason": reason,
            "percent": None if one.percent is None else shown_quantity(one.percent),
            "amount": shown_amount(one.amount),
        }

    def _totals_shown(self, interval: str | None, found: Calculated) -> Shown:
        return {
            "interval": interval,
            **{name: shown_amount(getattr(found.totals, name)) for name in _SUMS},
            "taxes": [
                {
                    **self._taxes[due.tax.name],
                    "taxable": shown_amount(due.taxable),
                    "amount": shown_amount(due.amount),
                }
                for due in found.taxes
            ],
        }


def _tax_shown(rate: Mapping[str, Any]) -> Shown:
    return {
        "tax_rate_id": rate["id"],
        "name": rate["name"],
        "rate": shown_quantity(quantity(rate["rate"]) or ZERO),
        "compound": rate["compound"],
    }


def _chosen(given: QuoteLine) -> Iterable[Shown]:
    for one in given.components:
        count = None if one.quantity is None else shown_quantity(one.quantity)
        yield {"bundle_component_id": str(one.bundle_component_id), "quantity": count}


def storable(values: dict[str, Decimal | None], pointer: str) -> dict[str, Decimal | None]:
    """The same values; raises `Invalid` at a pointer where columns have no room for one."""
    for name, value in values.items():
        most = _MOST_PERCENT if name.endswith("_percent") else MOST
        if value is not None and abs(value) >= most:
            message = f"The {name} has more digits than can be stored."
            raise Invalid.at(pointer, "too_large", message)
    return values


@exactly
def sums_of(works: Sequence[Counted], currency: str) -> dict[str, Decimal | None]:
    """What lines come to together, by the names that a quote has for it."""
    counting = [work for work in works if work.counts]
    net = _sum(work.result.net for work in counting)
    listed = _sum(work.result.list_amount for work in counting)
    left = _sum(work.result.amount for work in counting)
    costs = [work.result.cost for work in counting]
    cost = None if None in costs or not costs else _sum(one or ZERO for one in costs)
    return {
        "net": net,
        "tax": _sum(work.result.tax for work in counting),
        "gross": _sum(work.result.gross for work in counting),
        **worth(((work.result.net, work.given) for work in counting), currency),
        "discount_percent": effective_percent(listed, left),
        "cost": cost,
        "margin": None if cost is None else net - cost,
        "margin_percent": None if cost is None else margin_of(net, cost),
    }


def _cost_shown(work: Work) -> Shown:
    done, unit = work.result, work.line.unit_cost
    percent = done.margin_percent
    return {
        "line_id": str(work.id),
        "unit_cost": None if unit is None else shown_amount(unit),
        "cost": None if done.cost is None else shown_amount(done.cost),
        "margin": None if done.margin is None else shown_amount(done.margin),
        "margin_percent": None if percent is None else shown_quantity(percent),
    }


def discount_shown(given: QuoteDiscount) -> Shown:
    """What is taken off by hand, as it is shown."""
    percent, amount = given.percent, given.amount
    return {
        "percent": None if percent is None else shown_quantity(percent),
        "amount": None if amount is None else shown_amount(amount),
        "reason": given.reason,
    }


def _of_variant(work: Work) -> Any:
    return None if work.priced is None else work.priced.item.product["id"]


def _id(value: Any) -> str | None:
    return None if value is None else str(value)


def _plain(rate: Decimal) -> str:
    return shown_quantity(rate.quantize(Decimal("1e-12")))


def _sum(values: Iterable[Decimal]) -> Decimal:
    return sum(values, ZERO)
