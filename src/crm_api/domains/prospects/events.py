"""The work that forms and lists ask for."""

from dataclasses import dataclass
from uuid import UUID

from crm_api.kit.messages import Message


@dataclass(frozen=True)
class SendConfirmation(Message):
    """Ask whoever has sent a form to confirm it, by mail."""

    kind = "lead_forms.confirm"
    max_attempts = 8

    submission_id: UUID


@dataclass(frozen=True)
class DistributeList(Message):
    """Share a list out over a pool."""

    kind = "prospect_lists.distribute"
    lane = "bulk"
    max_attempts = 50

    list_id: UUID
    run: int


@dataclass(frozen=True)
class CountList(Message):
    """Count what became of the leads of a list.

    Not where it happens: whoever changes a lead holds its lock, and the one of its list goes first.
    """

    kind = "prospect_lists.count"
    max_attempts = 50

    list_id: UUID

    def order(self) -> str | None:
        """One after the other."""
        return f"prospect_list:{self.list_id}"


@dataclass(frozen=True)
class RecallList(Message):
    """Take back what was given by a list."""

    kind = "prospect_lists.recall"
    lane = "bulk"
    max_attempts = 50

    list_id: UUID
    run: int
    reason: str
    includes_accepted: bool
