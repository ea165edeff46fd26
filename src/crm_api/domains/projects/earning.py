"""Earned value: what of the budget of a project is earned by what is done, and what it cost.

PV is the budget of what was to be done by now, EV of what is done, AC what it cost. Work is
weighted by the estimates of tasks, or their lengths; a task is to be done evenly over its working
time between its start and its finish in the baseline, without a baseline in the plan. CPI is
EV / AC, SPI is EV / PV, EAC is BAC / CPI (Project Management Institute, Practice Standard for
Earned Value Management).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_api.domains.projects.actions import need_plan
from crm_api.domains.projects.figures import money_of, need_money, shown_in, work_of
from crm_api.domains.projects.planning import Planning, Row, Schedule
from crm_api.domains.projects.repository import ProjectTasks
from crm_api.domains.projects.service import ProjectService
from crm_api.domains.projects.work_repository import Expenses, TimeEntries
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.money import shown_quantity
from crm_api.kit.working_time import ticks_of

MOST_WEEKS = 520
_PLACES = Decimal("0.0001")


async def earned_value_of(tx: Tx, id: UUID) -> dict[str, Any]:
    """The earned value of a project now, and how it burns; whoever may not see its money: none."""
    need_money(tx)
    need_plan(tx)
    async with at_one_moment(tx) as reader:
        project = await ProjectService(reader).records.get(id)
        rows = await ProjectTasks(reader).planned(id)
        schedule = await Planning(reader).of(project, rows)
        times, spent = TimeEntries(reader), await Expenses(reader).spent(id)
        money = money_of(project, rows, await times.worked(id), spent)
        burnt = await times.burnt(id)
    named = project.baseline_at is not None
    work = _Work(schedule, named=named)
    whole = sum(work_of(row) for row in work.tasks)
    budget, actual = money.budget, money.actual
    planned = earned = None
    if budget is not None and whole:
        planned = budget * work.planned(tx.now) / whole
        done = sum(work_of(row) * row["percent"] for row in work.tasks)
        earned = budget * done / (100 * whole)
    cpi, spi = _ratio(earned, actual), _ratio(earned, planned)
    final = budget / cpi if budget is not None and cpi else None

    def shown(amount: Decimal | None) -> str | None:
        return None if amount is None else shown_in(project, amount)

    zone = ZoneInfo(tx.actor.time_zone)
    return {
        "project_id": project.id,
        "currency": project.currency,
        "basis": "baseline" if named else "plan",
        "budget_at_completion": shown(budget),
        "planned_value": shown(planned),
        "earned_value": shown(earned),
        "actual_cost": shown(actual),
        "cost_variance": shown(_less(earned, actual)),
        "schedule_variance": shown(_less(earned, planned)),
        "cpi": _shown_ratio(cpi),
        "spi": _shown_ratio(spi),
        "estimate_at_completion": shown(final),
        "estimate_to_complete": shown(_less(final, actual)),
        "variance_at_completion": shown(_less(budget, final)),
        "burn": list(_burn(work, burnt, zone)),
    }


class _Work:
    """What of the tasks of a project was to be done by when."""

    def __init__(self, schedule: Schedule, *, named: bool) -> None:
        self._schedule = schedule
        self._names = ("baseline_starts_at", "baseline_finishes_at")
        if not named:
            self._names = ("starts_at", "finishes_at")
        self.tasks = [row for row in schedule.rows if row["kind"] == "task"]
        self._placed = [row for row in self.tasks if all(row[name] for name in self._names)]

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """From the first start to the last finish."""
        if not self._placed:
            return None
        first, last = self._names
        return min(row[first] for row in self._placed), max(row[last] for row in self._placed)

    def planned(self, at: datetime) -> int:
        """The minutes of work that were to be done by an instant."""
        return sum(self._done(row, at) for row in self._placed)

    def _done(self, row: Row, at: datetime) -> int:
        start, finish = (row[name] for name in self._names)
        if at <= start:
            return 0
        if at >= finish:
            return work_of(row)
        counted = self._schedule.times[row["calendar_id"] or self._schedule.calendar_id]
        begin, end, now = (counted.position(ticks_of(one)) for one in (start, finish, at))
        return work_of(row) * (now - begin) // (end - begin) if end > begin else work_of(row)


def _burn(
    work: _Work, burnt: Sequence[Mapping[str, Any]], zone: ZoneInfo
) -> Iterable[dict[str, Any]]:
    """Week by week from the first day of work to the last."""
    days: list[date] = [row["week"] for row in burnt]
    if (span := work.span) is not None:
        days += [_monday(at.astimezone(zone).date()) for at in span]
    if not days:
        return
    minutes = {row["week"]: row["minutes"] for row in burnt}
    week, worked = min(days), 0
    for _ in range(MOST_WEEKS):
        worked += minutes.get(week, 0)
        after = week + timedelta(days=7)
        at = datetime.combine(after, time(), tzinfo=zone)
        yield {"week": week, "planned_minutes": work.planned(at), "worked_minutes": worked}
        if after > max(days):
            return
        week = after


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _ratio(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or not other else one / other


def _less(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one - other


def _shown_ratio(ratio: Decimal | None) -> str | None:
    return None if ratio is None else shown_quantity(ratio.quantize(_PLACES, ROUND_HALF_UP))
