"""What bookings show of a customer, and which of their events are points of contact."""

from crm_api.domains.scheduling.service import BookingService
from crm_api.kit.crud.picturing import Pictured, listed
from crm_api.kit.touchpoints import Party, Touchpoint

_PARTIES = (
    Party("contact_id", "contact"),
    Party("company_id", "company"),
    Party("deal_id", "deal"),
)
_AHEAD = ("held", "confirmed", "checked_in")
_OPEN = Pictured(BookingService, {"status": {"in": list(_AHEAD)}}, lambda v: v["status"] in _AHEAD)
TOUCHPOINTS = tuple(
    Touchpoint(f"booking.{verb}", "service", _PARTIES)
    for verb in (
        *("created", "confirmed", "checked_in", "completed"),
        *("cancelled", "no_show", "rescheduled"),
    )
)
SECTIONS = (
    listed(
        "bookings",
        "service",
        _OPEN,
        ("title", "status", "starts_at", "ends_at", "deal_id", "project_id", "owner_id"),
    ),
)
