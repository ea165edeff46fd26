"""What is different between two calculations of one quote."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from crm_api.domains.quotes.models import Quote
from crm_api.domains.quotes.pricing import shown_value

OPEN = ("draft", "in_approval", "approved", "sent", "viewed")
"""The states in which what a quote says may still come to count."""
VALUES = ("net", "gross", "cost", "margin", "margin_percent")
_HIDDEN: Mapping[str, Any] = {"warnings": []}
"""What stands for what is hidden, where that is not nothing."""
Shown = dict[str, Any]


def values_of(shown: Mapping[str, Any], hidden: Collection[str]) -> Shown:
    """What a calculation comes to, without what is hidden."""
    return _seen(shown["values"], shown["warnings"], hidden)


def stored_values(quote: Quote, hidden: Collection[str]) -> Shown:
    """What a quote says that it comes to, without what is hidden."""
    return _seen({name: getattr(quote, name) for name in VALUES}, quote.warnings, hidden)


def named(quote: Quote, hidden: Collection[str]) -> Shown:
    """Which quote it is, without what is hidden."""
    names = ("id", "number", "name", "status", "currency", "company_id")
    return {name: None if name in hidden else getattr(quote, name) for name in names}


def lines_between(before: Sequence[Mapping[str, Any]], after: Sequence[Shown]) -> Iterable[Shown]:
    """The lines that have another price or come to something else."""
    for old, new in zip(before, after, strict=True):
        if (old["price"], old["net"]) != (new["price"], new["net"]):
            yield {
                "line_id": old["id"],
                "name": old["name"],
                "price_before": old["price"],
                "price_after": new["price"],
                "net_before": old["net"],
                "net_after": new["net"],
            }


def _seen(values: Mapping[str, Any], warnings: Any, hidden: Collection[str]) -> Shown:
    found = {name: shown_value(name, values[name]) for name in VALUES}
    found["warnings"] = warnings
    return {name: _HIDDEN.get(name) if name in hidden else v for name, v in found.items()}
