"""How projects that are done went, as a standard report by their figures."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from crm_api.domains.projects.figures import Money, money_of, need_money
from crm_api.domains.projects.models import Project
from crm_api.domains.projects.repository import PROJECTS, Projects, ProjectTasks
from crm_api.domains.projects.work_repository import Expenses, TimeEntries
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.query.filters import parse
from crm_api.kit.report_words import spanned
from crm_api.kit.reporting import SPAN, Computed, ComputedReport, Line, Records, ReportField

MOST = 2_000
_SUMMED = (
    *("projects", "revenue", "cost", "margin", "with_baseline", "on_time"),
    *("worked_minutes", "billable_minutes"),
)
_DAY = timedelta(days=1)


async def _results(tx: Tx, given: Mapping[str, Any]) -> Computed:
    """Each project that was completed within the days, and all of a currency."""
    need_money(tx)
    ended: dict[str, Any] = {
        "and": [{"status": {"in": ["completed", "accepted"]}}, spanned("closed_at", given)]
    }
    projects = await Projects(tx).next_of(parse(ended, PROJECTS, tx), MOST + 1)
    if len(projects) > MOST:
        message = f"There are more than {MOST:,} projects: choose fewer days."
        raise Invalid(message, code="too_many_records")
    ids = [project.id for project in projects]
    planned = await ProjectTasks(tx).planned_of(ids)
    worked = await TimeEntries(tx).worked_of(ids)
    spent = await Expenses(tx).spent_of(ids)
    lines = [
        _line(one, money_of(one, planned.get(one.id, []), worked[one.id], spent[one.id]), worked)
        for one in projects
    ]
    currencies = sorted({project.currency for project in projects})
    return Computed(lines, [_whole(currency, lines, ended) for currency in currencies])


def _line(project: Project, money: Money, worked: Mapping[Any, Mapping[str, Any]]) -> Line:
    time = worked[project.id]
    revenue = money.revenue or Decimal(0)
    planned, ended = project.baseline_finishes_at, project.closed_at
    is_late = planned is not None and ended is not None and ended > planned
    values = {
        "currency": project.currency,
        "project_id": project.id,
        "project": project.name,
        "projects": 1,
        "revenue": revenue,
        "cost": money.actual,
        "margin": revenue - money.actual,
        "with_baseline": int(planned is not None),
        "on_time": int(planned is not None and not is_late),
        "days_late": Decimal((ended - planned) // _DAY) if is_late and planned and ended else None,
        "worked_minutes": time["worked"],
        "billable_minutes": time["billable"],
    }
    return Line(values | _ratios(values), Records({"id": {"eq": str(project.id)}}))


def _ratios(values: Mapping[str, Any]) -> dict[str, Decimal | None]:
    return {
        "margin_share": _ratio(values["margin"], values["revenue"]),
        "on_time_share": _ratio(values["on_time"], values["with_baseline"]),
        "utilisation": _ratio(values["billable_minutes"], values["worked_minutes"]),
    }


def _ratio(part: Decimal | int, whole: Decimal | int) -> Decimal | None:
    return Decimal(part) / whole if whole else None


def _whole(currency: str, lines: Sequence[Line], ended: Mapping[str, Any]) -> Line:
    own = [line.values for line in lines if line.values["currency"] == currency]
    sums = {name: sum(one[name] for one in own) for name in _SUMMED}
    behind = Records({"and": [ended, {"currency": {"eq": currency}}]})
    return Line({"currency": currency, **sums, **_ratios(sums)}, behind)


RESULTS = ComputedReport(
    name="project_results",
    title="Margin, punctuality and utilisation of projects",
    text="Projects that were completed within the days, each in its currency: what they brought "
    "and cost as their figures say, whether they ended by their baseline, and what share of their "
    "approved time is billed.",
    formula="cost = Σ approved minutes × cost rate + Σ approved expenses; margin = revenue − cost; "
    "margin_share = margin / revenue; on time = closed_at ≤ the finish of the baseline; "
    "on_time_share = on time / those with a baseline; utilisation = billable / worked minutes",
    source="project",
    also_of=("expense", "project_task", "time_entry"),
    areas=("time_entries", "expenses"),
    parameters=SPAN,
    chart="margin",
    reads=("status", "closed_at", "baseline_finishes_at", "currency", "revenue", "name"),
    columns=(
        ReportField("project_id", "grouping", "uuid", "The project.", label="project"),
        ReportField("project", "column", "text", "Its name."),
        ReportField("currency", "grouping", "text", "That of the project."),
        ReportField("projects", "measure", "integer", "How many there are."),
        ReportField("revenue", "measure", "amount", "What it brings."),
        ReportField("cost", "measure", "amount", "What it has cost."),
        ReportField("margin", "measure", "amount", "What is left."),
        ReportField("margin_share", "measure", "ratio", "The margin by the revenue."),
        ReportField("with_baseline", "measure", "integer", "Those that have a baseline."),
        ReportField("on_time", "measure", "integer", "Those that ended by it."),
        ReportField("on_time_share", "measure", "ratio", "The one by the other."),
        ReportField("days_late", "measure", "number", "Whole days behind it.", "days"),
        ReportField("worked_minutes", "measure", "integer", "Approved time."),
        ReportField("billable_minutes", "measure", "integer", "What of it is billed."),
        ReportField("utilisation", "measure", "ratio", "Billable by worked minutes."),
    ),
    compute=_results,
)
