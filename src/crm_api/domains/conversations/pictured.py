"""What conversations show of a customer, and which messages are points of contact."""

from crm_api.domains.conversations.service import ConversationService
from crm_api.kit.crud.picturing import Pictured, listed
from crm_api.kit.touchpoints import Happened, Party, Touchpoint

_PARTIES = (Party("contact_id", "contact"), Party("company_id", "company"))
_OPEN = Pictured(
    ConversationService, {"status": {"ne": "closed"}}, lambda v: v["status"] != "closed"
)


def _is_of_people(happened: Happened) -> bool:
    return not happened.row["is_auto_reply"]


TOUCHPOINTS = (
    Touchpoint("message.received", "service", _PARTIES, direction="in", when=_is_of_people),
    Touchpoint("message.sent", "service", _PARTIES, direction="out", when=_is_of_people),
)
SECTIONS = (
    listed(
        "open_conversations",
        "service",
        _OPEN,
        ("subject", "status", "channel_id", "last_message_at", "needs_answer", "owner_id"),
    ),
)
