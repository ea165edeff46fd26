"""What is done with tasks: started, completed, put off, handed on; each as one step."""

from typing import Any
from uuid import UUID

from crm_api.domains.activities.action_schemas import (
    Reassignment,
    Snooze,
    TaskCompletion,
    TaskVerb,
)
from crm_api.domains.activities.actions import plan, with_made
from crm_api.domains.activities.models import Task
from crm_api.domains.activities.states import CLOSED, TASK_WAYS, open_items
from crm_api.domains.activities.tasks import TaskService
from crm_api.kit.crud.transitions import blocked, need_way, not_for, told, ways_from
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.errors import Fault, Invalid


async def complete_one(tx: Tx, item: Any) -> Any:
    """Complete one of many tasks."""
    return await TaskActions(tx).complete(item.id, item, item.expected_version)


class TaskActions:
    """The actions of tasks, under the lock of the task."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.tasks = TaskService(tx)

    async def transitions(self, id: UUID) -> dict[str, Any]:
        """What may be done with a task, and what stands in the way of each."""
        self.tasks.need("read")
        async with at_one_moment(self.tx) as reader:
            return await TaskActions(reader)._ways(id)  # noqa: SLF001 - the same, at one moment

    async def _ways(self, id: UUID) -> dict[str, Any]:
        task = await self.tasks.records.get(id)
        allowed = [
            {"action": verb, "blockers": told(await self._in_the_way(task, verb))}
            for verb in ways_from(TASK_WAYS, task.status)
        ]
        return {"status": task.status, "allowed": allowed}

    async def go(
        self, id: UUID, verb: TaskVerb, comment: str | None, expected: int | None = None
    ) -> Any:
        """Start, wait, reopen or cancel."""
        current = await self._begun(id, verb, expected)
        return await self.tasks.told(await self._gone(current, verb, comment))

    async def complete(self, id: UUID, data: TaskCompletion, expected: int | None = None) -> Any:
        """Have a task done, with the next one by its recurrence and what is planned next."""
        current = await self._begun(id, "complete", expected)
        if faults := await self._in_the_way(current, "complete"):
            raise blocked(faults)
        spent = {} if data.spent_minutes is None else {"spent_minutes": data.spent_minutes}
        self.tasks.guard.fields(spent)
        shown = await self.tasks.told(await self._gone(current, "complete", data.comment, spent))
        following = await self.tasks.next_of(current)
        made = {"next_occurrence_id": following and following.id, **await plan(self.tx, data)}
        return with_made(shown, made)

    async def snooze(self, id: UUID, data: Snooze, expected: int | None = None) -> Any:
        """Have nobody told of a task until a moment."""
        current = await self._open(id, "snooze", expected)
        if data.until <= self.tx.now:
            raise Invalid.at("/until", "in_the_past", "It is put off until later.")
        values = {"snoozed_until": data.until}
        return await self.tasks.told(await self.tasks.change(current, values, verb="snoozed"))

    async def reassign(self, id: UUID, data: Reassignment, expected: int | None = None) -> Any:
        """Have somebody else do a task, who is told of it by the event."""
        current = await self._open(id, "reassign", expected)
        values = {
            n: getattr(data, n) for n in ("owner_id", "team_id") if n in data.model_fields_set
        }
        if not values:
            raise Invalid.at("/owner_id", "required", "Say who is to do it, a user or a team.")
        self.tasks.guard.fields(values)
        await self.tasks.guard.owner_of(values, "update", current.owner_id)
        await self.tasks.guard.refer(values)
        comment = {} if data.comment is None else {"comment": data.comment}
        shown = await self.tasks.change(current, values, verb="reassigned", told=comment)
        return await self.tasks.told(shown)

    async def _gone(
        self, current: Task, verb: TaskVerb, comment: str | None, more: dict[str, Any] | None = None
    ) -> Any:
        way = TASK_WAYS[verb]
        is_closed = way.after in CLOSED
        values = {
            **(more or {}),
            "status": way.after,
            "closed_at": self.tx.now if is_closed else None,
            "close_comment": comment if is_closed else None,
            "snoozed_until": None,
        }
        said = {} if comment is None or is_closed else {"comment": comment}
        return await self.tasks.change(current, values, verb=way.event, told=said)

    async def _in_the_way(self, task: Task, verb: TaskVerb) -> list[Fault]:
        """Everything that keeps a task from being done: what is before it, what is open in it."""
        if verb != "complete":
            return []
        before = await self.tasks.records.open_ones([UUID(id) for id in task.depends_on])
        seen = {one.id for one in await self.tasks.records.some([row["id"] for row in before])}
        faults = [
            Fault(
                "open_task",
                f"{row['subject'] if row['id'] in seen else 'A task'}: {row['status']}.",
                "/depends_on",
            )
            for row in before
        ]
        is_told = "checklist" not in self.tx.actor.hidden(Task.entity)
        return [*faults, *open_items(task.checklist, told=is_told)]

    async def _begun(self, id: UUID, verb: TaskVerb, expected: int | None) -> Task:
        self.tasks.need("update")
        current = await self.tasks.locked(id, expected)
        need_way("task", TASK_WAYS, current.status, verb)
        return current

    async def _open(self, id: UUID, verb: str, expected: int | None) -> Task:
        self.tasks.need("update")
        current = await self.tasks.locked(id, expected)
        if current.status in CLOSED:
            raise not_for("task", current.status, verb, list(ways_from(TASK_WAYS, current.status)))
        return current
