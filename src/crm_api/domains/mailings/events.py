"""The work that mailings ask for."""

from dataclasses import dataclass
from uuid import UUID

from crm_api.kit.messages import Message


@dataclass(frozen=True)
class SendTest(Message):
    """Send a mailing to a user, filled in as a contact would get it."""

    kind = "mailings.send_test"
    lane = "interactive"
    mailing_id: UUID
    contact_id: UUID
    variant: str | None
    language: str | None
    to: str
