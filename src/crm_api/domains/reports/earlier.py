"""What a series is compared with: whole buckets, also where its filter begins within or after them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from crm_api.domains.reports.compiling import Plan
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.moments import day_of, instant_of
from crm_api.kit.query.sealed import joined
from crm_api.kit.schema import EARLIEST, LATEST

Row = dict[str, Any]
_BEGINS = frozenset({"gt", "gte", "between"})


def plan_of_before(tx: Tx, plan: Plan) -> Plan | None:
    """The same report of the buckets before the first one, and of all of that one.

    None where nothing is compared, or the filter has no first day: then all of it is there.
    """
    changes = [one.asked for one in plan.measures if one.asked.function == "change"]
    if plan.query.kind != "time_series" or not changes:
        return None
    group, calendar = plan.groups[0], plan.calendar
    assert group.bucket is not None
    operand = group.operand
    path = [*operand.relations, *(["custom"] if operand.is_custom else []), operand.name]
    begins: list[Any] = []
    rest = _without(plan.query.filter, path, begins)
    days = [_day(tx, one, operand.kind, calendar.zone) for one in begins]
    if not days:
        return None
    first = calendar.first(max(days), group.bucket)
    before = [calendar.after(first, group.bucket, -1)]
    if any(asked.over == "year" for asked in changes):
        before.append(calendar.year_before(first, group.bucket) or first)
    said = date.isoformat if operand.kind == "day" else calendar.midnight
    begin = max(min(before), EARLIEST.date())
    end = min(calendar.after(first, group.bucket), LATEST.date() - timedelta(days=1))
    within = {"gte": said(begin), "lt": said(end)}
    filter = {"and": [part for part in (rest, operand.asks(within)) if part]}
    query = plan.query.model_copy(update={"limit": None})
    # What a tally holds, what it costs and which rates it takes go by the filter.
    return replace(
        plan,
        query=query,
        filter=joined(filter, plan.listing, tx),
        tally=None,
        cost=None,
        rates=None,
    )


def _without(filter: Mapping[str, Any], path: Sequence[str], begins: list[Any]) -> Row:
    """A filter without the conditions from when on a field is, which are put into `begins`."""
    kept: Row = {}
    for key, value in filter.items():
        if key == "and":
            parts = [_without(part, path, begins) for part in cast("list[Row]", value)]
            if any(parts):
                kept[key] = [part for part in parts if part]
        elif key != path[0] or not isinstance(value, Mapping):
            kept[key] = value
        elif len(path) > 1:
            if inner := _without(cast("Row", value), path[1:], begins):
                kept[key] = inner
        else:
            tests = cast("Row", value)
            begins += [tests[name] for name in _BEGINS & tests.keys()]
            if rest := {name: inner for name, inner in tests.items() if name not in _BEGINS}:
                kept[key] = rest
    return kept


def _day(tx: Tx, value: Any, kind: str, zone: str) -> date:
    """The local day of a value that the filter has been read with."""
    first: Any = cast("list[Any]", value)[0] if isinstance(value, list) else value
    text = str(first).partition(",")[0]
    if kind == "day":
        return day_of(text, tx.now, tx.actor.time_zone)
    return instant_of(text, tx.now, tx.actor.time_zone).astimezone(ZoneInfo(zone)).date()
