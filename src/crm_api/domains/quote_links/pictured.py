"""Which events of links are points of contact."""

from crm_api.kit.touchpoints import Party, Touchpoint, through

_OF_QUOTE = through(
    "quote_id",
    "quotes",
    (Party("contact_id", "contact"), Party("company_id", "company"), Party("deal_id", "deal")),
)
TOUCHPOINTS = (
    Touchpoint("quote_link.viewed", "sales", _OF_QUOTE, "in"),
    Touchpoint("quote_question.asked", "sales", _OF_QUOTE, "in"),
    Touchpoint("quote_question.answered", "sales", _OF_QUOTE, "out"),
)
