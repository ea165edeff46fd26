"""A report as one statement: an inner one of the records, and their groups around it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    and_,
    case,
    func,
    literal_column,
    or_,
    select,
    union,
)
from sqlalchemy import tuple_ as sql_tuple

from crm_api.domains.reports.buckets import Calendar
from crm_api.domains.reports.converting import RATES, Money
from crm_api.domains.reports.finishing import Finish, compared, finish_of, unknown_column
from crm_api.domains.reports.grouping import Group, group_of
from crm_api.domains.reports.measuring import (
    AFTERWARDS,
    ALONG_TIME,
    Known,
    Setting,
    aggregate,
    known_measure,
)
from crm_api.domains.reports.operands import pointed, unfit
from crm_api.domains.reports.partials import add_up, grouped, of_groups, tallied
from crm_api.domains.reports.schemas import (
    MAX_GROUPS,
    ReportMeasure,
    ReportQuery,
)
from crm_api.domains.reports.tallied import RECORDS, Tallied
from crm_api.kit.db.json import encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.compile import Binds, condition
from crm_api.kit.query.filters import Filter, parse
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.page import matching, value_names
from crm_api.kit.query.places import joined
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.kit.query.statements import Statement, compiled
from crm_api.kit.query.taking import WRITTEN, Limits
from crm_api.kit.query.visibility import Sight, bound

_ALL = Filter().shape


@dataclass
class Plan:
    """A report that fits: what it is of, and what it is made of."""

    query: ReportQuery
    listing: Listing
    sight: Sight
    calendar: Calendar
    filter: Filter
    groups: list[Group] = field(default_factory=list[Group])
    measures: list[Known] = field(default_factory=list[Known])
    finish: Finish = field(default_factory=Finish)
    money: Money | None = None
    rates: Mapping[str, str] | None = None
    """By currency, when they are known."""
    asked: ReportQuery | None = None
    """What was asked, if it was made into another report."""
    tally: Tallied | None = None
    """What it is read from instead of the records, where that comes to the same."""
    is_settled: bool = False
    """Whether that is known already."""
    cost: int | None = None
    """What PostgreSQL expects it to take, where that is known."""
    sets: Sequence[tuple[int, ...]] = ()
    """Of several reports that are read together: the places of the groupings of each."""

    @property
    def limit(self) -> int:
        """How many groups are answered."""
        return self.query.limit or MAX_GROUPS

    @property
    def visible(self) -> list[Known]:
        """The measures that are answered."""
        return [known for known in self.measures if not known.asked.hidden]

    @property
    def is_whole(self) -> bool:
        """Whether whoever asks sees all there is, so that statistics tell nothing new."""
        ways = [group.operand for group in self.groups]
        ways += [operand for known in self.measures for operand in known.operands]
        sights = [self.sight, *(known.sight for known in self.measures)]
        sights += [sight for way in ways for sight in way.place.sights]
        return all(sight == Sight() for sight in sights)


def planned(
    tx: Tx,
    query: ReportQuery,
    listing: Listing,
    sight: Sight,
    calendar: Calendar,
    limits: Limits = WRITTEN,
) -> Plan:
    """A report checked; raises `Invalid`, and `Forbidden` for what is hidden."""
    wanted = parse(query.filter, listing, tx, limits=limits)
    plan = Plan(query, listing, sight, calendar, wanted)
    for place, asked in enumerate(query.groupings):
        plan.groups.append(group_of(tx, listing, asked, f"/groupings/{place}"))
    _need_kind(plan)
    measures = query.measures or [
        ReportMeasure.model_validate({"name": "count", "function": "count"})
    ]
    kinds = {group.name: group.kind for group in plan.groups}
    today = tx.now.astimezone(ZoneInfo(calendar.zone)).date()
    plan.money = Money(query.currency, query.currency_day or today)
    if query.currency_day is not None and query.currency != "at_date":
        raise unfit("/currency_day", "unfit_kind", "A day goes with `at_date`.")
    setting = Setting(calendar, plan.money, kinds)
    for place, asked in enumerate(measures):
        known = known_measure(tx, listing, asked, place, plan.measures, setting)
        with pointed(f"/measures/{place}/filter"):
            own = parse(asked.filter, listing, tx, limits=limits) if asked.filter else None
        known = replace(known, filter=own)
        _need_currency(plan, known)
        value, currencies = _of_known_currency(plan, known), _currencies(plan, known)
        known = replace(known, value=value, currencies=currencies)
        plan.measures.append(known)
    names = [group.name for group in plan.groups] + [known.asked.name for known in plan.measures]
    for place, name in enumerate(names):
        if name in names[:place]:
            own = place - len(plan.groups)
            at = f"/groupings/{place}/name" if own < 0 else f"/measures/{own}/name"
            raise unfit(at, "repeated_name", f"{name} stands twice.")
    plan.finish = finish_of(query, list(kinds), plan.measures)
    return plan


def _need_kind(plan: Plan) -> None:
    """Raise `Invalid` where the groupings are not those of its kind."""
    kind, groups = plan.query.kind, plan.groups
    if kind == "time_series" and (not groups or groups[0].bucket is None or groups[0].since):
        raise unfit("/groupings", "needs_bucket", "A time series is by a bucket first.")
    if kind == "matrix" and len(groups) < 2:
        raise unfit("/groupings", "needs_groupings", "A matrix has two groupings at least.")
    if kind == "cohort":
        later = [group for group in groups if group.since is not None]
        if len(later) != 1 or groups[0].bucket is None or groups[0].since is not None:
            message = "A cohort is by a bucket first, and by one with `since`."
            raise unfit("/groupings", "needs_cohort", message)
    if kind != "time_series" and any(m.function in ALONG_TIME for m in plan.query.measures):
        raise unfit("/kind", "needs_time_series", "Running totals and changes are of time series.")


def _need_currency(plan: Plan, known: Known) -> None:
    """Raise `Invalid` where amounts of several currencies would be one."""
    for operand in known.operands if _adds(known) else ():
        way = operand.coded_by
        if way is None:
            continue
        # A waterfall leads from group to group: those of one currency and another are no way.
        is_one = plan.query.kind != "waterfall"
        if not is_one or not any(group.asked.field == way for group in plan.groups):
            whose = "another record" if operand.is_foreign else "its record"
            message = f"{operand.path} is in the currency of {whose}: "
            message += f"group by {way}, or t" if is_one else "t"
            message += "ake an amount in the organization's currency."
            raise unfit(f"/measures/{known.place}/field", "mixed_currencies", message)


def _adds(known: Known) -> bool:
    return known.asked.function not in {"count", "count_distinct", "ratio", *AFTERWARDS}


def _of_known_currency(plan: Plan, known: Known) -> ColumnElement[Any] | None:
    """The value of a measure; an amount in the currency of a record that is not seen is none.

    Such amounts have one group, whatever their currencies are.
    """
    ways = {o.coded_by for o in known.operands if o.is_foreign and _adds(known)}
    seen = [
        group.operand.expression.is_not(None) for group in plan.groups if group.asked.field in ways
    ]
    return case((and_(*seen), known.value)) if seen and known.value is not None else known.value


def _currencies(plan: Plan, known: Known) -> frozenset[int]:
    """The places of the groupings by the currencies that a measure is in."""
    ways = {operand.coded_by for operand in known.operands}
    return frozenset(n for n, group in enumerate(plan.groups) if group.asked.field in ways)


class Compiler:
    """Makes the statement of a plan, with all it takes."""

    def __init__(self, tx: Tx, plan: Plan) -> None:
        self.plan = plan
        self.values: dict[str, Any] = bound(tx)
        self.values.update(zip(value_names(plan.filter), plan.filter.values, strict=True))
        if plan.rates is not None:
            self.values[RATES] = encode(plan.rates).decode()
        if plan.tally is not None:
            self.values |= plan.tally.values

    def currencies(self) -> Statement | None:
        """The currencies of what is converted, if anything is."""
        plan, model = self.plan, self.plan.listing.model
        found: list[Any] = []
        for operand in {o.path: o for known in plan.measures for o in known.operands}.values():
            if operand.currency is not None:
                query = select(operand.currency.expression).distinct().select_from(model)
                query = joined(query, plan.listing, operand.joins)
                asked = PageQuery(Selection(()), plan.filter, sight=plan.sight)
                found.append(matching(plan.listing, query, asked))
        return compiled(union(*found)) if found else None

    def statement(self, *, limit: int) -> tuple[Statement, dict[str, Any]]:
        """Groups with their measures, `limit` at most; totals come first, if there are any."""
        plan, inner = self.plan, self._inner()
        asked = [known for known in plan.measures if known.asked.function not in AFTERWARDS]
        partial = plan.tally is not None or add_up(asked, totals=self._has_sets)
        by_part = grouped if plan.tally is None else tallied
        rows = by_part(inner, len(plan.groups), asked) if partial else inner
        groups = [rows.c[f"g{n}"] for n in range(len(plan.groups))]
        made = self._measures(rows, partial=partial)
        chosen = [
            *groups,
            *(made[known.asked.name].label(f"m{known.place}") for known in asked),
        ]
        level: ColumnElement[Any] = literal_column("0")
        query: Select[Any] = select(*chosen).select_from(rows)
        sets = self._sets(groups)
        if sets is not None:
            level = func.grouping(*groups)
            query = query.group_by(func.grouping_sets(*sets))
        elif groups:
            query = query.group_by(*groups)
        query = query.add_columns(level.label("level"))
        for n in sorted({n for known in plan.measures for n in known.currencies} if sets else ()):
            # Aggregates still see the values by which a total is not grouped.
            several = func.min(groups[n]).is_distinct_from(func.max(groups[n]))
            unknown = func.count(groups[n]) != func.count()
            query = query.add_columns(or_(several, unknown).label(f"mixed{n}"))
        query = self._having(query, made, level if sets else None)
        order = self._order(groups, made)
        if sets is not None:
            order = [level.desc(), *order]
        if plan.tally is not None:
            query = query.add_cte(plan.tally.cells())
        return compiled(query.order_by(*order).limit(limit)), self.values

    def _inner(self) -> Subquery:
        plan, model = self.plan, self.plan.listing.model
        columns: list[ColumnElement[Any]] = [
            group.expression(plan.calendar).label(f"g{n}") for n, group in enumerate(plan.groups)
        ]
        for known in plan.measures:
            if known.value is not None:
                columns.append(known.value.label(f"x{known.place}"))
                self.values |= known.values
                if plan.tally is not None:
                    number = plan.tally.number(known.value, known.operands[0].name)
                    columns.append(number.label(f"n{known.place}"))
            if known.filter is not None and known.filter.shape != _ALL:
                binds = Binds(f"m{known.place}_")
                columns.append(
                    condition(known.filter.shape, plan.listing, model, binds).label(
                        f"f{known.place}"
                    )
                )
                given = known.filter.values
                self.values |= {f"m{known.place}_{n}": value for n, value in enumerate(given)}
        if plan.tally is not None:
            columns.append(plan.tally.column(RECORDS).label(RECORDS))
        columns = columns or [literal_column("1").label("one")]
        operands = [
            *(o for g in plan.groups for o in (g.operand, g.since) if o is not None),
            *(o for known in plan.measures for o in known.operands),
        ]
        joins = [join for operand in operands for join in operand.joins]
        query = joined(select(*columns).select_from(model), plan.listing, joins)
        asked = PageQuery(Selection(()), plan.filter, sight=plan.sight)
        return matching(plan.listing, query, asked).subquery("q")

    def _measures(self, rows: Subquery, *, partial: bool) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for known in self.plan.measures:
            if known.asked.function in AFTERWARDS:
                continue
            if partial:
                made[known.asked.name] = of_groups(known, rows, made)
                continue
            value, wanted = rows.c.get(f"x{known.place}"), rows.c.get(f"f{known.place}")
            made[known.asked.name] = aggregate(known, value, wanted, made)
        return made

    @property
    def _has_sets(self) -> bool:
        return bool(self.plan.sets) or (self.plan.query.totals and bool(self.plan.groups))

    def _sets(self, groups: Sequence[Any]) -> list[Any] | None:
        """What totals are by: those in front, or of a matrix any of the groupings."""
        if not self._has_sets:
            return None
        if self.plan.sets:
            return [sql_tuple(*(groups[n] for n in one)) for one in dict.fromkeys(self.plan.sets)]
        if self.plan.query.kind == "matrix":
            kept = [c for size in range(len(groups) + 1) for c in combinations(groups, size)]
        else:
            kept = [tuple(groups[:size]) for size in range(len(groups) + 1)]
        return [sql_tuple(*one) if one else func.row() for one in kept]

    def _having(
        self, query: Select[Any], made: Mapping[str, Any], level: ColumnElement[Any] | None
    ) -> Select[Any]:
        parts: list[ColumnElement[bool]] = []
        later = {name for name, *_ in self.plan.finish.tests}
        for name, tests in self.plan.query.having.items():
            if name in later:
                continue
            if name not in made:
                raise unfit(f"/having/{name}", "unknown_measure", f"There is no measure {name!r}.")
            parts += [
                compared(made[name], self._kind(name), op, value, f"/having/{name}/{op}")
                for op, value in tests.items()
            ]
        if not parts:
            return query
        wanted = and_(*parts)
        return query.having(wanted if level is None else or_(level != literal_column("0"), wanted))

    def _kind(self, name: str) -> str:
        return next(known.kind for known in self.plan.measures if known.asked.name == name)

    def _order(self, groups: Sequence[Any], made: Mapping[str, Any]) -> list[Any]:
        named = {group.name: groups[n] for n, group in enumerate(self.plan.groups)} | dict(made)
        order: list[Any] = []
        sorts = [] if self.plan.finish.sorts else self.plan.query.sort
        for place, sort in enumerate(sorts):
            name = sort.removeprefix("-")
            if name not in named:
                raise unknown_column(place, name)
            column = named[name]
            order.append((column.desc() if sort.startswith("-") else column.asc()).nulls_last())
        return [*order, *(column.asc().nulls_last() for column in groups)]
