"""Measures as aggregates: what each takes, and what it is in SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    Double,
    Float,
    Integer,
    Numeric,
    Text,
    case,
    cast,
    func,
    literal,
    literal_column,
    type_coerce,
)

from crm_api.domains.reports.buckets import Calendar
from crm_api.domains.reports.operands import DATED, Operand, operand_of, unfit
from crm_api.domains.reports.schemas import ReportMeasure
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.listing import Listing

NUMERIC = frozenset({"integer", "number", "amount"})
AFTERWARDS = frozenset({"running", "change"})
_BASE = "base_currency"
_FUNCTIONS: Mapping[str, frozenset[str]] = {
    "count_distinct": frozenset({"text", "uuid", "integer", "boolean", *DATED}),
    "sum": NUMERIC,
    "avg": NUMERIC,
    "median": NUMERIC,
    "percentile": NUMERIC,
    "min": NUMERIC | DATED,
    "max": NUMERIC | DATED,
}


@dataclass(frozen=True)
class Known:
    """A measure that fits, and what it is of."""

    asked: ReportMeasure
    place: int
    kind: str
    """That of its values, such as `amount`."""
    value: ColumnElement[Any] | None
    operands: tuple[Operand, ...]
    filter: Any = None
    """A `Filter`, if it has one of its own."""

    @property
    def base(self) -> bool:
        """Whether it is an amount in the organization's currency."""
        return self.kind == "amount" and bool(self.operands) and self.operands[0].base

    @property
    def unit(self) -> str | None:
        """What its values are of."""
        return self.asked.unit if self.asked.since is not None else None


def functions_of(operand: Operand) -> list[str]:
    """The functions that take a field."""
    return [name for name, kinds in _FUNCTIONS.items() if operand.kind in kinds]


def known_measure(
    tx: Tx,
    listing: Listing,
    asked: ReportMeasure,
    place: int,
    before: Sequence[Known],
    calendar: Calendar,
) -> Known:
    """A measure checked; raises `Invalid` with a pointer into the report."""
    at = f"/measures/{place}"
    _need_only(asked, at)
    if asked.function in {"ratio", *AFTERWARDS}:
        return _of_others(asked, place, before)
    if asked.function == "count":
        return Known(asked, place, "integer", None, ())
    if asked.field is None:
        raise unfit(f"{at}/field", "required", f"{asked.function} takes a field.")
    main = operand_of(tx, listing, asked.field, f"{at}/field")
    others = [
        operand_of(tx, listing, path, f"{at}/{name}")
        for name, path in (("since", asked.since), ("otherwise", asked.otherwise))
        if path is not None
    ]
    if asked.since is not None:
        value, kind = _elapsed(asked, main, others, calendar, at), "number"
    else:
        value, kind = _value_of(main, calendar), main.kind
        if asked.otherwise is not None:
            raise unfit(f"{at}/otherwise", "unfit_field", "It goes with `since`.")
    kinds = _FUNCTIONS[asked.function]
    if kind not in kinds:
        message = f"{asked.function} takes {', '.join(sorted(kinds))}; {asked.field} is {kind}."
        raise unfit(f"{at}/field", "unfit_field", message)
    if asked.weighted_by is not None:
        weight = operand_of(tx, listing, asked.weighted_by, f"{at}/weighted_by")
        if weight.kind != "integer" or kind not in NUMERIC:
            raise unfit(f"{at}/weighted_by", "unfit_field", "A whole percentage of a number.")
        value = cast(value, Numeric()) * weight.expression / literal_column("100")
        others.append(weight)
    return Known(asked, place, _kind(asked, kind), value, (main, *others))


def _value_of(operand: Operand, calendar: Calendar) -> ColumnElement[Any]:
    """A field's value; an amount that was reckoned in a currency of before is none."""
    if not operand.base or _BASE not in operand.place.listing.fields:
        return operand.expression
    is_own = getattr(operand.place.row, _BASE) == literal(calendar.currency, Text())
    return case((is_own, operand.expression))


def _kind(asked: ReportMeasure, kind: str) -> str:
    if asked.function == "count_distinct":
        return "integer"
    averaged = asked.function in {"avg", "median", "percentile"}
    return "number" if averaged and kind == "integer" else kind


