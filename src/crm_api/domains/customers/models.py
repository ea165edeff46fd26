"""The tables of points of contact, preferences, expectations and health."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Base, Entity, KeyText
from crm_api.kit.db.columns import foreign_key, one_of, ordered, referring
from crm_api.kit.money import QuantityType
from crm_api.kit.touchpoints import Direction, PartyKind

PreferenceKey = Literal[
    "channel", "time", "language", "topic", "product", "tone", "frequency", "other"
]
Origin = Literal["stated", "observed", "inferred"]
ExpectationSource = Literal["said", "contract", "sla", "inferred"]
ExpectationStatus = Literal["open", "met", "exceeded", "missed"]
Importance = Literal["low", "normal", "high", "critical"]


class TouchpointRow(Base):
    """A point of contact: an event of a record; it goes by the event's id, so it is there once."""

    __tablename__ = "touchpoints"
    __table_args__ = (
        Index("ix_touchpoints_record", "organization_id", "record_id"),
        one_of("direction", Direction),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    topic: Mapped[str] = mapped_column(KeyText)
    kind: Mapped[str | None] = mapped_column(KeyText)
    department: Mapped[str] = mapped_column(KeyText)
    direction: Mapped[str | None] = mapped_column(KeyText)
    entity: Mapped[str] = mapped_column(KeyText)
    record_id: Mapped[UUID]
    actor_kind: Mapped[str] = mapped_column(KeyText)
    actor_id: Mapped[UUID | None]


class TouchpointParty(Base):
    """Whose timeline a point of contact stands on; with what filters go by, so that an index
    alone answers.
    """

    __tablename__ = "touchpoint_parties"
    __table_args__ = (
        one_of("party_kind", PartyKind),
        Index(
            "ix_touchpoint_parties_at",
            *("organization_id", "party_id", "party_kind"),
            text("at DESC"),
            text("touchpoint_id DESC"),
        ),
        Index(
            "ix_touchpoint_parties_department",
            *("organization_id", "party_id", "party_kind", "department"),
            text("at DESC"),
            text("touchpoint_id DESC"),
        ),
        Index("ix_touchpoint_parties_touchpoint", "organization_id", "touchpoint_id"),
        Index(
            "ix_touchpoint_parties_moved_from",
            *("organization_id", "moved_from"),
            postgresql_where=text("moved_from IS NOT NULL"),
        ),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    party_id: Mapped[UUID] = mapped_column(primary_key=True)
    party_kind: Mapped[str] = mapped_column(KeyText, primary_key=True)
    touchpoint_id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    department: Mapped[str] = mapped_column(KeyText)
    topic: Mapped[str] = mapped_column(KeyText)
    kind: Mapped[str | None] = mapped_column(KeyText)
    direction: Mapped[str | None] = mapped_column(KeyText)
    entity: Mapped[str] = mapped_column(KeyText)
    is_direct: Mapped[bool]
    """False where it stands there because of a contact, deal or case of the party."""
    moved_from: Mapped[UUID | None]
    """The record that was merged into the party: when that is undone, it stands only there again."""


class TouchpointState(Base):
    """How far the feed of an organization has been read; a new one begins with all there is."""

    __tablename__ = "touchpoint_states"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    tx: Mapped[int] = mapped_column(BigInteger)
    seq: Mapped[int] = mapped_column(BigInteger)


class Preference(Entity):
    """What a contact or a company likes: said, observed or guessed."""

    __tablename__ = "preferences"
    __table_args__ = (
        foreign_key("contact_id", "contacts"),
        foreign_key("company_id", "companies"),
        CheckConstraint("num_nonnulls(contact_id, company_id) = 1", name="one_subject"),
        CheckConstraint("confidence BETWEEN 0 AND 100", name="confidence"),
        one_of("key", PreferenceKey),
        one_of("origin", Origin),
        *ordered("preferences", "created_at", "updated_at"),
        referring("preferences", "contact_id", optional=True),
        referring("preferences", "company_id", optional=True),
        referring("preferences", "owner_id", optional=True),
    )
    entity = "preference"

    contact_id: Mapped[UUID | None]
    company_id: Mapped[UUID | None]
    key: Mapped[str] = mapped_column(KeyText)
    value: Mapped[str] = mapped_column(KeyText)
    origin: Mapped[str] = mapped_column(KeyText)
    confidence: Mapped[int]
    evidence: Mapped[list[dict[str, Any]]]
    valid_to: Mapped[date | None]


class Expectation(Entity):
    """What a customer counts on."""

    __tablename__ = "expectations"
    __table_args__ = (
        foreign_key("contact_id", "contacts"),
        foreign_key("company_id", "companies"),
        CheckConstraint("num_nonnulls(contact_id, company_id) > 0", name="some_party"),
        CheckConstraint("(status = 'open') = (resolved_at IS NULL)", name="resolved_at"),
        one_of("source", ExpectationSource),
        one_of("status", ExpectationStatus),
        one_of("importance", Importance),
        *ordered("expectations", "created_at", "updated_at", "due_at"),
        referring("expectations", "contact_id", optional=True),
        referring("expectations", "company_id", optional=True),
        referring("expectations", "owner_id", optional=True),
        Index(
            "ix_expectations_open",
            "due_at",
            postgresql_where=text("status = 'open' AND deleted_at IS NULL"),
        ),
    )
    entity = "expectation"

    contact_id: Mapped[UUID | None]
    company_id: Mapped[UUID | None]
    what: Mapped[str] = mapped_column(KeyText)
    about: Mapped[dict[str, Any] | None]
    source: Mapped[str] = mapped_column(KeyText)
    due_at: Mapped[datetime | None]
    importance: Mapped[str] = mapped_column(KeyText)
    status: Mapped[str] = mapped_column(KeyText)
    resolved_at: Mapped[datetime | None]
    comment: Mapped[str | None] = mapped_column(KeyText)


class HealthRow(Base):
    """How a company fared on a day."""

    __tablename__ = "company_health"
    __table_args__ = (
        Index("ix_company_health_day", "organization_id", "day", "score", "company_id"),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    score: Mapped[Decimal | None] = mapped_column(QuantityType)
    """From 0 to 1; empty where too little is known."""
    components: Mapped[list[dict[str, Any]]]
    at: Mapped[datetime]
