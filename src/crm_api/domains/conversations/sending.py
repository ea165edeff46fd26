"""Messages on their way out: each leaves by its channel, and once in the eyes of the database."""

from email.utils import formataddr
from typing import Any
from uuid import UUID

from crm_api.domains.cases.service import CaseService
from crm_api.domains.conversations.models import Channel, Message
from crm_api.domains.conversations.outreach import Recipient
from crm_api.domains.conversations.parsing import LOOP_HEADER
from crm_api.domains.conversations.repository import Channels
from crm_api.domains.conversations.service import ConversationService, MessageService
from crm_api.domains.conversations.texts import address_key
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import CrmError, Unavailable
from crm_api.kit.jobs import JobContext
from crm_api.kit.mail import Letter
from crm_api.kit.texters import ShortMessage
from crm_api.platform.outreach.gate import take_back

MOST_ATTEMPTS = 8


def loop_mark(organization_id: UUID) -> str:
    """What mail from here carries, so that it is known when it comes back."""
    return organization_id.hex


class Sending:
    """One message, from waiting to having left."""

    def __init__(self, context: JobContext, id: UUID) -> None:
        self._context, self._id = context, id

    async def run(self) -> dict[str, Any]:
        """Send it; whoever comes second finds that it has left. Raises `Unavailable` to try again."""
        async with unit_of_work(self._context.tx()) as tx:
            await self._context.job.hold(tx)
            found = await self._begin(tx)
        if found is None:
            return {"sent": False}
        message, channel = found
        try:
            left = await self._leave(message, channel)
        except Unavailable as error:
            if message.attempts < MOST_ATTEMPTS:
                raise
            return await self._end("failed", error.own_code or error.code)
        except CrmError as error:
            return await self._end("failed", error.own_code or error.code)
        return await self._end(*(("sent", None) if left else ("failed", "no_way_out")))

    async def _begin(self, tx: Tx) -> tuple[Message, Channel] | None:
        """The message and its channel, where it may leave; counted as tried."""
        messages = MessageService(tx)
        found = await messages.records.locked([self._id], everywhere=True)
        if not found or found[0].status != "queued" or found[0].deleted_at is not None:
            return None
        message = found[0]
        channels = [one for one in await Channels(tx).active() if one.id == message.channel_id]
        if not channels:
            await _ended(tx, message, "failed", "no_channel")
            return None
        reasons = await self._against(tx, message, channels[0])
        if reasons:
            await _ended(tx, message, "failed", "outreach_refused", reasons)
            return None
        # Not told: each try is no news.
        tx.change(message, {"attempts": message.attempts + 1})
        return message, channels[0]

    async def _against(self, tx: Tx, message: Message, channel: Channel) -> list[str]:
        address: str = message.recipients[0]["address"]
        key = address_key(channel.kind, address, tx.actor.country) or address
        wrote = await MessageService(tx).records.last_sender(message.conversation_id, key)
        recipient = Recipient(channel, str(message.purpose), message.contact_id, address)
        answer = await recipient.asked(
            tx, message.id, None, is_answer=wrote is not None, claims=True
        )
        return answer.reasons

    async def _leave(self, message: Message, channel: Channel) -> bool:
        address: str = message.recipients[0]["address"]
        if channel.kind == "email":
            return await self._context.mailer.send(_letter(message, channel, address))
        texter = self._context.texters.get(channel.kind)
        if texter is not None:
            text = ShortMessage(str(message.id), address, message.body or "")
            return await texter.send(text)
        # Whoever runs that channel follows the event, which holds what is to be said.
        return channel.kind != "sms"

    async def _end(self, status: str, failure: str | None) -> dict[str, Any]:
        async with unit_of_work(self._context.tx()) as tx:
            await self._context.job.hold(tx)
            found = await MessageService(tx).records.locked([self._id], everywhere=True)
            if not found or found[0].status != "queued":
                return {"sent": False}
            await _ended(tx, found[0], status, failure)
        return {"sent": status == "sent", "failure": failure}


async def _ended(
    tx: Tx, message: Message, status: str, failure: str | None, reasons: list[str] | None = None
) -> None:
    messages = MessageService(tx)
    values = {
        "status": status,
        "failure": failure,
        "reasons": reasons or [],
        "sent_at": tx.now if status == "sent" else None,
    }
    told = {n: getattr(message, n) for n in _TOLD}
    await messages.change(message, values, verb=status, told=told)
    if status != "sent":
        await take_back(tx, [message.id])
        return
    threads = ConversationService(tx)
    thread = await threads.records.taken(message.conversation_id)
    left = {"last_outbound_at": tx.now}
    if not message.is_auto_reply:
        left |= {"needs_answer": False, "is_unread": False}
    await threads.change(thread, left)
    if thread.case_id is not None and not message.is_auto_reply:
        await CaseService(tx).respond(thread.case_id, tx.now)


_TOLD = (
    *("conversation_id", "contact_id", "company_id", "channel", "channel_id", "subject", "body"),
    *("recipients", "is_auto_reply", "message_id", "in_reply_to", "purpose", "direction"),
)


def _letter(message: Message, channel: Channel, address: str) -> Letter:
    sender = message.from_address or channel.addresses[0]
    headers = {LOOP_HEADER: loop_mark(message.organization_id)}
    if message.in_reply_to:
        headers["In-Reply-To"] = f"<{message.in_reply_to}>"
    if message.references:
        headers["References"] = " ".join(f"<{one}>" for one in message.references)
    if message.is_auto_reply:
        headers["Auto-Submitted"] = "auto-replied"
        headers["Precedence"] = "bulk"
    name = " ".join(channel.name.split())
    return Letter(
        str(message.id),
        address,
        message.subject or "",
        f"{message.body}\n",
        headers=headers,
        sender=formataddr((name, sender)),
        message_id=message.message_id,
        is_automatic=False,
    )
