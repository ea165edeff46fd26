"""Giving leads to representatives by rules, each decision written down with all that led to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from crm_api.domains.leads.dealing import whole
from crm_api.domains.leads.desks import RETRY, Desk
from crm_api.domains.leads.models import AssignmentEnd, AssignmentKind, Lead
from crm_api.domains.leads.repository import LEADS, Pools, Rules
from crm_api.domains.leads.service import Given, LeadService
from crm_api.kit.db.json import parsed
from crm_api.kit.query.conditions import passing_of


@dataclass
class Route:
    """Where the rules send a lead, and what was asked on the way."""

    rules: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    rule_id: UUID | None = None
    user_id: UUID | None = None
    pool_id: UUID | None = None
    kind: AssignmentKind = "rule"
    reason: str = "no_rule"

    def looked_at(self, rule: Mapping[str, Any], *, passed: bool, outcome: str | None) -> None:
        """One more rule was asked."""
        self.rules.append(
            {
                "rule_id": str(rule["id"]),
                "name": rule["name"],
                "passed": passed,
                "outcome": outcome,
            }
        )


class Distributor:
    """Gives leads, which are locked and wait, to somebody; or says why nobody can have them.

    Locks are taken in one order: leads by their ids, then pools by theirs.
    """

    def __init__(self, leads: LeadService) -> None:
        self.leads, self.tx = leads, leads.tx
        self._active: set[UUID] = set()

    async def give(self, leads: Sequence[Lead]) -> int:
        """How many of them are somebody's then."""
        waiting = [one for one in leads if one.waits_since is not None]
        if not waiting:
            return 0
        rules = await Rules(self.tx).active()
        routes = await self.routes([one.id for one in waiting], rules)
        pools = {route.pool_id for route in routes.values() if route.pool_id is not None}
        desk = await Desk.open(self.tx, pools, [one.id for one in waiting])
        given = 0
        for lead in waiting:
            given += await self._give(lead, routes[lead.id], desk)
        desk.keep()
        return given

    async def routes(
        self, ids: Sequence[UUID], rules: Sequence[Mapping[str, Any]]
    ) -> dict[UUID, Route]:
        """By lead the first rule that it passes; `existing_owner` leads on where there is none."""
        routes = {id: Route() for id in ids}
        open_ones = list(routes)
        owners = await self._owners(open_ones, rules)
        for rule in rules:
            if not open_ones:
                break
            source = parsed(rule["filter"])
            passed = await passing_of(self.tx, LEADS, open_ones, source, unfit=False)
            rest: list[UUID] = []
            for id in open_ones:
                if id not in passed:
                    routes[id].looked_at(rule, passed=False, outcome=None)
                    rest.append(id)
                elif not _lead_on(routes[id], rule, owners.get(id)):
                    rest.append(id)
            open_ones = rest
        return routes

    def is_active(self, user_id: UUID) -> bool:
        """Whether somebody whom a rule names can have leads, once `routes` are known."""
        return user_id in self._active

    async def _owners(
        self, ids: Sequence[UUID], rules: Sequence[Any]
    ) -> dict[UUID, tuple[UUID, str]]:
        """By lead, the active owner of what it is matched with; the contact's goes first."""
        if all(rule["target"] == "pool" for rule in rules):
            return {}
        found = await self.leads.records.owners(ids)
        named = [row[name] for row in found.values() for name in ("contact_owner", "company_owner")]
        fixed = [rule["user_id"] for rule in rules]
        active = await Pools(self.tx).active([id for id in (*named, *fixed) if id is not None])
        self._active = active
        owners: dict[UUID, tuple[UUID, str]] = {}
        for id, row in found.items():
            for name, reason in (
                ("contact_owner", "owner_of_contact"),
                ("company_owner", "owner_of_company"),
            ):
                if id not in owners and row[name] in active:
                    owners[id] = row[name], reason
        return owners

    async def _give(self, lead: Lead, route: Route, desk: Desk) -> bool:
        """Give one lead to whom its route leads; whether there is somebody."""
        if route.user_id is not None:
            if route.kind == "rule" and route.user_id not in self._active:
                return await self._leave(lead, route, "user_inactive", ())
            await self._hand(lead, route, Given(route.kind, rule_id=route.rule_id), ())
            return True
        if route.pool_id is None:
            return await self._leave(lead, route, route.reason, ())
        pool = desk.pools.get(route.pool_id)
        if pool is not None and lead.hops > pool.max_hops:
            return await self._escalate(lead, route, pool)
        pick = desk.pick(route.pool_id, lead)
        if pick.user_id is None or pick.pool is None:
            return await self._leave(lead, route, pick.reason, pick.looked_at, pick.retry_at)
        route.user_id, route.reason = pick.user_id, pick.reason
        given = Given("rule", pick.pool.id, route.rule_id, respond_by=pick.respond_by)
        await self._hand(lead, route, given, pick.looked_at, pick.pool.strategy)
        return True

    async def _escalate(self, lead: Lead, route: Route, pool: Any) -> bool:
        """Give a lead that too many have not responded to to the manager, or leave it."""
        if pool.manager_id is None:
            return await self._leave(lead, route, "hops_exhausted", ())
        route.user_id, route.kind, route.reason = pool.manager_id, "escalation", "hops_exhausted"
        await self._hand(lead, route, Given("escalation", pool.id, route.rule_id), ())
        return True

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

    async def _leave(
        self,
        lead: Lead,
        route: Route,
        reason: str,
        looked_at: Sequence[Mapping[str, Any]],
        retry_at: Any = None,
    ) -> bool:
        """Say why nobody can have a lead; it is tried again when that may be otherwise."""
        route.reason = reason
        if retry_at is None and reason == "user_inactive":
            retry_at = self.tx.now + RETRY
        decision = self._decision(route, looked_at, route.pool_id, None)
        hidden = {"due_at": retry_at, "decision": decision}
        if lead.unassigned_reason != reason:
            values = {**hidden, "unassigned_reason": reason}
            await self.leads.change(lead, values, verb="unassignable")
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
            "kind": route.kind if route.user_id is not None else None,
            "strategy": strategy,
            "reason": route.reason,
            "rules": route.rules,
            "candidates": [dict(one) for one in looked_at],
        }

    async def take_back(
        self, lead: Lead, ended_as: AssignmentEnd, reason: str | None, verb: str
    ) -> Any:
        """Have a lead, which is locked, wait again; its pool is as if it had not been given."""
        found = await self.leads.assignments.records.open_of([lead.id])
        had = found.get(lead.id)
        if had is not None and had.pool_id is not None:
            desk = await Desk.open(self.tx, [had.pool_id], [lead.id])
            (decision,) = await whole(self.tx, [had.decision])
            desk.refund(had.pool_id, had.user_id, decision)
            desk.keep()
        values: dict[str, Any] = {
            "owner_id": None,
            "status": "new",
            "waits_since": self.tx.now,
            "hops": lead.hops + 1 if ended_as == "recalled" else lead.hops,
        }
        given = Given(reason=reason, ended_as=ended_as)
        return await self.leads.change(lead, values, verb=verb, given=given)


def _lead_on(route: Route, rule: Mapping[str, Any], owner: tuple[UUID, str] | None) -> bool:
    """Have a route go where a rule leads; False where it leads to nobody."""
    if rule["target"] == "existing_owner":
        if owner is None:
            route.looked_at(rule, passed=True, outcome="no_owner")
            return False
        route.user_id, route.reason = owner
        route.kind = "owner"
    elif rule["target"] == "user":
        route.user_id, route.reason = rule["user_id"], "fixed"
    else:
        route.pool_id = rule["pool_id"]
    route.rule_id = rule["id"]
    route.looked_at(rule, passed=True, outcome=None)
    return True
