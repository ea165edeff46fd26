"""Asking for every approval that a record wants, and taking back what was asked for."""

from uuid import UUID

from crm_api.kit.db.tx import Tx
from crm_api.platform.approvals.repository import Approvals
from crm_api.platform.approvals.schemas import ApprovalCreate
from crm_api.platform.approvals.service import ApprovalService
from crm_api.platform.approvals.standing import standing


async def ask_all(tx: Tx, target: str, id: UUID, comment: str | None) -> bool:
    """Ask for what policies want and nobody was asked for; whether all of them approve already.

    The record is locked by whoever asks. Raises what `ApprovalService.submit` does.
    """
    approvals = ApprovalService(tx)
    for need in (await standing(tx, target, id)).policies:
        if need.status in {"wanted", "rejected"}:
            asked = ApprovalCreate(
                target=target,
                record_id=id,
                policy_id=need.policy_id,
                purpose=None,
                comment=comment,
            )
            await approvals.submit(asked)
    return (await standing(tx, target, id)).is_approved


async def take_back_all(tx: Tx, target: str, id: UUID) -> None:
    """Take back what was asked for and not decided, whoever asked for it."""
    approvals = ApprovalService(tx)
    for one in await Approvals(tx).live(target, [id]):
        if one.status == "pending":
            await approvals.take_back(one)
