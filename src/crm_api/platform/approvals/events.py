"""What approvals tell, and what they have done in the background."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from crm_api.kit.messages import Message

VERBS = (
    "requested",
    "progressed",
    "reassigned",
    "escalated",
    "approved",
    "rejected",
    "recalled",
    "expired",
    "voided",
)
EVENTS = tuple(f"approval.{verb}" for verb in VERBS)


@dataclass(frozen=True)
class EscalateApproval(Message):
    """Do what a step says for the case that nobody decides in time."""

    kind: ClassVar[str] = "approvals.escalate"
    approval_id: UUID
    step: int
