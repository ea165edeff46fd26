"""The rows behind a cell: what says of a record that it is counted there, as a filter."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from crm_api.domains.reports.compiling import Plan
from crm_api.domains.reports.grouping import Group
from crm_api.domains.reports.measuring import ALONG_TIME
from crm_api.domains.reports.operands import Operand, unfit

STEP = "step"


def behind(plan: Plan, groups: Mapping[str, Any], measure: str | None) -> dict[str, Any]:
    """The filter of a cell's records; raises `Invalid` where it is no cell of the report."""
    known = {group.name: group for group in plan.groups}
    runs = _runs(plan, measure)
    parts: list[dict[str, Any]] = [plan.query.filter] if plan.query.filter else []
    if plan.query.kind == "funnel":
        parts += _steps(plan, groups)
    elif not groups.keys() <= known.keys():
        raise unfit("/cell", "invalid_cell", "Not a cell of this report.")
    else:
        for name, value in groups.items():
            until = runs and known[name] is plan.groups[0]
            parts.append(_of_group(plan, known[name], value, groups, until=until))
    parts += _of_measure(plan, measure)
    return parts[0] if len(parts) == 1 else {"and": parts} if parts else {}


def _runs(plan: Plan, measure: str | None) -> bool:
    """Whether a measure adds up what was before, too."""
    return any(k.asked.name == measure and k.asked.function == "running" for k in plan.measures)


def _steps(plan: Plan, groups: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = [step.name for step in plan.query.steps]
    if groups.get(STEP) not in names:
        raise unfit("/cell", "invalid_cell", "Not a step of this funnel.")
    return [step.filter for step in plan.query.steps[: names.index(groups[STEP]) + 1]]


def _of_measure(plan: Plan, measure: str | None) -> list[dict[str, Any]]:
    """The own filter of a measure; of a ratio that of what it is divided by."""
    by_name = {known.asked.name: known.asked for known in plan.measures}
    if measure is None:
        return []
    if measure not in by_name:
        raise unfit("/measure", "unknown_measure", f"There is no measure {measure[:60]!r}.")
    asked = by_name[measure]
    while asked.function in {"ratio", *ALONG_TIME}:
        asked = by_name[asked.of[-1]]
    return [asked.filter] if asked.filter else []


def _of_group(
    plan: Plan, group: Group, value: Any, groups: Mapping[str, Any], *, until: bool = False
) -> dict[str, Any]:
    if group.since is not None:
        return _later(plan, group, value, groups)
    if value is None:
        return _none(group.operand)
    if group.bucket is None:
        return group.operand.asks({"eq": value})
    return _within(plan, group, group.operand, _day(value), until=until)


def _none(operand: Operand) -> dict[str, Any]:
    # Also where the way leads to no record, or to none that is seen.
    return {"not": operand.asks({"is_null": False})}


def _within(
    plan: Plan, group: Group, operand: Operand, first: date, *, until: bool = False
) -> dict[str, Any]:
    """In the bucket that begins on a day; with `until`, or before it."""
    assert group.bucket is not None
    after = plan.calendar.after(first, group.bucket)
    said = date.isoformat if operand.kind == "day" else plan.calendar.midnight
    return operand.asks({**({} if until else {"gte": said(first)}), "lt": said(after)})


def _later(plan: Plan, group: Group, value: Any, groups: Mapping[str, Any]) -> dict[str, Any]:
    """So many buckets after that of another field, which the cell has to name."""
    assert group.since is not None
    assert group.bucket is not None
    cohort = next(
        (g for g in plan.groups if g.since is None and g.operand.path == group.since.path), None
    )
    first = None if cohort is None else groups.get(cohort.name)
    if value is None:
        return {"or": [_none(group.operand), _none(group.since)]}
    if first is None or cohort is None or cohort.bucket != group.bucket:
        message = "The rows behind are those of a cohort and a distance, by the same bucket."
        raise unfit("/cell", "invalid_cell", message)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 100_000:
        raise unfit("/cell", "invalid_cell", "Not a distance.")
    try:
        begins = plan.calendar.after(_day(first), group.bucket, value)
        return _within(plan, group, group.operand, begins)
    except (ValueError, OverflowError):
        raise unfit("/cell", "invalid_cell", "Not a distance.") from None


def _day(value: Any) -> date:
    try:
        found = date.fromisoformat(value)
    except (TypeError, ValueError):
        found = None
    if found is None or not 1900 <= found.year < 2200:
        raise unfit("/cell", "invalid_cell", "Not a cell of this report.")
    return found
