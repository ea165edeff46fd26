"""The tables of channels, of conversations and of the messages in them."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.domains.cases.models import CaseKind, Priority
from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import Named, foreign_key, one_of, ordered, referring

ChannelKind = Literal["email", "sms", "whatsapp", "chat", "other"]
ConversationStatus = Literal["open", "pending", "closed"]
MessageDirection = Literal["inbound", "outbound"]
MessageKind = Literal["message", "auto_reply", "bounce", "list"]
MessageStatus = Literal["received", "queued", "sent", "failed"]


class Channel(Named, Entity):
    """Where messages come in and leave."""

    __tablename__ = "channels"
    __table_args__ = (
        foreign_key("case_team_id", "teams"),
        foreign_key("case_owner_id", "users"),
        one_of("kind", ChannelKind),
        one_of("case_kind", CaseKind),
        one_of("case_priority", Priority),
        CheckConstraint("kind <> 'email' OR addresses <> '[]'", name="addresses"),
        *ordered("channels", "created_at", "updated_at", "sort_name"),
        referring("channels", "case_team_id", optional=True),
        referring("channels", "case_owner_id", optional=True),
    )
    entity = "channel"

    kind: Mapped[str] = mapped_column(KeyText)
    addresses: Mapped[list[str]]
    is_active: Mapped[bool]
    opens_cases: Mapped[bool]
    case_kind: Mapped[str] = mapped_column(KeyText)
    case_priority: Mapped[str] = mapped_column(KeyText)
    case_team_id: Mapped[UUID | None]
    case_owner_id: Mapped[UUID | None]
    acknowledges: Mapped[bool]
    acknowledgement: Mapped[str | None] = mapped_column(KeyText)
    hourly_limit: Mapped[int]
    secrets: Mapped[str | None] = mapped_column(KeyText)
    """Sealed; those with which senders sign, the newest first."""


class Conversation(Entity):
    """What was written to and fro about one thing."""

    __tablename__ = "conversations"
    __table_args__ = (
        foreign_key("channel_id", "channels"),
        foreign_key("company_id", "companies"),
        foreign_key("contact_id", "contacts"),
        foreign_key("case_id", "cases"),
        foreign_key("team_id", "teams"),
        one_of("status", ConversationStatus),
        CheckConstraint("(status = 'closed') = (closed_at IS NOT NULL)", name="closed_at"),
        *ordered("conversations", "created_at", "updated_at", "last_message_at"),
        *(
            referring("conversations", name, optional=True)
            for name in (
                *("channel_id", "company_id", "contact_id", "case_id", "team_id", "owner_id"),
            )
        ),
        Index("ix_conversations_status", "organization_id", "status", "id"),
        Index(
            "ix_conversations_thread",
            "organization_id",
            "counterpart",
            "thread_subject",
            "last_message_at",
            postgresql_where=text("counterpart IS NOT NULL"),
        ),
    )
    entity = "conversation"

    subject: Mapped[str] = mapped_column(KeyText)
    tags: Mapped[list[str]]
    status: Mapped[str] = mapped_column(KeyText)
    channel_id: Mapped[UUID | None]
    company_id: Mapped[UUID | None]
    contact_id: Mapped[UUID | None]
    case_id: Mapped[UUID | None]
    team_id: Mapped[UUID | None]
    counterpart: Mapped[str | None] = mapped_column(KeyText)
    """The address at the other end, as it is looked up."""
    thread_subject: Mapped[str | None] = mapped_column(KeyText)
    """The subject without marks of replies, as it is compared."""
    message_count: Mapped[int]
    last_message_at: Mapped[datetime | None]
    last_inbound_at: Mapped[datetime | None]
    last_outbound_at: Mapped[datetime | None]
    is_unread: Mapped[bool]
    needs_answer: Mapped[bool]
    closed_at: Mapped[datetime | None]


class Message(Entity):
    """What was written once."""

    __tablename__ = "messages"
    __table_args__ = (
        foreign_key("conversation_id", "conversations"),
        foreign_key("channel_id", "channels"),
        foreign_key("company_id", "companies"),
        foreign_key("contact_id", "contacts"),
        foreign_key("bounced_id", "messages"),
        one_of("direction", MessageDirection),
        one_of("kind", MessageKind),
        one_of("status", MessageStatus),
        CheckConstraint("(direction = 'inbound') = (status = 'received')", name="received"),
        CheckConstraint("(status = 'failed') = (failure IS NOT NULL)", name="failure"),
        *ordered("messages", "created_at", "updated_at", "at"),
        referring("messages", "conversation_id"),
        *(
            referring("messages", name, optional=True)
            for name in ("channel_id", "company_id", "contact_id", "bounced_id", "owner_id")
        ),
        # Whoever goes past the lock of what is received is stopped here; in the bin it is known, too.
        Index("uq_messages_organization_id_identity", "organization_id", "identity", unique=True),
        Index(
            "ix_messages_from",
            "organization_id",
            "from_key",
            "created_at",
            postgresql_where=text("from_key IS NOT NULL"),
        ),
        # Of all organizations: asked by a function that names its own (`crm_messages_sent_to`).
        Index(
            "ix_messages_recipients",
            text("(lower(jsonb_path_query_array(recipients, '$[*].address')::text)::jsonb)"),
            postgresql_using="gin",
        ),
    )
    entity = "message"

    conversation_id: Mapped[UUID]
    channel_id: Mapped[UUID | None]
    channel: Mapped[str] = mapped_column(KeyText)
    direction: Mapped[str] = mapped_column(KeyText)
    kind: Mapped[str] = mapped_column(KeyText)
    status: Mapped[str] = mapped_column(KeyText)
    at: Mapped[datetime]
    dated_at: Mapped[datetime | None]
    subject: Mapped[str | None] = mapped_column(KeyText)
    body: Mapped[str | None]
    from_address: Mapped[str | None] = mapped_column(KeyText)
    from_name: Mapped[str | None] = mapped_column(KeyText)
    from_key: Mapped[str | None] = mapped_column(KeyText)
    recipients: Mapped[list[dict[str, Any]]]
    company_id: Mapped[UUID | None]
    contact_id: Mapped[UUID | None]
    candidates: Mapped[list[str]]
    is_auto_reply: Mapped[bool]
    message_id: Mapped[str | None] = mapped_column(KeyText)
    in_reply_to: Mapped[str | None] = mapped_column(KeyText)
    references: Mapped[list[str]]
    identity: Mapped[str] = mapped_column(KeyText)
    bounced_id: Mapped[UUID | None]
    purpose: Mapped[str | None] = mapped_column(KeyText)
    is_answer: Mapped[bool]
    """Whether it goes to somebody who wrote, as the gate is asked."""
    attempts: Mapped[int]
    sent_at: Mapped[datetime | None]
    failure: Mapped[str | None] = mapped_column(KeyText)
    reasons: Mapped[list[str]]
    notes: Mapped[list[dict[str, Any]]]
