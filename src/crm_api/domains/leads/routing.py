"""Where rules send leads, and what was asked on the way.

Where a rule names somebody, by whatever target, and not a pool, something may speak against them
as it does against members of pools; then the next rule is asked.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_api.domains.leads.areas import Territory
from crm_api.domains.leads.models import AssignmentKind
from crm_api.domains.leads.repository import LEADS, Leads, Pools
from crm_api.domains.leads.shifts import OwnShifts, Shifts
from crm_api.domains.leads.states import SPENT
from crm_api.domains.leads.territory_repository import Territories
from crm_api.kit.db.json import parsed
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.conditions import passing_of

_OWNED = (("contact_owner", "owner_of_contact"), ("company_owner", "owner_of_company"))
_OWNERS = frozenset({"existing_owner", "previous_owner"})
_AWAY = frozenset({"absent", "off_shift"})
Had = Mapping[UUID, Collection[UUID]]
"""By lead, who gave it back or did not respond."""


@dataclass(frozen=True)
class Step:
    """A rule that was asked of a lead, and where it leads."""

    rule: Mapping[str, Any]
    passed: bool = True
    users: Sequence[tuple[UUID, str]] = ()
    """Whom it names, each with why; the first against whom nothing speaks gets the lead."""
    pool_id: UUID | None = None
    territory_id: UUID | None = None
    """Of a rule that goes by territories, the one that the lead is in."""
    outcome: str | None = None
    """Why it leads to nobody, whoever had the lead."""


@dataclass
class Route:
    """Where the rules send a lead, and what was asked on the way."""

    rules: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    rule_id: UUID | None = None
    user_id: UUID | None = None
    pool_id: UUID | None = None
    territory_id: UUID | None = None
    kind: AssignmentKind = "rule"
    reason: str = "no_rule"
    response_minutes: int | None = None
    """In which whoever is named is to respond; a pool has its own."""
    managers: Sequence[Mapping[str, Any]] = ()
    """Who was looked at for what all have let go."""
    retry_at: datetime | None = None
    """When somebody who was named and is off shift is at work."""

    def looked_at(self, step: Step, outcome: str | None) -> None:
        """One more rule was asked."""
        territory_id = step.territory_id
        self.rules.append(
            {
                "rule_id": str(step.rule["id"]),
                "name": step.rule["name"],
                "passed": step.passed,
                "outcome": outcome,
                "territory_id": None if territory_id is None else str(territory_id),
            }
        )


class Routing:
    """Asks rules of leads, and knows the users whom these name.

    Without shifts everybody is at work.
    """

    def __init__(self, tx: Tx, *, knows_shifts: bool = True) -> None:
        self.tx, self._knows_shifts = tx, knows_shifts
        self._active: set[UUID] = set()
        self._shifts = OwnShifts(Shifts(tx.now, {}), {})

    async def steps(
        self, ids: Sequence[UUID], rules: Sequence[Mapping[str, Any]], had: Had | None = None
    ) -> dict[UUID, list[Step]]:
        """By lead the rules up to the one by which it goes to somebody or to a pool.

        Where it is not known who `had` it, those who are named may still come to have it, so that
        only a pool is an end.
        """
        found: dict[UUID, list[Step]] = {id: [] for id in ids}
        open_ones = list(found)
        known = await self._known(open_ones, rules)
        for rule in rules:
            if not open_ones:
                break
            source = parsed(rule["filter"])
            passed = await passing_of(self.tx, LEADS, open_ones, source, unfit=False)
            rest: list[UUID] = []
            for id in open_ones:
                step = _step(rule, known, id) if id in passed else Step(rule, passed=False)
                found[id].append(step)
                if not self._ends(step, None if had is None else had.get(id, ())):
                    rest.append(id)
            open_ones = rest
        return found

    def route(self, steps: Sequence[Step], had: Collection[UUID]) -> Route:
        """Where a lead goes that some had."""
        route, words = Route(), list[str]()
        for step in steps:
            outcome = step.outcome
            if (step.passed and outcome is None) and step.pool_id is None:
                outcome = self._name(route, step, had)
            route.looked_at(step, outcome)
            if not step.passed or outcome is not None:
                words += [outcome] if outcome is not None and step.users else []
                continue
            route.rule_id, route.territory_id = step.rule["id"], step.territory_id
            route.pool_id = step.pool_id
            return route
        route.reason = _nobody(words)
        return route

    def respond_by(self, route: Route) -> datetime | None:
        """Until when whoever a route names is to respond to what they get now."""
        if route.user_id is None or route.response_minutes is None:
            return None
        return self._shifts.respond_by(route.user_id, route.response_minutes)

    def _ends(self, step: Step, had: Collection[UUID] | None) -> bool:
        if step.pool_id is not None:
            return True
        return had is not None and any(
            self._against(step, user_id, had) is None for user_id, _ in step.users
        )

    def _name(self, route: Route, step: Step, had: Collection[UUID]) -> str | None:
        """Have a route go to whom a step names; why it cannot."""
        words: list[str] = []
        for user_id, reason in step.users:
            word = self._against(step, user_id, had)
            if word is None:
                route.user_id, route.reason = user_id, reason
                route.kind = "owner" if step.rule["target"] in _OWNERS else "rule"
                route.response_minutes = step.rule["response_minutes"]
                return None
            words.append(word)
            opening = self._shifts.opening(user_id) if word == "off_shift" else None
            if opening is not None:
                route.retry_at = min(route.retry_at or opening, opening)
        return words[0]

    def _against(self, step: Step, user_id: UUID, had: Collection[UUID]) -> str | None:
        """Why somebody cannot have a lead by a rule, in a word."""
        if user_id not in self._active:
            return "user_inactive"
        if user_id in had:
            return "had_it"
        away = self._shifts.away(user_id)
        if away == "off_shift" and step.rule["target"] in _OWNERS:
            # Who knows the customer is worth the wait for their next shift, if there is one.
            return away if self._shifts.opening(user_id) is None else None
        return away

    async def _known(self, ids: Sequence[UUID], rules: Sequence[Any]) -> "_Known":
        """What the targets of some rules go by."""
        targets = {rule["target"] for rule in rules}
        known = _Known()
        if "territory" in targets:
            known.territories = await Territories(self.tx).of_leads(ids)
        if targets <= {"pool"}:
            return known
        records = Leads(self.tx)
        found = await records.owners(ids) if "existing_owner" in targets else {}
        if "previous_owner" in targets:
            known.previous = await records.previous(ids)
        named = [*known.previous.values()]
        named += [row[name] for row in found.values() for name, _ in _OWNED]
        named += [rule["user_id"] for rule in rules]
        named += [one.user_id for one in known.territories.values()]
        users = list({id for id in named if id is not None})
        self._active = active = await Pools(self.tx).active(users)
        if self._knows_shifts:
            self._shifts = await OwnShifts.of(self.tx, sorted(active))
        known.previous = {id: user for id, user in known.previous.items() if user in active}
        for id, row in found.items():
            owners = [(row[name], reason) for name, reason in _OWNED if row[name] in active]
            if owners:
                known.owners[id] = owners
        return known


@dataclass
class _Known:
    """What the targets of rules go by, by lead."""

    owners: dict[UUID, Sequence[tuple[UUID, str]]] = field(
        default_factory=dict[UUID, Sequence[tuple[UUID, str]]]
    )
    """The active owners of what it is matched with; the contact's goes first."""
    previous: Mapping[UUID, UUID] = field(default_factory=dict[UUID, UUID])
    """Who had the last lead of the same contact, of those who are active."""
    territories: Mapping[UUID, Territory] = field(default_factory=dict[UUID, Territory])


