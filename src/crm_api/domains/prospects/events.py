"""The work that forms and lists ask for."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from crm_api.kit.db.tx import Tx
from crm_api.kit.messages import Message

LIST = "prospect_list"


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


def ask_for_count(tx: Tx, list_id: UUID) -> None:
    """Have a list be counted after the commit, once for all that this transaction changes."""
    tx.learned.owe(LIST, list_id)


async def count_lists(tx: Tx, ids: Collection[UUID]) -> None:
    """Have lists be counted that it was asked for."""
    for id in sorted(ids):
        tx.enqueue(CountList(id))
