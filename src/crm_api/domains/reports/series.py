"""Time series: no bucket is missing, and numbers know those before them."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from crm_api.domains.reports.compiling import Plan
from crm_api.domains.reports.measuring import Known
from crm_api.domains.reports.operands import unfit
from crm_api.domains.reports.results import Row, Shaped

Keys = tuple[Any, ...]
Points = dict[Keys, Row]


def complete(
    plan: Plan,
    shaped: Shaped,
    span: tuple[date, date] | None = None,
    *,
    before: Iterable[tuple[Keys, Row]] = (),
) -> None:
    """Add the buckets in between in which there is nothing, and what is computed along the time.

    `span` are the first and the last day, where they are asked for; else those that there are.
    `before` is what others are compared with, in place of what the filter leaves of it.
    Raises `Invalid` where that makes too many rows.
    """
    group, calendar = plan.groups[0], plan.calendar
    assert group.bucket is not None
    known: Points = dict(shaped.raw)
    dated = dated_of(plan, shaped, span)
    others = list(dict.fromkeys(keys[1:] for keys in known)) or [()] * (len(plan.groups) == 1)
    buckets: list[date] = []
    for bucket in calendar.between(min(dated), max(dated), group.bucket) if dated else ():
        buckets.append(bucket)
        if len(buckets) * max(len(others), 1) > plan.limit:
            message = f"The time has more than {plan.limit:,} rows: take longer buckets."
            raise unfit("/groupings/0/bucket", "too_many_groups", message)
    undated = [keys for keys in known if keys[0] is None]
    whole = [(bucket, *other) for other in others for bucket in buckets]
    points = {keys: known.get(keys) or _nothing(plan) for keys in [*whole, *undated]}
    for measure in plan.measures:
        if measure.asked.function == "running":
            _run(measure, points, others, buckets)
        elif measure.asked.function == "change":
            _change(plan, measure, points, points | dict(before))
    ordered = sorted(points, key=lambda keys: (keys[0] is None, keys[0] or date.min))
    shaped.raw = [(keys, points[keys]) for keys in ordered]


def dated_of(plan: Plan, shaped: Shaped, span: tuple[date, date] | None) -> list[date]:
    """The first days of the buckets between which a series lies."""
    bucket = plan.groups[0].bucket
    assert bucket is not None
    asked = [plan.calendar.first(day, bucket) for day in span or ()]
    return [keys[0] for keys, _ in shaped.raw if keys[0] is not None] + asked


def _nothing(plan: Plan) -> Row:
    counts = {"count", "count_distinct"}
    return {k.asked.name: 0 for k in plan.measures if k.asked.function in counts}


def _run(measure: Known, points: Points, others: Iterable[Keys], buckets: list[date]) -> None:
    name, (of,) = measure.asked.name, measure.asked.of
    for other in others:
        total: Any = Decimal(0)
        for bucket in buckets:
            point = points[bucket, *other]
            total += point.get(of) or 0
            point[name] = total


def _change(plan: Plan, measure: Known, points: Points, compared: Points) -> None:
    """By how much of what was before a number grew; null where that was nothing."""
    name, (of,), bucket = measure.asked.name, measure.asked.of, plan.groups[0].bucket
    assert bucket is not None
    for keys, point in points.items():
        first: date | None = keys[0]
        if first is None:
            continue
        if measure.asked.over == "year":
            before = plan.calendar.year_before(first, bucket)
        else:
            before = plan.calendar.after(first, bucket, -1)
        was = compared.get((before, *keys[1:]), {}).get(of)
        now = point.get(of)
        if was and now is not None:
            was, now = Decimal(str(was)), Decimal(str(now))
            point[name] = (now - was) / abs(was)
