"""When the tasks of a plan can be done, and which of them decide when it ends.

The critical path method over working time. A task of some length begins when its calendar is open
and ends where so much of its working time has passed; a milestone has no length, and is at the
instant that its predecessors lead to. A link from one to another has a lag in working time of the
calendar of the later one, which may be negative:

| kind | means |
|---|---|
| `fs` | begins no earlier than the other ends |
| `ss` | begins no earlier than the other begins |
| `ff` | ends no earlier than the other ends |
| `sf` | ends no earlier than the other begins |

Early times are the first at which everything can be done; late times are the last at which the
plan still ends when it does. The total float is the working time between both, the free float what
a task can slip without any other being later than its early times, or the plan ending later. Both
are negative where a fixed day cannot be kept. A task without total float is critical.

Two instants with no working time of a calendar between them are the same to its tasks.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from crm_api.kit.working_time import MINUTE, WorkingTime, instant_of, ticks_of

K = TypeVar("K", bound=Hashable)
LinkKind = Literal["fs", "ss", "ff", "sf"]
Constraint = Literal["asap", "snet", "fnlt", "must"]


@dataclass(frozen=True, slots=True)
class Link(Generic[K]):
    """What has to be before a task, and how."""

    task: K
    kind: LinkKind = "fs"
    lag: int = 0
    """Minutes of working time."""


@dataclass(frozen=True, slots=True)
class Task(Generic[K]):
    """What a plan asks of one task; without minutes it is a milestone."""

    minutes: int
    time: WorkingTime
    links: Sequence[Link[K]] = ()
    constraint: Constraint = "asap"
    """`snet`: starts no earlier than; `fnlt`: ends no later than; `must`: starts at."""
    constraint_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """When a task can be done; floats are whole minutes of working time."""

    early_start: datetime
    early_finish: datetime
    late_start: datetime
    late_finish: datetime
    total_float: int
    free_float: int
    is_critical: bool


@dataclass(frozen=True, slots=True)
class Plan(Generic[K]):
    """When everything can be done; `slots` in an order in which it can."""

    finish: datetime
    slots: Mapping[K, Slot]
    critical_path: Sequence[K]
    """The chain of links that decides when the plan ends, from its first task."""


class Cycle(Exception):
    """Tasks that wait for each other: each is linked to the one before it, the first to the last."""

    def __init__(self, ring: Sequence[Any]) -> None:
        super().__init__(ring)
        self.ring = ring


def scheduled(tasks: Mapping[K, Task[K]], start: datetime) -> Plan[K]:
    """The plan of tasks of which none begins before an instant, in time linear in their links.

    Raises `Cycle`, and `Conflict` where a calendar has too little working time in ten years.
    """
    order = ordered(tasks)
    ahead = _Forward(tasks, ticks_of(start))
    for key in order:
        ahead.place(key)
    finish = max((slot[1] for slot in ahead.at.values()), default=ticks_of(start))
    back = _Backward(tasks, ahead.at, finish)
    for key in reversed(order):
        back.place(key)
    slots = {key: _slot(tasks[key].time, ahead.at[key], back, key) for key in order}
    return Plan(instant_of(finish), slots, _chain(ahead, finish))


def ordered(tasks: Mapping[K, Task[K]]) -> list[K]:
    """The tasks, each behind those it is linked to; raises `Cycle`."""
    waiting = {key: len(task.links) for key, task in tasks.items()}
    followers: dict[K, list[K]] = {key: [] for key in tasks}
    for key, task in tasks.items():
        for link in task.links:
            followers[link.task].append(key)
    order = [key for key, number in waiting.items() if not number]
    for key in order:
        for follower in followers[key]:
            waiting[follower] -= 1
            if not waiting[follower]:
                order.append(follower)
    if len(order) < len(tasks):
        raise Cycle(_ring(tasks, {key for key, number in waiting.items() if number}))
    return order


def _ring(tasks: Mapping[K, Task[K]], left: set[K]) -> list[K]:
    """Of what is left each waits for another that is left, so going back leads into a ring."""
    seen: dict[K, int] = {}
    key = next(iter(left))
    while key not in seen:
        seen[key] = len(seen)
        key = next(link.task for link in tasks[key].links if link.task in left)
    return list(seen)[seen[key] :][::-1]


class _Forward(Generic[K]):
    """Finds early times, once those of all predecessors are known."""

    def __init__(self, tasks: Mapping[K, Task[K]], start: int) -> None:
        self._tasks, self._start = tasks, start
        self.at: dict[K, tuple[int, int]] = {}
        self.driver: dict[K, K | None] = {}
        """Which predecessor decides when a task begins; None where it is the start or a day."""

    def place(self, key: K) -> None:
        task = self._tasks[key]
        time, length = task.time, task.minutes * MINUTE
        begin, driver = self._start, None
        if task.constraint == "snet" and task.constraint_at is not None:
            begin = max(begin, ticks_of(task.constraint_at))
        end, end_driver = None, None
        for link in task.links:
            other = self.at[link.task]
            limit = time.shift(other[link.kind[0] == "f"], link.lag * MINUTE)
            if link.kind[1] == "f":
                if end is None or limit > end:
                    end, end_driver = limit, link.task
            # What makes no difference to the calendar is still who was waited for last.
            elif limit > begin or (driver is None and limit == begin):
                begin, driver = limit, link.task
        if task.constraint == "must" and task.constraint_at is not None:
            begin, driver, end = ticks_of(task.constraint_at), None, None
        if not length:
            if end is not None and end > begin:
                begin, driver = end, end_driver
            self.at[key], self.driver[key] = (begin, begin), driver
            return
        position = time.position(begin)
        if end is not None and (needed := time.position(end) - length) > position:
            position, driver = needed, end_driver
        self.at[key] = time.opening(position), time.closing(position + length)
        self.driver[key] = driver


class _Backward(Generic[K]):
    """Finds late times and free floats, once those of all successors are known."""

    def __init__(
        self, tasks: Mapping[K, Task[K]], early: Mapping[K, tuple[int, int]], finish: int
    ) -> None:
        self._tasks, self._early, self._finish = tasks, early, finish
        self._bounds: dict[K, list[tuple[bool, int]]] = {}
        self._room: dict[K, int] = {}
        self.at: dict[K, tuple[int, int]] = {}

    def place(self, key: K) -> None:
        task = self._tasks[key]
        time, length = task.time, task.minutes * MINUTE
        finish, start = self._finish, None
        if task.constraint == "fnlt" and task.constraint_at is not None:
            finish = min(finish, ticks_of(task.constraint_at))
        for of_finish, limit in self._bounds.get(key, ()):
            if of_finish:
                finish = min(finish, limit)
            else:
                start = limit if start is None else min(start, limit)
        if task.constraint == "must" and task.constraint_at is not None:
            at = ticks_of(task.constraint_at)
            start = at if start is None else min(start, at)
        if not length:
            at = finish if start is None else min(start, finish)
            self.at[key] = at, at
        else:
            position = time.position(finish) - length
            if start is not None:
                position = min(position, time.position(start))
            self.at[key] = time.opening(position), time.closing(position + length)
        self._tell(key, task)

    def room(self, key: K) -> int:
        """How far a task can slip without any other, or the end, being later than its early times."""
        time = self._tasks[key].time
        left = time.position(self._finish) - time.position(self._early[key][1])
        return min(left, self._room.get(key, left))

    def _tell(self, key: K, task: Task[K]) -> None:
        """Say to the predecessors what its times mean for theirs."""
        for link in task.links:
            of_finish, back = link.kind[0] == "f", -link.lag * MINUTE
            which = link.kind[1] == "f"
            bound = _back(task, self.at[key], back, which=which)
            self._bounds.setdefault(link.task, []).append((of_finish, bound))
            time = self._tasks[link.task].time
            first = _back(task, self._early[key], back, which=which)
            room = time.position(first) - time.position(self._early[link.task][of_finish])
            self._room[link.task] = min(room, self._room.get(link.task, room))


def _back(task: Task[K], at: tuple[int, int], lag: int, *, which: bool) -> int:
    """The last instant from which a lag does not lead beyond the start or finish of a task.

    A task that ends at closing time is behind whatever ends before its calendar opens again.
    """
    if not lag and not task.minutes:
        return at[which]
    return task.time.opening(task.time.position(at[which]) + lag)


def _slot(time: WorkingTime, early: tuple[int, int], back: _Backward[K], key: K) -> Slot:
    late = back.at[key]
    total = time.position(late[0]) - time.position(early[0])
    return Slot(
        *map(instant_of, (*early, *late)),
        total_float=total // MINUTE,
        free_float=back.room(key) // MINUTE,
        is_critical=total <= 0,
    )


def _chain(ahead: _Forward[K], finish: int) -> list[K]:
    last: Callable[[K], bool] = lambda key: ahead.at[key][1] == finish  # noqa: E731
    key = next(filter(last, reversed(ahead.at)), None)
    found: list[K] = []
    while key is not None:
        found.append(key)
        key = ahead.driver[key]
    return found[::-1]
