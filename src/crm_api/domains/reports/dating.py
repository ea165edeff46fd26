"""Which records are of some days."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from crm_api.domains.reports.buckets import Calendar
from crm_api.domains.reports.declared import Declared
from crm_api.kit.schema import LATEST

Row = dict[str, Any]


def within_days(
    source: str, fields: Sequence[str], first: date | None, last: date | None, calendar: Calendar
) -> Row:
    """A filter: that the first of some dates that there is lies between two days."""
    if first is None and last is None:
        return {}
    kinds = Declared.services[source].repository.listing.fields
    ways: list[Row] = []
    empty: list[Row] = []
    for name in fields:
        test: Row = {}
        is_day = kinds[name].kind == "day"
        if first is not None:
            test["gte"] = first.isoformat() if is_day else calendar.midnight(first)
        if last is not None and is_day:
            test["lte"] = last.isoformat()
        elif last is not None and last < LATEST.date() - timedelta(days=1):
            test["lt"] = calendar.midnight(last + timedelta(days=1))
        ways.append({"and": [*empty, {name: test}]})
        empty.append({name: {"is_null": True}})
    return ways[0] if len(ways) == 1 else {"or": ways}
