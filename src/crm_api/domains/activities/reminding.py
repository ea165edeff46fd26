"""Tasks and activities that their owners are told of by themselves: each for each cause once."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from crm_api.domains.activities.models import Activity, Task
from crm_api.domains.activities.service import ActivityService
from crm_api.domains.activities.states import CLOSED
from crm_api.domains.activities.tasks import TaskService

OVERDUE, REMINDED = "task.overdue", "task.reminded"
BEGINS = "activity.reminded"
_TOO_LATE = timedelta(hours=1)
"""Who was not reminded by then, as no worker ran, has missed it."""


async def tell_overdue(service: TaskService, task: Task, _today: date) -> None:
    """Tell that a task, which is locked, is late; once for the moment from which on it is."""
    late = task.overdue_at
    if late is not None and late <= service.tx.now and _is_awake(service, task):
        await _tell(service, task, OVERDUE, late, {"overdue_at": late})


async def remind(service: TaskService, task: Task, _today: date) -> None:
    """Remind of a task, which is locked; once for the moment at which somebody wanted that."""
    at = task.remind_at
    if at is not None and at <= service.tx.now and _is_awake(service, task):
        await _tell(service, task, REMINDED, at, {"remind_at": at})


async def remind_of_start(service: ActivityService, one: Activity, _today: date) -> None:
    """Remind of an activity, which is locked, that will begin; once for the moment of that."""
    at, now = one.remind_at, service.tx.now
    if at is None or one.starts_at is None or at > now or one.starts_at < now - _TOO_LATE:
        return
    if one.status == "planned" and one.timer_started_at is None:
        await _tell(service, one, BEGINS, at, {"remind_at": at, "starts_at": one.starts_at})


def _is_awake(service: TaskService, task: Task) -> bool:
    snoozed = task.snoozed_until is not None and task.snoozed_until > service.tx.now
    return task.status not in CLOSED and not snoozed


async def _tell(
    service: TaskService | ActivityService,
    one: Task | Activity,
    topic: str,
    at: datetime,
    told: Mapping[str, Any],
) -> None:
    if await service.records.mark(one.id, topic.partition(".")[2], at.isoformat()):
        service.tx.record(
            topic, entity=one.entity, record_id=one.id, version=one.version, data=dict(told)
        )
