"""Giving leads to representatives by rules, each decision written down with all that led to it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_api.domains.leads.choosing import QUEUE
from crm_api.domains.leads.dealing import whole
from crm_api.domains.leads.desks import RETRY, Desk
from crm_api.domains.leads.events import ask_for_distribution
from crm_api.domains.leads.managers import Managers
from crm_api.domains.leads.models import AssignmentEnd, Lead
from crm_api.domains.leads.repository import Rules
from crm_api.domains.leads.routing import Had, Route, Routing
from crm_api.domains.leads.service import Given, LeadService
from crm_api.domains.leads.states import SPENT

_PASSING = frozenset({"user_inactive", "nobody_available"})
"""Why nobody has a lead, where that may be otherwise soon."""


class Distributor:
    """Gives leads, which are locked and wait, to somebody; or says why nobody can have them.

    Locks are taken in one order: leads by their ids, then pools by theirs.
    """

    def __init__(self, leads: LeadService) -> None:
        self.leads, self.tx = leads, leads.tx
        self._routing = Routing(self.tx)
        self._managers: dict[UUID, Managers] = {}

    async def give(self, leads: Sequence[Lead]) -> int:
        """How many of them are somebody's then."""
        waiting = {one.id: one for one in leads if one.waits_since is not None}
        if not waiting:
            return 0
        ids = list(waiting)
        had = await self.leads.assignments.records.had(ids)
        routes = await self._routes(ids, had)
        pools = {route.pool_id for route in routes.values() if route.pool_id is not None}
        desk = await Desk.open(self.tx, pools, had)
        given = 0
        for id, lead in waiting.items():
            given += await self._give(lead, routes[id], desk)
        desk.keep()
        return given

    async def _routes(self, ids: Sequence[UUID], had: Had) -> dict[UUID, Route]:
        """Where each lead goes: to the pool of the plan or list that it came back from, or by rules."""
        planned = await self.leads.assignments.records.planned(list(had))
        others = [id for id in ids if id not in planned]
        rules = await Rules(self.tx).active() if others else ()
        steps = await self._routing.steps(others, rules, had)
        return {
            **{id: self._routing.route(own, had.get(id, ())) for id, own in steps.items()},
            **{
                id: Route(pool_id=pool_id, kind="plan", reason=reason)
                for id, (pool_id, reason) in planned.items()
            },
        }

    async def _give(self, lead: Lead, route: Route, desk: Desk) -> bool:
        """Give one lead to whom its route leads; whether there is somebody."""
        if route.user_id is not None:
            respond_by = self._routing.respond_by(route)
            given = Given(route.kind, rule_id=route.rule_id, respond_by=respond_by)
            await self._hand(lead, route, given, ())
            return True
        if route.pool_id is None:
            return await self._leave(lead, route, route.reason, ())
        pool = desk.pools.get(route.pool_id)
        had = desk.had().get(lead.id, ())
        if pool is not None and lead.hops > pool.max_hops:
            return await self._escalate(lead, route, pool, "hops_exhausted", had)
        pick = desk.pick(route.pool_id, lead)
        if pool is not None and pool.manager_id is not None and pick.reason == SPENT:
            return await self._escalate(lead, route, pool, SPENT, had)
        if pick.user_id is None or pick.pool is None:
            why = pick.reason, pick.looked_at, pick.retry_at
            return await self._leave(lead, route, *why, queue=pick.pool and pick.pool.id)
        route.user_id = pick.user_id
        if route.kind != "plan":
            route.reason = pick.reason
        given = Given(route.kind, pick.pool.id, route.rule_id, respond_by=pick.respond_by)
        await self._hand(lead, route, given, pick.looked_at, pick.pool.strategy)
        return True

    async def _escalate(
        self, lead: Lead, route: Route, pool: Any, reason: str, had: Collection[UUID]
    ) -> bool:
        """Give a lead that too many, or all, have let go to the manager, or leave it."""
        if pool.manager_id is None:
            return await self._leave(lead, route, reason, ())
        managers = await self._above(pool.manager_id)
        route.user_id, route.managers = managers.choose(pool.manager_id, had)
        if route.user_id is None:
            # Rights and roles are no change of leads: they are looked at again.
            return await self._leave(lead, route, reason, (), self.tx.now + RETRY)
        route.kind, route.reason = "escalation", reason
        await self._hand(lead, route, Given("escalation", pool.id, route.rule_id), ())
        return True

    async def _above(self, manager_id: UUID) -> Managers:
        """A manager and who stands above, asked once: pools are locked meanwhile."""
        if manager_id not in self._managers:
            self._managers[manager_id] = await Managers.of(self.tx, [manager_id])
        return self._managers[manager_id]

    async def _hand(
        self,
        lead: Lead,
        route: Route,
        given: Given,
        looked_at: Sequence[Mapping[str, Any]],
        strategy: str | None = None,
    ) -> None:
        decision = self._decision(route, looked_at, given.pool_id, strategy)
        whole = Given(
            given.kind,
            given.pool_id,
            given.rule_id,
            route.reason,
            given.respond_by,
            decision=decision,
        )
        values = {"owner_id": route.user_id}
        await self.leads.change(lead, values, verb="assigned", given=whole)
        if given.kind == "plan":
            await self.leads.assignments.follow("given", lead.id, route.user_id, route.reason)

    async def _leave(
        self,
        lead: Lead,
        route: Route,
        reason: str,
        looked_at: Sequence[Mapping[str, Any]],
        retry_at: datetime | None = None,
        queue: UUID | None = None,
    ) -> bool:
        """Say why nobody has a lead; it is tried again when that may be otherwise.

        What waits in a `queue` for a member to take it is left there.
        """
        route.reason = reason
        if retry_at is None and reason in _PASSING:
            retry_at = self.tx.now + RETRY
        if retry_at is not None and route.retry_at is not None:
            retry_at = min(retry_at, route.retry_at)
        decision = self._decision(route, looked_at, queue or route.pool_id, queue and QUEUE)
        hidden = {"due_at": retry_at, "decision": decision}
        if (lead.unassigned_reason, lead.pool_id) != (reason, queue):
            values = {**hidden, "unassigned_reason": reason, "pool_id": queue}
            await self.leads.change(
                lead, values, verb="unassignable" if queue is None else "queued"
            )
        else:
            self.tx.change(lead, hidden)
        return False

    def _decision(
        self,
        route: Route,
        looked_at: Sequence[Mapping[str, Any]],
        pool_id: UUID | None,
        strategy: str | None,
    ) -> dict[str, Any]:
        def shown(id: UUID | None) -> str | None:
            return None if id is None else str(id)

        return {
            "decided_at": self.tx.now.isoformat(),
            "user_id": shown(route.user_id),
            "pool_id": shown(pool_id),
            "rule_id": shown(route.rule_id),
            "territory_id": shown(route.territory_id),
            "kind": route.kind if route.user_id is not None else None,
            "strategy": strategy,
            "reason": route.reason,
            "rules": route.rules,
            **({"managers": route.managers} if route.managers else {}),
            "candidates": [dict(one) for one in looked_at],
        }

    async def take_back(
        self, lead: Lead, ended_as: AssignmentEnd, reason: str | None, verb: str
    ) -> Any:
        """Have a lead, which is locked, wait again; its pool is as if it had not been given."""
        found = await self.leads.assignments.records.open_of([lead.id])
        had = found.get(lead.id)
        if had is not None and had.pool_id is not None:
            desk = await Desk.open(self.tx, [had.pool_id], {})
            (decision,) = await whole(self.tx, [had.decision])
            desk.refund(had.pool_id, had.user_id, decision)
            desk.keep()
        values: dict[str, Any] = {
            "owner_id": None,
            "status": "new",
            "waits_since": self.tx.now,
            # What was in the way of a lead that nobody has is looked at anew.
            **dict.fromkeys(("unassigned_reason", "due_at", "pool_id")),
            "hops": lead.hops + 1 if ended_as == "recalled" else lead.hops,
        }
        if had is not None and had.is_planned:
            # Where there are no rules nothing asks for what a change of a lead leaves waiting.
            ask_for_distribution(self.tx)
        given = Given(reason=reason, ended_as=ended_as)
        return await self.leads.change(lead, values, verb=verb, given=given)
