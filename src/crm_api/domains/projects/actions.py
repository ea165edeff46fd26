"""What is done with projects and their milestones, each as one step."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.projects.models import Project, ProjectTask
from crm_api.domains.projects.planning import Planning, Row, Schedule
from crm_api.domains.projects.schemas import MilestoneBilling, ProjectStep, ProjectVerb
from crm_api.domains.projects.service import ProjectService
from crm_api.domains.projects.sharing import share_due
from crm_api.domains.projects.states import CLOSED, WAYS, in_the_way, need_open, need_ordered
from crm_api.domains.projects.tasks import ProjectTaskService
from crm_api.domains.projects.work_repository import Deliverables
from crm_api.kit.actor import hidden_field
from crm_api.kit.crud.transitions import blocked, need_way, not_for, told, ways_from
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.errors import Fault
from crm_api.kit.money import shown_amount

BILLING_DUE = "billing.due"
Check = Callable[[Tx, Project, ProjectVerb], Awaitable[Sequence[Fault]]]

_PLANNED: Mapping[str, frozenset[str]] = {
    "project": frozenset({"finishes_at", "baseline_at", "baseline_finishes_at"}),
    "project_task": frozenset(
        {
            *("parent_id", "starts_at", "finishes_at", "total_float"),
            *("baseline_starts_at", "baseline_finishes_at"),
        }
    ),
}
"""What a plan tells of what may be hidden."""


def need_plan(tx: Tx) -> None:
    """Raise `Forbidden` where something is hidden that a plan tells."""
    for entity, names in _PLANNED.items():
        if hidden := sorted(names & tx.actor.hidden(entity)):
            raise hidden_field(hidden[0])


class ProjectActions:
    """The actions of projects; whoever acts holds the lock of the project."""

    checks: ClassVar[list[Check]] = []
    """What those above have against an action, such as promises that are open."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.projects, self.tasks = ProjectService(tx), ProjectTaskService(tx)
        self.promised = Deliverables(tx)

    # Looking

    async def schedule(self, id: UUID) -> dict[str, Any]:
        """The plan of a project as it is made of its tasks now."""
        self.projects.need("read")
        need_plan(self.tx)
        async with at_one_moment(self.tx) as reader:
            project = await ProjectService(reader).records.get(id)
            planning = Planning(reader)
            found = await planning.of(project, await planning.rows(id))
            return _shown(project, found)

    async def transitions(self, id: UUID) -> dict[str, Any]:
        """What may be done with a project, and what stands in the way."""
        self.projects.need("read")
        async with at_one_moment(self.tx) as reader:
            actions = ProjectActions(reader)
            project = await actions.projects.records.get(id)
            tasks = await actions.tasks.records.planned(id)
            promised = await actions.promised.of_project(id)
            allowed = [
                {
                    "verb": verb,
                    "status": way.after,
                    "blockers": told(
                        [
                            *in_the_way(verb, tasks, promised),
                            *await actions.against(project, verb),
                        ]
                    ),
                }
                for verb, way in ways_from(WAYS, project.status).items()
            ]
            return {"status": project.status, "allowed": allowed}

    # Acting

    async def go(
        self, id: UUID, verb: ProjectVerb, data: ProjectStep, expected: int | None = None
    ) -> Any:
        """Have a project be started, held, closed and so on; all that is in the way is told."""
        self.projects.need("update")
        current = await self.projects.locked(id, expected)
        way = need_way("project", WAYS, current.status, verb)
        tasks = await self.tasks.planning.rows(id)
        faults = in_the_way(verb, tasks, await self.promised.of_project(id))
        if faults := [*faults, *await self.against(current, verb)]:
            raise blocked(faults)
        is_closed = way.after in CLOSED
        values = {
            "status": way.after,
            "closed_at": self.tx.now if is_closed else None,
            "close_comment": data.comment if is_closed else None,
        }
        return await self.projects.told(await self.projects.change(current, values, verb=way.event))

    async def against(self, project: Project, verb: ProjectVerb) -> list[Fault]:
        """What those above have against an action."""
        return [f for check in self.checks for f in await check(self.tx, project, verb)]

    async def reschedule(self, id: UUID, expected: int | None = None) -> dict[str, Any]:
        """Plan a project anew, for calendars that have changed; returns the plan."""
        self.projects.need("update")
        need_plan(self.tx)
        current = await self.projects.locked(id, expected)
        need_open(current)
        return _shown(current, await self.tasks.reschedule(current))

    async def baseline(self, id: UUID, expected: int | None = None) -> dict[str, Any]:
        """Hold on to the plan as it is, to compare with it; returns it."""
        self.projects.need("update")
        need_plan(self.tx)
        current = await self.projects.locked(id, expected)
        need_open(current)
        schedule = await self.tasks.reschedule(current)
        held = {row["id"]: row for row in await self.tasks.planning.rows(id)}
        for task in await self.tasks.records.locked(list(held), everywhere=True):
            values = {
                "baseline_starts_at": task.starts_at,
                "baseline_finishes_at": task.finishes_at,
            }
            await self.tasks.change(task, values, verb="baselined")
        values = {"baseline_at": self.tx.now, "baseline_finishes_at": schedule.finish}
        await self.projects.change(current, values, verb="baselined")
        rows = await self.tasks.planning.rows(id)
        return _shown(current, replace(schedule, rows=rows))


