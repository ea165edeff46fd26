"""Sharing out many leads of nobody at once: planned first, and carried out as it was planned."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from hashlib import sha256
from typing import Any
from uuid import UUID

from crm_api.domains.leads.choosing import gini, jain
from crm_api.domains.leads.desks import Desk, Pick
from crm_api.domains.leads.events import CommitPlan
from crm_api.domains.leads.models import Lead, LeadPlan
from crm_api.domains.leads.plan_schemas import LeadDistribution
from crm_api.domains.leads.pools import LeadPoolService
from crm_api.domains.leads.repository import LEADS, Plans
from crm_api.domains.leads.service import Given, LeadService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.json import encode
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.errors import Conflict, WrongState
from crm_api.kit.query.conditions import check
from crm_api.kit.query.filters import parse

SLICE = 200


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
        await LeadPoolService(self.tx).get(pool_id)
        check(self.tx, LEADS, data.filter)
        filter = parse(data.filter, LEADS, self.tx)
        leads = await self.leads.records.sharable(filter, data.limit)
        desk = await Desk.open(self.tx, [pool_id], [lead.id for lead in leads])
        hashed = _hashed(desk, leads)
        before = desk.standing()
        picks = [(lead, desk.pick(pool_id, lead)) for lead in leads]
        left = Counter(pick.reason for _, pick in picks if pick.user_id is None)
        values: dict[str, Any] = {
            "pool_id": pool_id,
            "status": "planned",
            "filter": data.filter,
            "lead_count": len(leads),
            "planned_count": len(leads) - left.total(),
            "given_count": 0,
            "skipped_count": 0,
            "fairness": _fairness(before, picks),
            "left": dict(left),
            "job_id": None,
            "committed_at": None,
            "items": [_item(lead, pick) for lead, pick in picks],
            "input_hash": hashed,
            "owner_id": None,
            "custom": {},
            "external_ids": {},
        }
        shown = self.plans.add(values)
        if data.preview:
            return await self.plans.told(shown, new=True)
        await self.tx.flush()
        (plan,) = await self.plans.records.locked([shown.id], everywhere=True)
        return await self._begin(plan)

    async def items(self, id: UUID) -> dict[str, Any]:
        """Every lead of a plan, in the order of the choices."""
        self.plans.need("read")
        async with at_one_moment(self.tx) as reader:
            plan = await LeadPlanService(reader).records.get(id)
            return {"data": plan.items}

    async def begin(self, id: UUID) -> Any:
        """Have a plan be carried out by a job, unless what it was reckoned from has changed."""
        self.leads.need("update")
        plan = await self.plans.records.get(id, lock=True)
        if plan.status != "planned":
            raise WrongState("The plan was committed before.", code="plan_committed")
        ids = [UUID(item["lead_id"]) for item in plan.items]
        leads = await self.leads.records.locked(ids)
        desk = await Desk.open(self.tx, [plan.pool_id], ids)
        if len(leads) < len(ids) or _hashed(desk, leads) != plan.input_hash:
            message = "Leads or members of the pool are not what they were: plan it anew."
            raise Conflict(message, code="plan_stale")
        return await self._begin(plan)

    async def _begin(self, plan: LeadPlan) -> Any:
        job_id = self.tx.enqueue(CommitPlan(plan.id))
        values = {"status": "committed", "committed_at": self.tx.now, "job_id": job_id}
        return await self.plans.told(await self.plans.change(plan, values, verb="committed"))

    # In the background

    async def carry_out(self, plan: LeadPlan, start: int) -> int:
        """Give the next leads of a plan, which is locked, as it says; where it goes on.

        What somebody has by now, or its member cannot have any more, is skipped.
        """
        items = plan.items[start : start + SLICE]
        ids = [UUID(item["lead_id"]) for item in items]
        leads = {one.id: one for one in await self.leads.records.locked(ids, everywhere=True)}
        desk = await Desk.open(self.tx, [plan.pool_id], ids)
        after: list[dict[str, Any]] = []
        for item in items:
            outcome = await self._give(plan, item, leads.get(UUID(item["lead_id"])), desk)
            after.append({**item, "outcome": outcome})
        desk.keep()
        given = sum(item["outcome"] == "given" for item in after)
        skipped = sum(item["user_id"] is not None for item in after) - given
        end = start + len(items)
        values: dict[str, Any] = {
            "items": [*plan.items[:start], *after, *plan.items[end:]],
            "given_count": plan.given_count + given,
            "skipped_count": plan.skipped_count + skipped,
        }
        if end == len(plan.items):
            values["status"] = "done"
            await self.plans.change(plan, values, verb="done")
        else:
            self.tx.change(plan, values)
        return end

    async def _give(
        self, plan: LeadPlan, item: Mapping[str, Any], lead: Lead | None, desk: Desk
    ) -> str:
        """Give one lead as it was planned; what became of it, in a word."""
        if item["user_id"] is None:
            return item["reason"]
        if lead is None:
            return "gone"
        if lead.owner_id is not None or lead.status not in {"new", "recycled"}:
            return "not_free"
        user_id, pool_id = UUID(item["user_id"]), UUID(item["pool_id"])
        pick = desk.take(pool_id, lead, user_id)
        if pick.user_id is None:
            return pick.reason
        decision = {
            "pool_id": item["pool_id"],
            "rule_id": None,
            "strategy": None if pick.pool is None else pick.pool.strategy,
            "rules": [],
            "candidates": [dict(one) for one in pick.looked_at],
        }
        given = Given(
            "plan",
            pool_id,
            reason=f"plan {plan.id}",
            respond_by=pick.respond_by,
            decision=decision,
        )
        await self.leads.change(lead, {"owner_id": user_id}, verb="assigned", given=given)
        return "given"


def _hashed(desk: Desk, leads: Sequence[Lead]) -> str:
    """What a plan is reckoned from, in short."""
    versions = sorted((str(lead.id), lead.version) for lead in leads)
    return sha256(encode([versions, desk.told()])).hexdigest()


def _item(lead: Lead, pick: Pick) -> dict[str, Any]:
    return {
        "lead_id": str(lead.id),
        "user_id": None if pick.user_id is None else str(pick.user_id),
        "pool_id": None if pick.pool is None else str(pick.pool.id),
        "reason": pick.reason,
        "outcome": None,
    }


def _fairness(
    before: Mapping[tuple[UUID, UUID], tuple[int, int]], picks: Sequence[tuple[Lead, Pick]]
) -> dict[str, Any]:
    """How equal open leads are for the weights of the members, before and after."""
    given: Counter[tuple[UUID, UUID]] = Counter()
    scores: defaultdict[tuple[UUID, UUID], int] = defaultdict(int)
    for lead, pick in picks:
        if pick.user_id is not None and pick.pool is not None:
            key = pick.pool.id, pick.user_id
            given[key] += 1
            scores[key] += lead.score or 0
    then = [Fraction(open, weight) for open, weight in before.values()]
    now = [Fraction(open + given[key], weight) for key, (open, weight) in before.items()]
    quality = [Fraction(scores[key], weight) for key, (_, weight) in before.items()]
    members = [
        {
            "user_id": str(key[1]),
            "pool_id": str(key[0]),
            "weight": weight,
            "before": open,
            "given": given[key],
            "score": scores[key],
        }
        for key, (open, weight) in before.items()
    ]
    return {
        "members": members,
        "jain_before": f"{float(jain(then)):.4f}",
        "jain_after": f"{float(jain(now)):.4f}",
        "gini_before": f"{float(gini(then)):.4f}",
        "gini_after": f"{float(gini(now)):.4f}",
        "gini_score": f"{float(gini(quality)):.4f}",
    }
