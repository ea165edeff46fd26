"""The table of companies."""

from datetime import date
from decimal import Decimal
from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import Described, Named, foreign_key, one_of, ordered, referring
from crm_api.kit.money import AmountType
from crm_api.kit.points import Reachable

Lifecycle = Literal["target", "prospect", "customer", "former", "partner", "other"]


class Company(Named, Reachable, Described, Entity):
    """A company, public body or household."""

    __tablename__ = "companies"
    __table_args__ = (
        foreign_key("parent_id", "companies"),
        CheckConstraint("parent_id <> id", name="not_its_own_parent"),
        one_of("lifecycle", Lifecycle),
        *ordered("companies", "created_at", "updated_at", "sort_name"),
        referring("companies", "parent_id", optional=True),
        referring("companies", "owner_id", optional=True),
    )
    entity = "company"

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