class MilestoneActions:
    """The actions of milestones."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.tasks = ProjectTaskService(tx)

    async def accept(self, id: UUID, expected: int | None = None) -> Any:
        """Once; its share of the revenue falls due with it."""
        current = await self._begun(id, "accept", expected)
        project = await self.tasks.open_project(current.project_id)
        if current.accepted_at is not None:
            raise not_for("milestone", "accepted", "accept", ())
        deliverables = Deliverables(self.tx)
        # Nothing falls due any more of what was called off.
        need_ordered(await deliverables.order_status(project.id))
        promised = await deliverables.of_project(project.id)
        faults = [
            Fault("not_accepted", f"{row['name']}: {row['status']}.", "/deliverables")
            for row in promised
            if row["milestone_id"] == id and row["is_mandatory"] and row["status"] != "accepted"
        ]
        due, more = await self._due(current, project)
        if faults := [*faults, *more]:
            raise blocked(faults)
        values = {"accepted_at": self.tx.now, "percent": 100, **due}
        shown = await self.tasks.change(current, values, verb="accepted")
        if due:
            self._tell(current, project)
        return await self.tasks.told(shown)

    async def bill(self, id: UUID, data: MilestoneBilling, expected: int | None = None) -> Any:
        """Take back what the accounts made of it; once."""
        current = await self._begun(id, "bill", expected)
        if current.billing_due_at is None or current.billed_at is not None:
            state = "not due" if current.billing_due_at is None else "billed"
            raise not_for("milestone", state, "bill", ())
        values = {
            "billed_at": data.billed_at or self.tx.now,
            "billing_reference": data.reference,
        }
        return await self.tasks.told(await self.tasks.change(current, values, verb="billed"))

    async def _begun(self, id: UUID, verb: str, expected: int | None) -> ProjectTask:
        self.tasks.need("update")
        current = await self.tasks.locked(id, expected)
        if current.kind != "milestone":
            raise not_for("project_task", current.kind, verb, ())
        return current

    async def _due(
        self, task: ProjectTask, project: Project
    ) -> tuple[dict[str, Any], Sequence[Fault]]:
        """What falls due with it, where it is for a share, and what is in the way of that."""
        percent, revenue, at = task.billing_percent, project.revenue, "/billing_percent"
        if percent is None:
            return {}, ()
        if revenue is None:
            message = "The project says no revenue that a share could be of."
            return {}, [Fault("no_revenue", message, at)]
        rows = await self.tasks.planning.rows(project.id)
        amount = share_due(revenue, project.currency, percent, rows)
        if amount < 0:
            message = (
                f"{shown_amount(-amount)} {project.currency} more fell due already than its share "
                f"and those before come to: the revenue is {shown_amount(revenue)}."
            )
            return {}, [Fault("more_than_revenue", message, at)]
        return {"billing_due_at": self.tx.now, "billing_amount": amount}, ()

    def _tell(self, task: ProjectTask, project: Project) -> None:
        """Say that it is due, with the commit and so exactly once.

        By the names of the task's fields, so that what is hidden of these is hidden here.
        """
        assert task.billing_amount is not None
        self.tx.record(
            BILLING_DUE,
            entity="project_task",
            record_id=task.id,
            version=task.version,
            data={
                "id": task.id,
                "project_id": project.id,
                "name": task.name,
                "company_id": project.company_id,
                "billing_amount": shown_amount(task.billing_amount),
                "currency": project.currency,
                "billing_percent": f"{(task.billing_percent or Decimal(0)).normalize():f}",
                "billing_due_at": task.billing_due_at,
            },
        )


def _shown(project: Project, schedule: Schedule) -> dict[str, Any]:
    before = project.baseline_finishes_at
    finish = schedule.finish
    stored = schedule.values()
    return {
        "project_id": project.id,
        "starts_on": project.starts_on,
        "finishes_at": finish,
        "baseline_at": project.baseline_at,
        "baseline_finishes_at": before,
        "slip": None if finish is None or before is None else schedule.behind(None, finish, before),
        "critical_path": list(schedule.plan.critical_path),
        "late": schedule.late,
        "tasks": [_task(row, schedule, stored[row["id"]]) for row in schedule.rows],
    }


_PLAIN: Sequence[str] = (
    *("id", "parent_id", "kind", "name", "percent", "minutes", "dependencies"),
)


def _task(row: Row, schedule: Schedule, stored: Mapping[str, Any]) -> dict[str, Any]:
    slot = schedule.plan.slots.get(row["id"])
    finish = stored["finishes_at"]
    return {
        **{name: row[name] for name in _PLAIN},
        "early_start": stored["starts_at"],
        "early_finish": finish,
        "late_start": None if slot is None else slot.late_start,
        "late_finish": None if slot is None else slot.late_finish,
        "total_float": stored["total_float"],
        "free_float": None if slot is None else slot.free_float,
        "is_critical": stored["is_critical"],
        "baseline_start": row["baseline_starts_at"],
        "baseline_finish": row["baseline_finishes_at"],
        "slip": schedule.slip(row, finish, row["baseline_finishes_at"]),
    }
