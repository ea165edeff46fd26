"""What cases show of a customer, and which of their events are points of contact."""

from crm_api.domains.cases.service import CaseService
from crm_api.kit.crud.picturing import Pictured, listed
from crm_api.kit.touchpoints import Party, Touchpoint

_PARTIES = (Party("id", "case"), Party("contact_id", "contact"), Party("company_id", "company"))
_ENDED = ("resolved", "closed")
_OPEN = Pictured(
    CaseService, {"status": {"nin": list(_ENDED)}}, lambda v: v["status"] not in _ENDED
)
TOUCHPOINTS = tuple(
    Touchpoint(f"case.{verb}", "service", _PARTIES)
    for verb in ("created", "resolved", "closed", "reopened", "rated")
)
SECTIONS = (
    listed(
        "open_cases",
        "service",
        _OPEN,
        ("number", "subject", "status", "priority", "severity", "order_id", "owner_id"),
    ),
)
