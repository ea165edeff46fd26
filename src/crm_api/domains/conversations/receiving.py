"""Messages on their way in: known ones are told, others find their thread, their sender, their case."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.cases.models import CaseChannel
from crm_api.domains.cases.service import CaseService
from crm_api.domains.conversations.heard import Heeder, Reporter
from crm_api.domains.conversations.kinds import Bounce
from crm_api.domains.conversations.matching import Sender, mark_bounced, sender_of
from crm_api.domains.conversations.models import Channel, Conversation, Message
from crm_api.domains.conversations.parsing import Mail, Note
from crm_api.domains.conversations.reports import report_of, said_by
from crm_api.domains.conversations.repository import INBOX_AREA, THREAD, Channels
from crm_api.domains.conversations.schemas import SERVICE, InboxMessage
from crm_api.domains.conversations.sending import loop_mark
from crm_api.domains.conversations.service import (
    OPENED,
    PLAIN,
    ConversationService,
    MessageService,
    Outgoing,
)
from crm_api.domains.conversations.texts import (
    address_key,
    folded_address,
    is_reply,
    one_line,
    short,
    storable,
    thread_subject,
)
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError, Invalid

SUBJECT_DAYS = 14
"""How long an answer without ids finds its thread by address and subject."""
CHAT_DAYS = 7
"""How long what comes without a thread goes on in the last one of its sender."""
_UNTOLD = "(no subject)"
_CASE_CHANNELS: dict[str, CaseChannel] = {"email": "email", "chat": "chat", "whatsapp": "chat"}
_LONGEST_DESCRIPTION = 20_000


@dataclass
class Coming:
    """A message of whatever channel that has come."""

    channel: Channel | None
    kind_of_channel: str
    identity: str
    subject: str
    body: str
    sender: str | None
    sender_name: str | None
    message_id: str | None
    kind: str = "message"
    in_reply_to: str | None = None
    references: list[str] = field(default_factory=list[str])
    dated_at: datetime | None = None
    recipients: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    bounce: Bounce | None = None
    notes: list[Note] = field(default_factory=list[Note])
    key: str | None = None
    """The sender's address as it is looked up."""
    calendar: bytes | None = None
    """The calendar file that came with it."""

    @property
    def thread_keys(self) -> list[str]:
        """What it is found by in its thread, the nearest first."""
        ids = [self.message_id, self.in_reply_to, *reversed(self.references)]
        if self.bounce is not None:
            ids.append(self.bounce.original_id)
        own = "" if self.kind_of_channel == "email" else f"{self.channel and self.channel.id}:"
        return list(dict.fromkeys(short(own + one) for one in ids if one))

    def note(self, code: str, message: str) -> None:
        """Write down what became of it."""
        self.notes.append(Note(code, message))


