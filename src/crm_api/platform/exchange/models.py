"""The table of exchange rates."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, Numeric, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import KeyText, TenantRow


class ExchangeRate(TenantRow):
    """What one unit of a currency costs in another on a day."""

    __tablename__ = "exchange_rates"
    __table_args__ = (
        CheckConstraint("rate > 0", name="rate"),
        CheckConstraint("base <> quote", name="pair"),
        UniqueConstraint("organization_id", "base", "quote", "day"),
    )

    base: Mapped[str] = mapped_column(KeyText)
    quote: Mapped[str] = mapped_column(KeyText)
    day: Mapped[date]
    # Never filtered, so it need not be leakproof (ADR-0005).
    rate: Mapped[Decimal] = mapped_column(Numeric(24, 12))
    source: Mapped[str | None] = mapped_column(KeyText)
    set_at: Mapped[datetime]
    set_by: Mapped[UUID | None]
