"""What leads show of a customer, and which of their events are points of contact."""

from crm_api.kit.touchpoints import Party, Touchpoint

_PARTIES = (
    Party("contact_id", "contact"),
    Party("company_id", "company"),
    Party("deal_id", "deal"),
)
TOUCHPOINTS = (Touchpoint("lead.converted", "sales", _PARTIES),)
