"""What conversations show of a customer, and which messages are points of contact."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.conversations.schemas import SERVICE
from crm_api.domains.conversations.service import ConversationService
from crm_api.kit.crud.picturing import Pictured, listed
from crm_api.kit.db.tx import Tx
from crm_api.kit.touchpoints import Department, Direction, Happened, Parties, PartyKind, Touchpoint

_OPEN = Pictured(
    ConversationService, {"status": {"ne": "closed"}}, lambda v: v["status"] != "closed"
)


def _is_of_people(happened: Happened) -> bool:
    return not happened.row["is_auto_reply"]


def _direction(row: Mapping[str, Any]) -> Direction:
    return "in" if row["direction"] == "inbound" else "out"


def _kind(row: Mapping[str, Any]) -> str:
    """As activities of the same kind are called, with which it is filtered and counted."""
    return "email" if row["channel"] == "email" else "message"


def _sent_by(row: Mapping[str, Any]) -> Department:
    """Whatever is not an answer or another service is written to win somebody over."""
    return "service" if row["is_answer"] or row["purpose"] == SERVICE else "advertising"


def _parties(said: Callable[[Happened], Mapping[str, Any]]) -> Parties:
    """Those of the message as it is now, as far as the event said something of them.

    Whose it turned out to be later, or was before, another event has said, whenever this one is
    looked at.
    """

    async def find(
        tx: Tx, found: Sequence[Happened]
    ) -> Mapping[UUID, Sequence[tuple[PartyKind, UUID]]]:
        del tx
        return {one.id: list(_of(one.row, said(one))) for one in found}

    return find


def _of(row: Mapping[str, Any], said: Mapping[str, Any]) -> Iterator[tuple[PartyKind, UUID]]:
    columns: Mapping[PartyKind, str] = {"contact": "contact_id", "company": "company_id"}
    for kind, column in columns.items():
        if said.get(column) is not None and row[column] is not None:
            yield kind, row[column]


def _assigned(happened: Happened) -> Mapping[str, Any]:
    return {name: happened.data.get(name) for name in happened.previous}


_KNOWN = _parties(lambda happened: happened.data)
TOUCHPOINTS = (
    Touchpoint(
        "message.received", "service", _KNOWN, direction="in", kind=_kind, when=_is_of_people
    ),
    Touchpoint("message.sent", _sent_by, _KNOWN, direction="out", kind=_kind, when=_is_of_people),
    # What was written to and fro with a stranger, who turned out to be somebody.
    Touchpoint(
        "message.assigned",
        "service",
        _parties(_assigned),
        _direction,
        at="at",
        kind=_kind,
        when=_is_of_people,
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
