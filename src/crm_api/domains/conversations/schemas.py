"""What channels, conversations and messages look like from outside."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from crm_api.domains.cases.models import CaseKind, Priority
from crm_api.domains.conversations.models import (
    ChannelKind,
    ConversationStatus,
    MessageDirection,
    MessageKind,
    MessageStatus,
)
from crm_api.kit.schema import (
    Cleaned,
    Create,
    Instant,
    Line,
    Name,
    Out,
    Prose,
    Schema,
    Shape,
    Storable,
    Tags,
    Unique,
    patch_of,
)
from crm_api.kit.values.text import clean
from crm_api.platform.outreach.schemas import Purpose

ConversationVerb = Literal["pend", "close", "reopen", "read"]
Address = Annotated[str, StringConstraints(min_length=3, max_length=320), Cleaned]
Text = Annotated[str, StringConstraints(min_length=1, max_length=100_000), Cleaned]
SERVICE = "service"
"""What answers are sent for, as the gate is asked."""


class _ChannelFields(Create):
    name: Name = Field(examples=["Support"])
    kind: ChannelKind = "email"
    addresses: Annotated[list[Address], Field(max_length=50), Unique] = Field(
        default_factory=list,
        description="Of `email` the addresses that mail comes to, the first of which it is sent "
        "from; no other channel has them. Of others numbers or names.",
        examples=[["support@example.com"]],
    )
    is_active: bool = Field(True, description="Whether messages come in and leave by it.")
    opens_cases: bool = Field(False, description="Whether a new conversation opens a case.")
    case_kind: CaseKind = "question"
    case_priority: Priority = "normal"
    case_team_id: UUID | None = None
    case_owner_id: UUID | None = Field(
        None,
        description="The user who gets the new conversations, and their cases; without one a "
        "conversation without a case is whose the contact is.",
    )
    acknowledges: bool = Field(
        False, description="Whether new conversations are answered that the message has come."
    )
    acknowledgement: Prose | None = Field(None, description="What that says.")
    hourly_limit: int = Field(
        30,
        ge=1,
        le=100_000,
        description="How many messages of one address open cases and are acknowledged within an "
        "hour: two programs that answer each other come to an end.",
    )


class ChannelCreate(_ChannelFields):
    """A new channel."""


ChannelUpdate = patch_of(
    "ChannelUpdate",
    _ChannelFields,
    required=(
        *("kind", "is_active", "opens_cases", "case_kind", "case_priority"),
        *("acknowledges", "hourly_limit"),
    ),
)


class ChannelOut(Out):
    """Where messages come in and leave."""

    name: str
    kind: ChannelKind
    addresses: list[str]
    is_active: bool
    opens_cases: bool
    case_kind: CaseKind
    case_priority: Priority
    case_team_id: UUID | None
    case_owner_id: UUID | None
    acknowledges: bool
    acknowledgement: str | None
    hourly_limit: int


class ChannelSecretRotation(Schema):
    """How long what was signed by the former secret is still taken."""

    grace_period_seconds: int = Field(86_400, ge=0, le=604_800)


class ChannelSecret(Shape):
    """What a sender signs with, and where to."""

    secret: str = Field(description="As Standard Webhooks says; shown this once.")
    path: str = Field(description="Where messages are posted, below the address of this service.")


class _ConversationFields(Create):
    subject: Line
    tags: Tags = Field(default_factory=list)
    channel_id: UUID | None = None
    company_id: UUID | None = None
    contact_id: UUID | None = None
    case_id: UUID | None = None
    team_id: UUID | None = Field(None, description="The team that is responsible.")


class ConversationCreate(_ConversationFields):
    """A conversation that is begun from here."""


ConversationUpdate = patch_of("ConversationUpdate", _ConversationFields)


class ConversationOut(Out):
    """What was written to and fro about one thing."""

    subject: str
    tags: list[str]
    status: ConversationStatus
    channel_id: UUID | None
    company_id: UUID | None
    contact_id: UUID | None
    case_id: UUID | None
    team_id: UUID | None
    counterpart: str | None = Field(description="The address at the other end.")
    message_count: int
    last_message_at: datetime | None
    last_inbound_at: datetime | None
    last_outbound_at: datetime | None
    is_unread: bool
    needs_answer: bool = Field(description="Whether the last word is the customer's.")
    closed_at: datetime | None


class RecipientOut(Shape):
    """Whom a message is to."""

    kind: Literal["to", "cc"]
    name: str | None
    address: str


class NoteOut(Shape):
    """What was strange with a message, and what became of it."""

    code: str
    message: str


class MessageOut(Out):
    """What was written once."""

    conversation_id: UUID
    channel_id: UUID | None
    channel: ChannelKind
    direction: MessageDirection
    kind: MessageKind
    status: MessageStatus
    at: datetime = Field(description="When it came, or was written.")
    dated_at: datetime | None = Field(description="When it says that it was written.")
    subject: str | None
    body: str | None = Field(description="Plain text; HTML is read and never handed on.")
    from_address: str | None
    from_name: str | None
    recipients: list[RecipientOut]
    company_id: UUID | None
    contact_id: UUID | None
    candidates: list[str] = Field(description="The contacts that may have sent it: nobody chose.")
    is_auto_reply: bool = Field(description="Whether a program has sent it, and not a person.")
    message_id: str | None
    in_reply_to: str | None
    references: list[str]
    bounced_id: UUID | None = Field(description="The message that it says did not arrive.")
    purpose: str | None = Field(description="What it is sent for, as the gate is asked.")
    attempts: int
    sent_at: datetime | None
    failure: str | None = Field(description="Why it did not leave.")
    reasons: list[str] = Field(description="What stood against sending it.")
    notes: list[NoteOut]


class ReplyInput(Schema):
    """What is answered in a conversation."""

    body: Text
    subject: Line | None = Field(None, description="That of the conversation without it.")
    purpose: Purpose = Field(
        SERVICE,
        description="What for: an answer to who wrote needs no consent to it, all else counts.",
    )
    to: Address | None = Field(
        None, description="To an address that takes part; without it whoever wrote last."
    )
    close: bool = Field(False, description="Whether the conversation ends with it.")


class OutgoingInput(Schema):
    """A message that begins a conversation, or goes on in one."""

    contact_id: UUID
    channel_id: UUID
    conversation_id: UUID | None = None
    subject: Line | None = None
    body: Text
    purpose: Purpose
    at: Instant | None = Field(None, description="When it leaves; at once without it.")


class AssignInput(Schema):
    """Whose message it is."""

    contact_id: UUID | None = None
    create: bool = Field(False, description="Whether a contact is made of its sender.")


def _id_text(value: str) -> str:
    if not value.isprintable():
        raise ValueError("an id is one line")
    return clean(value)


class InboxMessage(Schema):
    """A message of another channel than mail."""

    id: Annotated[
        str,
        StringConstraints(min_length=1, max_length=200),
        AfterValidator(_id_text),
        Field(description="The sender's own: the same one counts once."),
    ]
    sender: Address = Field(description="A number or a name at the channel.")
    sender_name: Name | None = None
    body: Text
    subject: Line | None = None
    thread: Name | None = Field(None, description="What its conversation is called there.")
    sent_at: Instant | None = None
    is_auto_reply: bool = False
    details: Annotated[dict[str, Any], Storable] | None = Field(
        None, description="Read by nobody here; not kept."
    )


class Receipt(Shape):
    """What became of a message that came in."""

    result: Literal["created", "repeated"]
    id: UUID = Field(description="The message.")
    conversation_id: UUID
    case_id: UUID | None
    contact_id: UUID | None
    company_id: UUID | None
    candidates: list[str] = Field(description="The contacts that may have sent it.")
    kind: MessageKind
    is_auto_reply: bool
    notes: list[NoteOut] = Field(description="What was strange with it, and what became of it.")
