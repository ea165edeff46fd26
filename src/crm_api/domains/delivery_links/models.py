"""The tables of links of projects, and of what was done by them."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText, TenantRow
from crm_api.kit.db.columns import foreign_key, one_of, ordered, referring

Did = Literal["read", "page", "accepted", "rejected"]


class DeliveryLink(Entity):
    """A secret address at which a customer accepts what was delivered of a project."""

    __tablename__ = "delivery_links"
    __table_args__ = (
        foreign_key("project_id", "projects"),
        foreign_key("contact_id", "contacts"),
        *ordered("delivery_links", "created_at", "updated_at", "expires_at"),
        referring("delivery_links", "project_id"),
        referring("delivery_links", "contact_id", optional=True),
    )
    entity = "delivery_link"

    project_id: Mapped[UUID]
    contact_id: Mapped[UUID | None]
    label: Mapped[str | None] = mapped_column(KeyText)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    first_viewed_at: Mapped[datetime | None]
    secret_hash: Mapped[str] = mapped_column(KeyText)


class DeliveryVisit(TenantRow):
    """That somebody looked by a link, or decided on a deliverable."""

    __tablename__ = "delivery_visits"
    __table_args__ = (
        one_of("did", Did),
        Index("ix_delivery_visits_link", "organization_id", "link_id", "id"),
        Index("ix_delivery_visits_project", "organization_id", "project_id", "id"),
    )

    project_id: Mapped[UUID]
    link_id: Mapped[UUID]
    deliverable_id: Mapped[UUID | None]
    did: Mapped[str] = mapped_column(KeyText)
    name: Mapped[str | None] = mapped_column(KeyText)
    at: Mapped[datetime]
    address: Mapped[str | None] = mapped_column(KeyText)
    user_agent: Mapped[str | None] = mapped_column(KeyText)
