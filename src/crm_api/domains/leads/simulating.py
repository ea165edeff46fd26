"""What rules and pools would have done with leads of the past, without doing it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_api.domains.leads.choosing import QUEUE, Candidate
from crm_api.domains.leads.drawing import fairness_of
from crm_api.domains.leads.earning import earned_in, weights_of
from crm_api.domains.leads.managers import Managers
from crm_api.domains.leads.pools import LeadPoolService, LeadRuleService
from crm_api.domains.leads.replaying import Replay
from crm_api.domains.leads.repository import LEADS, POOLS, Pools, Rules
from crm_api.domains.leads.routing import Routing
from crm_api.domains.leads.service import LeadService
from crm_api.domains.leads.sharing import Choice, Seats, Sharable, Sharing, Table
from crm_api.domains.leads.simulation_schemas import LeadDraftPool, LeadSimulationInput
from crm_api.kit.crud.owners import need_owners
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.ids import new_id
from crm_api.kit.query.conditions import check
from crm_api.kit.query.filters import parse
from crm_api.kit.query.kinds import kinds_of


class Simulator:
    """Shares leads out in the order in which they came, by the choices of the real thing.

    Everybody begins with nothing and is at work; no lead is ever done with, so that caps of open
    leads hold for the whole time, and those of a day anew each day. Whoever would get a lead that
    they had gives it back, or lets it go, if they did so then, and after as long.
    """

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def run(self, data: LeadSimulationInput) -> dict[str, Any]:
        """Who would have got which."""
        for service in (LeadService, LeadRuleService, LeadPoolService):
            service(self.tx).need("read")
        check(self.tx, LEADS, data.filter)
        for place, draft in enumerate(data.rules or ()):
            check(self.tx, LEADS, draft.filter, f"/rules/{place}/filter")
        await self._need_named(data)
        async with at_one_moment(self.tx) as reader:
            return await Run(reader, data).told()

    async def _need_named(self, data: LeadSimulationInput) -> None:
        """Raise `Invalid` where drafts name pools or users that there are not."""
        pools = {f"/rules/{n}/pool_id": one.pool_id for n, one in enumerate(data.rules or ())}
        users = {f"/rules/{n}/user_id": one.user_id for n, one in enumerate(data.rules or ())}
        users |= {
            f"/pools/{n}/members/{place}/user_id": member.user_id
            for n, draft in enumerate(data.pools)
            for place, member in enumerate(draft.members or ())
        }
        wanted = {at: id for at, id in pools.items() if id is not None}
        there = await kinds_of(self.tx, [POOLS], list(wanted.values()))
        faults = [
            Fault("unknown_reference", "There is no such pool.", at)
            for at, id in wanted.items()
            if id not in there
        ]
        if faults:
            raise Invalid(faults[0].message, faults=faults)
        await need_owners(self.tx, {at: id for at, id in users.items() if id is not None})


class Run:
    """One simulation: the leads, the rules and the pools, as they are or might be."""

    def __init__(self, tx: Tx, data: LeadSimulationInput) -> None:
        self.tx, self.data = tx, data
        self.leads = LeadService(tx)
        self.tables: dict[UUID, Table] = {}
        self.chains: dict[UUID, Sequence[Table]] = {}
        self.pools: dict[UUID, Any] = {}
        self.managers = Managers({})

    async def told(self) -> dict[str, Any]:
        data = self.data
        filter = parse(data.filter, LEADS, self.tx)
        found = await self.leads.records.captured(filter, data.since, data.until, data.limit)
        rules, routing = await self._rules(), Routing(self.tx, knows_shifts=False)
        steps = await routing.steps([lead.id for lead, _ in found], rules)
        await self._seat({step.pool_id for own in steps.values() for step in own} - {None})
        zone = ZoneInfo(self.tx.catalogue.time_zone)
        replay = Replay(self, routing, await self._courses([lead.id for lead, _ in found]))
        leads = replay.all([(lead, at, steps[lead.id]) for lead, at in found], zone)
        left = Counter(one["reason"] for one in leads if one["user_id"] is None)
        used = Counter(replay.rules())
        return {
            "lead_count": len(leads),
            "given_count": len(leads) - left.total(),
            "left": dict(left),
            "rules": [
                {
                    "rule_id": None if data.rules is not None else rule["id"],
                    "name": rule["name"],
                    "leads": used[rule["id"]],
                }
                for rule in rules
            ],
            "responses": replay.responses(),
            "fairness": self._fairness([lead for lead, _ in found], leads),
            "leads": leads,
        }

    async def _rules(self) -> Sequence[Mapping[str, Any]]:
        """The drafts, or the rules that are active."""
        if self.data.rules is None:
            return await Rules(self.tx).active()
        return [{**draft.model_dump(), "id": new_id()} for draft in self.data.rules]

    async def _seat(self, ids: Any) -> None:
        """Have the pools at hand that leads are sent to, with those that they fall back on."""
        records = Pools(self.tx)
        ways = await records.fallbacks()
        wanted = {*ids, *(draft.pool_id for draft in self.data.pools)}
        chains = {id: _chain(id, ways) for id in wanted}
        pools = await records.some(list({one for chain in chains.values() for one in chain}))
        drafts = {draft.pool_id: draft for draft in self.data.pools}
        there = {pool.id for pool in pools}
        for place, draft in enumerate(self.data.pools):
            if draft.pool_id not in there:
                message = "There is no such active pool."
                raise Invalid.at(f"/pools/{place}/pool_id", "unknown_reference", message)
        named = [
            UUID(member["user_id"])
            for pool in pools
            for member in _members(pool, drafts.get(pool.id))
        ]
        active = await records.active(list(dict.fromkeys(named)))
        self.pools = {pool.id: pool for pool in pools}
        asked = {pool.manager_id for pool in pools if pool.manager_id is not None}
        self.managers = await Managers.of(self.tx, sorted(asked))
        for pool in pools:
            self.tables[pool.id] = Table(await self._seats(pool, drafts.get(pool.id), active))
        self.chains = {
            id: [self.tables[one] for one in chain if one in self.tables]
            for id, chain in chains.items()
        }

    async def _seats(self, pool: Any, draft: LeadDraftPool | None, active: set[UUID]) -> Seats:
        members = _members(pool, draft)
        strategy = (draft and draft.strategy) or pool.strategy
        exploration = (draft and draft.exploration) or pool.exploration
        users = [one["user_id"] for one in members]
        earned = await earned_in(self.tx, pool, users, strategy, exploration)
        candidates = [
            Candidate(UUID(one["user_id"]), weight)
            for one, weight in zip(members, weights_of(members, earned), strict=True)
        ]
        return Seats(
            pool.id,
            strategy,
            members,
            candidates,
            0,
            before=[None if c.user_id in active else "inactive" for c in candidates],
            after=[None] * len(candidates),
        )

    async def _courses(self, ids: Sequence[UUID]) -> dict[tuple[UUID, UUID], list[Any]]:
        """By lead and user, how it ended each time, the first first."""
        found: dict[tuple[UUID, UUID], list[Any]] = {}
        for row in await self.leads.assignments.records.courses(ids):
            found.setdefault((row["lead_id"], row["user_id"]), []).append(row)
        return found

    def _fairness(
        self, leads: Sequence[Sharable], told: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        # Who takes leads out of a queue, and which, nobody knows.
        given = [one for one in self.tables.values() if one.seats.strategy != QUEUE]
        sharing = Sharing(given)
        places = {
            (table.seats.pool_id, c.user_id): (number, place)
            for number, table in enumerate(sharing.tables)
            for place, c in enumerate(table.seats.candidates)
        }
        before = {
            (table.seats.pool_id, c.user_id): (0, c.weight)
            for table in sharing.tables
            for c in table.seats.candidates
        }
        choices = [
            Choice(*places.get((one["pool_id"], one["user_id"]), (0, None)), 0) for one in told
        ]
        return fairness_of(before, sharing, leads, choices)


def _chain(id: UUID, ways: Mapping[UUID, UUID | None]) -> list[UUID]:
    found: list[UUID] = []
    step: UUID | None = id
    while step is not None and step in ways and step not in found:
        found.append(step)
        step = ways[step]
    return found


def _members(pool: Any, draft: LeadDraftPool | None) -> Sequence[Mapping[str, Any]]:
    if draft is None or draft.members is None:
        return pool.members
    return decode(encode([member.model_dump() for member in draft.members]))
