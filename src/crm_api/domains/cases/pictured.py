"""What cases show of a customer, and which of their events are points of contact."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from crm_api.domains.cases.service import CaseService
from crm_api.kit.crud.picturing import Pictured, listed, rolled_up
from crm_api.kit.customer360 import Reading, Signal
from crm_api.kit.db.tx import Tx
from crm_api.kit.touchpoints import Party, Touchpoint

_PARTIES = (Party("id", "case"), Party("contact_id", "contact"), Party("company_id", "company"))
_ENDED = ("resolved", "closed")
_OPEN = Pictured(
    CaseService, {"status": {"nin": list(_ENDED)}}, lambda v: v["status"] not in _ENDED
)
# An escalated case or a missed deadline weighs as much as three open ones, and three of them are
# as bad as it gets.
_TROUBLE = """
    SELECT company_id, count(*) AS open,
        count(*) FILTER (WHERE is_escalated OR sla_state = 'breached') AS escalated
    FROM cases
    WHERE organization_id = $1 AND company_id = ANY($2) AND deleted_at IS NULL
        AND status NOT IN ('resolved', 'closed')
    GROUP BY company_id
"""
_WORST = 9


async def _trouble(tx: Tx, company_ids: Sequence[UUID], _at: datetime) -> Mapping[UUID, Reading]:
    """How much trouble companies have: open cases, and above all those that are escalated."""
    rows = await tx.fetch(_TROUBLE, tx.organization_id, list(company_ids))
    found: dict[UUID, Reading] = {}
    for row in rows:
        weight = min(row["open"] + 2 * row["escalated"], _WORST)
        reason = "escalated_cases" if row["escalated"] else "open_cases"
        count = row["escalated"] or row["open"]
        found[row["company_id"]] = Reading(1 - Decimal(weight) / _WORST, reason, count)
    return found


SIGNALS = (Signal("service", _trouble, CaseService.area),)
TOUCHPOINTS = tuple(
    Touchpoint(f"case.{verb}", "service", _PARTIES)
    for verb in ("created", "resolved", "closed", "reopened", "rated")
)
SECTIONS = (
    listed(
        "open_cases",
        "service",
        _OPEN,
        (
            *("number", "subject", "status", "priority", "severity", "is_escalated"),
            *("sla_state", "next_due_at", "order_id", "owner_id"),
        ),
    ),
)
ROLL_UPS = (rolled_up("open_cases", _OPEN),)
