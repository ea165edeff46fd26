"""The rules of tasks, each of which is written under the lock of its project."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.projects.keeping import ProjectKeeping
from crm_api.domains.projects.models import Project, ProjectTask
from crm_api.domains.projects.planning import PLANNED, Planning, Row, Schedule
from crm_api.domains.projects.repository import Projects, ProjectTasks
from crm_api.domains.projects.schemas import MOST_TASKS, ProjectTaskCreate, ProjectTaskUpdate
from crm_api.domains.projects.states import need_open
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.db.json import decode, encode
from crm_api.kit.errors import Blocked, Conflict, Fault, Invalid, WrongState
from crm_api.kit.ids import new_id

_DAY = 480
_BODIES = ("dependencies", "checklist")


class ProjectTaskService(NamedService[ProjectTask]):
    """What is to be done in projects, when, and by whom."""

    repository = ProjectTasks
    area = "projects"
    plural = "project_tasks"
    personal = Impersonal("What is to be done; whoever does it is a user.")
    create_shape = ProjectTaskCreate
    update_shape = ProjectTaskUpdate
    begins_with: ClassVar[Mapping[str, Any]] = dict.fromkeys(
        (
            *("baseline_starts_at", "baseline_finishes_at", "accepted_at"),
            *("billing_due_at", "billing_amount", "billed_at", "billing_reference"),
        )
    )
    records: ProjectTasks

    @cached_property
    def planning(self) -> Planning:
        """How plans are made."""
        return Planning(self.tx)

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Take a task out of the bin, while all that it refers to is there."""
        self.need("delete")
        current = await self.records.get(id, lock=True, deleted=True)
        if current.deleted_at is None:
            return await super().restore(id, expected_version=expected_version)
        project = await self.open_project(current.project_id)
        rows = await self.planning.rows(project.id)
        if len(rows) >= MOST_TASKS:
            raise too_many()
        before = columns_of(current)
        if faults := [*_misplaced(before, rows), *_overshared(before, rows)]:
            message = " ".join(fault.message for fault in faults[:5])
            raise Blocked(message, code="in_bin", faults=faults)
        await super().restore(id, expected_version=expected_version)
        await self.reschedule(project)
        return await self.told(self.shown_of(current))

    async def put_back(self, record: ProjectTask, values: dict[str, Any]) -> Any:
        """What an undo takes back is planned anew, and nothing that was done is undone."""
        kept = self.update_shape.model_fields.keys()
        return await self.apply(record, {n: v for n, v in values.items() if n in kept})

    async def open_project(self, id: UUID) -> Project:
        """A project whose tasks may change, locked; raises `Invalid`, `WrongState`."""
        found = await Projects(self.tx).locked([id], everywhere=True)
        if not found:
            raise Invalid.at("/project_id", "unknown_reference", "There is no such project.")
        need_open(found[0])
        return found[0]

    # Rules

    async def prepare(self, values: dict[str, Any], current: ProjectTask | None) -> dict[str, Any]:
        """A task stands in its project, and all that follow it are planned anew."""
        values = await super().prepare(values, current)
        values = _bodies(values)
        project_id = values["project_id"] if current is None else current.project_id
        project = await self.open_project(project_id)
        rows = await self.planning.rows(project.id)
        if current is None:
            values["id"] = new_id()
            values = _begun(values)
            if len(rows) >= MOST_TASKS:
                raise too_many()
        before = {} if current is None else columns_of(current)
        whole = {**before, **values}
        _need_pending(before, values)
        _check(whole, rows)
        if current is not None and not _differs(before, values):
            return values
        rows = [row for row in rows if row["id"] != whole["id"]] + [whole]
        return {**values, **await self._planned(project, rows, whole["id"])}

    async def _planned(self, project: Project, rows: Sequence[Row], id: UUID) -> dict[str, Any]:
        """Store the plan with all tasks but one; returns what of it is that one's."""
        schedule = await self.planning.of(project, rows)
        values = schedule.values()
        own = values.pop(id)
        await self._store(rows, values)
        await self._finish(project, schedule)
        return own

    async def _store(self, rows: Sequence[Row], values: Mapping[UUID, Mapping[str, Any]]) -> None:
        changed = [
            row["id"]
            for row in rows
            if row["id"] in values
            and any(row[name] != value for name, value in values[row["id"]].items())
        ]
        if changed:
            for task in await self.records.locked(changed, everywhere=True):
                await self.change(task, values[task.id], verb="rescheduled")

    async def reschedule(self, project: Project) -> Schedule:
        """Plan a locked project anew; returns its schedule."""
        rows = await self.planning.rows(project.id)
        schedule = await self.planning.of(project, rows)
        await self._store(rows, schedule.values())
        await self._finish(project, schedule)
        return schedule

    async def begin(
        self, project: Project, tasks: Sequence[dict[str, Any]]
    ) -> tuple[list[dict[str, Any]], datetime | None]:
        """The tasks of a new project, ready to be stored, and when it ends."""
        begun = [
            {**self.begins_with, **_begun(self.normalise(_bodies(task), None, None))}
            for task in tasks
        ]
        schedule = await self.planning.of(project, begun)
        values = schedule.values()
        return [{**task, **values[task["id"]]} for task in begun], schedule.finish

    async def begin_more(
        self, project: Project, tasks: Sequence[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """New tasks of a locked project, ready to be stored: planned at once with all others.

        Each has its `id`, and stands behind the phases and tasks that it names.
        """
        rows: list[Row] = list(await self.planning.rows(project.id))
        if len(rows) + len(tasks) > MOST_TASKS:
            raise too_many()
        begun = [{**self.begins_with, **_begun(_bodies(task))} for task in tasks]
        for task in begun:
            _check(task, rows)
            rows.append(task)
        schedule = await self.planning.of(project, rows)
        values = schedule.values()
        planned = [{**task, **values.pop(task["id"])} for task in begun]
        await self._store(rows, values)
        await self._finish(project, schedule)
        return planned

    async def _finish(self, project: Project, schedule: Schedule) -> None:
        """A project ends when its last task does."""
        values = {"finishes_at": schedule.finish}
        await ProjectKeeping(self.tx).change(project, values, verb="rescheduled")

    async def remove(self, records: Sequence[ProjectTask]) -> None:
        """What others wait for stays, and so does a phase that is not empty."""
        projects = [
            await self.open_project(id) for id in sorted({record.project_id for record in records})
        ]
        gone = {record.id for record in records}
        if any(record.accepted_at is not None for record in records):
            message = "What was accepted stays; its share of the revenue fell due."
            raise Blocked(message, code="accepted")
        for project in projects:
            rows = await self.planning.rows(project.id)
            if faults := list(_needing(rows, gone)):
                message = " ".join(fault.message for fault in faults[:5])
                raise Blocked(message, code="needed", faults=faults)
        await super().remove(records)
        for project in projects:
            await self.reschedule(project)


def too_many() -> Conflict:
    """The error for more tasks than a project has."""
    message = f"A project has {MOST_TASKS} tasks at the most."
    return Conflict(message, code="too_many_tasks")


def _bodies(values: dict[str, Any]) -> dict[str, Any]:
    """The lists in it as they are stored, so that what is equal is no change."""
    return values | {name: decode(encode(values[name])) for name in _BODIES if name in values}


def _begun(values: dict[str, Any]) -> dict[str, Any]:
    if values["minutes"] is None:
        values["minutes"] = _DAY if values["kind"] == "task" else 0
    return values


def _need_pending(before: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Raise `WrongState` where what was accepted would be shared out anew."""
    name = "billing_percent"
    if before.get("accepted_at") is not None and values.get(name, before[name]) != before[name]:
        message = "The milestone is accepted, and its share fell due."
        faults = [Fault("accepted", message, f"/{name}")]
        raise WrongState(message, code="accepted", faults=faults)


def _differs(before: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    return any(values[name] != before[name] for name in PLANNED & values.keys())


def _check(task: Mapping[str, Any], rows: Sequence[Row]) -> None:
    """Raise `Invalid` where a task is none that can be planned."""
    faults = [*_of_kind(task), *_misplaced(task, rows), *_overshared(task, rows)]
    if faults:
        raise Invalid("The task cannot be planned like this.", faults=faults)


def _overshared(task: Mapping[str, Any], rows: Sequence[Row]) -> Sequence[Fault]:
    """What keeps a share of the revenue from being one beside the others."""
    shared = [
        row["billing_percent"]
        for row in rows
        if row["billing_percent"] is not None and row["id"] != task["id"]
    ]
    whole = sum(shared, task["billing_percent"] or Decimal(0))
    if task["billing_percent"] is None or whole <= 100:
        return ()
    message = f"All shares of the project would be {whole.normalize():f} %."
    return [Fault("over_100_percent", message, "/billing_percent")]


def _of_kind(task: Mapping[str, Any]) -> Sequence[Fault]:
    """What is not for tasks of such a kind."""
    kind, faults = task["kind"], list[Fault]()
    if (kind == "task") != bool(task["minutes"]):
        message = "A task takes time." if kind == "task" else f"A {kind} takes no time of its own."
        faults.append(Fault("not_for_its_kind", message, "/minutes"))
    if (task["constraint_kind"] == "asap") != (task["constraint_at"] is None):
        message = "A constraint other than asap has an instant, and asap has none."
        faults.append(Fault("constraint_at", message, "/constraint_at"))
    if kind == "phase":
        message = "A phase is planned by what is in it."
        if task["constraint_kind"] != "asap":
            faults.append(Fault("not_for_its_kind", message, "/constraint_kind"))
        if task["dependencies"]:
            faults.append(Fault("not_for_its_kind", message, "/dependencies"))
    if kind != "milestone" and task["billing_percent"] is not None:
        message = "Shares of the revenue fall due with milestones."
        faults.append(Fault("not_for_its_kind", message, "/billing_percent"))
    return faults


def _misplaced(task: Mapping[str, Any], rows: Sequence[Row]) -> list[Fault]:
    """What of that it refers to is not there, or leads back to it."""
    faults, kinds = list[Fault](), {row["id"]: row for row in rows}
    for place, link in enumerate(task["dependencies"]):
        other = kinds.get(UUID(link["task_id"]))
        if other is None or other["kind"] == "phase":
            message = "The project has no such task."
            at = f"/dependencies/{place}/task_id"
            faults.append(Fault("unknown_reference", message, at))
    above = kinds.get(task["parent_id"])
    if task["parent_id"] is not None and (above is None or above["kind"] != "phase"):
        message = "The project has no such phase."
        faults.append(Fault("unknown_reference", message, "/parent_id"))
    while above is not None:
        if above["id"] == task["id"]:
            message = "A phase cannot stand below itself."
            faults.append(Fault("hierarchy_cycle", message, "/parent_id"))
            break
        above = kinds.get(above["parent_id"])
    return faults


def _needing(rows: Sequence[Row], gone: Collection[UUID]) -> Any:
    """Why tasks cannot go: what is in them, or behind them."""
    for row in rows:
        if row["id"] in gone:
            continue
        if row["parent_id"] in gone:
            yield Fault("has_tasks", f"{row['name']} is in it.", None)
        if any(UUID(link["task_id"]) in gone for link in row["dependencies"]):
            yield Fault("has_successors", f"{row['name']} depends on it.", None)
