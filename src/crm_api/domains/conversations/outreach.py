"""Whether a message may leave, and to which address: what the gate of outreach says of it."""

from collections.abc import Sequence
from uuid import UUID

from crm_api.domains.conversations.models import Channel
from crm_api.domains.conversations.repository import Channels
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Blocked, CrmError, Fault, Invalid
from crm_api.platform.outreach.gate import Answer, Question, reach

_GATED = {"email": "email", "sms": "sms"}


def gated(channel: Channel) -> str:
    """What the gate calls a channel: what is neither mail nor SMS is a messenger to it."""
    return _GATED.get(channel.kind, "messenger")


async def claimed(tx: Tx, question: Question) -> Answer:
    """What stands against a message; what nothing stands against counts as sent."""
    try:
        (answer,) = await reach(tx, [question])
    except Invalid as error:
        raise Invalid.at("/to", error.faults[0].code, error.detail) from None
    return answer


def refused(reasons: Sequence[str]) -> CrmError:
    """The error for a message that something stands against."""
    faults = [Fault(reason, f"Outreach says: {reason}.", "/contact_id") for reason in reasons]
    message = f"They are not to be reached: {', '.join(reasons)}."
    return Blocked(message, code="outreach_refused", faults=faults)


async def need_way_out(tx: Tx, channel_id: UUID) -> Channel:
    """The channel by which a message leaves, whoever asks; raises `Invalid`."""
    found = await Channels(tx).usable(channel_id)
    if found is None:
        message = "There is no such channel, or messages leave by it no more."
        raise Invalid.at("/channel_id", "unknown_reference", message)
    return found