class Inbox:
    """Where messages come in, whoever brings them."""

    heeders: ClassVar[list[Heeder]] = []
    """Of parts that calendars answer by mail."""
    reporters: ClassVar[list[Reporter]] = []  # of parts that send mail of their own

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.messages = MessageService(tx)
        self.threads = ConversationService(tx)

    def require(self) -> None:
        """Raise `Forbidden` unless whoever asks may bring messages."""
        self.tx.actor.require(f"{INBOX_AREA}:write")

    async def knows(self, mail: Mail) -> bool:
        """Whether a mail has come already; what it brings need not be kept."""
        return await self.messages.records.knows(identity_of(mail))

    async def take_mail(self, mail: Mail, channel_id: UUID | None) -> tuple[dict[str, Any], bool]:
        """What became of a mail, and whether it is new; raises `Invalid` for an unknown channel."""
        self.require()
        channels = [one for one in await Channels(self.tx).active() if one.kind == "email"]
        coming = Coming(
            channel=_channel_of(mail, channels, channel_id),
            kind_of_channel="email",
            identity=identity_of(mail),
            subject=mail.subject,
            body=mail.body,
            sender=mail.from_address,
            sender_name=mail.from_name,
            message_id=mail.message_id,
            kind=mail.kind,
            in_reply_to=mail.in_reply_to,
            references=mail.references,
            dated_at=mail.dated_at,
            recipients=_recipients(mail),
            bounce=mail.bounce,
            notes=list(mail.notes),
            calendar=mail.calendar,
        )
        if coming.channel is None:
            coming.note("no_channel", "No channel has an address that it was sent to.")
        own = {address for one in channels for address in one.addresses}
        coming.key = self._key_of_mail(coming)
        if mail.loop == loop_mark(self.tx.organization_id) or coming.key in own:
            coming.kind = "auto_reply"
            coming.note("own_loop", "It was sent from here and came back; it is not answered.")
        return await self._take(coming)

    async def take_message(
        self, channel: Channel, data: InboxMessage
    ) -> tuple[dict[str, Any], bool]:
        """What became of a message of another channel, and whether it is new."""
        self.require()
        coming = Coming(
            channel=channel,
            kind_of_channel=channel.kind,
            identity=f"{channel.id}:{short(data.id)}",
            subject=data.subject or "",
            body=storable(data.body),
            sender=data.sender,
            sender_name=data.sender_name,
            message_id=data.id,
            kind="auto_reply" if data.is_auto_reply else "message",
            references=[f"thread:{data.thread}"] if data.thread else [],
            dated_at=data.sent_at,
        )
        coming.key = folded_address(channel.kind, data.sender, self.tx.actor.country)
        return await self._take(coming)

    def _key_of_mail(self, coming: Coming) -> str | None:
        if coming.sender is None:
            return None
        found = address_key("email", coming.sender, None)
        if found is None:
            coming.note("odd_sender", "Its sender has no address that mail could be sent to.")
        return found

    # Steps

    async def _take(self, coming: Coming) -> tuple[dict[str, Any], bool]:
        # What belongs together comes one after the other: the same one, its thread, its sender.
        about = [coming.identity, *coming.thread_keys, f"from:{coming.key}"]
        await self.messages.records.lock_keys(THREAD, about)
        known = await self.messages.records.known(coming.identity)
        if known is not None:
            thread = await self.threads.records.taken(known.conversation_id)
            return _receipt(known, "repeated", thread.case_id if thread else None), False
        await self._heed(coming)
        sender = await sender_of(self.tx, coming.kind_of_channel, coming.key)
        thread, is_new = await self._thread(coming, sender)
        is_quiet = coming.kind != "message" or await self._is_too_much(coming)
        bounced = await self._bounced(coming)
        await self._report(coming)
        made = self.messages.add(self._values(coming, sender, thread, bounced))
        case_id = None if is_quiet else await self._case(coming, sender, thread)
        await self.threads.change(thread, self._after(coming, thread, case_id))
        await self.tx.flush()
        if is_new and not is_quiet:
            await self._acknowledge(coming, thread)
        return _receipt(made, "created", case_id or thread.case_id), True

    async def _heed(self, coming: Coming) -> None:
        """Hand on the calendar file of a mail; what it settles is of a program."""
        if coming.calendar is None or coming.kind not in {"message", "auto_reply"}:
            return
        for heed in self.heeders:
            heard = await heed(self.tx, coming.calendar, coming.key)
            if heard is not None:
                coming.note(heard.code, heard.message)
                coming.kind = "auto_reply" if heard.is_settled else coming.kind

    async def _thread(self, coming: Coming, sender: Sender) -> tuple[Conversation, bool]:
        records = self.threads.records
        id = await records.of_thread(coming.thread_keys) if coming.thread_keys else None
        if id is None and coming.key is not None and coming.kind != "bounce":
            id = await self._like(coming, coming.key)
        found = await records.taken(id) if id is not None else None
        if found is not None:
            return found, False
        begun = await self.threads.begun(
            {
                "subject": coming.subject or one_line(coming.body, 80) or _UNTOLD,
                "channel_id": coming.channel.id if coming.channel is not None else None,
                "contact_id": sender.contact_id,
                "company_id": sender.company_id,
                "counterpart": coming.key,
                "owner_id": _owner_of(coming.channel, sender),
            }
        )
        return begun, True

    async def _like(self, coming: Coming, key: str) -> UUID | None:
        """The thread by what is alike: of an answer the subject, of a chat the sender."""
        records, channel_id = self.threads.records, coming.channel and coming.channel.id
        if coming.kind_of_channel != "email":
            if coming.references or channel_id is None:
                return None
            since = self.tx.now - timedelta(days=CHAT_DAYS)
            return await records.of_sender(key, channel_id, since)
        subject = thread_subject(coming.subject)
        if subject is None or not is_reply(coming.subject):
            return None
        since = self.tx.now - timedelta(days=SUBJECT_DAYS)
        return await records.of_subject(key, subject, since, channel_id)

    async def _is_too_much(self, coming: Coming) -> bool:
        if coming.key is None or coming.channel is None:
            return False
        most = coming.channel.hourly_limit
        since = self.tx.now - timedelta(hours=1)
        if await self.messages.records.recent(coming.key, since, most) < most:
            return False
        message = f"More than {most} came of this address within an hour: no case, no answer."
        coming.note("too_many", message)
        return True

    async def _report(self, coming: Coming) -> None:
        """Tell parts what is said of mail of theirs."""
        ids = [one for one in (coming.in_reply_to, *reversed(coming.references)) if one]
        report = report_of(coming.kind, coming.bounce, ids)
        if report is not None and coming.kind_of_channel == "email":
            for heed in self.reporters:
                await heed(self.tx, report)

    async def _bounced(self, coming: Coming) -> UUID | None:
        if (bounce := coming.bounce) is None:
            return None
        coming.note(bounce.code, said_by(bounce))
        if bounce.original_id is None or bounce.code != "bounced":
            return None
        sent = await self.messages.records.sent_as(f"mail:{short(bounce.original_id)}")
        if sent is None:
            return None
        if bounce.is_permanent and bounce.recipient and sent["contact_id"] is not None:
            await mark_bounced(self.tx, sent["contact_id"], bounce.recipient)
        return sent["id"]

    def _values(
        self, coming: Coming, sender: Sender, thread: Conversation, bounced: UUID | None
    ) -> dict[str, Any]:
        return {
            **PLAIN,
            "conversation_id": thread.id,
            "channel_id": coming.channel.id if coming.channel is not None else None,
            "channel": coming.kind_of_channel,
            "direction": "inbound",
            "kind": coming.kind,
            "status": "received",
            "at": self.tx.now,
            "dated_at": coming.dated_at,
            "subject": coming.subject or None,
            "body": coming.body or None,
            "from_address": coming.sender,
            "from_name": coming.sender_name,
            "from_key": coming.key,
            "recipients": coming.recipients,
            "company_id": sender.company_id,
            "contact_id": sender.contact_id,
            "candidates": sender.candidates,
            "is_auto_reply": coming.kind != "message",
            "message_id": coming.message_id,
            "in_reply_to": coming.in_reply_to,
            "references": coming.references,
            "identity": coming.identity,
            "bounced_id": bounced,
            "purpose": None,
            "is_answer": False,
            "attempts": 0,
            "sent_at": None,
            "failure": None,
            "reasons": [],
            "notes": [one.stored() for one in coming.notes],
            "custom": self.messages.fields.with_defaults({}),
        }

    def _after(self, coming: Coming, thread: Conversation, case_id: UUID | None) -> dict[str, Any]:
        values: dict[str, Any] = {
            "message_count": thread.message_count + 1,
            "last_message_at": self.tx.now,
            "last_inbound_at": self.tx.now,
            "is_unread": True,
            "case_id": case_id or thread.case_id,
        }
        if coming.kind == "message":
            values |= {"needs_answer": True, **OPENED}
        return values

    async def _case(self, coming: Coming, sender: Sender, thread: Conversation) -> UUID | None:
        """The case that goes on by it, or that it opens; None where there is none."""
        cases, channel = CaseService(self.tx), coming.channel
        if thread.case_id is not None:
            found = await cases.customer_replied(thread.case_id, self.tx.now)
            if found is not None:
                return found.id
        if channel is None or not channel.opens_cases:
            return None
        made = await cases.open_from(
            subject=thread.subject,
            description=coming.body[:_LONGEST_DESCRIPTION].strip() or None,
            kind=channel.case_kind,
            channel=_CASE_CHANNELS.get(channel.kind, "other"),
            priority=channel.case_priority,
            team_id=channel.case_team_id,
            owner_id=channel.case_owner_id,
            contact_id=thread.contact_id or sender.contact_id,
            company_id=thread.company_id or sender.company_id,
        )
        return made.id

    async def _acknowledge(self, coming: Coming, thread: Conversation) -> None:
        channel = coming.channel
        if channel is None or not channel.acknowledges or coming.sender is None or not coming.key:
            return
        outgoing = Outgoing(
            channel.id,
            channel.acknowledgement or "Your message has come in.",
            SERVICE,
            contact_id=thread.contact_id,
            subject=one_line(f"Re: {thread.subject}", 500),
            conversation_id=thread.id,
            to=coming.sender,
            is_answer=True,
            is_automatic=True,
        )
        try:
            await self.messages.send(outgoing)
        except CrmError:
            # What may not be answered came in all the same.
            return


