"""Queues: leads that wait in a pool until one of its members takes the next.

The next is the one with the best score that is for the member, and of equal ones the one that has
waited longest. Whoever takes one has as long to accept it as the pool says, then it waits again.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from crm_api.domains.leads.choosing import QUEUE, misfit
from crm_api.domains.leads.desks import Desk
from crm_api.domains.leads.models import Lead, LeadPool
from crm_api.domains.leads.queue_repository import Queued
from crm_api.domains.leads.repository import Pools
from crm_api.domains.leads.service import Given, LeadService, claimer
from crm_api.kit.db.json import parsed
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.errors import Conflict, Forbidden, NotFound

_PAGE = 100
_FULL: Mapping[str, str] = {
    "open_cap": "You have as many leads of this pool as you may have at one time.",
    "daily_cap": "You have had as many leads of this pool as you may have on one day.",
    "weekly_cap": "You have had as many leads of this pool as you may have in one week.",
}


class LeadQueues:
    """Takes leads out of queues for whoever acts."""

    def __init__(self, tx: Tx) -> None:
        self.tx, self.leads = tx, LeadService(tx)

    async def claim(self, pool_id: UUID) -> Any:
        """The next lead for whoever acts, who has it then; None where none waits for them.

        Raises `NotFound`, `Forbidden` for who is no member, `Conflict` where it is no queue or the
        member has as many as they may.
        """
        self.leads.need("update")
        me = claimer(self.tx)
        member = await self._member(pool_id, me)
        records, seen = Queued(self.tx), list[UUID]()
        while rows := await records.after(pool_id, seen, _PAGE):
            had = await self.leads.assignments.records.had([row.id for row in rows])
            for row in rows:
                if me in had.get(row.id, ()) or misfit(member, row) is not None:
                    continue
                # Whoever else takes the next has it locked: theirs is the one, and mine another.
                lead = await records.take(pool_id, row.id)
                if lead is not None:
                    return await self._take(lead, pool_id, me)
            seen += [row.id for row in rows]
        return None

    async def standing(self, pool_id: UUID) -> dict[str, Any]:
        """How many leads wait, since when, and how good the next one is."""
        self.leads.need("read")
        async with at_one_moment(self.tx) as reader:
            pool = await self._queue(reader, pool_id)
            if reader.actor.me not in _members(pool):
                reader.actor.require("lead_pools:read")
            return await Queued(reader).standing(pool_id)

    async def _queue(self, tx: Tx, pool_id: UUID) -> LeadPool:
        found = await Pools(tx).every([pool_id])
        if not found or found[0].deleted_at is not None:
            raise NotFound("There is no such pool.")
        if found[0].strategy != QUEUE:
            raise Conflict("Leads of this pool are given to its members.", code="pool_is_no_queue")
        return found[0]

    async def _member(self, pool_id: UUID, me: UUID) -> Mapping[str, Any]:
        member = _members(await self._queue(self.tx, pool_id)).get(me)
        if member is None:
            raise Forbidden("Only members of the pool take its leads.", code="not_a_member")
        return member

    async def _take(self, lead: Lead, pool_id: UUID, me: UUID) -> Any:
        desk = await Desk.open(self.tx, [pool_id], [lead.id])
        if (wrong := desk.against(pool_id, me, lead)) is not None:
            raise Conflict(_FULL.get(wrong, "It cannot be yours now."), code=wrong)
        respond_by = desk.respond_by(desk.pools[pool_id], me)
        waited = parsed(lead.decision)
        decision = {
            **waited,
            "decided_at": self.tx.now.isoformat(),
            "user_id": str(me),
            "kind": "claim",
            "reason": "claimed",
        }
        rule_id = waited.get("rule_id")
        given = Given(
            "claim",
            pool_id,
            None if rule_id is None else UUID(rule_id),
            "claimed",
            respond_by,
            is_accepted=respond_by is None,
            decision=decision,
        )
        status = "working" if respond_by is None else "assigned"
        values = {"owner_id": me, "status": status}
        shown = await self.leads.change(lead, values, verb="claimed", given=given)
        return await self.leads.told(shown)


def _members(pool: LeadPool) -> dict[UUID | None, Mapping[str, Any]]:
    return {UUID(member["user_id"]): member for member in pool.members}
