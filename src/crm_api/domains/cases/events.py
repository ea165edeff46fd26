"""The work that policies and calendars ask for."""

from dataclasses import dataclass

from crm_api.kit.db.tables import JobRow
from crm_api.kit.db.tx import Tx
from crm_api.kit.messages import Message


@dataclass(frozen=True)
class RecomputeClocks(Message):
    """Reckon the clocks of all open cases of an organization anew."""

    kind = "cases.recompute_clocks"
    lane = "bulk"
    max_attempts = 50

    def order(self) -> str | None:
        """One after the other."""
        return "sla_clocks"


def recompute_clocks(tx: Tx) -> None:
    """Have it done after the commit, once for all that this transaction changes."""
    if all(job["kind"] != RecomputeClocks.kind for job in tx.kept(JobRow)):
        tx.enqueue(RecomputeClocks())
