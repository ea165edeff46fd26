"""What webhooks tell, and what they have done in the background."""

from dataclasses import dataclass
from typing import ClassVar

from crm_api.kit.messages import Lane, Message

DISABLED, FAILING, SECRET_ROTATED = "webhook.disabled", "webhook.failing", "webhook.secret_rotated"
CALLED = "webhook.called"
"""By a rule (`actions.py`): what it says is for this endpoint."""


@dataclass(frozen=True)
class ReplayEvents(Message):
    """Send the events of a time once more."""

    kind: ClassVar[str] = "webhooks.replay"
    lane: ClassVar[Lane] = "bulk"
    webhook_id: str
    since: str
    until: str
    types: list[str]
    only: str

    def order(self) -> str:
        """One endpoint is sent one stretch of the past at a time."""
        return f"webhook:{self.webhook_id}"
