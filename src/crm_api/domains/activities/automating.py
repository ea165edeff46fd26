"""What rules can do by activities: give somebody a task, and log what happened."""

from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

from pydantic import Field, SkipValidation

from crm_api.domains.activities.linking import TYPED
from crm_api.domains.activities.models import ActivityKind, Direction, Priority, TaskKind
from crm_api.domains.activities.schemas import ActivityCreate, TaskCreate
from crm_api.domains.activities.service import ActivityService
from crm_api.domains.activities.tasks import TaskService
from crm_api.kit.automation import Checking, Outcome, Situation, Step
from crm_api.kit.crud.owners import hand_down
from crm_api.kit.references import reference_of
from crm_api.kit.schema import Line, Prose
from crm_api.platform.automations.actions import check_user, shaped, uuid_of, writable, written
from crm_api.platform.automations.timing import Span, later

_OWNER = 'May be `{"$ref": "record.created_by"}`; without it the owner of the record.'


class _About(Step):
    """A step that makes something about the record of the run."""

    subject: Line = Field(examples=["Call {{ record.name }}"])
    owner_id: SkipValidation[UUID | dict[str, Any] | None] = Field(None, description=_OWNER)

    async def _fit(self, about: Checking, entity: str, text: tuple[str, str | None]) -> None:
        about.need_record()
        writable(about, entity, "create")
        about.text(self.subject, "/subject")
        name, given = text
        about.text(given or "", f"/{name}")
        about.values(self.owner_id, "/owner_id")
        if self.owner_id is not None and reference_of(self.owner_id) is None:
            await check_user(about, self.owner_id, "/owner_id")

    async def _common(self, at: Situation) -> dict[str, Any]:
        record, (service, id) = await at.record(), at.subject
        subject = " ".join((await at.text(self.subject, "/subject")).split())
        given = await at.values(self.owner_id, "/owner_id")
        owner = (
            hand_down(at.tx, record.get("owner_id"))
            if given is None
            else uuid_of(given, "/owner_id")
        )
        mine = {} if owner is None else {"owner_id": owner}
        parties = parties_of(service.records.listing.entity, id, record)
        return {"subject": subject, **mine, **parties}


class CreateTask(_About):
    """Give somebody a task that is about the record."""

    action: Literal["create_task"]
    description: Prose | None = None
    kind: TaskKind = "todo"
    priority: Priority = "normal"
    due_in: Span | None = Field(None, description="How long there is for it, such as `2d`.")

    async def check(self, about: Checking) -> None:
        """A record to be about, placeholders that name something, and somebody who is there."""
        await self._fit(about, "task", ("description", self.description))
        if self.due_in is not None and self.due_in.startswith("-"):
            about.fault("/due_in", "negative", "A task is due later than now.")

    async def act(self, at: Situation) -> Outcome:
        """By the rules of tasks, in the transaction of the step."""
        values = {**await self._common(at), "kind": self.kind, "priority": self.priority}
        if self.description is not None:
            values["description"] = await at.text(self.description, "/description")
        if self.due_in is not None:
            values["due_at"] = later(at.tx.now, self.due_in, await at.zone())
        tasks = TaskService(at.tx)
        return written(tasks, await tasks.create(shaped(TaskCreate, values, "")))


class LogActivity(_About):
    """Log that something happened with the record."""

    action: Literal["log_activity"]
    kind: ActivityKind
    body: Prose | None = None
    direction: Direction | None = None
    is_internal: bool = False

    async def check(self, about: Checking) -> None:
        """A record to be about, placeholders that name something, and somebody who is there."""
        await self._fit(about, "activity", ("body", self.body))

    async def act(self, at: Situation) -> Outcome:
        """By the rules of activities, as completed now."""
        values = {
            **await self._common(at),
            "kind": self.kind,
            "status": "completed",
            "direction": self.direction,
            "is_internal": self.is_internal,
        }
        if self.body is not None:
            values["body"] = await at.text(self.body, "/body")
        activities = ActivityService(at.tx)
        return written(activities, await activities.create(shaped(ActivityCreate, values, "")))


def parties_of(entity: str, id: UUID, record: Mapping[str, Any]) -> dict[str, Any]:
    """What is about a record is about its customer as well, as far as the rule's actor sees it."""
    found = {name: record[name] for name in TYPED if record.get(name) is not None}
    own = {kind: name for name, kind in TYPED.items()}.get(entity)
    if own is None:
        return {**found, "links": [{"target": entity, "record_id": id}]}
    return {**found, own: id}
