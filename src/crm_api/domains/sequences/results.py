"""How sequences fare: how many are in them, what was sent, who answered, and why they went."""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from uuid import UUID

from crm_api.domains.sequences.service import SequenceService
from crm_api.kit.db.tx import Tx

_STANDING = """
    SELECT status, exit_reason, count(*) AS number FROM sequence_enrolments
    WHERE organization_id = $1 AND sequence_id = $2 AND deleted_at IS NULL
    GROUP BY status, exit_reason
"""
_STEPS = """
    SELECT version, place, min(action) AS action, count(DISTINCT enrolment_id) AS taken,
        count(*) FILTER (WHERE outcome = 'sent') AS sent,
        count(*) FILTER (WHERE outcome = 'done') AS done,
        count(*) FILTER (WHERE outcome = 'skipped') AS skipped,
        count(*) FILTER (WHERE outcome = 'failed') AS failed,
        count(*) FILTER (WHERE outcome IN ('queued', 'waiting')) AS waiting,
        count(DISTINCT enrolment_id) FILTER (WHERE replied_at IS NOT NULL) AS replied
    FROM sequence_step_runs WHERE organization_id = $1 AND sequence_id = $2
    GROUP BY version, place ORDER BY version DESC, min(taken_at), place
"""
_REACHED = """
    SELECT count(DISTINCT enrolment_id) AS reached FROM sequence_step_runs
    WHERE organization_id = $1 AND sequence_id = $2 AND outcome = 'sent'
"""
_STATES = ("active", "paused", "finished", "exited", "failed")


async def results(tx: Tx, id: UUID) -> dict[str, Any]:
    """How a sequence that is seen fares, over all enrolments: by three statements."""
    await SequenceService(tx).get(id)
    own = tx.organization_id
    standing = await tx.fetch(_STANDING, own, id)
    rows = await tx.fetch(_STEPS, own, id)
    reached = (await tx.fetch(_REACHED, own, id))[0]["reached"]
    by_status = dict.fromkeys(_STATES, 0)
    exits: dict[str, int] = {}
    for row in standing:
        by_status[row["status"]] += row["number"]
        if row["exit_reason"] is not None:
            exits[row["exit_reason"]] = exits.get(row["exit_reason"], 0) + row["number"]
    replied = exits.get("replied", 0)
    counts = sorted(exits.items(), key=lambda one: (-one[1], one[0]))
    return {
        "enrolled": sum(by_status.values()),
        **by_status,
        "replied": replied,
        "reply_rate": _rate(replied, reached),
        "exits": [{"reason": reason, "count": count} for reason, count in counts],
        "steps": [{**row, "reply_rate": _rate(row["replied"], row["sent"])} for row in rows],
    }


def _rate(part: int, whole: int) -> str | None:
    """A share to four places, half to even; None of nothing."""
    if not whole:
        return None
    return str((Decimal(part) / whole).quantize(Decimal("0.0001"), ROUND_HALF_EVEN))
