"""What activities and tasks give users to do."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from crm_api.domains.activities.schemas import LONGEST_DURATION
from crm_api.domains.activities.service import ActivityService
from crm_api.domains.activities.tasks import TaskService
from crm_api.kit.db.tx import Tx
from crm_api.kit.schema import EARLIEST
from crm_api.kit.work import LOOKED_AT, Asked, Fact, Item, Kind, Workload, between, due, listed

_LINKS = ("company_id", "contact_id", "deal_id")
_KINDS: Mapping[str, Kind] = {
    "call": "call",
    **dict.fromkeys(("meeting", "visit", "demo", "event"), "meeting"),
}
Where = Callable[[Asked], Mapping[str, Any]]
Load = Callable[[Tx, Asked], Awaitable[Sequence[Item]]]
_WAITS = Fact("waiting", -10, "It waits for somebody else.")


_LENGTHS = (timedelta(days=1), timedelta(days=7), timedelta(seconds=LONGEST_DURATION))
"""Where only its duration says when an activity ends, it began so long ago at most."""


def _own(asked: Asked) -> Mapping[str, Any]:
    return {"owner_id": {"eq": str(asked.user_id)}}


def _others(asked: Asked) -> Mapping[str, Any]:
    """What somebody takes part in that is another's, or nobody's."""
    return {"owner_id": {"ne": str(asked.user_id)}, "about": f"user:{asked.user_id}"}


def _begins(asked: Asked) -> Mapping[str, Any]:
    # Agendas show what was done, too; the queue does not.
    statuses = ["planned"] if asked.since is None else ["planned", "completed"]
    return {"status": {"in": statuses}, **between(asked, "starts_at")}


def _lasts(asked: Asked) -> Mapping[str, Any]:
    """What began before the time that is asked for and lasts into it, by its end or its length."""
    since = asked.since or asked.now
    shorter = (timedelta(0), *_LENGTHS)
    # The agenda itself looks closely.
    by_length: list[Mapping[str, Any]] = [
        {
            "ended_at": {"is_null": True},
            "duration": {"gt": int(least.total_seconds())},
            "starts_at": {"gte": max(since - most, EARLIEST).isoformat()},
        }
        for least, most in zip(shorter, _LENGTHS, strict=False)
    ]
    return {
        "status": {"in": ["planned", "completed"]},
        "starts_at": {"lt": since.isoformat()},
        "or": [{"ended_at": {"gt": since.isoformat()}}, *by_length],
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
        remind_at=row.remind_at if row.status == "planned" else None,
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
        remind_at=row.remind_at,
        zone=row.time_zone,
        facts=(_WAITS,) if row.status == "waiting" else (),
        version=row.version,
        updated_at=row.updated_at,
        links={name: getattr(row, name) for name in _LINKS},
    )


def _activities(whose: Where) -> Load:
    begins, lasts = (_activities_when(whose, when) for when in (_begins, _lasts))

    async def load(tx: Tx, asked: Asked) -> Sequence[Item]:
        found = await begins(tx, asked)
        if asked.since is None:
            return found
        # By themselves: from whom ends are hidden still sees what begins.
        return [*await lasts(tx, asked), *found][:LOOKED_AT]

    return load


def _activities_when(whose: Where, when: Where) -> Load:
    fields = (
        *("kind", "subject", "status", "starts_at", "ended_at", "duration", "remind_at"),
        *_LINKS,
    )

    def where(asked: Asked) -> Mapping[str, Any]:
        return {**whose(asked), **when(asked)}

    return listed(ActivityService, where, _activity, sort="starts_at", fields=fields)


WORK = (
    Workload("activities.planned", ActivityService.area, _activities(_own)),
    Workload("activities.attended", ActivityService.area, _activities(_others)),
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
                *("remind_at", *_LINKS),
            ),
        ),
    ),
)
