"""The work that exports ask for."""

from dataclasses import dataclass
from uuid import UUID

from crm_api.kit.messages import Message


@dataclass(frozen=True)
class RunExport(Message):
    """Write the file; each try begins it anew, so that it is of one moment."""

    kind = "exports.run"
    lane = "bulk"
    export_id: UUID
    switched_off: bool = False
    """Whether its collection may be one that is switched off."""


@dataclass(frozen=True)
class RemoveExport(Message):
    """Remove the file of an export that is in the bin."""

    kind = "exports.remove"
    stored_as: str
