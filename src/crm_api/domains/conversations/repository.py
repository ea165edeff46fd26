"""How channels, conversations and messages are listed and found."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_api.domains.cases.repository import CASES
from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.conversations.models import Channel, Conversation, Message
from crm_api.domains.conversations.schemas import ChannelOut, ConversationOut, MessageOut
from crm_api.kit.crud.repository import Repository
from crm_api.kit.query.listing import Listing, Relation, Searched

AREA, CHANNELS_AREA, INBOX_AREA = "conversations", "channels", "inbox"
THREAD = "thread"
"""The kind of look-up value by which messages find their conversation."""
_POINTS = ("contact.email", "contact.emails", "contact.phone", "contact.phones")
_ADDRESSES = dict.fromkeys(
    ("message.from_address", "message.recipients"), frozenset({"counterpart"})
)
CHANNELS: Listing = Listing(
    model=Channel, out=ChannelOut, area=CHANNELS_AREA, sorts={"name": Channel.sort_name}
)
CONVERSATIONS: Listing = Listing(
    model=Conversation,
    out=ConversationOut,
    area=AREA,
    relations=(
        Relation("channel", lambda: CHANNELS, Conversation.channel_id, Channel.id),
        Relation(
            "company",
            lambda: COMPANIES,
            Conversation.company_id,
            COMPANIES.model.id,
            back="conversations",
        ),
        Relation(
            "contact",
            lambda: CONTACTS,
            Conversation.contact_id,
            CONTACTS.model.id,
            back="conversations",
        ),
        Relation("case", lambda: CASES, Conversation.case_id, CASES.model.id, back="conversations"),
    ),
    search=Searched(
        names=("subject",), others=("counterpart", "tags", "external_ids"), title="subject"
    ),
    tells={**dict.fromkeys(_POINTS, frozenset({"counterpart"})), **_ADDRESSES},
)
MESSAGES: Listing = Listing(
    model=Message,
    out=MessageOut,
    area=AREA,
    relations=(
        Relation("conversation", lambda: CONVERSATIONS, Message.conversation_id, Conversation.id),
        Relation("source", lambda: CHANNELS, Message.channel_id, Channel.id),
        Relation("company", lambda: COMPANIES, Message.company_id, COMPANIES.model.id),
        Relation("contact", lambda: CONTACTS, Message.contact_id, CONTACTS.model.id),
        Relation("bounced", lambda: MESSAGES, Message.bounced_id, Message.id),
    ),
    within="conversation",
    search=Searched(
        names=("subject",), others=("body", "from_address", "from_name"), title="subject"
    ),
    # The mail as it came.
    is_copied=True,
    # Notes name whom something did not reach.
    tells=dict.fromkeys(_POINTS, frozenset({"from_address", "recipients", "notes"})),
)
_KNOWN = """
    SELECT id FROM messages WHERE organization_id = $1 AND identity = $2
"""
# What is nearest in the thread comes first.
_THREAD = """
    SELECT m.conversation_id, c.contact_id FROM unnest($3::text[]) WITH ORDINALITY AS asked (value, place)
    JOIN record_keys k ON k.organization_id = $1 AND k.entity = 'message' AND k.kind = $2
        AND k.value = asked.value
    JOIN messages m ON m.organization_id = $1 AND m.id = k.record_id
    JOIN conversations c ON c.organization_id = $1 AND c.id = m.conversation_id
        AND c.deleted_at IS NULL
    ORDER BY asked.place, m.id LIMIT 1
"""
_BY_SUBJECT = """
    SELECT id FROM conversations WHERE organization_id = $1 AND counterpart = $2
        AND thread_subject = $3 AND last_message_at > $4 AND channel_id IS NOT DISTINCT FROM $5
        AND deleted_at IS NULL
    ORDER BY last_message_at DESC, id DESC LIMIT 1
"""
_OF_SENDER = """
    SELECT id FROM conversations WHERE organization_id = $1 AND counterpart = $2
        AND channel_id = $3 AND status <> 'closed' AND deleted_at IS NULL
        AND last_message_at > $4
    ORDER BY last_message_at DESC, id DESC LIMIT 1
"""
_COMPANIES = """
    SELECT DISTINCT c.id FROM record_keys k
    JOIN companies c ON c.organization_id = $1 AND c.id = k.record_id AND c.deleted_at IS NULL
    WHERE k.organization_id = $1 AND k.entity = 'company' AND k.kind = 'domain' AND k.value = $2
    LIMIT 2
