"""What becomes of commitments, each as one step."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from crm_api.domains.commitments.models import Commitment, CommitmentStatus
from crm_api.domains.commitments.schemas import (
    CommitmentDecision,
    CommitmentVerb,
    Renegotiation,
)
from crm_api.domains.commitments.service import CommitmentService, overdue_at, successor
from crm_api.domains.commitments.settings import settings_of
from crm_api.kit.crud.transitions import Way, need_way, way, ways_from
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid

WAYS: Mapping[CommitmentVerb, Way[CommitmentStatus]] = {
    "keep": way("open", "kept", "kept"),
    "break": way("open", "broken", "broken"),
    "withdraw": way("open", "withdrawn", "withdrawn"),
    "renegotiate": way("open", "renegotiated", "renegotiated"),
    "reopen": way("kept broken withdrawn", "open", "reopened"),
}
OVERDUE = "commitment.overdue"


class CommitmentActions:
    """The actions of commitments; whoever acts holds the lock of the commitment, so that one does."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.commitments = CommitmentService(tx)

    async def transitions(self, id: UUID) -> dict[str, Any]:
        """What may be done with a commitment where it stands."""
        self.commitments.need("read")
        shown = await self.commitments.get(id)
        allowed: list[dict[str, Any]] = [
            {"verb": verb, "status": one.after, "blockers": []}
            for verb, one in ways_from(WAYS, shown.status).items()
        ]
        return {"status": shown.status, "allowed": allowed}

    async def go(
        self, id: UUID, verb: CommitmentVerb, data: CommitmentDecision, expected: int | None = None
    ) -> Any:
        """Have one be kept, broken, withdrawn or open again."""
        current, way = await self._begun(id, verb, expected)
        values: dict[str, Any] = {
            "status": way.after,
            "decided_at": None if way.after == "open" else self.tx.now,
            "decision_comment": data.comment,
        }
        if way.after == "open":
            # Late as it may be: that is told anew.
            values["overdue_told_at"] = None
        shown = await self.commitments.change(current, values, verb=way.event)
        return await self.commitments.told(shown)

    async def renegotiate(self, id: UUID, data: Renegotiation, expected: int | None = None) -> Any:
        """Have another one with a new day take its place; returns that one."""
        current, way = await self._begun(id, "renegotiate", expected)
        due = data.model_dump(include={"due_on", "due_at", "time_zone"})
        if data.time_zone is None:
            due["time_zone"] = current.time_zone
        if (due["due_on"], due["due_at"]) == (current.due_on, current.due_at):
            at = "/due_on" if data.due_on is not None else "/due_at"
            raise Invalid.at(at, "same_due", "It is due by then already.")
        before = {
            "commitment_id": current.id,
            "due_on": current.due_on,
            "due_at": current.due_at,
            "reason": data.reason,
            "changed_at": self.tx.now,
        }
        values = {
            **successor(current),
            "custom": self.commitments.custom_of(current),
            **due,
            "previous_id": current.id,
            "trail": [*current.trail, decode(encode(before))],
        }
        ended = {
            "status": way.after,
            "decided_at": self.tx.now,
            "decision_comment": data.reason,
        }
        await self.commitments.change(current, ended, verb=way.event)
        made = self.commitments.add({**values, "overdue_at": overdue_at(self.tx, values)})
        return await self.commitments.told(made, new=True)

    async def _begun(
        self, id: UUID, verb: CommitmentVerb, expected: int | None
    ) -> tuple[Commitment, Way[CommitmentStatus]]:
        self.commitments.need("update")
        current = await self.commitments.locked(id, expected)
        return current, need_way("commitment", WAYS, current.status, verb)


async def move_on(service: CommitmentService, commitment: Commitment, _today: object) -> None:
    """Tell that a commitment, which is locked, is late, once; or have it be broken by itself."""
    late = commitment.overdue_at
    now = service.tx.now
    if commitment.status != "open" or late is None or late > now:
        return
    grace = settings_of(service.tx).break_after_days
    told = {"days_overdue": (now - late).days}
    if grace is not None and late + timedelta(days=grace) <= now:
        comment = f"Open {grace} days after it was due."
        values = {"status": "broken", "decided_at": now, "decision_comment": comment}
        await service.change(commitment, values, verb="broken", told=told)
    elif commitment.overdue_told_at != late:
        await service.change(commitment, {"overdue_told_at": late}, verb="overdue", told=told)
