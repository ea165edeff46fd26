"""Measures as aggregates: what each takes, and what it is in SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
from crm_api.domains.reports.calculating import OthersKinds, formula_of
from crm_api.domains.reports.converting import Money
from crm_api.domains.reports.operands import DATED, Operand, operand_of, unfit
from crm_api.domains.reports.schemas import ReportMeasure
from crm_api.domains.reports.through import through
from crm_api.domains.reports.units import kind_of, unit_of_field, unit_of_measure
from crm_api.kit.custom.formulas import Formula
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.visibility import Sight

NUMERIC = frozenset({"integer", "number", "amount"})
ALONG_TIME = frozenset({"running", "change"})
_ADDED_UP = frozenset({"count", "sum"})
AFTERWARDS = ALONG_TIME | {"calculated"}
"""What is made of the rows of the database."""
BASE = "base_currency"
"""The field that says in which currency its amounts in that of the organization were reckoned."""
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
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Of the parameters that are in its value."""
    sight: Sight = field(default_factory=Sight)
    """How far whoever asks sees of the many records that it is of."""
    formula: Formula | None = None
    """Of a calculated one."""
    decimals: int = 0
    """So many of its value are left out of it: whole numbers are added up faster."""
    currencies: frozenset[int] = frozenset()
    """The places of the groupings by the currencies of its amounts, where these are several."""

    @property
    def base(self) -> bool:
        """Whether it is an amount in the organization's currency."""
        if self.kind != "amount" or not self.operands:
            return False
        of = self.operands if self.formula is not None else self.operands[:1]
        return all(
            operand.base or operand.is_converted for operand in of if operand.kind == "amount"
        )

    @property
    def is_combined(self) -> bool:
        """Whether it is made of other aggregates."""
        return self.asked.function == "ratio"

    @property
    def unit(self) -> str | None:
        """What its values are of; None of days, times and texts."""
        of = self.operands[0] if self.operands else None
        own = None if of is None else unit_of_field(of.path, of.kind)
        return unit_of_measure(self.asked, self.kind, own)


@dataclass(frozen=True)
class Setting:
    """What the measures of a report have in common."""

    calendar: Calendar
    money: Money
    groups: Mapping[str, str]
    """The kinds of the groupings by name."""


def functions_of(operand: Operand) -> list[str]:
    """The functions that take a field."""
    return [name for name, kinds in _FUNCTIONS.items() if operand.kind in kinds]


def known_measure(
    tx: Tx,
    listing: Listing,
    asked: ReportMeasure,
    place: int,
    before: Sequence[Known],
    setting: Setting,
) -> Known:
    """A measure checked; raises `Invalid` with a pointer into the report."""
    at = f"/measures/{place}"
    _need_only(asked, at)
    if asked.function == "calculated":
        return _calculated(asked, place, before, setting)
    if asked.function in {"ratio", *ALONG_TIME}:
        return _of_others(asked, place, before)
    if asked.function == "count":
        return Known(asked, place, "integer", None, ())
    if asked.through is not None:
        return _of_many(tx, listing, asked, place, setting)
    return _of_field(tx, listing, asked, place, setting)


def _calculated(
    asked: ReportMeasure, place: int, before: Sequence[Known], setting: Setting
) -> Known:
    kinds: OthersKinds = {**setting.groups, **{known.asked.name: known.kind for known in before}}
    formula, kind = formula_of(asked, kinds, f"/measures/{place}")
    of = [known for known in before if known.asked.name in formula.uses]
    uses = tuple(operand for known in of for operand in known.operands)
    return Known(asked, place, kind, None, uses, formula=formula)


def _of_field(
    tx: Tx, listing: Listing, asked: ReportMeasure, place: int, setting: Setting
) -> Known:
    calendar, at = setting.calendar, f"/measures/{place}"
    if asked.field is None:
        raise unfit(f"{at}/field", "required", f"{asked.function} takes a field.")
    main = operand_of(tx, listing, asked.field, f"{at}/field")
    main = setting.money.operand(tx, listing, main, f"{at}/field")
    others = [
        operand_of(tx, listing, path, f"{at}/{name}")
        for name, path in (("since", asked.since), ("otherwise", asked.otherwise))
        if path is not None
    ]
    decimals = 0
    if asked.since is not None:
        value, kind = _elapsed(asked, main, others, calendar, at), "number"
    else:
        is_whole = main.whole is not None and asked.weighted_by is None
        decimals = main.whole[1] if main.whole is not None and is_whole else 0
        value, kind = _value_of(main, calendar, whole=is_whole), main.kind
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
    return Known(asked, place, kind_of(asked, kind), value, (main, *others), decimals=decimals)


