"""The jobs of messages."""

from dataclasses import dataclass

from crm_api.kit.messages import Message

MOST_ATTEMPTS = 8
"""So often a message is tried to be sent."""


@dataclass(frozen=True)
class SendMessage(Message):
    """Have a message leave that waits to."""

    kind = "messages.send"
    max_attempts = MOST_ATTEMPTS + 1
    # Once more than it is tried: after a worker that died at the last try this says that it ended.
    message_id: str

    def order(self) -> str:
        """Each message for itself."""
        return f"messages.send:{self.message_id}"
