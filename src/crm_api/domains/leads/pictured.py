"""What leads show of a customer, and which of their events are points of contact."""

from crm_api.domains.leads.service import LeadService
from crm_api.domains.leads.states import ENDED
from crm_api.kit.crud.picturing import Pictured, listed
from crm_api.kit.touchpoints import Party, Touchpoint

_PARTIES = (
    Party("contact_id", "contact"),
    Party("company_id", "company"),
    Party("deal_id", "deal"),
)
# An open lead is nobody's but of whom it is matched with; one that was converted is their deal.
_OPEN = Pictured(
    LeadService,
    {"status": {"nin": sorted(ENDED)}},
    lambda v: v["status"] not in ENDED,
    company="matched_company_id",
    contact="matched_contact_id",
)
TOUCHPOINTS = (Touchpoint("lead.converted", "sales", _PARTIES),)
SECTIONS = (
    listed(
        "open_leads",
        "sales",
        _OPEN,
        (
            *("name", "company_name", "status", "score", "band", "grade", "probability"),
            *("source", "campaign", "respond_by", "owner_id"),
        ),
    ),
)
