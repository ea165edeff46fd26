"""What activities and tasks give users to do."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from crm_api.domains.activities.schemas import LONGEST_DURATION
from crm_api.domains.activities.service import ActivityService
from crm_api.domains.activities.tasks import TaskService
from crm_api.kit.schema import EARLIEST
from crm_api.kit.work import Asked, Fact, Item, Kind, Workload, between, due, listed

_LINKS = ("company_id", "contact_id", "deal_id")
_KINDS: Mapping[str, Kind] = {
    "call": "call",
    **dict.fromkeys(("meeting", "visit", "demo", "event"), "meeting"),
}
_WAITS = Fact("waiting", -10, "It waits for somebody else.")


_LENGTHS = (timedelta(days=1), timedelta(days=7), timedelta(seconds=LONGEST_DURATION))
"""Where only its duration says when an activity ends, it began so long ago at most."""


def _planned(asked: Asked) -> Mapping[str, Any]:
    return {"owner_id": {"eq": str(asked.user_id)}, **_on(asked)}


def _attended(asked: Asked) -> Mapping[str, Any]:
    """What somebody takes part in that is another's, or nobody's."""
    return {
        "owner_id": {"ne": str(asked.user_id)},
        "about": f"user:{asked.user_id}",
        **_on(asked),
    }


def _on(asked: Asked) -> Mapping[str, Any]:
    if asked.since is None:
        return {"status": {"in": ["planned"]}, **between(asked, "starts_at")}
    # Agendas show what was done, too, and what has begun before; the queue does not.
    return {
        "status": {"in": ["planned", "completed"]},
        "starts_at": {"lte": asked.until.isoformat()},
        "or": [
            {"starts_at": {"gte": asked.since.isoformat()}},
            {"ended_at": {"gt": asked.since.isoformat()}},
            *_lasting(asked.since),
        ],
    }


def _lasting(since: datetime) -> list[Mapping[str, Any]]:
    """What may last until then by its duration alone; the agenda itself looks closely."""
    shorter = (timedelta(0), *_LENGTHS)
    return [
        {
            "ended_at": {"is_null": True},
            "duration": {"gt": int(least.total_seconds())},
            "starts_at": {"gte": max(since - most, EARLIEST).isoformat(), "lt": since.isoformat()},
        }
        for least, most in zip(shorter, _LENGTHS, strict=False)
    ]


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


def _activities(where: Callable[[Asked], Mapping[str, Any]]) -> Any:
    fields = ("kind", "subject", "status", "starts_at", "ended_at", "duration", *_LINKS)
    return listed(ActivityService, where, _activity, sort="starts_at", fields=fields)


WORK = (
    Workload("activities.planned", ActivityService.area, _activities(_planned)),
    Workload("activities.attended", ActivityService.area, _activities(_attended)),
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