def _need_only(asked: ReportMeasure, at: str) -> None:
    """Raise `Invalid` for what a function has no use for, or lacks."""
    if (asked.percentile is None) == (asked.function == "percentile"):
        raise unfit(f"{at}/percentile", "percentile", "It goes with the function `percentile`.")
    takes = {"ratio": 2, "running": 1, "change": 1}.get(asked.function, 0)
    if len(asked.of) != takes:
        raise unfit(f"{at}/of", "of_others", f"{asked.function} is of {takes} other measures.")
    if takes and (asked.field or asked.filter or asked.since or asked.weighted_by):
        raise unfit(f"{at}/field", "unfit_field", f"{asked.function} is of other measures.")
    if asked.function == "count" and (asked.field or asked.since or asked.weighted_by):
        raise unfit(f"{at}/field", "unfit_field", "count takes no field; count_distinct does.")


def _of_others(asked: ReportMeasure, place: int, before: Sequence[Known]) -> Known:
    by_name = {known.asked.name: known for known in before}
    of: list[Known] = []
    for turn, name in enumerate(asked.of):
        at = f"/measures/{place}/of/{turn}"
        known = by_name.get(name)
        if known is None:
            raise unfit(at, "unknown_measure", f"No measure {name!r} stands before this one.")
        if known.kind in DATED or known.asked.function in AFTERWARDS:
            raise unfit(at, "unfit_measure", f"{name} is no number of the database.")
        of.append(known)
    kind = of[0].kind if asked.function == "running" else "ratio"
    return Known(asked, place, kind, None, tuple(o for known in of for o in known.operands))


def _elapsed(
    asked: ReportMeasure, main: Operand, others: Sequence[Operand], calendar: Calendar, at: str
) -> ColumnElement[Any]:
    """The time between two fields: whole local days where one is a day, never below zero."""
    ends = [main, *others[1:]]
    operands = [*ends, others[0]]
    if any(operand.kind not in DATED for operand in operands):
        raise unfit(f"{at}/since", "unfit_field", "Time passes between days or instants.")
    if any(operand.kind == "day" for operand in operands):
        if asked.unit != "days":
            raise unfit(f"{at}/unit", "unfit_unit", "Between days there are days.")
        days = [local_day(operand, calendar) for operand in ends]
        end = func.coalesce(*days) if len(days) > 1 else days[0]
        passed = type_coerce(end - local_day(others[0], calendar), Integer)
        return cast(_never_below_zero(passed), Numeric())
    end = func.coalesce(*[o.expression for o in ends]) if len(ends) > 1 else main.expression
    seconds = func.date_part(literal_column("'epoch'"), end - others[0].expression)
    parts: ColumnElement[Any] = literal_column("86400" if asked.unit == "days" else "3600")
    exact = cast(cast(seconds, Double()), Numeric()) / parts
    return _never_below_zero(exact)


def _never_below_zero(passed: ColumnElement[Any]) -> ColumnElement[Any]:
    # `greatest` ignores nulls: what is not over yet would have taken no time.
    nothing: ColumnElement[Any] = literal_column("0")
    return case((passed < nothing, nothing), else_=passed)


def local_day(operand: Operand, calendar: Calendar) -> ColumnElement[Any]:
    """A day, or the local one of an instant."""
    if operand.kind == "instant":
        return calendar.day(operand.expression)
    return cast(operand.expression, Date)


def aggregate(known: Known, value: Any, filter: Any, made: Mapping[str, Any]) -> Any:
    """The aggregate of a measure over the columns of the inner statement.

    A ratio is of aggregates that are `made` already; one by zero is null.
    """
    asked = known.asked
    if asked.function == "ratio":
        above, below = (made[name] for name in asked.of)
        return cast(above, Numeric()) / func.nullif(cast(below, Numeric()), literal_column("0"))
    found = _plain(asked, value)
    return found if filter is None else found.filter(filter)


def _plain(asked: ReportMeasure, value: Any) -> Any:
    if asked.function == "count":
        return func.count()
    if asked.function == "count_distinct":
        return func.count(value.distinct())
    if asked.function in {"median", "percentile"}:
        share = Decimal(50) if asked.percentile is None else asked.percentile
        at = literal_column(f"{float(share / 100)!r}", Float())
        return func.percentile_cont(at).within_group(cast(value, Double()))
    return getattr(func, asked.function)(value)
