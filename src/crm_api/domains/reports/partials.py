"""Groups made first, and totals of them: what adds up is read from the records once, in parallel.

PostgreSQL runs grouping sets in one process; a plain grouping it shares out. So groups are an inner
statement, and the sets are over its few rows. Values that are counted once each are groups of that
statement themselves: it is made by hashing and shared out, where counting them at once sorts every
record by each of them. Medians and percentiles do not add up and stay on the plain way.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Numeric, Subquery, case, cast, func, literal_column, select

from crm_api.domains.reports.measuring import Known, combined, filtered, scaled
from crm_api.domains.reports.tallied import RECORDS

_ADD_UP = frozenset({"count", "sum", "min", "max", "avg"})
_DISTINCT = "count_distinct"


def add_up(measures: Sequence[Known], *, totals: bool) -> bool:
    """Whether a report comes of groups that are made first, and is the faster for it."""
    functions = {known.asked.function for known in measures if not known.is_combined}
    return functions <= {*_ADD_UP, _DISTINCT} and (totals or _DISTINCT in functions)


def grouped(inner: Subquery, depth: int, measures: Sequence[Known]) -> Subquery:
    """The groups of a statement, with what their measures add up from."""
    groups = [inner.c[f"g{n}"] for n in range(depth)]
    values, parts = list[Any](), list[Any]()
    for known in measures:
        if known.is_combined:
            continue
        value: Any = inner.c.get(f"x{known.place}")
        wanted = inner.c.get(f"f{known.place}")
        if known.asked.function == _DISTINCT:
            one = value if wanted is None else case((wanted, value))
            values.append(one.label(f"x{known.place}"))
            continue
        for name, found in _parts(known, value):
            parts.append(filtered(found, wanted).label(f"{name}{known.place}"))
    return select(*groups, *values, *parts).group_by(*groups, *values).subquery("p")


def tallied(inner: Subquery, depth: int, measures: Sequence[Known]) -> Subquery:
    """The same of the cells of a tally, each of which is of several records, or of none any more."""
    groups = [inner.c[f"g{n}"] for n in range(depth)]
    records, parts = func.sum(inner.c[RECORDS]), list[Any]()
    for known in measures:
        if known.is_combined:
            continue
        wanted = inner.c.get(f"f{known.place}")
        if known.asked.function == "count":
            parts.append(filtered(records, wanted).label(f"c{known.place}"))
            continue
        total = filtered(func.sum(inner.c[f"x{known.place}"]), wanted)
        number = filtered(func.sum(inner.c[f"n{known.place}"]), wanted)
        if known.asked.function == "avg":
            parts.append(number.label(f"c{known.place}"))
        # Of amounts of which none is known there is no sum.
        parts.append(case((number > literal_column("0"), total)).label(f"x{known.place}"))
    found = select(*groups, *parts).group_by(*groups)
    return found.having(records > literal_column("0")).subquery("p")


def _parts(known: Known, value: Any) -> list[tuple[str, Any]]:
    function = known.asked.function
    if function == "count":
        return [("c", func.count())]
    if function == "avg":
        return [("x", func.sum(value)), ("c", func.count(value))]
    return [("x", getattr(func, function)(value))]


def of_groups(known: Known, groups: Subquery, made: Mapping[str, Any]) -> Any:
    """The aggregate of a measure over groups."""
    if known.is_combined:
        return combined(known, made)
    return scaled(known, _again(known, groups))


def _again(known: Known, groups: Subquery) -> Any:
    part: Any = groups.c.get(f"x{known.place}")
    function = known.asked.function
    if function == _DISTINCT:
        return func.count(part.distinct())
    if function not in {"count", "avg"}:
        return getattr(func, function)(part)
    # Of no group at all there is one total.
    counted = func.coalesce(func.sum(groups.c[f"c{known.place}"]), literal_column("0"))
    if function == "count":
        return cast(counted, BigInteger())
    return cast(func.sum(part), Numeric()) / func.nullif(counted, literal_column("0"))
