"""The work that requests of people and retention ask for."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from crm_api.kit.messages import Message


@dataclass(frozen=True)
class CollectData(Message):
    """Write everything there is about a person into an archive."""

    kind = "privacy.collect"
    request_id: UUID


@dataclass(frozen=True)
class ErasePerson(Message):
    """Erase a person, whom nobody can bring back any more."""

    kind = "privacy.erase"
    # An import that has the person in its file at that moment is waited for.
    max_attempts = 50
    request_id: UUID


@dataclass(frozen=True)
class EraseStragglers(Message):
    """Erase what processes that had not heard of it brought back meanwhile."""

    kind = "privacy.erase_stragglers"
    record_id: UUID
    target: str
    since: datetime


@dataclass(frozen=True)
class RemoveArchive(Message):
    """Remove an archive that nobody needs any more."""

    kind = "privacy.remove_archive"
    stored_as: str


@dataclass(frozen=True)
class RunRetention(Message):
    """Let go of what a policy keeps no longer."""

    kind = "privacy.retain"
    policy_id: UUID
    repeated: bool = False
