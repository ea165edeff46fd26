"""What becomes of the leads that lists gave: places on lists follow it, and lists count it."""

from typing import Any
from uuid import UUID

from crm_api.domains.leads.service import Followed
from crm_api.domains.prospects.events import ask_for_count
from crm_api.domains.prospects.service import ProspectListService, ProspectMemberService
from crm_api.kit.db.tx import Tx

_NAMED = "prospect list "
_OUTCOMES = {"returned": "returned", "recalled": "no_response"}


def because(list_id: UUID) -> str:
    """Why somebody has a lead that a list gave."""
    return f"{_NAMED}{list_id}"


async def follow(tx: Tx, told: Followed) -> None:
    """Have the place of a lead, which is locked, say what happened to it."""
    if not told.reason.startswith(_NAMED):
        return
    list_id = UUID(told.reason.removeprefix(_NAMED))
    members = ProspectMemberService(tx)
    member = await members.records.place_of(list_id, told.lead_id)
    if member is None:
        return
    if told.happened == "accepted":
        await members.change(member, {"accepted_at": tx.now}, verb="accepted")
    elif told.happened == "given":
        given = {"status": "given", "user_id": told.user_id, "given_at": tx.now, "outcome": None}
        await members.change(member, given, verb="given")
    else:
        back: dict[str, Any] = {
            "status": "returned",
            "outcome": _OUTCOMES[told.happened],
            "returns": member.returns + 1,
            **dict.fromkeys(("user_id", "given_at", "accepted_at")),
        }
        await members.change(member, back, verb="returned")
    ask_for_count(tx, list_id)


async def count(tx: Tx, list_id: UUID) -> dict[str, int]:
    """Have a list tell how its leads stand."""
    lists = ProspectListService(tx)
    found = await lists.records.locked([list_id], everywhere=True)
    counts = await ProspectMemberService(tx).records.counts(list_id)
    for one in found:
        if any(getattr(one, name) != number for name, number in counts.items()):
            await lists.change(one, counts, verb="progressed")
    return counts
