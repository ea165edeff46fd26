"""Reports over the same records, read together: one statement by all of their groupings.

Each is a grouping set of what is grouped by every one of them, which PostgreSQL reads once and in
several processes. Where those would be too many groups, it expects as much and they are read apart.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from crm_api.domains.reports.compiling import Plan
from crm_api.domains.reports.finishing import Finish
from crm_api.domains.reports.results import Row, Shaped, columns_of, digest
from crm_api.domains.reports.running import Reports
from crm_api.domains.reports.schemas import (
    MAX_GROUPS,
    ReportGrouping,
    ReportMeasure,
    ReportQuery,
)
from crm_api.kit.db.tx import Tx

_ADDED = frozenset({"count", "sum", "min", "max", "avg"})
WORTH = 20_000
"""Below this cost all are read before anything is gained."""


def kin_of(query: ReportQuery) -> str | None:
    """What reports have in common that can be read together; None of one that is read by itself."""
    if query.kind != "summary" or not query.groupings or not query.measures:
        return None
    if query.totals or query.having or query.currency == "at_date":
        return None
    if any(measure.function not in _ADDED for measure in query.measures):
        return None
    return digest([query.source, query.filter, query.currency])


def fits(plan: Plan) -> bool:
    """Whether a settled plan reads the records themselves, and sorts as Python does."""
    texts = [g for g in plan.groups if g.operand.is_custom and g.kind == "text"]
    return plan.tally is None and not plan.finish and not texts


async def read_together(reports: Reports, tx: Tx, plans: Sequence[Plan]) -> list[Row | None]:
    """What several such plans come to; None of each that has to be read apart."""
    apart: list[Row | None] = [None] * len(plans)
    for plan in plans:
        plan.cost = await reports.cost(tx, *await reports.statement(tx, plan, plan.limit))
    costs = sum(plan.cost or 0 for plan in plans)
    if costs < WORTH:
        return apart
    kin, most = _Kin(plans), MAX_GROUPS * len(plans)
    whole = replace(await reports.plan(kin.query), sets=kin.sets, is_settled=True)
    sql, args = await reports.statement(tx, whole, most)
    if await reports.cost(tx, sql, args) > min(costs, reports.bounds.cost):
        return apart
    with reports.in_time():
        rows = await tx.fetch(sql, *args)
        if len(rows) > most:
            return apart
        return [
            None if answer is None else await reports.told(tx, plan, answer)
            for plan, answer in zip(plans, kin.answers(rows), strict=True)
        ]


@dataclass
class _Kin:
    """Some plans as one report."""

    plans: Sequence[Plan]
    groupings: dict[str, ReportGrouping] = field(default_factory=dict[str, ReportGrouping])
    measures: dict[str, ReportMeasure] = field(default_factory=dict[str, ReportMeasure])

    def __post_init__(self) -> None:
        for plan in self.plans:
            for one in plan.query.groupings:
                self.groupings.setdefault(_key(one), one)
            for one in plan.query.measures:
                self.measures.setdefault(_key(one), one)

    @property
    def query(self) -> ReportQuery:
        """By all groupings, with all numbers, under names of their own."""
        groupings = [
            one.model_copy(update={"name": f"g{n}"})
            for n, one in enumerate(self.groupings.values())
        ]
        measures = [
            one.model_copy(update={"name": f"m{n}", "hidden": False})
            for n, one in enumerate(self.measures.values())
        ]
        parts: Row = {"groupings": groupings, "measures": measures, "sort": [], "limit": None}
        return self.plans[0].query.model_copy(update=parts)

    @property
    def sets(self) -> list[tuple[int, ...]]:
        """The groupings of each plan, by their places."""
        return [tuple(sorted(self._places(plan))) for plan in self.plans]

    def answers(self, rows: Iterable[Any]) -> list[Row | None]:
        """What each comes to; None of one that has more groups than are answered."""
        by_level: dict[int, list[Any]] = {}
        for row in rows:
            by_level.setdefault(row["level"], []).append(row)
        return [self._answer(plan, by_level) for plan in self.plans]

    def _answer(self, plan: Plan, by_level: Mapping[int, Sequence[Any]]) -> Row | None:
        places, depth, known = self._places(plan), len(self.groupings), list(self.measures)
        # The last grouping is the lowest bit; it is set where rows are not by it.
        level = sum(1 << (depth - 1 - n) for n in range(depth) if n not in places)
        rows = by_level.get(level, ())
        if plan.query.limit is None and len(rows) > MAX_GROUPS:
            return None
        at = {one.name: depth + known.index(_key(one)) for one in plan.query.measures}
        shaped = Shaped(replace(plan, finish=_order(plan)), ())
        shaped.raw = [
            (tuple(row[n] for n in places), {name: row[place] for name, place in at.items()})
            for row in rows
        ]
        shaped.finish()
        return {
            "columns": columns_of(plan),
            "rows": shaped.rows(),
            "totals": [],
            "truncated": shaped.truncated,
        }

    def _places(self, plan: Plan) -> list[int]:
        known = list(self.groupings)
        return [known.index(_key(one)) for one in plan.query.groupings]


def _key(one: ReportGrouping | ReportMeasure) -> str:
    return digest(one.model_dump(mode="json", exclude={"name", "hidden"}))


def _order(plan: Plan) -> Finish:
    """By what is asked first, and then by the groups, as the statement of one report sorts."""
    names = [group.name for group in plan.groups]
    asked: list[tuple[int | str, bool]] = []
    for sort in plan.query.sort:
        name = sort.removeprefix("-")
        asked.append((names.index(name) if name in names else name, sort.startswith("-")))
    return Finish((), (*asked, *((place, False) for place in range(len(names)))))
