"""Pools under lock: who of them could have a lead now, and who is next."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from crm_api.domains.leads.choosing import (
    QUEUE,
    Candidate,
    counts_weeks,
    full,
    goes_by_credit,
    highest,
    is_spent,
    misfit,
    next_by_load,
    raised,
    reason_of,
    refunded,
    spent,
)
from crm_api.domains.leads.days import Days
from crm_api.domains.leads.earning import earned_in, weights_of
from crm_api.domains.leads.models import LeadPool
from crm_api.domains.leads.repository import Assignments, Pools
from crm_api.domains.leads.sharing import Seats, Sharing
from crm_api.domains.leads.shifts import Membership, Shifts
from crm_api.domains.leads.states import QUEUED, SPENT
from crm_api.kit.db.tx import Tx

RETRY = timedelta(hours=1)
"""What could not be given is tried again by then at the latest."""
_PULLS = "pulls"


@dataclass(frozen=True)
class Pick:
    """Who is next, or that nobody is; and all who were looked at.

    With a pool and nobody of it, it waits in the queue of that pool.
    """

    looked_at: Sequence[Mapping[str, Any]]
    pool: LeadPool | None = None
    user_id: UUID | None = None
    respond_by: datetime | None = None
    reason: str = "nobody_available"
    retry_at: datetime | None = None


class Desk:
    """Pools that are locked, in the order of their ids, with the state of their members.

    Whoever gives from a pool holds its lock till the commit, so caps hold and credits add up
    whoever else gives at the same time.
    """

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.pools: dict[UUID, LeadPool] = {}
        self._members: dict[UUID, list[Candidate]] = {}
        self._turns: dict[UUID, int] = {}
        self._earned: dict[UUID, dict[str, Any] | None] = {}
        self._shifts = Shifts(tx.now, {})
        self._had: Mapping[UUID, Sequence[UUID]] = {}
        self._active: set[UUID] = set()
        self._changed: set[UUID] = set()
        self._days = Days.of(tx)

    @classmethod
    async def open(
        cls, tx: Tx, ids: Iterable[UUID], leads: Sequence[UUID] | Mapping[UUID, Sequence[UUID]]
    ) -> "Desk":
        """Lock some active pools, and those that they fall back on, and read their state.

        `leads` are locked; with those who had each of them, where that is known.
        """
        desk, records = cls(tx), Pools(tx)
        wanted, ways = set[UUID](), await records.fallbacks()
        for id in ids:
            step: UUID | None = id
            while step is not None and step not in wanted:
                wanted.add(step)
                step = ways.get(step)
        if wanted:
            locked = await records.locked(sorted(wanted), everywhere=True)
            desk.pools = {pool.id: pool for pool in locked if pool.is_active}
        desk._had = leads if isinstance(leads, Mapping) else await Assignments(tx).had(leads)
        await desk._read(records)
        return desk

    async def _read(self, records: Pools) -> None:
        weekly = any(counts_weeks(pool.members) for pool in self.pools.values())
        since = self._days.week_begins if weekly else self._days.begins
        loads = await records.loads(list(self.pools), self._days.begins, since)
        named = [UUID(m["user_id"]) for pool in self.pools.values() for m in pool.members]
        self._active = await records.active(list(dict.fromkeys(named)))
        members = [
            Membership(m, pool.calendar_id) for pool in self.pools.values() for m in pool.members
        ]
        self._shifts = await Shifts.of(self.tx, members)
        for pool in self.pools.values():
            turns = pool.turns.get("members", {})
            self._turns[pool.id] = pool.turns.get("turn", 0)
            users = [member["user_id"] for member in pool.members]
            earned = await earned_in(self.tx, pool, users, pool.strategy, pool.exploration)
            self._earned[pool.id] = earned
            self._members[pool.id] = [
                _candidate(member, weight, turns.get(member["user_id"], (0, 0)), loads.get(key))
                for member, weight in zip(
                    pool.members, weights_of(pool.members, earned), strict=True
                )
                for key in [(pool.id, UUID(member["user_id"]))]
            ]

    def pick(self, pool_id: UUID, lead: Any) -> Pick:
        """Who of a pool, or of those that it falls back on, is next; their state moves on."""
        looked_at: list[Mapping[str, Any]] = []
        step: UUID | None = pool_id
        seen, retry = set[UUID](), self.tx.now + RETRY
        while step is not None and step in self.pools and step not in seen:
            seen.add(step)
            pool = self.pools[step]
            chosen, candidates = self._choose(pool, lead)
            looked_at += [_told(pool, candidate) for candidate in candidates]
            if any(candidate.excluded == _PULLS for candidate in candidates):
                return Pick(looked_at, pool, reason=QUEUED)
            if chosen is not None:
                respond_by = self.respond_by(pool, chosen.user_id)
                return Pick(looked_at, pool, chosen.user_id, respond_by, reason_of(pool.strategy))
            retry = min([retry, *self._openings(pool, candidates)])
            step = pool.fallback_pool_id
        reason = "nobody_available" if seen else "pool_inactive"
        if is_spent([one["excluded"] for one in looked_at]):
            reason = SPENT
        return Pick(looked_at, reason=reason, retry_at=retry)

    def _pulling(self, pool: LeadPool, lead: Any) -> list[Candidate]:
        """The members of a queue, with what speaks against each for good."""
        known = zip(pool.members, self._members[pool.id], strict=True)
        return [replace(c, excluded=self._unfit(m, c, lead) or _PULLS) for m, c in known]

    def against(self, pool_id: UUID, user_id: UUID, lead: Any) -> str | None:
        """Why somebody cannot take a lead out of a queue now, in a word."""
        pool = self.pools.get(pool_id)
        if pool is None:
            return "pool_inactive"
        for member, candidate in zip(pool.members, self._members[pool_id], strict=True):
            if candidate.user_id == user_id:
                return self._unfit(member, candidate, lead) or full(member, candidate)
        return "not_a_member"

    def _choose(self, pool: LeadPool, lead: Any) -> tuple[Candidate | None, list[Candidate]]:
        if pool.strategy == QUEUE:
            return None, self._pulling(pool, lead)
        candidates = self._weighed(pool, lead)
        chosen = (highest if goes_by_credit(pool.strategy) else next_by_load)(candidates)
        if chosen is not None:
            self._move(pool, chosen, candidates)
        return chosen, candidates

    def _weighed(self, pool: LeadPool, lead: Any) -> list[Candidate]:
        """The members with what speaks against them, and their credits before a choice."""
        known = zip(pool.members, self._members[pool.id], strict=True)
        candidates = [replace(c, excluded=self._against(pool, m, c, lead)) for m, c in known]
        return raised(candidates) if goes_by_credit(pool.strategy) else candidates

    def _move(self, pool: LeadPool, chosen: Candidate, candidates: Sequence[Candidate]) -> None:
        turn = self._turns[pool.id] = self._turns[pool.id] + 1
        after = spent(candidates, chosen, turn)
        if not goes_by_credit(pool.strategy):
            after = [replace(c, credit=0) for c in after]
        self._members[pool.id] = after
        self._changed.add(pool.id)

    def standing(self) -> dict[tuple[UUID, UUID], tuple[int, int]]:
        """By pool and member, how many leads they have open, and their weight."""
        return {
            (id, c.user_id): (c.open, c.weight)
            for id, known in self._members.items()
            for c in known
        }

    def told(self) -> list[Any]:
        """Everything that choices go by, to see whether it is the same later."""
        return [
            [
                str(id),
                self.pools[id].version,
                [
                    [str(c.user_id), c.weight, c.credit, c.turn, c.open, c.today, c.week]
                    for c in known
                ],
                [str(c.user_id) for c in known if c.user_id in self._active],
            ]
            for id, known in sorted(self._members.items())
        ]

    def chain(self, pool_id: UUID) -> list[Seats]:
        """A pool and those that it falls back on, to share many leads out of: up to a queue."""
        found: list[Seats] = []
        step: UUID | None = pool_id
        while step is not None and step in self.pools and self.pools[step].strategy != QUEUE:
            found.append(self.seats(step))
            step = self.pools[step].fallback_pool_id
            if any(seats.pool_id == step for seats in found):
                break
        return found

    def seats(self, pool_id: UUID) -> Seats:
        """The members of a pool, and what speaks against each whatever the lead."""
        pool, known = self.pools[pool_id], self._members[pool_id]
        return Seats(
            pool_id,
            pool.strategy,
            pool.members,
            known,
            self._turns[pool_id],
            [None if c.user_id in self._active else "inactive" for c in known],
            [self._shifts.away(Membership(m, pool.calendar_id)) for m in pool.members],
        )

    def put(self, pool_id: UUID, candidates: Sequence[Candidate], turn: int) -> None:
        """Have members stand as they do after many choices."""
        self._members[pool_id], self._turns[pool_id] = list(candidates), turn
        self._changed.add(pool_id)

    def settle(self, sharing: Sharing) -> None:
        """Have members stand as they do after the choices of arrays (`chain`)."""
        for table in sharing.tables:
            if table.has_moved:
                self.put(table.seats.pool_id, table.standing(), table.turns)

    def had(self) -> Mapping[UUID, Sequence[UUID]]:
        """By lead, who gave it back or did not respond."""
        return self._had

    def _against(
        self, pool: LeadPool, member: Mapping[str, Any], candidate: Candidate, lead: Any
    ) -> str | None:
        """Why a member cannot have a lead now, in a word."""
        wrong = self._unfit(member, candidate, lead) or full(member, candidate)
        return wrong or self._shifts.away(Membership(member, pool.calendar_id))

    def _unfit(self, member: Mapping[str, Any], candidate: Candidate, lead: Any) -> str | None:
        """Why a member is not for a lead at any time."""
        if candidate.user_id not in self._active:
            return "inactive"
        if candidate.user_id in self._had.get(lead.id, ()):
            return "had_it"
        return misfit(member, lead)

    def respond_by(self, pool: LeadPool, user_id: UUID) -> datetime | None:
        """Until when a member who gets a lead now is to respond."""
        if pool.response_minutes is None:
            return None
        member = next(m for m in pool.members if m["user_id"] == str(user_id))
        one = Membership(member, pool.calendar_id)
        return self._shifts.respond_by(one, pool.response_minutes)

    def _openings(self, pool: LeadPool, candidates: Sequence[Candidate]) -> list[datetime]:
        """When members can have leads again who cannot by the clock."""
        found: list[datetime] = []
        for member, candidate in zip(pool.members, candidates, strict=True):
            if candidate.excluded == "daily_cap":
                found.append(self._days.ends)
            if candidate.excluded == "weekly_cap":
                found.append(self._days.week_ends)
            if candidate.excluded == "off_shift":
                opening = self._shifts.opening(Membership(member, pool.calendar_id))
                found += [] if opening is None else [opening]
        return found

    def refund(self, pool_id: UUID, user_id: UUID, decision: Mapping[str, Any]) -> None:
        """Have a choice by credit not have been."""
        pool = self.pools.get(pool_id)
        if pool is None or not goes_by_credit(pool.strategy):
            return
        weights = {
            one["user_id"]: one["weight"]
            for one in decision.get("candidates", ())
            if one["pool_id"] == str(pool.id) and one["excluded"] is None
        }
        members = {str(c.user_id): c for c in self._members[pool.id]}
        if str(user_id) not in weights:
            return
        credits = {id: c.credit for id, c in members.items()}
        after = refunded(credits, weights, str(user_id))
        self._members[pool.id] = [replace(c, credit=after[id]) for id, c in members.items()]
        self._changed.add(pool.id)

    def keep(self) -> None:
        """Write down whose turn it is."""
        for id in sorted(self._changed):
            pool, members = self.pools[id], self._members[id]
            most = sum(c.weight for c in members)
            turns = {
                # Members who come and go leave rests, which must not grow.
                str(c.user_id): [max(-most, min(most, c.credit)), c.turn]
                for c in members
            }
            after = {"turn": self._turns[id], "members": turns, "learned": self._earned[id]}
            self.tx.change(pool, {"turns": after})
        self._changed.clear()


def _candidate(
    member: Mapping[str, Any], weight: int, turns: Sequence[int], load: Any
) -> Candidate:
    return Candidate(
        UUID(member["user_id"]),
        weight,
        turns[0],
        turns[1],
        0 if load is None else load["open"],
        0 if load is None else load["today"],
        0 if load is None else load["week"],
    )


def _told(pool: LeadPool, candidate: Candidate) -> dict[str, Any]:
    return {
        "user_id": str(candidate.user_id),
        "pool_id": str(pool.id),
        "excluded": candidate.excluded,
        "weight": candidate.weight,
        "credit": candidate.credit,
        "open": candidate.open,
        "today": candidate.today,
        "week": candidate.week if counts_weeks(pool.members) else None,
    }
