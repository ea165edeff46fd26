"""How much each of those who work in projects has to do, week by week."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_api.domains.projects.actions import need_plan
from crm_api.domains.projects.figures import work_of
from crm_api.domains.projects.repository import ProjectTasks
from crm_api.domains.projects.tasks import ProjectTaskService
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.errors import Forbidden, Invalid
from crm_api.kit.query.moments import need_days
from crm_api.kit.working_time import MINUTE, WorkingTime, ticks_of
from crm_api.platform.calendars.service import calendars_at

MOST_WEEKS = 53
_WEEK = timedelta(days=7)
_TOLD = frozenset({"owner_id", "percent", "estimate_minutes", "minutes"})
Task = Mapping[str, Any]


async def load_of(tx: Tx, since: date, until: date) -> dict[str, Any]:
    """What is left of the tasks of open projects, spread evenly over their working time.

    Whole weeks from the Monday of `since` to the Sunday of `until`, 53 at the most, in the time
    zone of the organization; of each task what of its time is yet to come. Raises `Invalid`,
    and `Forbidden` where something is hidden that this tells.
    """
    service = ProjectTaskService(tx)
    service.need("read")
    need_plan(tx)
    if service.guard.hidden & _TOLD:
        raise Forbidden("The work of tasks is hidden from you.", code="hidden_field")
    need_days(**{"from": since, "to": until})
    if until < since:
        raise Invalid.at("/to", "ends_before_start", "It ends before it begins.")
    first = since - timedelta(days=since.weekday())
    number = (until - first).days // 7 + 1
    if number > MOST_WEEKS:
        raise Invalid.at("/to", "too_long", f"{MOST_WEEKS} weeks are looked at, at the most.")
    zone = ZoneInfo(tx.actor.time_zone)
    days = [first + _WEEK * place for place in range(number + 1)]
    edges = [datetime.combine(day, time(), tzinfo=zone) for day in days]
    async with at_one_moment(tx) as reader:
        tasks = await ProjectTasks(reader).open_between(max(edges[0], tx.now), edges[-1])
        wanted = {None, *(task["calendar_id"] for task in tasks)}
        known = await calendars_at(reader, wanted, edges[0])
    times = {id: WorkingTime(calendar, edges[0]) for id, calendar in known.items()}
    planned = _planned(tasks, times, [ticks_of(edge) for edge in edges], ticks_of(tx.now))
    capacity = _between(times[None], [ticks_of(edge) for edge in edges])
    users = [
        _user(owner_id, minutes, capacity if owner_id else [0] * number, days)
        for owner_id, minutes in sorted(planned.items(), key=lambda one: str(one[0] or "~"))
    ]
    return {"since": days[0], "until": days[-1] - timedelta(days=1), "users": users}


def _planned(
    tasks: Sequence[Task],
    times: Mapping[UUID | None, WorkingTime],
    edges: Sequence[int],
    now: int,
) -> dict[UUID | None, list[int]]:
    """The minutes of each week by owner; what of a task is in all weeks is exactly what is left."""
    found: dict[UUID | None, list[int]] = {}
    for task in tasks:
        counted = times[task["calendar_id"]]
        start, end = max(ticks_of(task["starts_at"]), now), ticks_of(task["finishes_at"])
        begin = counted.position(start)
        whole = counted.position(end) - begin
        left = work_of(task) * (100 - task["percent"]) // 100
        if whole <= 0 or not left:
            continue
        done = [
            left * (counted.position(min(max(edge, start), end)) - begin) // whole for edge in edges
        ]
        own = found.setdefault(task["owner_id"], [0] * (len(edges) - 1))
        for place in range(len(own)):
            own[place] += done[place + 1] - done[place]
    return found


def _between(counted: WorkingTime, edges: Sequence[int]) -> list[int]:
    at = [counted.position(edge) for edge in edges]
    return [(later - before) // MINUTE for before, later in pairwise(at)]


def _user(
    owner_id: UUID | None, minutes: Sequence[int], capacity: Sequence[int], days: Sequence[date]
) -> dict[str, Any]:
    return {
        "owner_id": owner_id,
        "planned_minutes": sum(minutes),
        "capacity_minutes": sum(capacity),
        "weeks": [
            {"week": day, "planned_minutes": planned, "capacity_minutes": there}
            for day, planned, there in zip(days, minutes, capacity, strict=False)
        ],
    }