def _step(rule: Mapping[str, Any], known: _Known, lead_id: UUID) -> Step:
    """Where a rule that a lead passes leads."""
    if rule["target"] == "existing_owner":
        owners = known.owners.get(lead_id, ())
        return Step(rule, users=owners, outcome=None if owners else "no_owner")
    if rule["target"] == "previous_owner":
        previous = known.previous.get(lead_id)
        if previous is None:
            return Step(rule, outcome="no_previous_owner")
        return Step(rule, users=[(previous, "previous_owner")])
    if rule["target"] == "territory":
        return _by_territory(rule, known.territories.get(lead_id))
    if rule["target"] == "user":
        return Step(rule, users=[(rule["user_id"], "fixed")])
    return Step(rule, pool_id=rule["pool_id"])


def _by_territory(rule: Mapping[str, Any], territory: Territory | None) -> Step:
    if territory is None:
        return Step(rule, outcome="no_territory")
    if territory.user_id is not None:
        return Step(rule, users=[(territory.user_id, "fixed")], territory_id=territory.id)
    outcome = "leads_nowhere" if territory.pool_id is None else None
    return Step(rule, pool_id=territory.pool_id, territory_id=territory.id, outcome=outcome)


def _nobody(words: Collection[str]) -> str:
    """Why rules lead to nobody, by what spoke against those whom they name."""
    if not _AWAY.isdisjoint(words):
        return "nobody_available"
    if "user_inactive" in words:
        return "user_inactive"
    return SPENT if words else "no_rule"
