"""Giving leads to representatives by rules, each decision written down with all that led to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from crm_api.domains.leads.areas import Territory
from crm_api.domains.leads.choosing import QUEUE
from crm_api.domains.leads.dealing import whole
from crm_api.domains.leads.desks import RETRY, Desk
from crm_api.domains.leads.models import AssignmentEnd, AssignmentKind, Lead
from crm_api.domains.leads.repository import LEADS, Pools, Rules
from crm_api.domains.leads.service import Given, LeadService
from crm_api.domains.leads.states import SPENT
from crm_api.domains.leads.territory_repository import Territories
from crm_api.kit.db.json import parsed
from crm_api.kit.query.conditions import passing_of

_OWNED = (("contact_owner", "owner_of_contact"), ("company_owner", "owner_of_company"))


@dataclass
class Route:
    """Where the rules send a lead, and what was asked on the way."""

    rules: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    rule_id: UUID | None = None
    user_id: UUID | None = None
    pool_id: UUID | None = None
    territory_id: UUID | None = None
    """Of a rule that goes by territories, the one that the lead is in."""
    kind: AssignmentKind = "rule"
    reason: str = "no_rule"

    def looked_at(
        self,
        rule: Mapping[str, Any],
        *,
        passed: bool,
        outcome: str | None,
        territory_id: UUID | None = None,
    ) -> None:
        """One more rule was asked."""
        self.rules.append(
            {
                "rule_id": str(rule["id"]),
                "name": rule["name"],
                "passed": passed,
                "outcome": outcome,
                "territory_id": None if territory_id is None else str(territory_id),
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
        """By lead the first rule that it passes; those that go by owners lead on without one."""
        routes = {id: Route() for id in ids}
        open_ones = list(routes)
        known = await self._known(open_ones, rules)
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
                elif not _lead_on(routes[id], rule, known, id):
                    rest.append(id)
            open_ones = rest
        return routes

    def is_active(self, user_id: UUID) -> bool:
        """Whether somebody whom a rule names can have leads, once `routes` are known."""
        return user_id in self._active

    async def _known(self, ids: Sequence[UUID], rules: Sequence[Any]) -> "_Known":
        """What the targets of some rules go by; of the users whom they name who is active."""
        targets = {rule["target"] for rule in rules}
        known = _Known()
        if "territory" in targets:
            known.territories = await Territories(self.tx).of_leads(ids)
        if targets <= {"pool"}:
            return known
        found = await self.leads.records.owners(ids)
        previous: Mapping[UUID, UUID] = {}
        if "previous_owner" in targets:
            previous = await self.leads.records.previous(ids)
        named = [*previous.values()]
        named += [row[name] for row in found.values() for name, _ in _OWNED]
        named += [rule["user_id"] for rule in rules]
        named += [one.user_id for one in known.territories.values()]
        users = list({id for id in named if id is not None})
        self._active = active = await Pools(self.tx).active(users)
        known.previous = {id: user for id, user in previous.items() if user in active}
        for id, row in found.items():
            for name, reason in _OWNED:
                if id not in known.owners and row[name] in active:
                    known.owners[id] = row[name], reason
        return known

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
            return await self._escalate(lead, route, pool, "hops_exhausted")
        pick = desk.pick(route.pool_id, lead)
        if pool is not None and pool.manager_id is not None and pick.reason == SPENT:
            return await self._escalate(lead, route, pool, SPENT)
        if pick.user_id is None or pick.pool is None:
            why = pick.reason, pick.looked_at, pick.retry_at
            return await self._leave(lead, route, *why, queue=pick.pool and pick.pool.id)
        route.user_id, route.reason = pick.user_id, pick.reason
        given = Given("rule", pick.pool.id, route.rule_id, respond_by=pick.respond_by)
        await self._hand(lead, route, given, pick.looked_at, pick.pool.strategy)
        return True

    async def _escalate(self, lead: Lead, route: Route, pool: Any, reason: str) -> bool:
        """Give a lead that too many, or all, have let go to the manager, or leave it."""
        if pool.manager_id is None:
            return await self._leave(lead, route, reason, ())
        route.user_id, route.kind, route.reason = pool.manager_id, "escalation", reason
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
        queue: UUID | None = None,
    ) -> bool:
        """Say why nobody has a lead; it is tried again when that may be otherwise.

        What waits in a `queue` for a member to take it is left there.
        """
        route.reason = reason
        if retry_at is None and reason == "user_inactive":
            retry_at = self.tx.now + RETRY
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


@dataclass
class _Known:
    """What the targets of rules go by, by lead."""

    owners: dict[UUID, tuple[UUID, str]] = field(default_factory=dict[UUID, tuple[UUID, str]])
    """The active owner of what it is matched with; the contact's goes first."""
    previous: Mapping[UUID, UUID] = field(default_factory=dict[UUID, UUID])
    """Who had the last lead of the same contact, of those who are active."""
    territories: Mapping[UUID, Territory] = field(default_factory=dict[UUID, Territory])


def _lead_on(route: Route, rule: Mapping[str, Any], known: _Known, lead_id: UUID) -> bool:
    """Have a route go where a rule leads; False where it leads to nobody."""
    outcome: str | None = None
    territory_id: UUID | None = None
    if rule["target"] == "existing_owner":
        owner = known.owners.get(lead_id)
        if owner is None:
            outcome = "no_owner"
        else:
            route.user_id, route.reason = owner
            route.kind = "owner"
    elif rule["target"] == "previous_owner":
        previous = known.previous.get(lead_id)
        if previous is None:
            outcome = "no_previous_owner"
        else:
            route.user_id, route.reason, route.kind = previous, "previous_owner", "owner"
    elif rule["target"] == "territory":
        territory = known.territories.get(lead_id)
        if territory is None:
            outcome = "no_territory"
        else:
            territory_id = territory.id
            outcome = _lead_by(route, territory)
    elif rule["target"] == "user":
        route.user_id, route.reason = rule["user_id"], "fixed"
    else:
        route.pool_id = rule["pool_id"]
    route.looked_at(rule, passed=True, outcome=outcome, territory_id=territory_id)
    if outcome is not None:
        return False
    route.rule_id, route.territory_id = rule["id"], territory_id
    return True


def _lead_by(route: Route, territory: Territory) -> str | None:
    """Have a route go where a territory leads; why it leads nowhere."""
    if territory.pool_id is None and territory.user_id is None:
        return "leads_nowhere"
    route.pool_id, route.user_id = territory.pool_id, territory.user_id
    if territory.user_id is not None:
        route.reason = "fixed"
    return None
