"""Sharing out many leads of nobody at once: planned first, and carried out as it was planned."""

import asyncio
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any
from uuid import UUID

from crm_api.domains.leads.choosing import QUEUE, reason_of
from crm_api.domains.leads.desks import Desk
from crm_api.domains.leads.drawing import SLICE, Drawn, drawn, fairness_of, items_of, left_of
from crm_api.domains.leads.events import CommitPlan, PlanLeads
from crm_api.domains.leads.handing import Handing
from crm_api.domains.leads.models import LeadGrounds, LeadPlan, LeadPlanSlice
from crm_api.domains.leads.optimal import assigned
from crm_api.domains.leads.plan_repository import Plans, grounds_of
from crm_api.domains.leads.plan_schemas import LeadDistribution
from crm_api.domains.leads.pools import LeadPoolService
from crm_api.domains.leads.repository import LEADS
from crm_api.domains.leads.service import LeadService
from crm_api.domains.leads.sharing import Sharing
from crm_api.domains.leads.values import Values
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.json import encode
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.errors import Conflict, Invalid, WrongState
from crm_api.kit.query.conditions import check
from crm_api.kit.query.filters import parse

AT_ONCE: Mapping[str, int] = {"pool": 10_000, "optimal": 1_000}
"""How many leads are planned while whoever asks waits; of more a job does it."""
_NO_GROUNDS: Mapping[str, Any] = {"pools": []}


class LeadPlanService(CrudService[LeadPlan]):
    """Plans of distributions."""

    repository = Plans
    area = "leads"
    plural = "lead_plans"
    personal = Impersonal("Ids alone: of leads, and of the users who would get them.")
    plain = False
    upserts = False
    records: Plans


