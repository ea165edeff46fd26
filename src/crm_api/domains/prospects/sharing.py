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
        # By the places: the list counts them a moment later.
        count = await self.members.records.out(id)
        if not count:
            raise WrongState("Nobody has anything by it.", code="nothing_given")
        run = current.runs + 1
        message = RecallList(id, run, data.reason, data.includes_accepted)
        job_id = self.tx.enqueue(message)
        values = {"job_id": job_id, "runs": run}
        await self.lists.change(current, values, verb="recalled")
        return {"job_id": job_id, "list_id": id, "members": count}

    # In the background

    async def due(self, list_id: UUID, run: int, *, recalls: bool) -> list[UUID]:
        """The members that a run has not looked at, in their order; none of a run that is over."""
        current = await self._current(list_id, run)
        if current is None or (current.pool_id is None and not recalls):
            return []
        return await self.members.records.due(list_id, run, recalls=recalls)

    async def give(self, list_id: UUID, run: int, ids: Sequence[UUID]) -> Step:
        """Give the leads of some members; why nobody got one is written down with it.

        Members whose lead was merged meanwhile are not looked at: they are due once more.
        """
        current = await self._current(list_id, run)
        if current is None or current.pool_id is None:
            return Step()
        lead_ids = await self.members.records.leads_to_share(list_id, run, ids)
        rows = await self.leads.records.to_give(lead_ids)
        members = await self.members.records.to_share(list_id, run, ids, lead_ids, recalls=False)
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
        """Take leads of members back that a list has given, and that are still whose they were.

        And what came back since and waits to be given by it again.
        """
        current = await self._current(list_id, run)
        if current is None:
            return Step()
        lead_ids = await self.members.records.leads_to_share(list_id, run, ids)
        locked = await self.leads.records.locked(lead_ids, everywhere=True)
        leads = {one.id: one for one in locked}
        members = await self.members.records.to_share(list_id, run, ids, lead_ids, recalls=True)
        stands = {"assigned", "working"} if includes_accepted else {"assigned"}
        held = await self._held(list_id, [one for one in locked if one.status in stands])
        waiting = await self._waiting(list_id, locked)
        done = given = accepted = 0
        for member in members:
            is_given = member.lead_id in held
            is_taken = is_given or member.lead_id in waiting
            if is_taken:
                await self._take(leads[member.lead_id], reason)
            done += is_taken
            given += is_given
            accepted += is_given and member.accepted_at is not None
            await self._note(member, run, is_taken=is_taken)
        if given:
            # What came back meanwhile is counted after it (`CountList`).
            count = {
                "given_count": max(0, current.given_count - given),
                "accepted_count": max(0, current.accepted_count - accepted),
            }
            await self.lists.change(current, count, verb="progressed")
        return Step(len(members), done)

    async def _held(self, list_id: UUID, leads: Sequence[Lead]) -> set[UUID]:
        """Which of some leads somebody has by a list; their pools are as if they had not."""
        held = await self.leads.assignments.records.open_of([one.id for one in leads])
        ours = {id: one for id, one in held.items() if one.reason == because(list_id)}
        pools = {one.pool_id for one in ours.values() if one.pool_id is not None}
        desk = await Desk.open(self.tx, pools, {})
        told = await whole(self.tx, [one.decision for one in ours.values()])
        for had, decision in zip(ours.values(), told, strict=True):
            if had.pool_id is not None:
                desk.refund(had.pool_id, had.user_id, decision)
        desk.keep()
        return set(ours)

    async def _waiting(self, list_id: UUID, leads: Sequence[Lead]) -> set[UUID]:
        """Which of some leads came back and wait to be given by a list again."""
        ids = [one.id for one in leads if one.waits_since is not None]
        planned = await self.leads.assignments.records.planned(ids)
        return {id for id, (_, reason) in planned.items() if reason == because(list_id)}

    async def _take(self, lead: Lead, reason: str) -> None:
        # It waits for nobody but the list: rules would have it be somebody else's at once.
        given = Given(reason=reason, ended_as="reassigned")
        gone = dict.fromkeys(("owner_id", "pool_id", "waits_since", "unassigned_reason", "due_at"))
        values: dict[str, Any] = {**gone, "status": "new", "decision": {}}
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
