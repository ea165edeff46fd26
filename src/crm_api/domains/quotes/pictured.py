"""What quotes show of a customer, and which of their events are points of contact."""

from crm_api.domains.quotes.service import QuoteService
from crm_api.kit.crud.picturing import Pictured, listed
from crm_api.kit.touchpoints import Direction, Party, Touchpoint

_STANDING = ("draft", "in_approval", "approved", "sent", "viewed")
_OPEN = Pictured(
    QuoteService, {"status": {"in": list(_STANDING)}}, lambda v: v["status"] in _STANDING
)
PARTIES = (Party("contact_id", "contact"), Party("company_id", "company"), Party("deal_id", "deal"))
_VERBS: dict[str, Direction] = {
    "sent": "out",
    "viewed": "in",
    "accepted": "in",
    "declined": "in",
    "withdrawn": "out",
}
TOUCHPOINTS = tuple(
    Touchpoint(f"quote.{verb}", "sales", PARTIES, direction) for verb, direction in _VERBS.items()
)
SECTIONS = (
    listed(
        "open_quotes",
        "sales",
        _OPEN,
        ("number", "name", "status", "gross", "currency", "valid_until", "deal_id", "owner_id"),
    ),
)
