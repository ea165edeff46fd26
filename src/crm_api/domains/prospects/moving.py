"""What becomes of lists and submissions where leads become one."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.prospects.forms import LeadSubmissionService
from crm_api.domains.prospects.service import ProspectMemberService
from crm_api.kit.db.tx import Tx

_GIVEN = ("status", "user_id", "outcome", "given_at", "accepted_at")


async def move_prospects(
    tx: Tx, entity: str, winner: UUID, losers: Sequence[UUID], merge: UUID
) -> None:
    """Have the lead that is left be on the lists, and have sent what merged ones were and have."""
    del merge
    if entity != "lead":
        return
    submissions = LeadSubmissionService(tx)
    for sent in await submissions.records.of_leads(losers):
        await submissions.change(sent, {"lead_id": winner})
    members = ProspectMemberService(tx)
    found = await members.records.everywhere([winner, *losers])
    kept = {one.list_id: one for one in found if one.lead_id == winner}
    for member in found:
        if member.lead_id == winner:
            continue
        own = kept.get(member.list_id)
        if own is None:
            await members.change(member, {"lead_id": winner})
            kept[member.list_id] = member
        elif member.status == "given" != own.status:
            # How many a list has given stays: what was given by the one is by the other.
            given: dict[str, Any] = {name: getattr(member, name) for name in _GIVEN}
            nothing: dict[str, Any] = dict.fromkeys(_GIVEN)
            await members.change(member, {**nothing, "status": "left", "outcome": "merged"})
            await members.change(own, given)