"""
_RECENT = """
    SELECT count(*) AS number FROM (SELECT FROM messages WHERE organization_id = $1
        AND from_key = $2 AND created_at > $3 AND direction = 'inbound' LIMIT $4) AS recent
"""
_SENT_AS = """
    SELECT m.id, m.contact_id, m.conversation_id FROM messages m
    WHERE m.organization_id = $1 AND m.identity = $2 AND m.direction = 'outbound'
"""
_OF_STRANGER = """
    SELECT id FROM messages WHERE organization_id = $1 AND conversation_id = $2
        AND contact_id IS NULL AND deleted_at IS NULL
        AND (from_key = $3 OR direction = 'outbound' AND lower(recipients -> 0 ->> 'address') = $3)
    ORDER BY id LIMIT 500
"""
_THREAD_OF = "SELECT conversation_id FROM messages WHERE organization_id = $1 AND id = $2"
_LAST = """
    SELECT id FROM messages WHERE organization_id = $1 AND conversation_id = $2
        AND deleted_at IS NULL AND message_id IS NOT NULL AND status <> 'failed'
    ORDER BY is_auto_reply, at DESC, id DESC LIMIT 1
"""
_LAST_SENDER = """
    SELECT from_address, from_key FROM messages WHERE organization_id = $1
        AND conversation_id = $2 AND direction = 'inbound' AND kind = 'message'
        AND deleted_at IS NULL AND from_key IS NOT NULL
        AND ($3::text IS NULL OR from_key = $3)
    ORDER BY at DESC, id DESC LIMIT 1
"""
_THEIRS = """
    SELECT id FROM messages WHERE organization_id = $1
        AND (contact_id = ANY($2::uuid[]) OR from_key = ANY($3::text[])
            OR EXISTS (SELECT FROM jsonb_array_elements(recipients) AS r
                WHERE lower(r ->> 'address') = ANY($3::text[])))
    ORDER BY id
"""
_OF_THREAD = """
    SELECT id FROM messages WHERE organization_id = $1 AND conversation_id = $2
    ORDER BY id FOR UPDATE
"""
_UNBIND = """
    UPDATE messages SET bounced_id = NULL
    WHERE organization_id = $1 AND bounced_id = ANY($2::uuid[])
"""
_WIPE = """
    UPDATE messages SET subject = NULL, body = '(erased)', from_address = NULL, from_name = NULL,
        from_key = NULL, recipients = '[]', candidates = '[]', message_id = NULL,
        in_reply_to = NULL, "references" = '[]', notes = '[]', reasons = '[]'
    WHERE organization_id = $1 AND id = ANY($2::uuid[])
"""
_WIPE_THREADS = """
    UPDATE conversations SET subject = '(erased)', counterpart = NULL, thread_subject = NULL
    WHERE organization_id = $1 AND (contact_id = ANY($2::uuid[]) OR counterpart = ANY($3::text[]))
    RETURNING id
