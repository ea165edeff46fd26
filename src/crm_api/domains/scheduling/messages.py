"""The work that changes of calendars and resources ask for."""

from dataclasses import dataclass

from crm_api.kit.db.tables import JobRow
from crm_api.kit.db.tx import Tx
from crm_api.kit.messages import Message


@dataclass(frozen=True)
class FindConflicts(Message):
    """Look which bookings to come do not fit any more, or fit again."""

    kind = "scheduling.find_conflicts"
    lane = "bulk"
    max_attempts = 50

    def order(self) -> str | None:
        """One after the other."""
        return "booking_conflicts"


def find_conflicts_later(tx: Tx) -> None:
    """Have it done after the commit, once for all that this transaction changes."""
    if all(job["kind"] != FindConflicts.kind for job in tx.kept(JobRow)):
        tx.enqueue(FindConflicts())
