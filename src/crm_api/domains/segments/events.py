"""The work that segments ask for."""

from dataclasses import dataclass
from uuid import UUID

from crm_api.kit.messages import Message


@dataclass(frozen=True)
class RefreshSegment(Message):
    """Look at all of a segment, and at those before it that its filter speaks of."""

    kind = "segments.refresh"
    lane = "bulk"
    segment_id: UUID

    def order(self) -> str | None:
        """Those of one segment wait for one another."""
        return str(self.segment_id)
