"""The plan of one project: what it is made of, what comes out, and where it is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from functools import cached_property
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_api.domains.projects.models import Project
from crm_api.domains.projects.repository import Projects, ProjectTasks
from crm_api.domains.projects.scheduling import Cycle, Link, Plan, Slot, Task, scheduled
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, Fault, Invalid
from crm_api.kit.working_time import MINUTE, WorkingTime, ticks_of
from crm_api.platform.calendars.service import calendars_at

PLANNED = frozenset(
    {
        "kind",
        "parent_id",
        "minutes",
        "calendar_id",
        "constraint_kind",
        "constraint_at",
        "dependencies",
    }
)
"""What of a task its plan follows from."""
BEGUN = frozenset({"starts_on", "calendar_id"})
"""What of a project it follows from."""
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Schedule:
    """A plan, with the tasks that it is of."""

    rows: Sequence[Row]
    start: datetime
    plan: Plan[UUID]
    times: Mapping[UUID | None, WorkingTime]
    calendar_id: UUID | None

    @property
    def finish(self) -> datetime | None:
        """When everything can be done; None where nothing is to be done."""
        return self.plan.finish if self.plan.slots else None

    def values(self) -> dict[UUID, dict[str, Any]]:
        """What is stored of it with each task."""
        found = {id: _stored(slot) for id, slot in self.plan.slots.items()}
        phases = {row["id"]: row for row in self.rows if row["kind"] == "phase"}
        spans: dict[UUID, list[dict[str, Any]]] = {id: [] for id in phases}
        for row in self.rows:
            if row["kind"] != "phase":
                above = row["parent_id"]
                while above in phases:
                    spans[above].append(found[row["id"]])
                    above = phases[above]["parent_id"]
        return found | {id: _phase(inside) for id, inside in spans.items()}

    def slip(self, row: Row, finish: datetime | None, before: datetime | None) -> int | None:
        """The working time by which something ends behind its baseline, in minutes."""
        if finish is None or before is None:
            return None
        return self.behind(row["calendar_id"], finish, before)

    def behind(self, calendar_id: UUID | None, finish: datetime, before: datetime) -> int:
        """The working time from one instant to another, in minutes."""
        counted = self.times[calendar_id or self.calendar_id]
        return (counted.position(ticks_of(finish)) - counted.position(ticks_of(before))) // MINUTE

    @cached_property
    def late(self) -> list[UUID]:
        """The tasks whose fixed days cannot be kept."""
        return [id for id, slot in self.plan.slots.items() if slot.total_float < 0]


class Planning:
    """Makes plans as things are in this transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._projects, self._tasks = Projects(tx), ProjectTasks(tx)

    async def rows(self, project_id: UUID) -> list[dict[str, Any]]:
        """The living tasks of a project, what this transaction has written included."""
        await self._tx.flush()
        return await self._tasks.planned(project_id)

    async def of(self, project: Project, rows: Sequence[Row]) -> Schedule:
        """The plan of these tasks; raises `Conflict` where they wait for each other."""
        own = project.calendar_id
        zone = ZoneInfo(await self._projects.zone_of(own))
        start = datetime.combine(project.starts_on, time(), tzinfo=zone)
        # Phases hold others and take no part in it.
        real = [row for row in rows if row["kind"] != "phase"]
        wanted = {own, *(row["calendar_id"] or own for row in rows)}
        known = await calendars_at(self._tx, wanted, start)
        if not known.keys() >= wanted:
            raise no_calendar()
        times = {id: WorkingTime(calendar, start) for id, calendar in known.items()}
        tasks = {row["id"]: _task(row, times[row["calendar_id"] or own]) for row in real}
        try:
            plan = scheduled(tasks, start)
        except Cycle as found:
            raise _ring(rows, found.ring) from None
        return Schedule(rows, start, plan, times, own)


def no_calendar() -> Invalid:
    """The error for a calendar that is not there."""
    return Invalid.at("/calendar_id", "unknown_reference", "There is no such calendar.")


def _task(row: Row, counted: WorkingTime) -> Task[UUID]:
    return Task(
        row["minutes"],
        counted,
        [_link(one) for one in row["dependencies"]],
        row["constraint_kind"],
        row["constraint_at"],
    )


def _link(one: Mapping[str, Any]) -> Link[UUID]:
    task_id = one["task_id"]
    return Link(task_id if isinstance(task_id, UUID) else UUID(task_id), one["kind"], one["lag"])


def _stored(slot: Slot) -> dict[str, Any]:
    return {
        "starts_at": slot.early_start,
        "finishes_at": slot.early_finish,
        "total_float": slot.total_float,
        "is_critical": slot.is_critical,
    }


def _phase(inside: Sequence[Row]) -> dict[str, Any]:
    """A phase lasts from the first to the last of what is in it."""
    return {
        "starts_at": min((one["starts_at"] for one in inside), default=None),
        "finishes_at": max((one["finishes_at"] for one in inside), default=None),
        "total_float": min((one["total_float"] for one in inside), default=None),
        "is_critical": any(one["is_critical"] for one in inside),
    }


def _ring(rows: Sequence[Row], ring: Sequence[UUID]) -> Conflict:
    names = {row["id"]: row["name"] for row in rows}
    whole = " → ".join(names[id] for id in (*ring, ring[0]))
    message = f"These would wait for each other: {whole}."
    return Conflict(
        message,
        code="dependency_cycle",
        faults=[Fault("dependency_cycle", message, "/dependencies")],
        details={"ring": [{"id": str(id), "name": names[id]} for id in ring]},
    )
