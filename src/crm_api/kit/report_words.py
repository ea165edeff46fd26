"""The words of definitions of reports, for the parts that declare metrics and standard reports."""

from collections.abc import Mapping
from typing import Any

from crm_api.kit.reporting import StandardReport

Words = Mapping[str, Any]
DAYS: tuple[Words, ...] = (
    {"name": "from", "type": "day", "default": "@today-365d", "description": "The first day."},
    {"name": "to", "type": "day", "default": "@today", "description": "The last day."},
)
"""Days by which something is counted that has a day, both included."""
SPAN: tuple[Words, ...] = (
    {"name": "from", "type": "day", "default": "@today-365d", "description": "The first day."},
    {
        "name": "before",
        "type": "day",
        "default": "@today+1d",
        "description": "The day after the last one.",
    },
)
"""Days by which something is counted that has an instant: a local day ends where the next begins."""


def within(field: str) -> Words:
    """That an instant lies within `SPAN`."""
    return {field: {"gte": {"$param": "from"}, "lt": {"$param": "before"}}}


def on_days(field: str) -> Words:
    """That a day lies within `DAYS`."""
    return {field: {"gte": {"$param": "from"}, "lte": {"$param": "to"}}}


def known(field: str) -> Words:
    """That a field has a value."""
    return {field: {"is_null": False}}


def counted(name: str, filter: Words | None = None) -> Words:
    """How many records there are, or how many of these."""
    return {"name": name, "function": "count", **({"filter": filter} if filter else {})}


def distinct(name: str, field: str, filter: Words | None = None) -> Words:
    """How many values a field has."""
    return {**counted(name, filter), "function": "count_distinct", "field": field}


def total(name: str, field: str, filter: Words | None = None) -> Words:
    """The sum of a field."""
    return {**counted(name, filter), "function": "sum", "field": field}


def share(name: str, of: str, by: str) -> Words:
    """One measure by another; null where that is 0."""
    return {"name": name, "function": "ratio", "of": [of, by]}


def elapsed(
    name: str, until: str, since: str, percentile: int = 50, *, unit: str = "hours"
) -> Words:
    """How long it took, around the clock; of so many percent no longer."""
    return {
        "name": name,
        "function": "percentile",
        "field": until,
        "since": since,
        "percentile": str(percentile),
        "unit": unit,
    }


def completeness(source: str, title: str, *fields: str) -> StandardReport:
    """How many records of a kind lack which of their fields, by owner."""
    return StandardReport(
        f"{source}_completeness",
        1,
        title,
        f"By owner, of how many these are known: {', '.join(fields)}.",
        "share = records in which the field has a value / records",
        {
            "source": source,
            "groupings": [{"field": "owner_id"}],
            "measures": [
                counted("records"),
                *(counted(name, known(name)) for name in fields),
                *(share(f"{name}_share", name, "records") for name in fields),
            ],
            "totals": True,
        },
    )
