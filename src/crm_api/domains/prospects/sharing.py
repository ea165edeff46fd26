"""Lists that are shared out over a pool, and what was given by them taken back.

A slice is given as a whole or not at all. Locks are taken in one order: the list, leads by their
ids, members by theirs, then pools; so lists that overlap give each lead once, whoever comes first,
and nobody waits in a ring with a merge, which locks leads and then their places on lists.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from crm_api.domains.leads.choosing import QUEUE
from crm_api.domains.leads.dealing import Dealing, Dealt, whole
from crm_api.domains.leads.desks import Desk
from crm_api.domains.leads.models import Lead
from crm_api.domains.leads.repository import Pools
from crm_api.domains.leads.service import Given, LeadService
from crm_api.domains.prospects.events import DistributeList, RecallList
from crm_api.domains.prospects.following import because
from crm_api.domains.prospects.list_schemas import ProspectDistribution, ProspectRecall
from crm_api.domains.prospects.models import MemberStatus, ProspectList, ProspectMember
from crm_api.domains.prospects.service import (
    ProspectListService,
    ProspectMemberService,
    split_before,
)
from crm_api.kit.crud.alike import change_alike
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid, WrongState

SLICE: Mapping[str, int] = {"given": 4_000, "recalled": 200}
"""How many a transaction gives, or takes back."""


@dataclass(frozen=True)
class Step:
    """What a slice has done."""

    looked_at: int = 0
    done: int = 0


class Sharing:
    """Shares lists out and recalls them."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.lists, self.members = ProspectListService(tx), ProspectMemberService(tx)
        self.leads = LeadService(tx)

    async def distribute(
        self, id: UUID, data: ProspectDistribution, expected: int | None = None
    ) -> dict[str, Any]:
        """Have a job share out whom nobody has by the list; it is frozen from now on."""
        self.leads.need("update")
        current = await self.lists.idle(id, expected)
        if current.status == "split":
            raise split_before()
        pool = await Pools(self.tx).find(data.pool_id)
        if pool is None:
            raise Invalid.at("/pool_id", "unknown_reference", "There is no such pool.")
        if pool.strategy == QUEUE:
            message = "Members of this pool take leads themselves: nothing is shared out."
            raise Invalid.at("/pool_id", "pool_is_queue", message)
        run, count = current.runs + 1, current.member_count - current.given_count
        job_id = self.tx.enqueue(DistributeList(id, run))
        values = {
            "status": "frozen",
            "frozen_at": current.frozen_at or self.tx.now,
            "pool_id": data.pool_id,
            "job_id": job_id,
            "runs": run,
        }
        await self.lists.change(current, values, verb="distributed")
        return {"job_id": job_id, "list_id": id, "members": count}

    async def recall(
        self, id: UUID, data: ProspectRecall, expected: int | None = None
    ) -> dict[str, Any]:
        """Have a job take back what was given by the list, as far as nobody works on it."""
        self.leads.need("update")
        current = await self.lists.idle(id, expected)
        if not current.given_count:
            raise WrongState("Nobody has anything by it.", code="nothing_given")
        run = current.runs + 1
        message = RecallList(id, run, data.reason, data.includes_accepted)
        job_id = self.tx.enqueue(message)
        values = {"job_id": job_id, "runs": run}
        await self.lists.change(current, values, verb="recalled")
        return {"job_id": job_id, "list_id": id, "members": current.given_count}

    # In the background

    async def due(self, list_id: UUID, run: int, *, given: bool) -> list[UUID]:
        """The members that a run has not looked at, in their order; none of a run that is over."""
        current = await self._current(list_id, run)
        if current is None or (current.pool_id is None and not given):
            return []
        return await self.members.records.due(list_id, run, given=given)

    async def give(self, list_id: UUID, run: int, ids: Sequence[UUID]) -> Step:
        """Give the leads of some members; why nobody got one is written down with it.

        Members whose lead was merged meanwhile are not looked at: they are due once more.
        """
        current = await self._current(list_id, run)
        if current is None or current.pool_id is None:
            return Step()
        lead_ids = await self.members.records.leads_to_share(list_id, run, ids)
        rows = await self.leads.records.to_give(lead_ids)
        members = await self.members.records.to_share(list_id, run, ids, lead_ids, given=False)
        dealing = Dealing(self.leads, because(list_id))
        dealt = await dealing.give(current.pool_id, [one.lead_id for one in members], rows)
        pairs = list(zip(members, dealt, strict=True))
        given = [pair for pair in pairs if pair[1].user_id is not None]
        await self._tell(given, run, "given")
        await self._tell([pair for pair in pairs if pair[1].user_id is None], run, "left")
        if given:
            count = {"given_count": current.given_count + len(given)}
            await self.lists.change(current, count, verb="progressed")
        return Step(len(members), len(given))

    async def _tell(
        self, pairs: Sequence[tuple[ProspectMember, Dealt]], run: int, status: MemberStatus
    ) -> None:
        if pairs:
            at = self.tx.now if status == "given" else None
            own = {
                "user_id": [one.user_id for _, one in pairs],
                "outcome": [one.reason for _, one in pairs],
            }
            common = {"status": status, "given_at": at, "run": run}
            members = [member for member, _ in pairs]
            await change_alike(self.members, status, members, common, own)

    async def take_back(
        self,
        list_id: UUID,
        run: int,
        ids: Sequence[UUID],
        reason: str,
        *,
        includes_accepted: bool,
    ) -> Step:
        """Take leads of members back that a list has given, and that are still whose they were."""
        current = await self._current(list_id, run)
        if current is None:
            return Step()
        lead_ids = await self.members.records.leads_to_share(list_id, run, ids)
        locked = await self.leads.records.locked(lead_ids, everywhere=True)
        leads = {one.id: one for one in locked}
        members = await self.members.records.to_share(list_id, run, ids, lead_ids, given=True)
        held = await self.leads.assignments.records.open_of(list(leads))
        ours = {id: one for id, one in held.items() if one.reason == because(list_id)}
        pools = {one.pool_id for one in ours.values() if one.pool_id is not None}
        desk = await Desk.open(self.tx, pools, list(leads))
        told = await whole(self.tx, [one.decision for one in ours.values()])
        decisions = dict(zip(ours, told, strict=True))
        stands = {"assigned", "working"} if includes_accepted else {"assigned"}
        taken = accepted = 0
        for member in members:
            lead, had = leads.get(member.lead_id), ours.get(member.lead_id)
            is_taken = lead is not None and had is not None and lead.status in stands
            if lead is not None and had is not None and is_taken:
                if had.pool_id is not None:
                    desk.refund(had.pool_id, had.user_id, decisions[lead.id])
                await self._take(lead, reason)
            taken += is_taken
            accepted += is_taken and member.accepted_at is not None
            await self._note(member, run, is_taken=is_taken)
        desk.keep()
        if taken:
            # What came back meanwhile is counted after it (`CountList`).
            count = {
                "given_count": max(0, current.given_count - taken),
                "accepted_count": max(0, current.accepted_count - accepted),
            }
            await self.lists.change(current, count, verb="progressed")
        return Step(len(members), taken)

    async def _take(self, lead: Lead, reason: str) -> None:
        # It waits for nobody but the list: rules would have it be somebody else's at once.
        given = Given(reason=reason, ended_as="reassigned")
        values = {"owner_id": None, "status": "new"}
        await self.leads.change(lead, values, verb="recalled", given=given)

    async def _note(self, member: ProspectMember, run: int, *, is_taken: bool) -> None:
        if is_taken:
            gone: dict[str, Any] = dict.fromkeys(("user_id", "outcome", "given_at", "accepted_at"))
            values = {**gone, "status": "recalled", "run": run}
            await self.members.amend(member, values, verb="recalled")
        else:
            self.tx.change(member, {"run": run})

    async def _current(self, list_id: UUID, run: int) -> ProspectList | None:
        """The list, locked, unless it is gone or another run has begun."""
        found = await self.lists.records.locked([list_id], everywhere=True)
        return found[0] if found and found[0].runs == run else None
