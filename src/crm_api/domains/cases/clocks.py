"""When something is to be done for a case, by how it went and a policy; needs no database.

The clock is that of working calendars (`kit/working_time.py`): what is due is the first instant at
which the working time of a target is over, where the time spent in a pausing state is left out. All
of it is reckoned anew from the beginning each time, so that another calendar, policy or priority
counts the time already spent by its own measure.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import Struct, convert, to_builtins

from crm_api.kit.errors import Conflict
from crm_api.kit.working_time import MINUTE, WorkingTime, instant_of, ticks_of

BREACH = 100
"""The share of its time, in percent, at which a target is missed."""
ENDED = frozenset({"resolved", "closed"})
MOST_STAYS, MOST_ASKS = 400, 50
_STATES = ("breached", "running", "paused", "met")
Key = tuple[str, int]
"""A target, and the how manieth time."""


@dataclass(frozen=True)
class Rules:
    """What a policy says."""

    id: UUID
    calendar_id: UUID | None
    minutes: Mapping[tuple[str, str], int]
    """Working time by target and priority."""
    pauses: Collection[str]
    """The states in which no time passes."""
    shares: Sequence[tuple[str | None, int]]
    """At which shares, in percent, something happens, of one target or of all."""

    @classmethod
    def of(cls, policy: Mapping[str, Any]) -> "Rules":
        """Those of a stored policy."""
        return cls(
            id=policy["id"],
            calendar_id=policy["calendar_id"],
            minutes={(t["target"], t["priority"]): t["minutes"] for t in policy["targets"]},
            pauses=frozenset(policy["pause_statuses"]),
            shares=[(step.get("target"), step["percent"]) for step in policy["escalations"]],
        )

    def shares_of(self, target: str) -> Sequence[int]:
        """The shares at which something happens, a breach among them."""
        known = self._by_target.get(target)
        if known is None:
            known = sorted({s for of, s in self.shares if of in {None, target}} | {BREACH})
            self._by_target[target] = known
        return known

    @cached_property
    def _by_target(self) -> dict[str, Sequence[int]]:
        return {}


class Clock(Struct, frozen=True):
    """By when something is to be done for a case; instants are stored as text."""

    target: str
    cycle: int
    policy_id: UUID
    calendar_id: UUID | None
    minutes: int
    started_at: datetime
    due_at: datetime | None
    paused_at: datetime | None
    left_minutes: int | None
    met_at: datetime | None
    breached_at: datetime | None
    state: str
    escalated: list[int] = []

    @property
    def key(self) -> Key:
        """What tells it from others of its case."""
        return self.target, self.cycle


def read_clocks(stored: Sequence[Mapping[str, Any]]) -> list[Clock]:
    """Clocks as they are stored with a case."""
    return convert(stored, list[Clock])


def stored_clocks(clocks: Iterable[Clock]) -> list[dict[str, Any]]:
    """Clocks as they are to be stored: instants and ids as text."""
    return to_builtins(list(clocks))


class Step(NamedTuple):
    """A share of a clock's time that is over, and of which nothing was made yet."""

    target: str
    cycle: int
    share: int
    at: datetime


@dataclass
class Track:
    """How a case went: since when it was in which state, and when the customer waited for us.

    The first wait is that for the first response. What is very long forgets its middle.
    """

    stays: list[tuple[datetime, str]]
    asks: list[tuple[int, datetime, datetime | None]]

    @classmethod
    def of(cls, case: Mapping[str, Any]) -> "Track":
        """That of a case by its columns, before they change.

        Of one from before it was kept only its beginning and its end are known.
        """
        stored, began = case["sla_track"], case["created_at"]
        if stored:
            return cls(
                [(datetime.fromisoformat(at), status) for at, status in stored["stays"]],
                [
                    (n, datetime.fromisoformat(a), b and datetime.fromisoformat(b))
                    for n, a, b in stored["asks"]
                ],
            )
        status, is_new = case["status"], case["version"] == 1
        track = cls([(began, status if is_new else "new")], [(1, began, None)])
        for ended, name in (("resolved", "resolved_at"), ("closed", "closed_at")):
            if case[name] is not None:
                track.enter(ended, case[name])
        track.enter(status, case["updated_at"])
        return track

    def stored(self) -> dict[str, Any]:
        """As it is kept with the case."""
        return {
            "stays": [[_text(at), status] for at, status in self.stays],
            "asks": [[n, _text(a), b and _text(b)] for n, a, b in self.asks],
        }

    def enter(self, status: str, at: datetime) -> None:
        """The case is in a state from now on; what ends it answers whoever waits."""
        since, before = self.stays[-1]
        if status == before:
            return
        at = max(at, since)
        self.stays.append((at, status))
        if len(self.stays) > MOST_STAYS:
            del self.stays[1:3]
        if status in ENDED:
            self.answer(at)
        elif before in ENDED:
            self.ask(at)

    def ask(self, at: datetime) -> None:
        """The customer waits for an answer, unless they do already."""
        number, _, answered = self.asks[-1]
        if answered is None:
            return
        self.asks.append((number + 1, max(at, answered), None))
        if len(self.asks) > MOST_ASKS:
            del self.asks[1]

    def answer(self, at: datetime) -> None:
        """The customer was answered, if they waited; what was said before they asked is none."""
        number, asked, answered = self.asks[-1]
        if answered is None and (at >= asked or number == 1):
            self.asks[-1] = number, asked, max(at, asked)

    @property
    def first_response(self) -> datetime | None:
        """When whoever opened it was answered."""
        return self.asks[0][2]

    def waits(self) -> Iterator[tuple[Key, datetime, datetime | None]]:
        """What there is to do: its clock's key, since when, and until when it was done."""
        for number, asked, answered in self.asks:
            key = ("first_response", 1) if number == 1 else ("next_response", number - 1)
            yield key, asked, answered
        since, status = self.stays[-1]
        end = None
        if status in ENDED:
            # From being resolved to being closed nothing is done.
            resolved = (
                self.stays[-2] if len(self.stays) > 1 and self.stays[-2][1] in ENDED else None
            )
            end = resolved[0] if resolved is not None else since
        yield ("resolution", 1), self.stays[0][0], end

    def pauses(
        self, statuses: Collection[str], start: datetime, end: datetime | None
    ) -> list[tuple[datetime, datetime | None]]:
        """When no time passed for somebody who waits so long; the last may not be over."""
        found: list[tuple[datetime, datetime | None]] = []
        untils = [at for at, _ in self.stays[1:]]
        for (entered, status), until in zip(self.stays, [*untils, None], strict=True):
            if status not in statuses and status not in ENDED:
                continue
            since = max(entered, start)
            stops = until if end is None else end if until is None else min(until, end)
            if stops is None or since < stops:
                found.append((since, stops))
        return found


