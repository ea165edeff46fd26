"""The tables of contacts and their employments."""

from datetime import date
from typing import Any, Literal, get_args
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText

Lifecycle = Literal["subscriber", "lead", "prospect", "customer", "former", "partner", "other"]
_LISTED = ", ".join(f"'{name}'" for name in get_args(Lifecycle))
_COMPANY = ["organization_id", "company_id"]


class Contact(Entity):
    """A person."""

    __tablename__ = "contacts"
    __table_args__ = (
        ForeignKeyConstraint(_COMPANY, ["companies.organization_id", "companies.id"]),
        CheckConstraint(f"lifecycle IN ({_LISTED})", name="lifecycle"),
        Index("ix_contacts_created", "organization_id", "created_at", "id"),
        Index("ix_contacts_updated", "organization_id", "updated_at", "id"),
        Index("ix_contacts_name", "organization_id", "sort_name", "id"),
        Index(
            "ix_contacts_company",
            "organization_id",
            "company_id",
            postgresql_where=text("company_id IS NOT NULL"),
        ),
    )
    entity = "contact"

    name: Mapped[str] = mapped_column(KeyText)
    sort_name: Mapped[str] = mapped_column(KeyText)
    salutation: Mapped[str | None] = mapped_column(KeyText)
    first_name: Mapped[str | None] = mapped_column(KeyText)
    middle_name: Mapped[str | None] = mapped_column(KeyText)
    last_name: Mapped[str | None] = mapped_column(KeyText)
    preferred_name: Mapped[str | None] = mapped_column(KeyText)
    birth_date: Mapped[date | None]
    language: Mapped[str | None] = mapped_column(KeyText)
    time_zone: Mapped[str | None] = mapped_column(KeyText)
    country: Mapped[str | None] = mapped_column(KeyText)
    lifecycle: Mapped[str] = mapped_column(KeyText)
    company_id: Mapped[UUID | None]
    title: Mapped[str | None] = mapped_column(KeyText)
    department: Mapped[str | None] = mapped_column(KeyText)
    email: Mapped[str | None] = mapped_column(KeyText)
    phone: Mapped[str | None] = mapped_column(KeyText)
    emails: Mapped[list[dict[str, Any]]]
    phones: Mapped[list[dict[str, Any]]]
    addresses: Mapped[list[dict[str, Any]]]
    tags: Mapped[list[str]]
    source: Mapped[str | None] = mapped_column(KeyText)
    description: Mapped[str | None]


class Employment(Entity):
    """A time that a person works, or worked, for a company."""

    __tablename__ = "employments"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "contact_id"], ["contacts.organization_id", "contacts.id"]
        ),
        ForeignKeyConstraint(_COMPANY, ["companies.organization_id", "companies.id"]),
        CheckConstraint("ended_on >= started_on", name="ends_after_start"),
        CheckConstraint("NOT (is_primary AND ended_on IS NOT NULL)", name="primary_is_current"),
        Index("ix_employments_created", "organization_id", "created_at", "id"),
        Index("ix_employments_contact", "organization_id", "contact_id"),
        Index("ix_employments_company", "organization_id", "company_id"),
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
