"""The work that definitions ask for."""

from dataclasses import dataclass
from uuid import UUID

from crm_api.kit.messages import Message


@dataclass(frozen=True)
class IndexRecords(Message):
    """Bring what the records of a kind are found by in line with their definitions."""

    kind = "custom_fields.index"
    lane = "bulk"
    max_attempts = 50
    target: str
    field_ids: tuple[UUID, ...] = ()
    """Those whose index is complete when it is done."""
