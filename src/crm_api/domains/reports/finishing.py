"""What is left out and sorted by calculated columns, which the database does not know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import ColumnElement, literal_column

from crm_api.domains.reports.measuring import Known
from crm_api.domains.reports.operands import DATED, unfit
from crm_api.domains.reports.schemas import ReportQuery

_COMPARED = ("eq", "ne", "gt", "gte", "lt", "lte")
_UNCOMPARED = frozenset({"text", "boolean", *DATED})
Keyed = tuple[tuple[Any, ...], dict[str, Any]]
"""A group: the values that it is by, and its numbers by name."""


@dataclass(frozen=True)
class Finish:
    """What is done with groups when their calculated columns are known."""

    tests: tuple[tuple[str, str, Decimal | bool], ...] = ()
    sorts: tuple[tuple[int | str, bool], ...] = ()
    """Places of groupings or names of measures, and whether they fall."""

    def __bool__(self) -> bool:
        return bool(self.tests or self.sorts)

    def __call__(self, rows: list[Keyed]) -> list[Keyed]:
        """The groups that pass, sorted."""
        kept = [
            row
            for row in rows
            if all(_holds(row[1].get(n), op, value) for n, op, value in self.tests)
        ]
        for column, falls in reversed(self.sorts):
            some = [row for row in kept if _value(row, column) is not None]
            none = [row for row in kept if _value(row, column) is None]
            some.sort(key=lambda row: _comparable(_value(row, column)), reverse=falls)
            kept = some + none
        return kept


def finish_of(query: ReportQuery, groups: Sequence[str], measures: Sequence[Known]) -> Finish:
    """What calculated columns decide; raises `Invalid`. Without any it is nothing."""
    calculated = {known.asked.name: known for known in measures if known.formula is not None}
    tests = [
        (name, op, tested(calculated[name].kind, op, value, f"/having/{name}/{op}"))
        for name, given in query.having.items()
        if name in calculated
        for op, value in given.items()
    ]
    named = [sort.removeprefix("-") for sort in query.sort]
    if calculated.keys().isdisjoint(named):
        return Finish(tuple(tests))
    known = {known.asked.name for known in measures}
    sorts: list[tuple[int | str, bool]] = []
    for place, (name, sort) in enumerate(zip(named, query.sort, strict=True)):
        if name not in known and name not in groups:
            raise unknown_column(place, name)
        sorts.append((groups.index(name) if name in groups else name, sort.startswith("-")))
    return Finish(tuple(tests), tuple(sorts))


def unknown_column(place: int, name: str) -> Exception:
    """That nothing is sorted by this."""
    return unfit(f"/sort/{place}", "unknown_column", f"There is no column {name[:60]!r}.")


def tested(kind: str, operator: str, value: Any, at: str) -> Decimal | bool:
    """With what a measure is compared; raises `Invalid`."""
    if operator == "is_null" and isinstance(value, bool):
        return value
    if operator not in _COMPARED:
        message = f"Allowed here: {', '.join((*_COMPARED, 'is_null'))}."
        raise unfit(at, "unknown_operator", message)
    if kind in _UNCOMPARED or isinstance(value, bool) or not isinstance(value, int | str | float):
        raise unfit(at, "invalid_value", "Groups are compared with numbers.")
    try:
        number = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        raise unfit(at, "invalid_value", "Not a decimal.") from None
    if not number.is_finite() or abs(number) >= Decimal(10) ** 24:
        raise unfit(at, "invalid_value", "A number has 24 digits at most.")
    return number


def compared(found: Any, kind: str, operator: str, value: Any, at: str) -> ColumnElement[bool]:
    """The same as a condition of a statement; raises `Invalid`."""
    number = tested(kind, operator, value, at)
    if operator == "is_null":
        return found.is_(None) if number else found.is_not(None)
    compare = {
        "eq": found.__eq__,
        "ne": found.is_distinct_from,
        "gt": found.__gt__,
        "gte": found.__ge__,
        "lt": found.__lt__,
        "lte": found.__le__,
    }
    return compare[operator](literal_column(f"{number:f}"))


def _holds(value: Any, operator: str, against: Any) -> bool:
    """Whether a number passes, as PostgreSQL compares."""
    if operator == "is_null":
        return (value is None) == against
    if value is None:
        return operator == "ne"
    tests: Mapping[str, bool] = {
        "eq": value == against,
        "ne": value != against,
        "gt": value > against,
        "gte": value >= against,
        "lt": value < against,
        "lte": value <= against,
    }
    return tests[operator]


def _value(row: Keyed, column: int | str) -> Any:
    return row[0][column] if isinstance(column, int) else row[1].get(column)


def _comparable(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(repr(value))
    return value if isinstance(value, bool | str | date | Decimal) else str(value)
