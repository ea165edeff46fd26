"""What quotes have done in the background."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from crm_api.kit.messages import Lane, Message


@dataclass(frozen=True)
class PrintQuote(Message):
    """Make the document of a version."""

    kind: ClassVar[str] = "quotes.print"
    lane: ClassVar[Lane] = "interactive"
    version_id: UUID
