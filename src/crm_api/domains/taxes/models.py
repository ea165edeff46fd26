"""The table of tax rates."""

from datetime import date
from decimal import Decimal
from typing import Literal

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import Named, alone, one_of, ordered
from crm_api.kit.money import QuantityType

TaxKind = Literal["standard", "reduced", "zero", "exempt", "reverse_charge"]


class TaxRate(Named, Entity):
    """What a tax is of net amounts, somewhere, for some products, for some time."""

    __tablename__ = "tax_rates"
    __table_args__ = (
        one_of("kind", TaxKind),
        CheckConstraint("rate >= 0", name="rate"),
        *ordered("tax_rates", "created_at", "updated_at", "sort_name"),
        Index("ix_tax_rates_country", "organization_id", "country"),
        *alone("tax_rates", "country", "region", "tax_category", "code"),
    )
    entity = "tax_rate"

    code: Mapped[str] = mapped_column(KeyText)
    country: Mapped[str] = mapped_column(KeyText)
    region: Mapped[str] = mapped_column(KeyText)
    tax_category: Mapped[str] = mapped_column(KeyText)
    kind: Mapped[str] = mapped_column(KeyText)
    rate: Mapped[Decimal] = mapped_column(QuantityType)
    compound: Mapped[bool]
    position: Mapped[int]
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
