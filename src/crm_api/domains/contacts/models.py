"""The tables of contacts and their employments."""

from datetime import date
from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import Described, Named, foreign_key, one_of, ordered, referring
from crm_api.kit.points import Reachable

RelationshipKind = Literal[
    "reports_to",
    "assists",
    "influences",
    "advises",
    "referred",
    "partner",
    "spouse",
    "parent",
    "sibling",
    "friend",
    "other",
]
Lifecycle = Literal["subscriber", "lead", "prospect", "customer", "former", "partner", "other"]


class Contact(Named, Reachable, Described, Entity):
    """A person."""

    __tablename__ = "contacts"
    __table_args__ = (
        foreign_key("company_id", "companies"),
        one_of("lifecycle", Lifecycle),
        *ordered("contacts", "created_at", "updated_at", "sort_name"),
        referring("contacts", "company_id", optional=True),
        referring("contacts", "owner_id", optional=True),
    )
    entity = "contact"

    salutation: Mapped[str | None] = mapped_column(KeyText)
    first_name: Mapped[str | None] = mapped_column(KeyText)
    middle_name: Mapped[str | None] = mapped_column(KeyText)
    last_name: Mapped[str | None] = mapped_column(KeyText)
    preferred_name: Mapped[str | None] = mapped_column(KeyText)
    birth_date: Mapped[date | None]
    lifecycle: Mapped[str] = mapped_column(KeyText)
    company_id: Mapped[UUID | None]
    title: Mapped[str | None] = mapped_column(KeyText)
    department: Mapped[str | None] = mapped_column(KeyText)


class Employment(Entity):
    """A time that a person works, or worked, for a company."""

    __tablename__ = "employments"
    __table_args__ = (
        foreign_key("contact_id", "contacts"),
        foreign_key("company_id", "companies"),
        CheckConstraint("ended_on >= started_on", name="ends_after_start"),
        CheckConstraint("NOT (is_primary AND ended_on IS NOT NULL)", name="primary_is_current"),
        *ordered("employments", "created_at"),
        referring("employments", "contact_id"),
        referring("employments", "company_id"),
        Index(
            "uq_employments_primary",
            "organization_id",
            "contact_id",
            unique=True,
            postgresql_where=text("is_primary AND deleted_at IS NULL"),
        ),
    )
    entity = "employment"

    contact_id: Mapped[UUID]
    company_id: Mapped[UUID]
    title: Mapped[str | None] = mapped_column(KeyText)
    department: Mapped[str | None] = mapped_column(KeyText)
    role: Mapped[str | None] = mapped_column(KeyText)
    is_primary: Mapped[bool]
    started_on: Mapped[date | None]
    ended_on: Mapped[date | None]


class ContactRelationship(Entity):
    """What one person is to another."""

    __tablename__ = "contact_relationships"
    __table_args__ = (
        foreign_key("contact_id", "contacts"),
        foreign_key("related_contact_id", "contacts"),
        one_of("kind", RelationshipKind),
        # People who turn out to be one leave what they were to each other in the bin.
        CheckConstraint(
            "related_contact_id <> contact_id OR deleted_at IS NOT NULL", name="not_to_oneself"
        ),
        CheckConstraint("strength BETWEEN 1 AND 5", name="strength"),
        CheckConstraint("ended_on >= started_on", name="ends_after_start"),
        *ordered("contact_relationships", "created_at"),
        referring("contact_relationships", "contact_id"),
        referring("contact_relationships", "related_contact_id"),
        Index(
            "uq_contact_relationships_current",
            "organization_id",
            "contact_id",
            "related_contact_id",
            "kind",
            unique=True,
            postgresql_where=text("deleted_at IS NULL AND ended_on IS NULL"),
        ),
    )
    entity = "contact_relationship"

    contact_id: Mapped[UUID]
    related_contact_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(KeyText)
    strength: Mapped[int | None]
    note: Mapped[str | None] = mapped_column(KeyText)
    started_on: Mapped[date | None]
    ended_on: Mapped[date | None]
