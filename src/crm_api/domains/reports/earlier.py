"""What a series is compared with: whole buckets, also where its filter begins within or after them."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

from crm_api.domains.reports.buckets import Calendar
from crm_api.domains.reports.compiling import Plan
from crm_api.domains.reports.finishing import Keyed
from crm_api.domains.reports.operands import unfit
from crm_api.domains.reports.results import Shaped
from crm_api.domains.reports.schemas import MAX_GROUPS, Bucket
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.moments import day_of, instant_of
from crm_api.kit.query.sealed import joined
from crm_api.kit.schema import EARLIEST, LATEST

Row = dict[str, Any]
Stretch = tuple[date, date]
"""A first day, and the one after the last."""
_EARLIEST, _LATEST = EARLIEST.date(), LATEST.date()
_BEGINS = frozenset({"gt", "gte", "between"})


async def compared_with(
    tx: Tx,
    plan: Plan,
    dated: Sequence[date],
    fetch: Callable[[Tx, Plan, int], Awaitable[list[Any]]],
) -> Sequence[Keyed]:
    """What the buckets of a series are compared with that its filter cuts or leaves out.

    `fetch` reads a plan, up to so many groups and one. Raises `Invalid` where there are too many.
    """
    earlier = _plan_of_before(tx, plan, max(dated)) if dated else None
    if earlier is None:
        return ()
    rows = await fetch(tx, earlier, MAX_GROUPS)
    if len(rows) > MAX_GROUPS:
        message = f"They are compared with more than {MAX_GROUPS:,}: take longer buckets."
        raise unfit("/groupings", "too_many_groups", message)
    return Shaped(earlier, rows).raw


def _plan_of_before(tx: Tx, plan: Plan, last: date) -> Plan | None:
    """The same report of the buckets that those up to the last are compared with, all of each.

    None where nothing is compared, or the filter has no first day: then all of it is there.
    """
    over = {one.asked.over for one in plan.measures if one.asked.function == "change"}
    if plan.query.kind != "time_series" or not over:
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
    stretches = _stretches(calendar, group.bucket, (max(days), last), over)
    said = date.isoformat if operand.kind == "day" else calendar.midnight
    within = [operand.asks(_within(*one, said)) for one in stretches if one[1] > _EARLIEST]
    if not within:
        return None
    filter = {"and": [part for part in (rest, {"or": within}) if part]}
    # It asks of the same fields, so that a tally still comes to the same; what it costs and which
    # rates it takes go by the filter.
    return replace(
        plan,
        query=plan.query.model_copy(update={"limit": None}),
        filter=joined(filter, plan.listing, tx),
        cost=None,
        rates=None,
    )


def _stretches(
    calendar: Calendar, bucket: Bucket, days: tuple[date, date], over: Collection[str]
) -> list[Stretch]:
    """From when until when those lie that are compared with: what is cut, and all before it."""
    first, last = (calendar.first(day, bucket) for day in days)
    end = calendar.after(first, bucket)
    found: list[Stretch] = []
    if "year" in over:
        until = calendar.after(_year_before(calendar, last, bucket), bucket)
        found.append((_year_before(calendar, first, bucket), min(until, end)))
    if "previous" in over:
        before = calendar.after(first, bucket, -1)
        if found and found[0][1] >= before:
            before = found.pop()[0]
        found.append((before, end))
    return found


def _year_before(calendar: Calendar, first: date, bucket: Bucket) -> date:
    # The 29th of February has none, but the days around it have.
    return calendar.year_before(first, bucket) or first - timedelta(days=366)


def _within(begin: date, end: date, said: Callable[[date], str]) -> Row:
    """The test of a stretch; nothing is before or after what filters take."""
    test: Row = {"gte": said(begin)} if begin > _EARLIEST else {}
    return test | ({"lt": said(end)} if end < _LATEST else {})


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
