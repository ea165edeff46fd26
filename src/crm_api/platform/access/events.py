"""The work that sharing rules ask for."""

from dataclasses import dataclass
from uuid import UUID

from crm_api.kit.messages import Message


@dataclass(frozen=True)
class ApplySharingRule(Message):
    """Bring what is shared of a kind of record in line with the rules."""

    kind = "access.apply_rule"
    max_attempts = 50
    target: str
    rule_id: UUID
    version: int
    """Of the rule, when it was changed."""
