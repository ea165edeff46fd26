"""The work that changes by filter ask for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_api.kit.messages import Message


@dataclass(frozen=True)
class WriteMatching(Message):
    """Do the same to every record that matches a filter."""

    kind = "records.write_matching"
    lane = "bulk"
    # A worker that dies is no fault of the records: each try goes on where the last one ended.
    max_attempts = 50
    entity: str
    action: str
    filter: dict[str, Any]
    asked_at: datetime
    """What the times of the filter are relative to."""
    until: UUID
    """No record made after this id is touched."""
    count: int
    patch: dict[str, Any] | None = None
    tags: list[str] | None = None
