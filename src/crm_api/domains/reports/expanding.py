"""Kinds of reports that are made of others: funnels, comparisons and waterfalls."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from crm_api.domains.reports.compiling import Plan
from crm_api.domains.reports.drilling import STEP
from crm_api.domains.reports.measuring import AFTERWARDS, Known
from crm_api.domains.reports.operands import DATED, unfit
from crm_api.domains.reports.results import Row, Shaped, cell_of, column_row, columns_of, shown
from crm_api.domains.reports.schemas import ReportMeasure, ReportQuery, ReportSide

BEGINS, ENDS = "begins", "ends"
FUNNEL: Mapping[str, str] = {"count": "integer", "of_previous": "ratio", "of_first": "ratio"}
"""The measures of a funnel, and their kinds."""
_ADDED = frozenset({"count", "sum"})
_NOTHING = frozenset({"count", "count_distinct", "sum"})
"""What is nothing where there are no records."""


def need_shape(query: ReportQuery) -> None:
    """Raise `Invalid` for parts that reports of another kind have."""
    kind = query.kind
    if query.columns and kind != "table":
        raise unfit("/columns", "needs_table", "Columns are of tables.")
    if (kind == "funnel") != bool(query.steps):
        raise unfit("/steps", "needs_funnel", "A funnel has steps, and nothing else has.")
    if query.group_by:
        raise unfit("/group_by", "one_of", "Say groupings, or group_by.")
    _need_sides(query)
    bare: dict[str, tuple[str, ...]] = {"table": ("groupings", "measures", "having", "totals")}
    bare["funnel"] = ("groupings", "measures", "having", "totals", "sort")
    bare["waterfall"] = ("having", "totals", "limit")
    bare["time_series"] = ("sort", "having", "totals")
    for name in bare.get(kind, ()):
        if getattr(query, name):
            raise unfit(f"/{name}", "unfit_kind", f"A {kind} has no {name}.")


def _need_sides(query: ReportQuery) -> None:
    kind, sides = query.kind, len(query.sides)
    fits = {"comparison": (2,), "waterfall": (0, 2)}.get(kind, (0,))
    if sides not in fits:
        message = f"A {kind} has {' or '.join(map(str, fits)) if any(fits) else 'no'} sides."
        raise unfit("/sides", "unfit_kind", message)
    if sides == 2 and query.sides[0].name == query.sides[1].name:
        raise unfit("/sides/1/name", "repeated_name", "Both sides have the same name.")
    if kind != "waterfall":
        return
    if len(query.groupings) != 1:
        raise unfit("/groupings", "needs_groupings", "A waterfall has one grouping.")
    measures = query.measures
    if len(measures) > 1 or any(one.function not in _ADDED or one.hidden for one in measures):
        raise unfit("/measures", "unfit_kind", "A waterfall is of one sum or count.")


def of_steps(query: ReportQuery) -> ReportQuery:
    """A funnel as measures: whoever passed a step passed those before."""
    measures = [
        ReportMeasure.model_validate(
            {
                "name": f"step_{place}",
                "function": "count",
                "filter": {"and": [step.filter for step in query.steps[: place + 1]]},
            }
        )
        for place in range(len(query.steps))
    ]
    plain = query.model_dump(exclude={"steps", "kind"})
    return ReportQuery.model_validate({**plain, "kind": "summary"}).model_copy(
        update={"measures": measures}
    )


def of_sides(query: ReportQuery, known: Sequence[Known]) -> ReportQuery:
    """A comparison as measures of each side, by how much they differ, and by what part.

    `known` are its measures without sides; raises `Invalid` for those that are not compared.
    """
    measures: list[ReportMeasure] = []
    for measure in known:
        measures += _of_both(query, measure)
    names = [measure.name for measure in measures]
    if len(names) > len(set(names)):
        raise unfit("/sides", "repeated_name", "Two columns have the same name.")
    either = {"or": [side.filter for side in query.sides]}
    filter = {"and": [query.filter, either]} if query.filter else either
    return query.model_copy(update={"measures": measures, "filter": filter})


def _of_both(query: ReportQuery, known: Known) -> list[ReportMeasure]:
    asked, at = known.asked, f"/measures/{known.place}"
    if asked.function in AFTERWARDS:
        raise unfit(f"{at}/function", "unfit_kind", f"A {query.kind} has no {asked.function}.")
    if "." in asked.name:
        raise unfit(f"{at}/name", "unfit_name", "The name of what is compared has no points.")
    now, before = (_of_side(asked, side) for side in query.sides)
    if query.kind == "waterfall":
        own = [one.model_copy(update={"hidden": True}) for one in (now, before)]
        return [*own, _calculated(known, asked.name, _difference(asked, now.name, before.name))]
    if known.kind in DATED:
        return [now, before]
    name = f"{asked.name}_change"
    percent = f"{name} / abs({before.name})"
    return [
        now,
        before,
        _calculated(known, name, _difference(asked, now.name, before.name)),
        _calculated(known, f"{asked.name}_percent", percent, "ratio"),
    ]


def _of_side(asked: ReportMeasure, side: ReportSide) -> ReportMeasure:
    changed: Row = {"name": f"{asked.name}_{side.name}"}
    if asked.function == "ratio":
        changed["of"] = [f"{name}_{side.name}" for name in asked.of]
    else:
        own = [asked.filter] if asked.filter else []
        changed["filter"] = {"and": [*own, side.filter]}
    return asked.model_copy(update=changed)


def _difference(asked: ReportMeasure, now: str, before: str) -> str:
    if asked.function in _NOTHING:
        return f"coalesce({now}, 0) - coalesce({before}, 0)"
    return f"{now} - {before}"


def _calculated(
    known: Known, name: str, expression: str, shown_as: str | None = None
) -> ReportMeasure:
    changed: Row = {
        "name": name,
        "expression": expression,
        "shown_as": shown_as or known.kind,
        "hidden": known.asked.hidden,
    }
    least = ReportMeasure.model_validate({"name": "x", "function": "calculated"})
    return least.model_copy(update=changed)


def bridge(plan: Plan, shaped: Shaped) -> Row:
    """A waterfall: each group begins where the one before it ends."""
    known = plan.visible[0]
    name = known.asked.name
    before = [f"{name}_{plan.query.sides[1].name}"] if plan.query.sides else []
    first = sum((Decimal(row.get(one) or 0) for _, row in shaped.raw for one in before), Decimal(0))
    ends = first
    for _, row in shaped.raw:
        row[BEGINS] = ends
        ends += row.get(name) or 0
        row[ENDS] = ends
    rows = shaped.rows()
    for told, (_, row) in zip(rows, shaped.raw, strict=True):
        told["values"] |= {one: shown(row[one], known.kind) for one in (BEGINS, ENDS)}
    whole = {name: ends - first, BEGINS: first, ENDS: ends}
    total = {one: shown(value, known.kind) for one, value in whole.items()}
    columns = columns_of(plan)
    columns += [{**columns[-1], "name": one} for one in (BEGINS, ENDS)]
    by: list[str] = []
    totals: list[Row] = [{"cell": cell_of({}), "by": by, "values": total}]
    return {"columns": columns, "rows": rows, "totals": totals, "truncated": False}


def funnel(plan: Plan, rows: list[Any]) -> Row:
    (row,) = rows
    counts: list[int] = [row[place] for place in range(len(plan.query.steps))]
    told: list[Row] = []
    for place, step in enumerate(plan.query.steps):
        before = counts[max(place - 1, 0)]
        values: Mapping[str, Any] = {
            STEP: step.name,
            "count": counts[place],
            "of_previous": shown(_share(counts[place], before), "ratio"),
            "of_first": shown(_share(counts[place], counts[0]), "ratio"),
        }
        told.append({"cell": cell_of({STEP: step.name}), "values": dict(values)})
    columns = [column_row(STEP, "grouping", "text")]
    columns += [column_row(name, "measure", kind) for name, kind in FUNNEL.items()]
    return {"columns": columns, "rows": told, "totals": [], "truncated": False}


def _share(part: int, whole: int) -> float | None:
    return None if whole == 0 else part / whole
