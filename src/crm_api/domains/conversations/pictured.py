"""What conversations show of a customer, and which messages are points of contact."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.conversations.schemas import SERVICE
from crm_api.domains.conversations.service import ConversationService
from crm_api.kit.crud.picturing import Pictured, listed
from crm_api.kit.db.tx import Tx
from crm_api.kit.touchpoints import Department, Direction, Happened, Party, PartyKind, Touchpoint

_PARTIES = (Party("contact_id", "contact"), Party("company_id", "company"))
_OPEN = Pictured(
    ConversationService, {"status": {"ne": "closed"}}, lambda v: v["status"] != "closed"
)


def _is_of_people(happened: Happened) -> bool:
    return not happened.row["is_auto_reply"]


def _direction(row: Mapping[str, Any]) -> Direction:
    return "in" if row["direction"] == "inbound" else "out"


def _sent_by(row: Mapping[str, Any]) -> Department:
    """Whatever is not an answer or another service is written to win somebody over."""
    return "service" if row["is_answer"] or row["purpose"] == SERVICE else "advertising"


async def _assigned_to(
    tx: Tx, found: Sequence[Happened]
) -> Mapping[UUID, Sequence[tuple[PartyKind, UUID]]]:
    """Whose it was said to be; with a company that was known, there was contact already."""
    del tx
    return {
        one.id: [
            (party.kind, one.row[party.column])
            for party in _PARTIES
            if one.row[party.column] is not None and party.column in one.previous
        ]
        for one in found
    }


TOUCHPOINTS = (
    Touchpoint("message.received", "service", _PARTIES, direction="in", when=_is_of_people),
    Touchpoint("message.sent", _sent_by, _PARTIES, direction="out", when=_is_of_people),
    # What was written to and fro with a stranger, who turned out to be somebody.
    Touchpoint(
        "message.assigned", "service", _assigned_to, _direction, at="at", when=_is_of_people
    ),
)
SECTIONS = (
    listed(
        "open_conversations",
        "service",
        _OPEN,
        ("subject", "status", "channel_id", "last_message_at", "needs_answer", "owner_id"),
    ),
)