class Planner:
    """Plans distributions, and carries them out."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.leads, self.plans = LeadService(tx), LeadPlanService(tx)

    async def plan(self, pool_id: UUID, data: LeadDistribution) -> Any:
        """Who would get which; the best leads are chosen for first, so that all get some."""
        self.leads.need("update")
        pool = await LeadPoolService(self.tx).get(pool_id)
        if pool.strategy == QUEUE:
            message = "Members of this pool take leads themselves: nothing is shared out."
            raise Conflict(message, code="pool_is_queue")
        check(self.tx, LEADS, data.filter)
        values = _begun(pool_id, data)
        if data.limit > AT_ONCE[data.strategy]:
            return await self._plan_later(values, data)
        found = await self._drawn(pool_id, data.filter, data.limit, data.strategy)
        shown = self.plans.add({**values, **found.values, "status": "planned"})
        await self._keep(shown.id, found)
        if data.preview:
            return await self.plans.told(shown, new=True)
        await self.tx.flush()
        (plan,) = await self.plans.records.locked([shown.id], everywhere=True)
        return await self._begin(plan)

    async def _plan_later(self, values: dict[str, Any], data: LeadDistribution) -> Any:
        shown = self.plans.add(values)
        await self.tx.flush()
        (plan,) = await self.plans.records.locked([shown.id], everywhere=True)
        job_id = self.tx.enqueue(PlanLeads(plan.id, data.limit, data.preview))
        return await self.plans.told(await self.plans.change(plan, {"job_id": job_id}))

    async def go_on(self, plan: LeadPlan, limit: int, *, preview: bool) -> None:
        """Plan what was asked for before; the plan is locked."""
        found = await self._drawn(plan.pool_id, plan.filter, limit, plan.strategy)
        await self._keep(plan.id, found)
        await self.plans.change(plan, {**found.values, "status": "planned"}, verb="planned")
        if not preview:
            await self._begin(plan)

    async def _drawn(
        self, pool_id: UUID, source: dict[str, Any], limit: int, strategy: str
    ) -> Drawn:
        """Who gets which, by the state of the pool, which is locked from here on."""
        leads = await self.leads.records.sharable(parse(source, LEADS, self.tx), limit)
        desk = await Desk.open(self.tx, [pool_id], [lead.id for lead in leads])
        sharing, before = Sharing(desk.chain(pool_id)), desk.standing()
        if strategy == "optimal":
            values = await Values.of(self.tx, leads, sharing)
            # The solver lets others run meanwhile.
            choices = await asyncio.to_thread(assigned, sharing, leads, desk.had(), values)
        else:
            choices = await drawn(sharing, leads, desk.had())
        left = left_of(choices, is_there=bool(sharing.tables))
        return Drawn(
            {
                "lead_count": len(leads),
                "planned_count": len(leads) - sum(left.values()),
                "left": left,
                "fairness": fairness_of(before, sharing, leads, choices),
                "input_hash": _hashed(desk, [(lead.id, lead.version) for lead in leads]),
            },
            items_of(leads, choices),
            sharing.told(),
        )

    async def _keep(self, id: UUID, found: Drawn) -> None:
        self.tx.insert(LeadGrounds, {"id": id, "told": found.grounds})
        for place, items in enumerate(found.slices):
            self.tx.insert(LeadPlanSlice, {"plan_id": id, "place": place, "items": items})
            await self.tx.flush()  # all of them as one text would be tens of megabytes

    async def items(self, id: UUID, cursor: str | None = None) -> dict[str, Any]:
        """The next leads of a plan, in the order of the choices."""
        self.plans.need("read")
        if cursor is not None and not (cursor.isdecimal() and len(cursor) < 9):
            raise Invalid.at("cursor", "invalid_cursor", "It is none of this list.")
        place = int(cursor or 0)
        async with at_one_moment(self.tx) as reader:
            plan = await LeadPlanService(reader).records.get(id)
            items = await Plans(reader).slice(id, place)
            pools = (await grounds_of(reader, [id])).get(id, _NO_GROUNDS)["pools"]
        more = (place + 1) * SLICE < plan.lead_count
        return {
            "data": [] if items is None else _shown(plan, pools, items),
            "next_cursor": str(place + 1) if more else None,
        }

    async def begin(self, id: UUID) -> Any:
        """Have a plan be carried out by a job, unless what it was reckoned from has changed."""
        self.leads.need("update")
        plan = await self.plans.records.get(id, lock=True)
        if plan.status == "planning":
            raise WrongState("The plan is not made yet.", code="plan_in_the_making")
        if plan.status != "planned":
            raise WrongState("The plan was committed before.", code="plan_committed")
        ids = await self.plans.records.leads_of(id)
        seen = await self.leads.records.versions(ids)
        desk = await Desk.open(self.tx, [plan.pool_id], ids)
        if len(seen) < len(ids) or _hashed(desk, seen) != plan.input_hash:
            message = "Leads or members of the pool are not what they were: plan it anew."
            raise Conflict(message, code="plan_stale")
        return await self._begin(plan)

    async def _begin(self, plan: LeadPlan) -> Any:
        job_id = self.tx.enqueue(CommitPlan(plan.id))
        values = {"status": "committed", "committed_at": self.tx.now, "job_id": job_id}
        return await self.plans.told(await self.plans.change(plan, values, verb="committed"))

    # In the background

    async def carry_out(self, plan: LeadPlan, place: int) -> int:
        """Give the next leads of a plan, which is locked, as it says; how many it went through.

        What somebody has by now, or its member cannot have any more, is skipped.
        """
        items = await self.plans.records.slice(plan.id, place)
        values: dict[str, Any] = {}
        if items is not None:
            ids = [UUID(id) for id in items["leads"]]
            rows = await self.leads.records.to_give(ids)
            desk = await Desk.open(self.tx, [plan.pool_id], ids)
            grounds = (await grounds_of(self.tx, [plan.id]))[plan.id]
            outcomes = await Handing(self.leads, plan, grounds, desk).give(items, rows)
            await self.plans.records.keep_slice(plan.id, place, {**items, "outcomes": outcomes})
            given = sum(one == "given" for one in outcomes)
            chosen = sum(one is not None for one in items["places"])
            values["given_count"] = plan.given_count + given
            values["skipped_count"] = plan.skipped_count + chosen - given
        through = min((place + 1) * SLICE, plan.lead_count)
        if through == plan.lead_count:
            await self.plans.change(plan, {**values, "status": "done"}, verb="done")
        else:
            self.tx.change(plan, values)
        return through


def _begun(pool_id: UUID, data: LeadDistribution) -> dict[str, Any]:
    """A plan before anything is planned."""
    return {
        "pool_id": pool_id,
        "status": "planning",
        "strategy": data.strategy,
        "filter": data.filter,
        **dict.fromkeys(("lead_count", "planned_count", "given_count", "skipped_count"), 0),
        "fairness": fairness_of({}, Sharing([]), [], []),
        "left": {},
        **dict.fromkeys(("job_id", "committed_at", "owner_id")),
        "input_hash": "",
        "custom": {},
        "external_ids": {},
    }


def _hashed(desk: Desk, seen: Sequence[tuple[UUID, int]]) -> str:
    """What a plan is reckoned from, in short."""
    found, comma = sha256(), ""
    for id, version in sorted(seen):
        found.update(f"{comma}{id}:{version}".encode())
        comma = ","
    found.update(encode(desk.told()))
    return found.hexdigest()


def _shown(
    plan: LeadPlan, pools: Sequence[Mapping[str, Any]], items: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Leads of a plan, each with whom it goes to."""
    found: list[dict[str, Any]] = []
    names = ("leads", "pools", "places", "outcomes")
    columns: list[Sequence[Any]] = [items[name] for name in names]
    for lead, number, place, outcome in zip(*columns, strict=True):
        pool = None if place is None else pools[int(number)]
        reason = "nobody_available" if pools else "pool_inactive"
        found.append(
            {
                "lead_id": lead,
                "user_id": None if pool is None else pool["members"][place][0],
                "pool_id": None if pool is None else pool["id"],
                "reason": reason if pool is None else _reason(plan.strategy, pool["strategy"]),
                "outcome": outcome,
            }
        )
    return found


def _reason(planned_by: str, strategy: str) -> str:
    if planned_by == "optimal":
        return "highest_value"
    return reason_of(strategy)
