"""The rules of tasks."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_api.domains.activities.linking import LinkedService
from crm_api.domains.activities.models import Task
from crm_api.domains.activities.repository import TASKS, Tasks
from crm_api.domains.activities.schemas import TaskCreate, TaskUpdate
from crm_api.kit.crud.personal import About
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.tree import lock_graph
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, Fault, Invalid
from crm_api.kit.ids import new_id
from crm_api.kit.query.kinds import kinds_of
from crm_api.kit.recurrence import BadRule, Next, Rule, instant, read

_DUE = frozenset({"due_on", "due_at", "time_zone"})
_COPIED = (
    *("subject", "description", "kind", "priority", "time_zone", "estimate_minutes"),
    *("company_id", "contact_id", "deal_id", "links", "team_id", "tags", "owner_id"),
)
_STATES = frozenset({"status", "closed_at", "close_comment", "snoozed_until"})


class TaskService(LinkedService[Task]):
    """What is to be done: by when, by whom, and what has to be done before."""

    repository = Tasks
    area = "tasks"
    plural = "tasks"
    personal = About(("contact_id",), end="removed", reason="What was to be done for somebody.")
    create_shape = TaskCreate
    update_shape = TaskUpdate
    begins_with: ClassVar[Mapping[str, Any]] = {
        "status": "open",
        "previous_id": None,
        "snoozed_until": None,
        "closed_at": None,
        "close_comment": None,
        "alerts": {},
    }
    records: Tasks

    async def prepare(self, values: dict[str, Any], current: Task | None) -> dict[str, Any]:
        """What it says of days, of recurring and of other tasks fits together."""
        values = await super().prepare(values, current)
        values = self.timed(values, current)
        if current is None:
            values["id"] = values.get("id") or new_id()
        if "depends_on" in values:
            before: Sequence[str] = () if current is None else current.depends_on
            ids = list(dict.fromkeys(str(id) for id in values["depends_on"] or ()))
            values["depends_on"] = ids
            if set(ids) - set(before):
                own = values["id"] if current is None else current.id
                await self._need_acyclic(own, ids, before)
        return values

    async def _need_acyclic(self, own: UUID, ids: Sequence[str], before: Sequence[str]) -> None:
        # Two that each link one way would make a ring that neither sees.
        await lock_graph(self.tx, "tasks.depends_on")
        new = [UUID(id) for id in ids if id not in before]
        # They stay, and may change meanwhile: whoever links them the other way waits above.
        found = await kinds_of(self.tx, [TASKS], new, lock=not self.tx.read_only)
        faults = [
            Fault("unknown_reference", "There is no such task.", f"/depends_on/{place}")
            for place, id in enumerate(ids)
            if UUID(id) in new and UUID(id) not in found
        ]
        if faults:
            raise Invalid(faults[0].message, faults=faults)
        if own in await self.records.above(new):
            message = "These tasks would wait for each other."
            faults = [Fault("dependency_cycle", message, "/depends_on")]
            raise Conflict(message, code="dependency_cycle", faults=faults)

    def timed(self, values: dict[str, Any], current: Task | None) -> dict[str, Any]:
        """The values with the moment from which on it is late, and its occurrence."""
        whole = {**({} if current is None else columns_of(current)), **values}
        if not ({"recurrence"} | _DUE) & values.keys():
            return values
        if whole["due_on"] is not None and whole["due_at"] is not None:
            message = "It is due on a day or at a moment, not both."
            raise Invalid.at("/due_at", "contradicts_due_on", message)
        zone = zone_of(self.tx, whole)
        values["overdue_at"] = late_from(whole, zone)
        if whole["recurrence"] is None:
            values["occurs_at"] = None
            return values
        rule = rule_of(whole)
        values["recurrence"] = rule.text
        wall = wall_of(whole, zone)
        values["occurs_at"] = wall.isoformat()
        _need_another(rule, wall, zone)
        return values

    async def next_of(self, current: Task) -> Any:
        """Make the task after one that is done, which is locked; None where there is none.

        Once for each, also for one that was reopened meanwhile.
        """
        if current.recurrence is None or await self.records.next_of(current.id) is not None:
            return None
        zone = zone_of(self.tx, columns_of(current))
        found = following(self.tx, current, zone)
        if found is None:
            return None
        values = {name: getattr(current, name) for name in _COPIED}
        values |= {
            **self.begins_with,
            "id": new_id(),
            "custom": self.custom_of(current),
            "previous_id": current.id,
            "due_on": None,
            "due_at": None,
            "recurrence": found.rule.text,
            "occurs_at": found.at.isoformat(),
            "remind_at": _moved(current, found, zone),
            "checklist": [{**item, "is_done": False} for item in current.checklist],
            "depends_on": [],
            "spent_minutes": None,
            "external_ids": {},
        }
        if current.due_on is not None:
            values["due_on"] = found.at.date()
        else:
            values["due_at"] = instant(found.at, zone)
        values["overdue_at"] = late_from(values, zone)
        await self.admit(values, None)
        return self.add(values)

    async def put_back(self, record: Task, values: dict[str, Any]) -> Any:
        """What an undo takes back; nothing that was done is undone."""
        return await super().put_back(
            record, {name: value for name, value in values.items() if name not in _STATES}
        )


def zone_of(tx: Tx, task: Mapping[str, Any]) -> ZoneInfo:
    """The time zone by which a task is due."""
    return ZoneInfo(task["time_zone"] or tx.actor.time_zone)


def late_from(task: Mapping[str, Any], zone: ZoneInfo) -> datetime | None:
    """The moment from which on a task is late: the end of its day."""
    if task["due_at"] is not None:
        return task["due_at"]
    if task["due_on"] is None:
        return None
    try:
        return instant(datetime.combine(task["due_on"] + timedelta(days=1), time()), zone)
    except OverflowError:
        message = "There is no day after it."
        raise Invalid.at("/due_on", "out_of_range", message) from None


def wall_of(task: Mapping[str, Any], zone: ZoneInfo) -> datetime:
    """When a task is due as the clocks of its zone say."""
    if task["due_at"] is not None:
        return task["due_at"].astimezone(zone).replace(tzinfo=None, microsecond=0)
    return datetime.combine(task["due_on"], time())


def rule_of(task: Mapping[str, Any]) -> Rule:
    """How a task recurs; raises `Invalid`."""
    if task["due_on"] is None and task["due_at"] is None:
        message = "What recurs is due on a day or at a moment, from which it counts."
        raise Invalid.at("/recurrence", "needs_due", message)
    try:
        return read(task["recurrence"], timed=task["due_at"] is not None)
    except BadRule as error:
        raise Invalid.at("/recurrence", "invalid_recurrence", str(error)) from None


def following(tx: Tx, task: Task, zone: ZoneInfo) -> Next | None:
    """The next occurrence that is not over yet."""
    now = tx.now.astimezone(zone).replace(tzinfo=None)
    if task.due_on is not None:
        now = datetime.combine(now.date(), time())
    assert task.occurs_at is not None
    return rule_of(columns_of(task)).following(datetime.fromisoformat(task.occurs_at), now, zone)


def _need_another(rule: Rule, wall: datetime, zone: ZoneInfo) -> None:
    if rule.count == 1 or "UNTIL" in rule.parts:
        return
    if rule.following(wall, wall, zone) is None:
        message = "By this rule it does not occur again within 20 years."
        raise Invalid.at("/recurrence", "never_recurs", message)


def _moved(task: Task, found: Next, zone: ZoneInfo) -> datetime | None:
    """A reminder as long before the next occurrence as it was before this one."""
    if task.remind_at is None:
        return None
    assert task.occurs_at is not None
    wall = task.remind_at.astimezone(zone).replace(tzinfo=None)
    return instant(wall + (found.at - datetime.fromisoformat(task.occurs_at)), zone)
