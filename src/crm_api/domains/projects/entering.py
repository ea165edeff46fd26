"""What somebody worked or spent for a project, and counts once somebody else has approved it."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.projects.models import Expense, Project, TimeEntry
from crm_api.domains.projects.repository import Projects
from crm_api.domains.projects.states import need_open
from crm_api.domains.projects.work_repository import Entry
from crm_api.domains.projects.work_schemas import TimeRejection
from crm_api.kit.crud.service import CrudService
from crm_api.kit.crud.transitions import not_for
from crm_api.kit.errors import Forbidden, Invalid, WrongState

APPROVING = "projects"
_VERBS: Mapping[str, Sequence[str]] = {
    "draft": ("submit",),
    "rejected": ("submit",),
    "submitted": ("approve", "reject", "recall"),
    "approved": (),
}
_KEPT = frozenset({"submitted", "approved"})


class EntryService(CrudService[Entry]):
    """Entries of a day that are submitted, and approved by somebody else."""

    begins_with: ClassVar[Mapping[str, Any]] = {
        "status": "draft",
        "decided_at": None,
        "rejection_reason": None,
    }
    records: Any
    """`Entries` of their own kind."""

    async def prepare(self, values: dict[str, Any], current: Entry | None) -> dict[str, Any]:
        """What is closed or approved stays as it is; the task is one of the project."""
        values = await super().prepare(values, current)
        if current is not None:
            _need_changeable(current)
            await self._need_open_day(current.day)
        if "day" in values:
            await self._need_open_day(values["day"])
        project_id = values["project_id"] if current is None else current.project_id
        if current is None:
            await self.project(project_id)
        task_id = values.get("task_id")
        if task_id is not None and not await self.records.has_task(task_id, project_id):
            raise Invalid.at("/task_id", "unknown_reference", "The project has no such task.")
        return values

    async def remove(self, records: Sequence[Entry]) -> None:
        """What is closed or approved stays."""
        for record in records:
            _need_changeable(record)
            await self._need_open_day(record.day)
        await super().remove(records)

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Take it out of the bin, unless its day is closed."""
        self.need("delete")
        current = await self.records.get(id, lock=True, deleted=True)
        if current.deleted_at is not None:
            await self._need_open_day(current.day)
        return await super().restore(id, expected_version=expected_version)

    async def put_back(self, record: Entry, values: dict[str, Any]) -> Any:
        """What an undo takes back goes by the same rules; what is closed stays."""
        last = await self.records.locked_until()
        is_kept = record.status in _KEPT or values.get("status", record.status) in _KEPT
        days = (record.day, values.get("day", record.day))
        if is_kept or (last is not None and min(days) <= last):
            return self.shown_of(record)
        return await super().put_back(record, values)

    async def submit(self, id: UUID, expected: int | None = None) -> Any:
        """Have it approved."""
        return await self._go(id, "submit", "submitted", expected)

    async def recall(self, id: UUID, expected: int | None = None) -> Any:
        """Take it back, to change it."""
        return await self._go(id, "recall", "draft", expected)

    async def approve(self, id: UUID, expected: int | None = None) -> Any:
        """Have it count, for good; takes the right to change projects, and nobody's own."""
        return await self._go(id, "approve", "approved", expected)

    async def reject(self, id: UUID, data: TimeRejection, expected: int | None = None) -> Any:
        """Send it back for a reason."""
        return await self._go(id, "reject", "rejected", expected, data.reason)

    async def _go(
        self, id: UUID, verb: str, status: str, expected: int | None, reason: str | None = None
    ) -> Any:
        self.need("update")
        current = await self.locked(id, expected)
        if verb not in _VERBS[current.status]:
            raise not_for(self.records.model.entity, current.status, verb, _VERBS[current.status])
        await self._need_open_day(current.day)
        is_decision = status in {"approved", "rejected"}
        if is_decision:
            self.tx.actor.need(APPROVING, "update")
            access = self.tx.actor.access
            if access is not None and not access.full and access.user_id == current.owner_id:
                message = "Somebody else decides of one's own."
                raise Forbidden(message, code="own_time")
        values = {
            "status": status,
            "decided_at": self.tx.now if is_decision else None,
            "rejection_reason": reason,
        }
        event = "recalled" if verb == "recall" else status
        return await self.told(await self.change(current, values, verb=event))

    async def project(self, id: UUID) -> Project:
        """An open project, locked; raises `Invalid`, `WrongState`."""
        found = await Projects(self.tx).locked([id], everywhere=True)
        if not found:
            raise Invalid.at("/project_id", "unknown_reference", "There is no such project.")
        need_open(found[0])
        return found[0]

    async def _need_open_day(self, day: date) -> None:
        """Raise `Invalid` where a day is closed; it stays open until the commit otherwise."""
        need_open_day(day, await self.records.locked_until())


def need_open_day(day: date, last: date | None) -> None:
    """Raise `Invalid` where a day is not after the `last` one that is closed."""
    if last is not None and day <= last:
        raise Invalid.at("/day", "period_closed", f"All until {last} is closed.")


def _need_changeable(entry: TimeEntry | Expense) -> None:
    if entry.status in _KEPT:
        message = "What is submitted or approved stays as it is."
        raise WrongState(message, code="time_locked", details={"entry_status": entry.status})