@dataclass(frozen=True)
class Reckoned:
    """What the clocks of a case say at some moment."""

    clocks: Sequence[Clock]
    steps: Sequence[Step]
    """What is due and was not made yet, in its order."""
    next_at: datetime | None
    """When there will be more."""

    @property
    def state(self) -> str | None:
        """The worst of its clocks."""
        states = {clock.state for clock in self.clocks}
        for state in _STATES:
            if state in states:
                return state
        return None

    @property
    def next_due_at(self) -> datetime | None:
        """The first of what is still to be done."""
        dues = [c.due_at for c in self.clocks if c.due_at is not None and c.met_at is None]
        return min(dues, default=None)


def reckoned(
    track: Track,
    priority: str,
    rules: Rules | None,
    time: WorkingTime | None,
    before: Sequence[Clock],
    now: datetime,
) -> Reckoned:
    """The clocks of a case; those that had ended stay as they were.

    `time` is of the calendar of the rules. Raises `Conflict` beyond what a calendar reaches.
    """
    known = {clock.key: clock for clock in before} if before else {}
    clocks: list[Clock] = []
    steps: list[Step] = []
    nexts: list[datetime] = []
    for key, start, end in track.waits():
        was = known.get(key)
        if was is not None and was.met_at is not None and was.met_at == end:
            clocks.append(was)
            continue
        minutes = None if rules is None else rules.minutes.get((key[0], priority))
        if rules is None or time is None or minutes is None:
            continue
        pauses = track.pauses(rules.pauses, start, end)
        course = _Course(time, start, end, pauses, minutes, now)
        clock = course.clock(key, rules, was.escalated if was else [])
        clocks.append(clock)
        for share in rules.shares_of(key[0]):
            if share in clock.escalated:
                continue
            at = clock.due_at if share == BREACH else course.reaches(share)
            if at is not None and at < (end or now):
                steps.append(Step(*key, share, at))
            elif at is not None and end is None:
                nexts.append(at)
    if len(steps) > 1:
        steps.sort(key=lambda step: (step.at, step.share))
    return Reckoned(clocks, steps, min(nexts, default=None))


class _Course:
    """How the time of one clock goes."""

    def __init__(
        self,
        time: WorkingTime,
        start: datetime,
        end: datetime | None,
        pauses: Sequence[tuple[datetime, datetime | None]],
        minutes: int,
        now: datetime,
    ) -> None:
        self.time, self.start, self.end, self.minutes, self.now = time, start, end, minutes, now
        self._begins = self._at(start)
        self._pauses = [
            (since, self._at(since), None if until is None else self._at(until))
            for since, until in pauses
        ]

    def _at(self, instant: datetime) -> int:
        return self.time.position(ticks_of(instant))

    def goal(self, share: int) -> tuple[int, datetime | None]:
        """The position at which a share is over, and since when it is not approached."""
        goal = self._begins + self.minutes * MINUTE * share // 100
        for since, at, until in self._pauses:
            if at >= goal:
                break
            if until is None:
                return goal, since
            goal += until - at
        return goal, None

    def reaches(self, share: int) -> datetime | None:
        """When a share is over; None while that is not known."""
        return self._reached(*self.goal(share))

    def _reached(self, goal: int, paused_at: datetime | None) -> datetime | None:
        if paused_at is not None:
            return None
        try:
            return instant_of(self.time.closing(goal))
        except Conflict:
            # There is no such time in the calendar.
            return None

    def clock(self, key: Key, rules: Rules, escalated: list[int]) -> Clock:
        goal, paused_at = self.goal(BREACH)
        due = self._reached(goal, paused_at)
        late = due is not None and due < (self.end or self.now)
        ends = self.end or paused_at
        left = None if ends is None else goal - self._at(ends)
        state = "breached" if late else "met" if self.end else "paused" if paused_at else "running"
        return Clock(
            *key,
            policy_id=rules.id,
            calendar_id=rules.calendar_id,
            minutes=self.minutes,
            started_at=self.start,
            due_at=due,
            paused_at=paused_at,
            left_minutes=None if left is None else left // MINUTE,
            met_at=self.end,
            breached_at=due if late else None,
            state=state,
            escalated=escalated,
        )


def _text(at: datetime) -> str:
    return at.isoformat()
