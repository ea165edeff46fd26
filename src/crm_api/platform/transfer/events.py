"""The work that imports ask for."""

from dataclasses import dataclass
from uuid import UUID

from crm_api.kit.messages import Message


@dataclass(frozen=True)
class ValidateImport(Message):
    """Read the whole file and count what would happen."""

    kind = "imports.validate"
    lane = "bulk"
    import_id: UUID


@dataclass(frozen=True)
class RunImport(Message):
    """Commit the rows that are not committed yet."""

    kind = "imports.run"
    lane = "bulk"
    # A worker that dies is no fault of the file: each try goes on where the last one ended.
    max_attempts = 50
    import_id: UUID


@dataclass(frozen=True)
class RemoveUpload(Message):
    """Remove an uploaded file that no import needs any more."""

    kind = "imports.remove_upload"
    stored_as: str


@dataclass(frozen=True)
class RevertImport(Message):
    """Put back everything that an import made or changed."""

    kind = "imports.revert"
    lane = "bulk"
    max_attempts = 50
    import_id: UUID
