"""The tables of consents, of the texts that they were given to, and of suppressions."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import Named, foreign_key, one_of, ordered, referring

Channel = Literal["email", "sms", "phone", "messenger", "post"]
ConsentState = Literal["granted", "denied", "withdrawn"]
Basis = Literal[
    "consent",
    "contract",
    "legal_obligation",
    "vital_interest",
    "public_task",
    "legitimate_interest",
]
SuppressedKind = Literal["email", "phone", "domain"]
SuppressionReason = Literal[
    "unsubscribed", "complaint", "hard_bounce", "do_not_call", "legal", "manual"
]


class ConsentText(Named, Entity):
    """A version of the words that people agree to."""

    __tablename__ = "consent_texts"
    __table_args__ = (*ordered("consent_texts", "created_at", "sort_name"),)
    entity = "consent_text"

    purpose: Mapped[str] = mapped_column(KeyText)
    language: Mapped[str | None] = mapped_column(KeyText)
    body: Mapped[str] = mapped_column(KeyText)
    description: Mapped[str | None]


class Consent(Entity):
    """What somebody decided once; the application can only add to these."""

    __tablename__ = "consents"
    __table_args__ = (
        foreign_key("text_id", "consent_texts"),
        one_of("channel", Channel),
        one_of("state", ConsentState),
        one_of("basis", Basis),
        CheckConstraint("state <> 'granted' OR basis IS NOT NULL", name="granted_by"),
        *ordered("consents", "created_at"),
        referring("consents", "text_id", optional=True),
        Index(
            "ix_consents_effective",
            "organization_id",
            "record_id",
            "purpose",
            "channel",
            text("at DESC"),
            text("seq DESC"),
        ),
    )
    entity = "consent"

    target: Mapped[str] = mapped_column(KeyText)
    record_id: Mapped[UUID]
    purpose: Mapped[str] = mapped_column(KeyText)
    channel: Mapped[str] = mapped_column(KeyText)
    state: Mapped[str] = mapped_column(KeyText)
    basis: Mapped[str | None] = mapped_column(KeyText)
    text_id: Mapped[UUID | None]
    at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    evidence: Mapped[dict[str, Any]]
    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    """Of two decisions at one moment the later one has the greater."""


class Suppression(Entity):
    """An address, or a domain, that is not to be reached."""

    __tablename__ = "suppressions"
    __table_args__ = (
        one_of("kind", SuppressedKind),
        one_of("reason", SuppressionReason),
        CheckConstraint(
            "channel IN ('email', 'sms', 'phone', 'messenger', 'post')", name="channel"
        ),
        *ordered("suppressions", "created_at"),
        Index(
            "uq_suppressions_value",
            "organization_id",
            "value_hash",
            text("coalesce(purpose, '')"),
            text("coalesce(channel, '')"),
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )
    entity = "suppression"

    kind: Mapped[str] = mapped_column(KeyText)
    value: Mapped[str | None] = mapped_column(KeyText)
    """Only where it is to be readable; the hash is what counts."""
    value_hash: Mapped[str] = mapped_column(KeyText)
    reason: Mapped[str] = mapped_column(KeyText)
    purpose: Mapped[str | None] = mapped_column(KeyText)
    channel: Mapped[str | None] = mapped_column(KeyText)
    expires_at: Mapped[datetime | None]
    note: Mapped[str | None] = mapped_column(KeyText)
