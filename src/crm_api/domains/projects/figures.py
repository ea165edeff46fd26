"""How a project fares: its money, its work, and whether that is well."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from crm_api.domains.projects.models import Project
from crm_api.domains.projects.planning import Planning, Row, Schedule
from crm_api.domains.projects.repository import ProjectTasks
from crm_api.domains.projects.risks import RED, pressing
from crm_api.domains.projects.service import ProjectService
from crm_api.domains.projects.states import CLOSED
from crm_api.domains.projects.tasks import ProjectTaskService
from crm_api.domains.projects.timing import ExpenseService, TimeEntryService
from crm_api.domains.projects.work_repository import Deliverables, Expenses, TimeEntries
from crm_api.kit.calendar import today_of
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.errors import Forbidden
from crm_api.kit.money import shown_amount
from crm_api.kit.values.codes import minor_digits

_MONEY = {"revenue", "cost_budget", "billing_amount"}
_RATES = {"rate", "cost_rate"}
_SPENT = {"amount", "project_amount"}
_HOUR_IN_PARTS = 60 * 10_000


@dataclass(frozen=True)
class Money:
    """What a project brings and costs, in its currency."""

    revenue: Decimal | None
    budget: Decimal | None
    actual: Decimal
    pending: Decimal
    billed: Decimal
    due: Decimal
    percent: int

    @property
    def forecast(self) -> Decimal | None:
        """What it will have cost: what it has by how much is done, else the budget."""
        if not self.percent or not self.actual:
            return self.budget
        return self.actual * 100 / self.percent


def need_money(tx: Tx) -> None:
    """Raise `Forbidden` where something is hidden that figures tell."""
    service, times, expenses = ProjectService(tx), TimeEntryService(tx), ExpenseService(tx)
    for one in (service, times, expenses):
        one.need("read")
    hidden = service.guard.hidden | ProjectTaskService(tx).guard.hidden
    secret = hidden & _MONEY or times.guard.hidden & _RATES or expenses.guard.hidden & _SPENT
    if secret or "risks" in hidden:
        raise Forbidden("The money of projects is hidden from you.", code="hidden_field")


async def figures_of(tx: Tx, id: UUID) -> dict[str, Any]:
    """The figures of a project at one moment; whoever may not see its money sees none."""
    need_money(tx)
    async with at_one_moment(tx) as reader:
        return await figures_in(reader, id)


async def figures_in(tx: Tx, id: UUID) -> dict[str, Any]:
    """The same as this transaction sees it, for whoever may see them all."""
    project = await ProjectService(tx).records.get(id)
    planning = Planning(tx)
    rows = await ProjectTasks(tx).planned(id)
    schedule = await planning.of(project, rows)
    worked = await TimeEntries(tx).worked(id)
    spent = await Expenses(tx).spent(id)
    promised = await Deliverables(tx).of_project(id)
    money = money_of(project, rows, worked, spent)
    reasons = list(_reasons(project, schedule, promised, money, today_of(tx)))
    return _shown(project, rows, worked, money) | {
        "expenses": shown_in(project, spent["cost"]),
        "billable_expenses": shown_in(project, spent["charged"]),
        "health": _health(reasons),
        "reasons": reasons,
    }


def money_of(
    project: Project,
    rows: Sequence[Row],
    worked: Mapping[str, Any],
    spent: Mapping[str, Decimal],
) -> Money:
    """What a project brings and costs, by sums of its time and its expenses."""
    shares = [row for row in rows if row["billing_due_at"] is not None]
    billed = [row["billing_amount"] for row in shares if row["billed_at"] is not None]
    due = [row["billing_amount"] for row in shares if row["billed_at"] is None]
    return Money(
        project.revenue,
        project.cost_budget,
        Decimal(worked["cost"]) / _HOUR_IN_PARTS + spent["cost"],
        Decimal(worked["pending"]) / _HOUR_IN_PARTS + spent["pending"],
        sum(billed, Decimal(0)),
        sum(due, Decimal(0)),
        done(rows),
    )


def done(rows: Sequence[Row]) -> int:
    """How much of the work is done, in percent, each task by its estimate or its length."""
    tasks = [row for row in rows if row["kind"] == "task"]
    whole = sum(work_of(row) for row in tasks)
    return sum(work_of(row) * row["percent"] for row in tasks) // whole if whole else 0


def work_of(row: Row) -> int:
    """How much work a task is, in minutes: its estimate, or its length."""
    estimate = row["estimate_minutes"]
    return row["minutes"] if estimate is None else estimate


def shown_in(project: Project, amount: Decimal) -> str:
    """An amount as it is shown in the currency of a project."""
    unit = Decimal(1).scaleb(-minor_digits(project.currency))
    return shown_amount(amount.quantize(unit, ROUND_HALF_UP))


def _shown(
    project: Project, rows: Sequence[Row], worked: Mapping[str, Any], money: Money
) -> dict[str, Any]:
    def shown(amount: Decimal | None) -> str | None:
        return None if amount is None else shown_in(project, amount)

    return {
        "project_id": project.id,
        "currency": project.currency,
        "revenue": shown(money.revenue),
        "cost_budget": shown(money.budget),
        "quoted_margin": shown(_less(money.revenue, money.budget)),
        "actual_cost": shown(money.actual),
        "pending_cost": shown(money.pending),
        "forecast_cost": shown(money.forecast),
        "forecast_margin": shown(_less(money.revenue, money.forecast)),
        "actual_margin": shown(money.billed - money.actual),
        "unpriced_minutes": worked["unpriced"],
        "estimated_minutes": sum(work_of(row) for row in rows if row["kind"] == "task"),
        "worked_minutes": worked["worked"],
        "billable_minutes": worked["billable"],
        "billable_amount": shown(Decimal(worked["charged"]) / _HOUR_IN_PARTS),
        "percent": money.percent,
        "billed": shown(money.billed),
        "due": shown(money.due),
    }


def _less(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one - other


def _reasons(
    project: Project,
    schedule: Schedule,
    promised: Sequence[Mapping[str, Any]],
    money: Money,
    today: date,
) -> Iterable[dict[str, str]]:
    """Why a project is not well; of one that is closed nothing can be late any more."""
    if project.status in CLOSED:
        return
    finish, before = schedule.finish, project.baseline_finishes_at
    if finish is not None and before is not None:
        slip = schedule.behind(None, finish, before)
        if slip > 0:
            length = schedule.behind(None, before, schedule.start)
            yield _reason(
                "slipped",
                f"It ends {slip} minutes of working time behind the baseline.",
                is_red=slip * 10 > length,
            )
    if schedule.late:
        names = {row["id"]: row["name"] for row in schedule.rows}
        whole = ", ".join(names[id] for id in schedule.late[:5])
        yield _reason("fixed_day", f"Fixed days cannot be kept: {whole}.", is_red=True)
    for row in promised:
        if row["status"] != "accepted" and row["due_on"] is not None and row["due_on"] < today:
            message = f"{row['name']} was promised for {row['due_on']}."
            yield _reason("overdue", message, is_red=row["is_mandatory"])
    for risk in pressing(project.risks):
        message = f"{risk['title']}: {risk['kind']} of {risk['score']}."
        yield _reason("risk", message, is_red=risk["score"] >= RED)
    if money.forecast is not None and money.budget is not None and money.forecast > money.budget:
        over = money.forecast - money.budget
        message = f"It will have cost {over:.2f} {project.currency} more than it may."
        yield _reason("over_budget", message, is_red=over * 10 > money.budget)
    margin = _less(money.revenue, money.forecast)
    if margin is not None and margin < 0:
        yield _reason("no_margin", "It will have cost more than it brings.", is_red=True)


def _reason(code: str, message: str, *, is_red: bool) -> dict[str, str]:
    return {"code": code, "message": message, "severity": "red" if is_red else "amber"}


def _health(reasons: Sequence[Mapping[str, str]]) -> str:
    found = {reason["severity"] for reason in reasons}
    return "red" if "red" in found else "amber" if found else "green"