def _of_many(tx: Tx, listing: Listing, asked: ReportMeasure, place: int, setting: Setting) -> Known:
    """One value for each record, of the many that it leads to."""
    at = f"/measures/{place}"
    if asked.function == "count_distinct":
        raise unfit(f"{at}/function", "unfit_field", "count_distinct has no `through`.")
    if asked.since or asked.otherwise or asked.weighted_by:
        raise unfit(f"{at}/through", "unfit_field", "`through` takes a field alone.")
    if (asked.field is None) != (asked.each == "count"):
        message = "count takes no field; all else does."
        raise unfit(f"{at}/field", "required", message)
    found = through(tx, listing, asked, place, setting.calendar, setting.money.mode)
    kind = kind_of(asked, found.kind)
    return Known(
        asked, place, kind, found.value, found.operands, values=found.values, sight=found.sight
    )


def _value_of(operand: Operand, calendar: Calendar, *, whole: bool) -> ColumnElement[Any]:
    """A field's value; an amount that was reckoned in a currency of before is none."""
    found = operand.whole[0] if whole and operand.whole is not None else operand.expression
    if not operand.base or BASE not in operand.place.listing.fields:
        return found
    is_own = getattr(operand.place.row, BASE) == literal(calendar.currency, Text())
    return case((is_own, found))


def _need_only(asked: ReportMeasure, at: str) -> None:
    """Raise `Invalid` for what a function has no use for, or lacks."""
    if (asked.percentile is None) == (asked.function == "percentile"):
        raise unfit(f"{at}/percentile", "percentile", "It goes with the function `percentile`.")
    if (asked.expression is None) == (asked.function == "calculated"):
        raise unfit(f"{at}/expression", "expression", "It goes with the function `calculated`.")
    if asked.shown_as != "number" and asked.function != "calculated":
        raise unfit(f"{at}/shown_as", "unfit_field", "It goes with the function `calculated`.")
    if asked.through is None and (asked.each != "sum" or asked.through_filter):
        raise unfit(f"{at}/each", "unfit_field", "It goes with `through`.")
    takes = {"ratio": 2, "running": 1, "change": 1}.get(asked.function, 0)
    if len(asked.of) != takes:
        raise unfit(f"{at}/of", "of_others", f"{asked.function} is of {takes} other measures.")
    if (takes or asked.expression) and (
        asked.field or asked.filter or asked.since or asked.weighted_by
    ):
        raise unfit(f"{at}/field", "unfit_field", f"{asked.function} is of other measures.")
    if asked.function == "count" and (
        asked.field or asked.since or asked.weighted_by or asked.through
    ):
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
        if asked.function == "running" and known.asked.function not in _ADDED_UP:
            raise unfit(
                at, "unfit_measure", f"{name} does not add up over time: counts and sums do."
            )
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
    """The aggregate of a measure over the columns of the inner statement."""
    if known.is_combined:
        return combined(known, made)
    return scaled(known, filtered(_plain(known.asked, value), filter))


def combined(known: Known, made: Mapping[str, Any]) -> Any:
    """A ratio is of aggregates that are `made` already; one by zero is null."""
    above, below = (made[name] for name in known.asked.of)
    return cast(above, Numeric()) / func.nullif(cast(below, Numeric()), literal_column("0"))


def filtered(found: Any, filter: Any) -> Any:
    """An aggregate of the records that fit alone."""
    return found if filter is None else found.filter(filter)


def scaled(known: Known, found: Any) -> Any:
    """An aggregate of whole parts as the number that they are of."""
    if not known.decimals:
        return found
    if known.asked.function in {"median", "percentile"}:
        return found / literal_column(f"{10**known.decimals}.0", Float())
    # A division would leave out decimals of what has many digits.
    return cast(found, Numeric()) * literal_column(f"1e-{known.decimals}", Numeric())


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