"""


class Channels(Repository[Channel]):
    """The channels of an organization."""

    model = Channel
    listing = CHANNELS

    async def active(self) -> list[Channel]:
        """All that messages come in by, whoever asks, the oldest first."""
        query = self._active().order_by(Channel.id).limit(500)
        return list((await self.tx.run(query)).scalars())

    async def usable(self, id: UUID | None) -> Channel | None:
        """One that messages come in and leave by, whoever asks."""
        query = self._active().where(Channel.id == id)
        return (await self.tx.run(query)).scalar_one_or_none()

    def _active(self) -> Any:
        return self.select_all().where(Channel.deleted_at.is_(None), Channel.is_active)


class Conversations(Repository[Conversation]):
    """The conversations of an organization."""

    model = Conversation
    listing = CONVERSATIONS

    async def of_thread(self, ids: Sequence[str]) -> UUID | None:
        """That of messages with these ids, or which refer to them, whoever asks."""
        rows = await self.tx.fetch(_THREAD, self.tx.organization_id, THREAD, list(ids))
        return rows[0]["conversation_id"] if rows else None

    async def of_subject(
        self, counterpart: str, subject: str, since: datetime, channel_id: UUID | None
    ) -> UUID | None:
        """The last one with an address about a subject, whoever asks."""
        args = (self.tx.organization_id, counterpart, subject, since, channel_id)
        rows = await self.tx.fetch(_BY_SUBJECT, *args)
        return rows[0]["id"] if rows else None

    async def of_sender(self, counterpart: str, channel_id: UUID, since: datetime) -> UUID | None:
        """The last one with an address at a channel that is not closed, whoever asks."""
        args = (self.tx.organization_id, counterpart, channel_id, since)
        rows = await self.tx.fetch(_OF_SENDER, *args)
        return rows[0]["id"] if rows else None

    async def taken(self, id: UUID) -> Conversation | None:
        """One to work on, locked, whoever asks; None where it is in the bin."""
        found = await self.locked([id], everywhere=True)
        return found[0] if found else None

    async def need(self, id: UUID) -> Conversation:
        """The same; raises `NotFound`."""
        found = await self.taken(id)
        if found is None:
            raise await self.absence(id)
        return found

    async def wipe(self, ids: Sequence[UUID], addresses: Sequence[str]) -> list[UUID]:
        """Empty what tells a person; the ids of the rows that did."""
        own = self.tx.organization_id
        rows = await self.tx.write(_WIPE_THREADS, own, list(ids), list(addresses))
        found = [row["id"] for row in rows]
        self.tx.forget(set(found))
        return found


class Messages(Repository[Message]):
    """The messages of an organization."""

    model = Message
    listing = MESSAGES

    async def knows(self, identity: str) -> bool:
        """Whether it came before, in the bin too, whoever asks."""
        return bool(await self.tx.fetch(_KNOWN, self.tx.organization_id, identity))

    async def known(self, identity: str) -> Message | None:
        """The message that came before as the same one, in the bin too, whoever asks."""
        rows = await self.tx.fetch(_KNOWN, self.tx.organization_id, identity)
        if not rows:
            return None
        return (
            await self.tx.run(self.select_all().where(Message.id == rows[0]["id"]))
        ).scalar_one()

    async def company_of(self, domain: str) -> UUID | None:
        """The company of a domain, where just one has it, whoever asks."""
        rows = await self.tx.fetch(_COMPANIES, self.tx.organization_id, domain)
        return rows[0]["id"] if len(rows) == 1 else None

    async def recent(self, key: str, since: datetime, most: int) -> int:
        """How many came of an address lately, counted up to a number."""
        args = (self.tx.organization_id, key, since, most)
        return (await self.tx.fetch(_RECENT, *args))[0]["number"]

    async def sent_as(self, identity: str) -> Any:
        """What was sent from here by that name, or None."""
        rows = await self.tx.fetch(_SENT_AS, self.tx.organization_id, identity)
        return rows[0] if rows else None

    async def thread_of(self, id: UUID) -> UUID | None:
        """The conversation of one, which it stays in, whoever asks; nothing is locked."""
        rows = await self.tx.fetch(_THREAD_OF, self.tx.organization_id, id)
        return rows[0]["conversation_id"] if rows else None

    async def of_thread(self, conversation_id: UUID) -> list[UUID]:
        """All of a conversation, in the bin too, whoever asks; locked, and no report names them."""
        rows = await self.tx.write(_OF_THREAD, self.tx.organization_id, conversation_id)
        found = [row["id"] for row in rows]
        await self.tx.write(_UNBIND, self.tx.organization_id, found)
        return found

    async def of_stranger(self, conversation_id: UUID, key: str) -> list[Message]:
        """What an unknown sender wrote and was answered in a conversation, locked, whoever asks."""
        rows = await self.tx.fetch(_OF_STRANGER, self.tx.organization_id, conversation_id, key)
        return await self.locked([row["id"] for row in rows], everywhere=True)

    async def last_of(self, conversation_id: UUID) -> Message | None:
        """What an answer goes back to: what a person wrote last, whoever asks."""
        rows = await self.tx.fetch(_LAST, self.tx.organization_id, conversation_id)
        if not rows:
            return None
        return (
            await self.tx.run(self.select_all().where(Message.id == rows[0]["id"]))
        ).scalar_one()

    async def last_sender(self, conversation_id: UUID, key: str | None = None) -> Any:
        """Who wrote last as a person, or whether that address did; None where nobody did."""
        args = (self.tx.organization_id, conversation_id, key)
        rows = await self.tx.fetch(_LAST_SENDER, *args)
        return rows[0] if rows else None

    async def wipe(self, ids: Sequence[UUID], addresses: Sequence[str]) -> list[UUID]:
        """Empty what tells a person; the ids of the rows that did."""
        own = self.tx.organization_id
        rows = await self.tx.fetch(_THEIRS, own, list(ids), list(addresses))
        found = [row["id"] for row in rows]
        if found:
            await self.tx.write(_WIPE, own, found)
            self.tx.forget(set(found))
        return found
