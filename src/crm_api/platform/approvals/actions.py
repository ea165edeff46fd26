"""What rules can do by approvals: ask for one."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from crm_api.kit.automation import Checking, Outcome, Situation, Step
from crm_api.kit.errors import Invalid, WrongState
from crm_api.platform.approvals.policies import target_service
from crm_api.platform.approvals.repository import Policies
from crm_api.platform.approvals.schemas import ApprovalCreate, Purpose
from crm_api.platform.approvals.service import ApprovalService

_LONGEST = 20_000
_NOTHING_TO_ASK = frozenset({"not_wanted", "already_requested", "already_approved"})


class StartApproval(Step):
    """Ask that the record be approved; where nothing is to ask, the run goes on without it."""

    action: Literal["start_approval"]
    policy_id: UUID | None = Field(
        None, description="Without one, the first policy that fits and has no such request yet."
    )
    purpose: Purpose | None = None
    comment: str | None = Field(
        None, max_length=_LONGEST, description="May hold `{{ record.name }}`."
    )

    async def check(self, about: Checking) -> None:
        """A kind of record that can be approved, and a policy for it."""
        if not about.need_record():
            return
        about.tx.actor.require("approvals:write")
        assert about.entity is not None
        try:
            service = target_service(about.tx, about.entity)
        except Invalid as error:
            about.fault("/action", "not_approvable", error.faults[0].message)
            return
        about.tx.actor.require(f"{service.area}:write")
        if self.comment is not None:
            about.text(self.comment, "/comment")
        if self.policy_id is not None:
            policy = await Policies(about.tx).find(self.policy_id)
            if policy is None or policy.target != about.entity:
                message = f"There is no such policy for a {about.entity}."
                about.fault("/policy_id", "unknown_reference", message)

    async def act(self, at: Situation) -> Outcome:
        """In the name of whoever published the rule, who is then told what came of it."""
        service, id = at.subject
        comment = None if self.comment is None else await at.text(self.comment, "/comment")
        asked = ApprovalCreate(
            target=service.records.listing.entity,
            record_id=id,
            policy_id=self.policy_id,
            purpose=self.purpose,
            comment=comment[:_LONGEST] if comment else None,
        )
        try:
            made = await ApprovalService(at.tx).submit(asked)
        except WrongState as error:
            if error.own_code not in _NOTHING_TO_ASK:
                raise
            return Outcome({"reason": error.own_code}, skipped=True)
        return Outcome({"approval_id": made.id, "status": made.status})
