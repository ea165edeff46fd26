"""Whether a message may leave, and to which address: what the gate of outreach says of it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from crm_api.domains.conversations.models import Channel
from crm_api.domains.conversations.repository import Channels
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Blocked, CrmError, Fault, Invalid, WrongState
from crm_api.platform.outreach.gate import Answer, Question, may_reach, reach

GATED = {"email": "email", "sms": "sms", "whatsapp": "messenger", "chat": "messenger"}
"""What the gate calls the channels; others are messengers to it, too."""
# Who wrote is answered: they need to be no contact, to have agreed to nothing, at no hour.
_OF_STRANGERS = frozenset({"no_consent", "unknown_person", "quiet_hours", "expired"})
Ask = Callable[[Tx, Sequence[Question]], Awaitable[list[Answer]]]


@dataclass(frozen=True)
class Recipient:
    """Whom a message is for, and what for."""

    channel: Channel
    purpose: str
    contact_id: UUID | None
    address: str | None

    async def asked(
        self,
        tx: Tx,
        key: UUID,
        at: datetime | None,
        *,
        is_answer: bool,
        claims: bool = False,
    ) -> Answer:
        """What stands against it; `claims` where it is about to leave, so that it counts."""
        question = Question(
            GATED.get(self.channel.kind, "messenger"),
            self.purpose,
            record_id=self.contact_id,
            address=self.address,
            at=at,
            key=key,
        )
        ask: Ask = reach if claims else may_reach
        try:
            (answer,) = await ask(tx, [question])
        except Invalid as error:
            if self.channel.kind in {"chat", "other", "whatsapp"} and self.address is not None:
                # What is no number the gate knows nothing of: only who wrote is answered there.
                against = [] if is_answer else ["unknown_person"]
                return Answer(self.contact_id, self.address, against)
            raise Invalid.at("/to", error.faults[0].code, error.detail) from None
        if is_answer:
            answer.reasons = [one for one in answer.reasons if one not in _OF_STRANGERS]
        return answer


def refused(reasons: Sequence[str]) -> CrmError:
    """The error for a message that something stands against."""
    faults = [Fault(reason, f"Outreach says: {reason}.", "/contact_id") for reason in reasons]
    message = f"They are not to be reached: {', '.join(reasons)}."
    return Blocked(message, code="outreach_refused", faults=faults)


async def need_way_out(tx: Tx, channel_id: UUID) -> Channel:
    """The channel by which a message leaves, whoever asks; raises `Invalid`, `WrongState`."""
    found = [one for one in await Channels(tx).active() if one.id == channel_id]
    if not found:
        message = "There is no such channel, or messages leave by it no more."
        raise Invalid.at("/channel_id", "unknown_reference", message)
    if found[0].kind == "email" and not found[0].addresses:
        raise WrongState("The channel has no address to send from.", code="no_address")
    return found[0]
