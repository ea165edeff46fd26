"""The work that the audit trail asks for."""

from dataclasses import dataclass

from crm_api.kit.messages import Message


@dataclass(frozen=True)
class VerifyAudit(Message):
    """Follow the chain of the organization from its beginning to its head."""

    kind = "audit.verify"
