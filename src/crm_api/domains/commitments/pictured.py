"""What commitments show of a customer, and which of their events are points of contact."""

from collections.abc import Mapping
from typing import Any

from crm_api.domains.commitments.service import CommitmentService
from crm_api.kit.crud.picturing import Pictured, listed
from crm_api.kit.touchpoints import Department, Party, Touchpoint

_PARTIES = (
    Party("contact_id", "contact"),
    Party("company_id", "company"),
    Party("deal_id", "deal"),
)
_OPEN = Pictured(CommitmentService, {"status": "open"}, lambda v: v["status"] == "open")


def _department(row: Mapping[str, Any]) -> Department:
    return row["department"] or "sales"


TOUCHPOINTS = tuple(
    Touchpoint(f"commitment.{verb}", _department, _PARTIES)
    for verb in ("created", "kept", "broken", "renegotiated", "withdrawn", "reopened")
)
SECTIONS = (
    listed(
        "commitments",
        "sales",
        _OPEN,
        (
            *("text", "promised_by", "due_on", "due_at", "overdue_at", "department"),
            *("deal_id", "project_id", "owner_id"),
        ),
        group="promises",
    ),
)
