"""Tasks that their owners are told of by themselves: each for each cause once."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from crm_api.domains.activities.models import Task
from crm_api.domains.activities.states import CLOSED
from crm_api.domains.activities.tasks import TaskService

OVERDUE, REMINDED = "task.overdue", "task.reminded"


async def tell_overdue(service: TaskService, task: Task, _today: date) -> None:
    """Tell that a task, which is locked, is late; once for the moment from which on it is."""
    late = task.overdue_at
    if late is not None and late <= service.tx.now and _is_awake(service, task):
        await _tell(service, task, OVERDUE, late.isoformat(), {"overdue_at": late})


async def remind(service: TaskService, task: Task, _today: date) -> None:
    """Remind of a task, which is locked; once for the moment at which somebody wanted that."""
    at = task.remind_at
    if at is not None and at <= service.tx.now and _is_awake(service, task):
        await _tell(service, task, REMINDED, at.isoformat(), {"remind_at": at})


def _is_awake(service: TaskService, task: Task) -> bool:
    snoozed = task.snoozed_until is not None and task.snoozed_until > service.tx.now
    return task.status not in CLOSED and not snoozed


async def _tell(
    service: TaskService, task: Task, topic: str, mark: str, told: Mapping[str, Any]
) -> None:
    if await service.records.mark(task.id, topic.partition(".")[2], mark):
        service.tx.record(
            topic, entity=Task.entity, record_id=task.id, version=task.version, data=dict(told)
        )
