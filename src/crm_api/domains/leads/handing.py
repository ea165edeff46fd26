"""Giving the leads of a plan, a slice at a time, by a few statements."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from crm_api.domains.leads.choosing import Candidate, full, goes_by_credit, misfit, room_of
from crm_api.domains.leads.desks import Desk
from crm_api.domains.leads.models import LeadPlan
from crm_api.domains.leads.repository import ToGive
from crm_api.domains.leads.service import Given, Handed, LeadService
from crm_api.domains.leads.sharing import Seats, credits_of
from crm_api.domains.leads.states import FREE


class Handing:
    """Gives what is free to whom it was planned for, as far as these may still have it.

    The leads are locked, and the pools after them. What each choice was to the credits of the
    members is added up: of everybody who could have had a lead, by the grounds of the plan.
    """

    def __init__(
        self, leads: LeadService, plan: LeadPlan, grounds: Mapping[str, Any], desk: Desk
    ) -> None:
        self.leads, self.tx, self.plan, self.desk = leads, leads.tx, plan, desk
        self.grounds: Sequence[Sequence[str]] = grounds["grounds"]
        self._pools: list[_Giving] = [_Giving(desk, pool) for pool in grounds["pools"]]
        self._had = desk.had()

    async def give(self, items: Mapping[str, Any], rows: Mapping[UUID, ToGive]) -> list[str]:
        """What became of each lead of a slice, in a word."""
        outcomes: list[str] = []
        to_give: list[Handed] = []
        names = ("leads", "versions", "pools", "places", "grounds")
        for id, version, number, place, ground in zip(*(items[n] for n in names), strict=True):
            if place is None:
                outcomes.append("nobody_available" if self._pools else "pool_inactive")
                continue
            row = rows.get(UUID(id))
            pool = self._pool(number)
            outcome = self._against(row, version, pool, place)
            if outcome is None and row is not None:
                given, decision = self._given(pool, place, ground)
                to_give.append(Handed(row, pool.take(place, ground), given, decision))
            outcomes.append(outcome or "given")
        await self.leads.hand(to_give)
        for number, pool in enumerate(self._pools):
            pool.settle(self.grounds, number)
        self.desk.keep()
        return outcomes

    def _pool(self, number: int) -> "_Giving":
        return self._pools[number]

    def _against(self, row: ToGive | None, version: int, pool: "_Giving", place: int) -> str | None:
        if row is None:
            return "gone"
        if row.owner_id is not None or row.status not in FREE:
            return "not_free"
        if pool.users[place] in self._had.get(row.id, ()):
            return "had_it"
        return pool.against(place, None if row.version == version else row)

    def _given(self, pool: "_Giving", place: int, ground: int) -> tuple[Given, Mapping[str, Any]]:
        known = pool.given.get((place, ground))
        if known is None:
            one = self.desk.pools[pool.id]
            optimal = self.plan.strategy == "optimal"
            respond_by = self.desk.respond_by(one, pool.users[place])
            decision = {
                "pool_id": str(pool.id),
                "rule_id": None,
                "strategy": self.plan.strategy if optimal else pool.strategy,
                "grounds_id": str(self.plan.id),
                "ground": ground,
            }
            given = Given("plan", pool.id, reason=f"plan {self.plan.id}", respond_by=respond_by)
            known = pool.given[place, ground] = given, decision
        return known


class _Giving:
    """A pool of a plan while its leads are given."""

    def __init__(self, desk: Desk, planned: Mapping[str, Any]) -> None:
        self.id, self.strategy = UUID(planned["id"]), planned["strategy"]
        self.users = [UUID(user) for user, _ in planned["members"]]
        self.given: dict[tuple[int, int], tuple[Given, Mapping[str, Any]]] = {}
        self._weights = [weight for _, weight in planned["members"]]
        self._desk = desk
        self._seats: Seats | None = desk.seats(self.id) if self.id in desk.pools else None
        at = (
            {}
            if self._seats is None
            else {c.user_id: n for n, c in enumerate(self._seats.candidates)}
        )
        self._now = [at.get(user) for user in self.users]
        self._counts: Counter[int] = Counter()
        self._taken: list[tuple[int, int]] = []
        self._last: dict[int, int] = {}

    def against(self, place: int, changed: Any) -> str | None:
        """Why a member cannot have one more lead now; `changed` is one that is not what it was."""
        now, seats = self._now[place], self._seats
        if seats is None:
            return "pool_inactive"
        if now is None:
            return "not_a_member"
        member, known = seats.members[now], seats.candidates[now]
        if (word := seats.before[now]) is not None:
            return word
        if changed is not None and (word := misfit(member, changed)) is not None:
            return word
        if room_of(member, known) <= self._counts[place]:
            return full(member, _with(known, self._counts[place]))
        return seats.after[now]

    def take(self, place: int, ground: int) -> UUID:
        """A member has one more; who that is."""
        self._counts[place] += 1
        self._taken.append((place, ground))
        self._last[place] = len(self._taken)
        return self.users[place]

    def settle(self, grounds: Sequence[Sequence[str]], number: int) -> None:
        """Have the members stand as they do after all of these choices."""
        seats = self._seats
        if seats is None or not self._taken:
            return
        marks = [ground[number] if number < len(ground) else "" for ground in grounds]
        credits = credits_of(self._weights, marks, self._taken)
        after: list[Candidate] = list(seats.candidates)
        for place, now in enumerate(self._now):
            if now is None:
                continue
            c = _with(after[now], self._counts[place])
            after[now] = replace(
                c,
                credit=c.credit + credits[place] if goes_by_credit(seats.strategy) else 0,
                turn=seats.turn + self._last[place] if place in self._last else c.turn,
            )
        self._desk.put(self.id, after, seats.turn + len(self._taken))


def _with(candidate: Candidate, count: int) -> Candidate:
    """A member who has so many more."""
    open, today, week = candidate.open, candidate.today, candidate.week
    return replace(candidate, open=open + count, today=today + count, week=week + count)
