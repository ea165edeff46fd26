"""Leads of the past in the order of time: they come, are given, go back, and are given again."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from heapq import heapify, heappop, heappush
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_api.domains.leads.choosing import QUEUE, is_spent, reason_of
from crm_api.domains.leads.days import monday_of
from crm_api.domains.leads.managers import Managers
from crm_api.domains.leads.routing import Route, Routing, Step
from crm_api.domains.leads.sharing import Sharable, Table
from crm_api.domains.leads.states import QUEUED, SPENT

Courses = Mapping[tuple[UUID, UUID], list[Any]]
"""By lead and user, what was with each time that they had it, the first first."""
_BACK = frozenset({"returned", "recalled"})


class Pools(Protocol):
    """What leads are given from."""

    tables: dict[UUID, Table]
    chains: dict[UUID, Sequence[Table]]
    pools: dict[UUID, Any]
    managers: Managers


@dataclass
class _Lead:
    lead: Sharable
    steps: Sequence[Step]
    route: Route = field(default_factory=Route)
    user_id: UUID | None = None
    pool_id: UUID | None = None
    reason: str = ""
    had: list[UUID] = field(default_factory=list[UUID])
    hops: int = 0
    taken: tuple[Table, int, int, date] | None = None
    """The pool, the place, the ground and the day of the choice that it is given by."""
    course: Any = None


class Replay:
    """Goes by the clock of the past; ties are in the order of the leads."""

    def __init__(self, pools: Pools, routing: Routing, courses: Courses) -> None:
        self._pools, self._routing = pools, routing
        self._courses = {key: list(rows) for key, rows in courses.items()}
        self._day: date | None = None
        self._counts: Counter[str] = Counter()
        self._leads: list[_Lead] = []

    def all(
        self, leads: Sequence[tuple[Sharable, datetime, Sequence[Step]]], zone: ZoneInfo
    ) -> list[dict[str, Any]]:
        """What became of each lead in the end."""
        self._leads = [_Lead(lead, steps) for lead, _, steps in leads]
        due = [(at, number) for number, (_, at, _) in enumerate(leads)]
        heapify(due)
        while due:
            at, number = heappop(due)
            one, day = self._leads[number], at.astimezone(zone).date()
            self._begin(day)
            if one.user_id is not None:
                self._go_back(one, day)
            self._give(one, day)
            if one.user_id is not None and self._goes_back(one):
                heappush(due, (at + one.course["after"], number))
        return [_told(one) for one in self._leads]

    def responses(self) -> dict[str, int]:
        """What those did who got leads."""
        owned = [one for one in self._leads if one.user_id is not None]
        responded = sum(one.course is not None and one.course["responded"] for one in owned)
        counts = {name: self._counts[name] for name in ("returned", "recalled", "escalated")}
        return {"responded": responded, "unknown": len(owned) - responded, **counts}

    def rules(self) -> Iterable[UUID | None]:
        """Of each lead the rule by which it went last."""
        return (one.route.rule_id for one in self._leads)

    def _begin(self, day: date) -> None:
        if day != self._day:
            begins_week = self._day is None or monday_of(day) != monday_of(self._day)
            self._day = day
            for table in self._pools.tables.values():
                table.begin_day(begins_week=begins_week)

    def _go_back(self, one: _Lead, day: date) -> None:
        assert one.user_id is not None
        ended = one.course["ended_as"]
        self._counts[ended] += 1
        one.hops += ended == "recalled"
        one.had.append(one.user_id)
        if one.taken is not None:
            table, place, ground, then = one.taken
            is_this_week = monday_of(then) == monday_of(day)
            table.take_back(place, ground, is_today=then == day, is_this_week=is_this_week)
        one.user_id = one.pool_id = one.taken = one.course = None

    def _give(self, one: _Lead, day: date) -> None:
        route = one.route = self._routing.route(one.steps, one.had)
        one.user_id, one.reason = route.user_id, route.reason
        if route.pool_id is not None:
            self._share(one, route.pool_id, day)
        own = None if one.user_id is None else self._courses.get((one.lead.id, one.user_id))
        one.course = own.pop(0) if own else None

    def _share(self, one: _Lead, pool_id: UUID, day: date) -> None:
        pool, chain = self._pools.pools.get(pool_id), self._pools.chains.get(pool_id, ())
        if pool is not None and one.hops > pool.max_hops:
            self._escalate(one, pool, "hops_exhausted")
            return
        one.reason = "nobody_available" if chain else "pool_inactive"
        for table in chain:
            if table.seats.strategy == QUEUE:
                if None in table.words(one.lead, one.had):
                    one.reason = QUEUED
                    return
                continue
            place, ground = table.pick(one.lead, one.had)
            if place is not None:
                one.taken = (table, place, ground, day)
                one.user_id = table.seats.candidates[place].user_id
                one.pool_id = table.seats.pool_id
                one.reason = reason_of(table.seats.strategy)
                return
        if is_spent([word for table in chain for word in table.words(one.lead, one.had)]):
            self._escalate(one, pool, SPENT)

    def _escalate(self, one: _Lead, pool: Any, reason: str) -> None:
        one.reason = reason
        if pool is not None and pool.manager_id is not None:
            one.user_id, _ = self._pools.managers.choose(pool.manager_id, one.had)
        self._counts["escalated"] += one.user_id is not None

    def _goes_back(self, one: _Lead) -> bool:
        """Whether they gave it back then, or would be asked to respond and did not."""
        if one.course is None or one.course["ended_as"] not in _BACK:
            return False
        # Of the manager, whom no pool chose, nobody asks for a response.
        pool = None if one.pool_id is None else self._pools.pools[one.pool_id]
        minutes = one.route.response_minutes if pool is None else pool.response_minutes
        return one.course["ended_as"] == "returned" or minutes is not None


def _told(one: _Lead) -> dict[str, Any]:
    return {
        "lead_id": one.lead.id,
        "user_id": one.user_id,
        "pool_id": one.pool_id,
        "rule": one.route.rules[-1]["name"] if one.route.rule_id is not None else None,
        "reason": one.reason,
        "gone_by": one.had,
        "hops": one.hops,
    }
