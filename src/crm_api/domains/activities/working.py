"""What activities and tasks give users to do."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from crm_api.domains.activities.service import ActivityService
from crm_api.domains.activities.tasks import TaskService
from crm_api.kit.work import Asked, Fact, Item, Kind, Workload, between, due, listed

_LINKS = ("company_id", "contact_id", "deal_id")
_KINDS: Mapping[str, Kind] = {
    "call": "call",
    **dict.fromkeys(("meeting", "visit", "demo", "event"), "meeting"),
}
_WAITS = Fact("waiting", -10, "It waits for somebody else.")


def _planned(asked: Asked) -> Mapping[str, Any]:
    # Agendas show what was done, too; the queue does not.
    statuses = ["planned"] if asked.since is None else ["planned", "completed"]
    return {
        "owner_id": {"eq": str(asked.user_id)},
        "status": {"in": statuses},
        **between(asked, "starts_at"),
    }


def _activity(_asked: Asked, row: Any) -> Item:
    ends = row.ended_at
    if ends is None and row.duration and row.starts_at is not None:
        ends = row.starts_at + timedelta(seconds=row.duration)
    return Item(
        entity="activity",
        id=row.id,
        title=row.subject or "",
        kind=_KINDS.get(row.kind or "", "activity"),
        starts_at=row.starts_at,
        ends_at=ends,
        version=row.version,
        updated_at=row.updated_at,
        links={name: getattr(row, name) for name in _LINKS},
        is_open=row.status == "planned",
    )


def _open(asked: Asked) -> Mapping[str, Any]:
    mine: list[Mapping[str, Any]] = [due(asked)]
    if asked.since is None:
        # What is snoozed is on the agenda of its day, and not in the queue.
        now = asked.now.isoformat()
        mine.append({"or": [{"snoozed_until": {"is_null": True}}, {"snoozed_until": {"lte": now}}]})
    return {
        "owner_id": {"eq": str(asked.user_id)},
        "status": {"in": ["open", "in_progress", "waiting"]},
        "and": mine,
    }


def _task(_asked: Asked, row: Any) -> Item:
    return Item(
        entity="task",
        id=row.id,
        title=row.subject or "",
        kind="callback" if row.kind == "call" else "task",
        due_at=row.due_at,
        day=row.due_on,
        priority=row.priority or "normal",
        zone=row.time_zone,
        facts=(_WAITS,) if row.status == "waiting" else (),
        version=row.version,
        updated_at=row.updated_at,
        links={name: getattr(row, name) for name in _LINKS},
    )


WORK = (
    Workload(
        "activities.planned",
        ActivityService.area,
        listed(
            ActivityService,
            _planned,
            _activity,
            sort="starts_at",
            fields=("kind", "subject", "status", "starts_at", "ended_at", "duration", *_LINKS),
        ),
    ),
    Workload(
        "tasks.open",
        TaskService.area,
        listed(
            TaskService,
            _open,
            _task,
            sort="overdue_at",
            fields=(
                *("kind", "subject", "status", "priority", "due_at", "due_on", "time_zone"),
                *_LINKS,
            ),
        ),
    ),
)
