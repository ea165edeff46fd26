"""Monthly recurring revenue, and what it became of between two days: pure.

A contract counts on each day from its first to its last, whatever is known of it later. What a
customer pays is one sum: who had nothing is new, who has nothing any more is churn, and of all
others what is more is expansion and what is less contraction.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from crm_api.kit.money import shown_amount
from crm_api.kit.pricing.recurring import MONTHS
from crm_api.kit.pricing.rounding import ZERO, exactly, rounded


@dataclass(frozen=True)
class Running:
    """A contract as revenue sees it."""

    customer: Any
    currency: str
    mrr: Decimal
    starts_on: date
    ends_on: date | None

    def on(self, day: date) -> Decimal:
        """What it brings for a month on a day."""
        is_on = self.starts_on <= day and (self.ends_on is None or day <= self.ends_on)
        return self.mrr if is_on else ZERO


@exactly
def monthly(lines: Iterable[Any], currency: str) -> Decimal:
    """What lines come to for a month."""
    sums = (Decimal(line["net"]) / MONTHS[line["interval"]] for line in lines)
    return rounded(sum(sums, ZERO), currency)


@exactly
def revenue(running: Sequence[Running], as_of: date, since: date | None) -> list[dict[str, Any]]:
    """By currency, in their order, what `RecurringRevenue` shows."""
    found: list[dict[str, Any]] = []
    for currency in sorted({one.currency for one in running}):
        own = [one for one in running if one.currency == currency]
        after = _by_customer(own, as_of)
        before = {} if since is None else _by_customer(own, since)
        parts = _parts(before, after) if since is not None else dict.fromkeys(_PARTS)
        mrr = sum(after.values(), ZERO)
        shown = {n: None if v is None else shown_amount(v) for n, v in parts.items()}
        sums = {"mrr": shown_amount(mrr), "arr": shown_amount(mrr * 12)}
        customers = sum(1 for value in after.values() if value)
        found.append({"currency": currency, **sums, **shown, "customers": customers})
    return found


_PARTS = ("before", "new", "expansion", "contraction", "churn")


def _by_customer(running: Iterable[Running], day: date) -> dict[Any, Decimal]:
    found: dict[Any, Decimal] = {}
    for one in running:
        found[one.customer] = found.get(one.customer, ZERO) + one.on(day)
    return found


def _parts(before: dict[Any, Decimal], after: dict[Any, Decimal]) -> dict[str, Decimal | None]:
    parts = dict.fromkeys(_PARTS, ZERO)
    parts["before"] = sum(before.values(), ZERO)
    for customer, now in after.items():
        was = before[customer]
        if was == ZERO:
            parts["new"] += now
        elif now == ZERO:
            parts["churn"] += was
        elif now > was:
            parts["expansion"] += now - was
        else:
            parts["contraction"] += was - now
    return {**parts}
