"""The tables of organizations and API keys."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Base, Entity, KeyText
from crm_api.kit.db.columns import ordered
from crm_api.kit.ids import new_id


class Organization(Base):
    """A company that uses the service; everything else belongs to one."""

    __tablename__ = "organizations"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    country: Mapped[str | None] = mapped_column(KeyText)
    time_zone: Mapped[str] = mapped_column(KeyText, default="UTC")
    currency: Mapped[str] = mapped_column(KeyText, default="EUR")
    created_at: Mapped[datetime]


class ApiKey(Entity):
    """A credential of a program."""

    __tablename__ = "api_keys"
    __table_args__ = (
        # Looked up before the organization is known, by one SECURITY DEFINER function.
        Index("ix_api_keys_prefix", "prefix"),
        *ordered("api_keys", "created_at"),
    )
    entity = "api_key"

    name: Mapped[str]
    prefix: Mapped[str] = mapped_column(KeyText)
    secret_hash: Mapped[str] = mapped_column(KeyText)
    scopes: Mapped[list[str]]
    expires_at: Mapped[datetime | None]
