"""The jobs of messages."""

from dataclasses import dataclass

from crm_api.kit.messages import Message


@dataclass(frozen=True)
class SendMessage(Message):
    """Have a message leave that waits to."""

    kind = "messages.send"
    max_attempts = 8
    message_id: str

    def order(self) -> str:
        """Each message for itself."""
        return f"messages.send:{self.message_id}"
