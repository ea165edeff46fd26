"""What deals show of a customer, and which of their events are points of contact."""

from crm_api.domains.deals.service import DealService
from crm_api.kit.crud.picturing import Figure, Pictured, Valued, listed, rolled_up, summed
from crm_api.kit.touchpoints import Party, Touchpoint

_OPEN = Pictured(DealService, {"status": "open"}, lambda v: v["status"] == "open")
_WON = Pictured(DealService, {"status": "won"}, lambda v: v["status"] == "won")
_CURRENCIES = ("currency", "base_currency")
_PARTIES = (Party("id", "deal"),)
TOUCHPOINTS = tuple(
    Touchpoint(f"deal.{verb}", "sales", _PARTIES)
    for verb in ("created", "moved", "won", "lost", "reopened")
)
SECTIONS = (
    listed(
        "open_deals",
        "sales",
        _OPEN,
        ("name", "stage_id", "amount", "currency", "probability", "closes_on", "owner_id"),
    ),
    summed(
        "pipeline",
        "sales",
        _OPEN,
        (
            Figure("amount", "amount"),
            Figure("weighted", "amount", "probability"),
            Figure("base_amount", "base_amount"),
            Figure("base_weighted", "base_amount", "probability"),
        ),
        by=_CURRENCIES,
    ),
    summed(
        "won",
        "sales",
        _WON,
        (Figure("amount", "amount"), Figure("base_amount", "base_amount")),
        by=_CURRENCIES,
    ),
)
_VALUED = Valued("amount", "base_amount", "base_currency")
ROLL_UPS = (rolled_up("open_deals", _OPEN, _VALUED), rolled_up("won_deals", _WON, _VALUED))
