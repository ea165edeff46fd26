"""What people went through."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.journeys.models import JourneyRun, JourneyStep
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.ids import new_id

_LEAVE = """
    UPDATE journey_steps SET outcome = $4, arm = $5, result = result || $6::jsonb, left_at = $7
    WHERE organization_id = $1 AND run_id = $2 AND round = $3
"""
_LOG = """
    SELECT id, version, round, node, type, outcome, arm, result, entered_at, left_at
    FROM journey_steps WHERE organization_id = $1 AND run_id = $2 ORDER BY round
"""
_FORGET = "DELETE FROM journey_steps WHERE organization_id = $1 AND run_id = ANY($2)"


class Steps:
    """The log of what people went through."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    def note(
        self,
        run: JourneyRun,
        type: str,
        outcome: str,
        *,
        arm: str | None = None,
        result: Mapping[str, Any] | None = None,
    ) -> None:
        """Write down the node of a run; nobody can take it again in the same round."""
        self.tx.insert(
            JourneyStep,
            {
                "id": new_id(),
                "journey_id": run.journey_id,
                "version": run.journey_version or 0,
                "run_id": run.id,
                "round": run.round,
                "node": run.node,
                "type": type,
                "outcome": outcome,
                "arm": arm,
                "result": dict(result or {}),
                "entered_at": run.node_since or self.tx.now,
                "left_at": None if outcome == "waiting" else self.tx.now,
            },
        )

    async def leave(
        self, run: JourneyRun, outcome: str, arm: str | None, result: Mapping[str, Any]
    ) -> None:
        """Write down how the wait of a run ended."""
        args = (run.id, run.round, outcome, arm, encode(dict(result)), self.tx.now)
        await self.tx.write(_LEAVE, self.tx.organization_id, *args)

    async def of(self, id: UUID) -> list[dict[str, Any]]:
        """All that a run went through, in order."""
        rows = await self.tx.fetch(_LOG, self.tx.organization_id, id)
        return [{**row, "result": decode(row["result"])} for row in rows]

    async def forget(self, ids: Sequence[UUID]) -> None:
        """Remove what was kept of runs."""
        await self.tx.write(_FORGET, self.tx.organization_id, list(ids))
