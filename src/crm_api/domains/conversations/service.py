"""The rules of channels, of conversations and of messages."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from pydantic import ValidationError

from crm_api.domains.cases.models import Case
from crm_api.domains.cases.service import CaseService
from crm_api.domains.contacts.schemas import ContactCreate
from crm_api.domains.contacts.service import ContactService
from crm_api.domains.conversations.events import SendMessage
from crm_api.domains.conversations.models import Channel, Conversation, Message
from crm_api.domains.conversations.outreach import claimed, gated, need_way_out, refused
from crm_api.domains.conversations.repository import (
    AREA,
    THREAD,
    Conversations,
    Messages,
)
from crm_api.domains.conversations.schemas import (
    AssignInput,
    ConversationCreate,
    ConversationUpdate,
)
from crm_api.domains.conversations.texts import folded_address, one_line, short, thread_subject
from crm_api.kit.crud.personal import About, Gone
from crm_api.kit.crud.purges import destroy, empty_events
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, Invalid, Merged, WrongState
from crm_api.kit.ids import new_id
from crm_api.kit.query.selection import Selection
from crm_api.platform.attachments.service import end_with_record
from crm_api.platform.outreach.gate import Question

PLAIN: Mapping[str, Any] = {"owner_id": None, "custom": {}, "external_ids": {}}
OPENED: Mapping[str, Any] = {"status": "open", "closed_at": None}
_QUIET: Mapping[str, Any] = {
    "dated_at": None,
    "candidates": [],
    "bounced_id": None,
    "attempts": 0,
    "sent_at": None,
    "failure": None,
    "reasons": [],
    "notes": [],
}
_WROTE = "What was written is theirs: it is emptied, and that there was something is kept."


class ConversationService(CrudService[Conversation]):
    """What was written to and fro about one thing."""

    repository = Conversations
    area = AREA
    plural = "conversations"
    personal = About(("contact_id",), end="kept", reason=_WROTE)
    create_shape = ConversationCreate
    update_shape = ConversationUpdate
    begins_with: ClassVar[Mapping[str, Any]] = {
        **dict.fromkeys(("last_message_at", "last_inbound_at", "last_outbound_at", "closed_at")),
        "status": "open",
        "counterpart": None,
        "message_count": 0,
        "is_unread": False,
        "needs_answer": False,
    }
    records: Conversations

    @classmethod
    def derive(cls, values: dict[str, Any], current: Conversation | None) -> dict[str, Any]:
        """What threads are told by follows the subject."""
        del current
        if "subject" in values:
            values["thread_subject"] = thread_subject(values["subject"])
        return values

    async def begun(self, values: Mapping[str, Any]) -> Conversation:
        """A new one of its own accord, whoever asks, to work on."""
        whole = self.derive({**_NO_LINKS, "tags": [], **values}, None)
        custom = self.fields.with_defaults({})
        made = self.add({**PLAIN, **self.begins_with, **whole, "custom": custom})
        await self.tx.flush()
        return await self.records.need(made.id)

    async def check_purge(self, current: Conversation) -> None:
        """What was written in it goes with it; reports of what did not arrive stay elsewhere."""
        await super().check_purge(current)
        gone = await Messages(self.tx).of_thread(current.id)
        await destroy(self.tx, Messages.listing, gone)
        await self.tx.flush()
        for told in self.purged:
            await told(self.tx, "message", gone)
        await empty_events(self.tx, gone)

    async def put_back(self, record: Conversation, values: dict[str, Any]) -> Any:
        """What an undo takes back is not what was written meanwhile."""
        kept = self.begins_with.keys()
        return await super().put_back(record, {n: v for n, v in values.items() if n not in kept})


_NO_LINKS: Mapping[str, Any] = dict.fromkeys(
    ("channel_id", "company_id", "contact_id", "case_id", "team_id")
)


@dataclass(frozen=True)
class Outgoing:
    """A message that is to leave."""

    channel_id: UUID
    body: str
    purpose: str
    contact_id: UUID | None = None
    """Whom it is for; without them it goes `to` an address of the conversation."""
    subject: str | None = None
    conversation_id: UUID | None = None
    """That it goes on in; without it it begins one."""
    in_reply_to: str | None = None
    """The Message-ID that it answers; of a conversation the last one without it."""
    to: str | None = None
    at: datetime | None = None
    """When it leaves; at once without it."""
    is_answer: bool = False
    """Whether somebody is answered who wrote: then they need not have agreed to it."""
    is_automatic: bool = False
    """Whether no person wrote it (RFC 3834)."""


class MessageService(CrudService[Message]):
    """What was written once: it came in or left, and stays as it is."""

    repository = Messages
    area = AREA
    plural = "messages"
    personal = About(("contact_id",), end="kept", reason=_WROTE)
    plain = False
    governed = True
    upserts = False
    begins = "received"
    records: Messages

    @classmethod
    def keys(cls, record: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """Found by its own id in its thread, and by those that it refers to."""
        ids = (record["message_id"], record["in_reply_to"], *record["references"])
        return {(THREAD, thread_key(record, id)) for id in ids if id}

    async def with_thread(self, id: UUID) -> Conversation | None:
        """Lock the conversation of a message, before the message is: all do so in that order.

        Whoever answers, destroys or erases would else wait in a ring with what has just left, which
        would be sent again. None where it is in the bin, or there is no such message.
        """
        found = await self.records.thread_of(id)
        return None if found is None else await ConversationService(self.tx).records.taken(found)

    # Sending

    async def send(self, outgoing: Outgoing) -> Any:
        """Have a message leave by a job, once the gate lets it; returns its representation.

        Raises `Blocked` where something stands against it, `Invalid` where its channel is none,
        `NotFound`. It leaves with one Message-ID and counts once, however often it is tried.
        """
        channel = await need_way_out(self.tx, outgoing.channel_id)
        threads = ConversationService(self.tx)
        thread = None
        if outgoing.conversation_id is not None:
            thread = await threads.records.need(outgoing.conversation_id)
        id = new_id()
        answer = await claimed(self.tx, _question(outgoing, channel, id))
        if not answer.allowed:
            raise refused(answer.reasons)
        address = str(answer.address)
        key = folded_address(channel.kind, address, self.tx.actor.country)
        subject = outgoing.subject or (thread.subject if thread is not None else None)
        company_id = await self._company_of(outgoing.contact_id, thread)
        writer = None if outgoing.is_automatic else _writer_of(self.tx)
        if thread is None:
            thread = await threads.begun(
                {
                    "subject": subject or one_line(outgoing.body, 80),
                    "channel_id": channel.id,
                    "contact_id": outgoing.contact_id,
                    "company_id": company_id,
                    "counterpart": key,
                    "owner_id": writer,
                }
            )
        made = await self._queued(outgoing, channel, thread, (id, subject, address, company_id))
        after = {
            "message_count": thread.message_count + 1,
            "last_message_at": self.tx.now,
            "counterpart": thread.counterpart or key,
            "channel_id": thread.channel_id or channel.id,
            # Whoever answers what is nobody's has it from then on.
            "owner_id": thread.owner_id or writer,
        }
        await threads.change(thread, after)
        self.tx.enqueue(SendMessage(str(id)), run_at=outgoing.at)
        return made

    async def _queued(
        self,
        outgoing: Outgoing,
        channel: Channel,
        thread: Conversation,
        known: tuple[UUID, str | None, str, UUID | None],
    ) -> Any:
        id, subject, address, company_id = known
        before = await self.records.last_of(thread.id)
        near = outgoing.in_reply_to or (before.message_id if before is not None else None)
        path = [*before.references, near] if before is not None else [near]
        references = list(dict.fromkeys(one for one in path if one))
        sender = channel.addresses[0] if channel.addresses else None
        is_mail = channel.kind == "email"
        message_id = f"{id.hex}@{str(sender).rpartition('@')[2]}" if is_mail else None
        return await self.told(
            Queued(self.tx).add(
                {
                    **_QUIET,
                    **PLAIN,
                    "id": id,
                    "conversation_id": thread.id,
                    "channel_id": channel.id,
                    "channel": channel.kind,
                    "direction": "outbound",
                    "kind": "message",
                    "status": "queued",
                    "at": self.tx.now,
                    "subject": subject,
                    "body": outgoing.body,
                    "from_address": sender,
                    "from_name": channel.name,
                    "from_key": None,
                    "recipients": [{"kind": "to", "name": None, "address": address}],
                    "company_id": company_id,
                    "contact_id": outgoing.contact_id,
                    "is_auto_reply": outgoing.is_automatic,
                    "message_id": message_id,
                    "in_reply_to": near,
                    # The first names the thread, the last ones what is near.
                    "references": [*references[:1], *references[1:][-20:]],
                    "identity": f"mail:{short(message_id)}" if message_id else f"out:{id}",
                    "purpose": outgoing.purpose,
                    "is_answer": outgoing.is_answer,
                    "custom": self.fields.with_defaults({}),
                    "owner_id": _writer_of(self.tx),
                }
            ),
            new=True,
        )

    async def _company_of(
        self, contact_id: UUID | None, thread: Conversation | None
    ) -> UUID | None:
        if contact_id is None:
            return thread.company_id if thread is not None else None
        found = await ContactService(self.tx).records.some([contact_id])
        return found[0].company_id if found else None

    # Senders nobody knew

    async def assign(self, id: UUID, data: AssignInput, expected: int | None = None) -> Any:
        """Say whose message it is, or make a contact of its sender.

        What else they wrote and were answered in the conversation is theirs, too, and the
        conversation if it was nobody's. Raises `Conflict` where it is somebody's already.
        """
        self.need("update")
        thread = await self.with_thread(id)
        current = await self.locked(id, expected)
        if current.direction != "inbound":
            raise WrongState("It was sent from here.", code="not_inbound")
        if (data.contact_id is None) is not data.create:
            message = "Either a contact, or that one is made."
            raise Invalid.at("/contact_id", "one_of", message)
        if current.contact_id is not None:
            if current.contact_id == data.contact_id:
                return await self.told(self.shown_of(current))
            raise Conflict("It is somebody's already.", code="already_assigned")
        contact = await self._contact(current, data)
        told = {"contact_id": contact.id, "company_id": contact.company_id}
        values: dict[str, Any] = {**told, "candidates": []}
        shown = await self.change(current, values, verb="assigned")
        for other in await self._others(current):
            await self.change(other, values, verb="assigned")
        if thread is not None:
            await self._assign_thread(thread, told)
        return await self.told(shown)

    async def _others(self, current: Message) -> list[Message]:
        if current.from_key is None:
            return []
        await self.tx.flush()
        return await self.records.of_stranger(current.conversation_id, current.from_key)

    async def _assign_thread(self, thread: Conversation, whose: Mapping[str, Any]) -> None:
        """The conversation is theirs, too, and the case that it opened, unless it is somebody's."""
        cases = CaseService(self.tx)
        await ConversationService(self.tx).change(thread, _unknown(thread, whose))
        if thread.case_id is not None:
            for case in await cases.records.locked([thread.case_id], everywhere=True):
                await cases.change(case, _unknown(case, whose))

    async def _contact(self, current: Message, data: AssignInput) -> Any:
        contacts = ContactService(self.tx)
        if data.contact_id is not None:
            await self.guard.refer({"contact_id": data.contact_id})
            wanted = Selection(("id", "version", "company_id"))
            try:
                return await contacts.get(data.contact_id, wanted)
            except Merged as error:
                return await contacts.get(error.target, wanted)
        if current.from_address is None:
            raise WrongState("It names no sender to make a contact of.", code="no_sender")
        field = "email" if current.channel == "email" else "phone"
        name = (current.from_name or current.from_address)[:200]
        first, _, last = name.rpartition(" ")
        given = {
            field: current.from_address,
            "first_name": first or None,
            "last_name": last,
            "company_id": current.company_id,
        }
        try:
            return await contacts.create(ContactCreate.model_validate(given))
        except (ValidationError, Invalid) as error:
            # Whoever asks has sent none of this: what is wrong with it is the message.
            is_else = isinstance(error, Invalid) and any(
                fault.pointer != f"/{field}" for fault in error.faults
            )
            if is_else:
                raise
            message = "No contact can be made of its sender: choose one."
            raise Invalid.at("/create", "unusable_sender", message) from None


