"""What becomes of messages in the background: they leave."""

from typing import Any
from uuid import UUID

from crm_api.domains.conversations.events import SendMessage
from crm_api.domains.conversations.sending import Sending
from crm_api.kit.jobs import JobContext, runs


@runs(SendMessage)
async def send_message(context: JobContext, message: SendMessage) -> dict[str, Any]:
    """Have a message leave; tried again it may arrive twice, by the same Message-ID."""
    return await Sending(context, UUID(message.message_id)).run()
