"""What notifications have done in the background."""

from dataclasses import dataclass
from uuid import UUID

from crm_api.kit.messages import Message

NOTICE = "notice.sent"
RUN = "automation_run"
"""What a notice is about that is about no record."""
PREFERENCES_UPDATED = "notification_preference.updated"


@dataclass(frozen=True)
class SendDigest(Message):
    """Send what was collected for a user; tried again it is the same message."""

    kind = "notifications.send"
    digest_id: UUID