def _question(outgoing: Outgoing, channel: Channel, key: UUID) -> Question:
    whom = (outgoing.contact_id, outgoing.to, outgoing.at)
    about = (gated(channel), outgoing.purpose, *whom)
    return Question(*about, key=key, is_answer=outgoing.is_answer)


def _writer_of(tx: Tx) -> UUID | None:
    """The user who writes, if it is one."""
    return tx.actor.me if tx.actor.access else None


class Queued(MessageService):
    """What is to leave: its story begins by that."""

    begins = "queued"


def thread_key(record: Mapping[str, Any], id: str) -> str:
    """An id of a message as it is looked up: those of mail are the world's, others a channel's."""
    return short(id if record["channel"] == "email" else f"{record['channel_id']}:{id}")


def _unknown(record: Conversation | Case, whose: Mapping[str, Any]) -> Mapping[str, Any]:
    """What of a contact and their company a record does not say yet, where it has no contact."""
    if record.contact_id is not None:
        return {}
    return {name: value for name, value in whose.items() if getattr(record, name) is None}


async def wipe(tx: Tx, gone: Gone) -> int:
    """Empty what messages and conversations tell of a person, and end the files of theirs."""
    addresses = [*gone.values("email"), *gone.values("phone")]
    # First the conversations, as whoever works on what is in them has it.
    threads = await Conversations(tx).wipe(gone.ids, addresses)
    messages = await Messages(tx).wipe(gone.ids, addresses)
    await end_with_record(tx, "message", messages)
    await empty_events(tx, [*messages, *threads])
    return len(messages) + len(threads)
