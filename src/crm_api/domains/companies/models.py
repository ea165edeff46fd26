"""The table of companies."""

from datetime import date
from decimal import Decimal
from typing import Any, Literal, get_args
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.money import AmountType

Lifecycle = Literal["target", "prospect", "customer", "former", "partner", "other"]
_LISTED = ", ".join(f"'{name}'" for name in get_args(Lifecycle))


class Company(Entity):
    """A company, public body or household."""

    __tablename__ = "companies"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "parent_id"], ["companies.organization_id", "companies.id"]
        ),
        CheckConstraint("parent_id <> id", name="not_its_own_parent"),
        CheckConstraint(f"lifecycle IN ({_LISTED})", name="lifecycle"),
        Index("ix_companies_created", "organization_id", "created_at", "id"),
        Index("ix_companies_updated", "organization_id", "updated_at", "id"),
        Index("ix_companies_name", "organization_id", "sort_name", "id"),
        Index(
            "ix_companies_parent",
            "organization_id",
            "parent_id",
            postgresql_where=text("parent_id IS NOT NULL"),
        ),
    )
    entity = "company"

    name: Mapped[str] = mapped_column(KeyText)
    sort_name: Mapped[str] = mapped_column(KeyText)
    legal_name: Mapped[str | None] = mapped_column(KeyText)
    domains: Mapped[list[str]]
    website: Mapped[str | None]
    parent_id: Mapped[UUID | None]
    industry: Mapped[str | None] = mapped_column(KeyText)
    lifecycle: Mapped[str] = mapped_column(KeyText)
    employees: Mapped[int | None]
    annual_revenue: Mapped[Decimal | None] = mapped_column(AmountType)
    currency: Mapped[str | None] = mapped_column(KeyText)
    tax_id: Mapped[str | None] = mapped_column(KeyText)
    founded_on: Mapped[date | None]
    country: Mapped[str | None] = mapped_column(KeyText)
    language: Mapped[str | None] = mapped_column(KeyText)
    time_zone: Mapped[str | None] = mapped_column(KeyText)
    email: Mapped[str | None] = mapped_column(KeyText)
    phone: Mapped[str | None] = mapped_column(KeyText)
    emails: Mapped[list[dict[str, Any]]]
    phones: Mapped[list[dict[str, Any]]]
    addresses: Mapped[list[dict[str, Any]]]
    tags: Mapped[list[str]]
    source: Mapped[str | None] = mapped_column(KeyText)
    description: Mapped[str | None]