def _receipt(message: Message | Any, result: str, case_id: UUID | None) -> dict[str, Any]:
    told = {name: getattr(message, name) for name in _TOLD}
    return {"result": result, **told, "case_id": case_id}


_TOLD = (
    *("id", "conversation_id", "contact_id", "company_id", "candidates", "kind"),
    *("is_auto_reply", "notes"),
)


def identity_of(mail: Mail) -> str:
    """What tells a mail from others: its Message-ID, or else its bytes."""
    return f"mail:{short(mail.message_id)}" if mail.message_id else f"bytes:{mail.digest}"


def _owner_of(channel: Channel | None, sender: Sender) -> UUID | None:
    """Who gets what begins: what opens a case whoever gets that, else whose contact it is."""
    if channel is not None and (channel.opens_cases or channel.case_owner_id is not None):
        return channel.case_owner_id
    return sender.owner_id


def _channel_of(mail: Mail, channels: Sequence[Channel], channel_id: UUID | None) -> Channel | None:
    if channel_id is not None:
        for one in channels:
            if one.id == channel_id:
                return one
        raise Invalid.parameter("channel_id", "unknown_reference", "There is no such channel.")
    to = [*mail.delivered_to, *(address for _, address in (*mail.to, *mail.cc))]
    keys = {address_key("email", address, None) for address in to}
    return next((one for one in channels if not keys.isdisjoint(one.addresses)), None)


def _recipients(mail: Mail) -> list[dict[str, Any]]:
    return [
        {"kind": kind, "name": name or None, "address": address}
        for kind, found in (("to", mail.to), ("cc", mail.cc))
        for name, address in found
    ]
