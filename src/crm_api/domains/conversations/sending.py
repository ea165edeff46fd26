"""Messages on their way out: each leaves by its channel, and once in the eyes of the database."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from email.utils import formataddr
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.cases.service import CaseService
from crm_api.domains.conversations.events import MOST_ATTEMPTS
from crm_api.domains.conversations.models import Channel, Conversation, Message
from crm_api.domains.conversations.outreach import claimed, gated
from crm_api.domains.conversations.parsing import LOOP_HEADER
from crm_api.domains.conversations.repository import Channels
from crm_api.domains.conversations.service import OPENED, ConversationService, MessageService
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import CrmError, Unavailable
from crm_api.kit.jobs import JobContext
from crm_api.kit.mail import Letter
from crm_api.kit.texters import ShortMessage
from crm_api.platform.outreach.gate import Question, take_back

Finish = Callable[[Letter], Letter]
"""Gives a letter what its message does not hold, such as what calendars read."""
Finisher = Callable[[JobContext, Tx, Message], Awaitable[Finish | None]]


def loop_mark(organization_id: UUID) -> str:
    """What mail from here carries, so that it is known when it comes back."""
    return organization_id.hex


class Sending:
    """One message, from waiting to having left."""

    finishers: ClassVar[list[Finisher]] = []
    """Of parts that have mail leave by a channel; asked at each try, so they say the same again."""

    def __init__(self, context: JobContext, id: UUID) -> None:
        self._context, self._id = context, id
        self._finish: list[Finish] = []

    async def run(self) -> dict[str, Any]:
        """Send it; whoever comes second finds that it has left. Raises `Unavailable` to try again."""
        async with unit_of_work(self._context.tx()) as tx:
            await self._context.job.hold(tx)
            found = await self.begin(tx)
        if found is None:
            return {"sent": False}
        message, channel = found
        try:
            failure = None if await self._leave(message, channel) else "no_way_out"
        except CrmError as error:
            if isinstance(error, Unavailable) and message.attempts < MOST_ATTEMPTS:
                raise
            failure = error.own_code or error.code
        return await self._end(failure)

    async def begin(self, tx: Tx) -> tuple[Message, Channel] | None:
        """The message and its channel, where it may leave; counted as tried."""
        messages = MessageService(tx)
        thread = await messages.with_thread(self._id)
        found = await messages.records.locked([self._id], everywhere=True)
        if not found:
            await take_back(tx, [self._id])
            return None
        message = found[0]
        if message.status != "queued":
            return None
        channel = await Channels(tx).usable(message.channel_id)
        failure = _hindrance(message, thread, channel)
        reasons = [] if failure or channel is None else await self._against(tx, message, channel)
        if failure or reasons or channel is None:
            await ended(tx, message, failure or "outreach_refused", reasons)
            return None
        # Not told: each try is no news.
        tx.change(message, {"attempts": message.attempts + 1})
        finish = [await one(self._context, tx, message) for one in self.finishers]
        self._finish = [one for one in finish if one is not None]
        return message, channel

    async def _against(self, tx: Tx, message: Message, channel: Channel) -> list[str]:
        address: str = message.recipients[0]["address"]
        question = Question(
            gated(channel),
            str(message.purpose),
            message.contact_id,
            address,
            key=message.id,
            is_answer=message.is_answer,
        )
        return (await claimed(tx, question)).reasons

    async def _leave(self, message: Message, channel: Channel) -> bool:
        address: str = message.recipients[0]["address"]
        if channel.kind == "email":
            letter = _letter(message, channel, address)
            for finish in self._finish:
                letter = finish(letter)
            return await self._context.mailer.send(letter)
        texter = self._context.texters.get(channel.kind)
        if texter is not None:
            text = ShortMessage(str(message.id), address, message.body or "")
            return await texter.send(text)
        # Whoever runs that channel follows the event, which holds what is to be said.
        return channel.kind != "sms"

    async def _end(self, failure: str | None) -> dict[str, Any]:
        async with unit_of_work(self._context.tx()) as tx:
            await self._context.job.hold(tx)
            messages = MessageService(tx)
            await messages.with_thread(self._id)
            found = await messages.records.locked([self._id], everywhere=True)
            if not found or found[0].status != "queued":
                return {"sent": False}
            await ended(tx, found[0], failure)
        return {"sent": failure is None, "failure": failure}


def _hindrance(
    message: Message, thread: Conversation | None, channel: Channel | None
) -> str | None:
    """Why a message that waits can leave no more, but for what the gate says."""
    if thread is None:
        return "deleted"
    if channel is None:
        return "no_channel"
    if not message.recipients:
        return "erased"
    return "given_up" if message.attempts >= MOST_ATTEMPTS else None


async def kept_back(tx: Tx, message: Message, failure: str) -> Any:
    """Have a message that is locked not leave; None where it has, or may be leaving now."""
    if message.status != "queued" or message.attempts:
        return None
    return await ended(tx, message, failure)


async def ended(tx: Tx, message: Message, failure: str | None, reasons: Sequence[str] = ()) -> Any:
    """It has left, or does so no more and counts no more as sent; returns its representation."""
    status = "sent" if failure is None else "failed"
    values = {
        "status": status,
        "failure": failure,
        "reasons": list(reasons),
        "sent_at": tx.now if failure is None else None,
    }
    told = {n: getattr(message, n) for n in _TOLD}
    shown = await MessageService(tx).change(message, values, verb=status, told=told)
    if failure is not None:
        await take_back(tx, [message.id])
    threads = ConversationService(tx)
    thread = await threads.records.taken(message.conversation_id)
    if thread is None:
        return shown
    await threads.change(thread, _after(thread, message, tx.now, left=failure is None))
    if failure is None and thread.case_id is not None and not message.is_auto_reply:
        await CaseService(tx).respond({thread.case_id: [tx.now]})
    return shown


def _after(
    thread: Conversation, message: Message, now: datetime, *, left: bool
) -> Mapping[str, Any]:
    """What a message that has left, or does so no more, changes of its conversation."""
    if not left:
        # Whoever was to be answered waits still.
        still = message.is_answer and not message.is_auto_reply
        return {"needs_answer": True, **OPENED} if still else {}
    came = thread.last_inbound_at
    if message.is_auto_reply or (came is not None and came > message.at):
        return {"last_outbound_at": now}
    return {"last_outbound_at": now, "needs_answer": False, "is_unread": False}


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
