"""The table of quotas."""

from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Base

NAMES = ("requests_per_minute", "key_requests_per_minute", "users", "file_bytes", "records")


class OrganizationQuota(Base):
    """What an organization may use, where that differs from the installation's settings."""

    __tablename__ = "organization_quotas"
    __table_args__ = tuple(CheckConstraint(f"{name} > 0", name=name) for name in NAMES)

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    requests_per_minute: Mapped[int | None]
    key_requests_per_minute: Mapped[int | None]
    users: Mapped[int | None]
    file_bytes: Mapped[int | None] = mapped_column(BigInteger)
    records: Mapped[int | None] = mapped_column(BigInteger)
    records_used: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """How many there are, kept by triggers where there is a limit."""
