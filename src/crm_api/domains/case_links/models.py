"""The table of links of cases."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import foreign_key, ordered, referring


class CaseLink(Entity):
    """A secret address at which a customer rates how a case was closed, once."""

    __tablename__ = "case_links"
    __table_args__ = (
        foreign_key("case_id", "cases"),
        foreign_key("contact_id", "contacts"),
        *ordered("case_links", "created_at", "updated_at", "expires_at"),
        referring("case_links", "case_id"),
        referring("case_links", "contact_id", optional=True),
    )
    entity = "case_link"

    case_id: Mapped[UUID]
    contact_id: Mapped[UUID | None]
    label: Mapped[str | None] = mapped_column(KeyText)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    first_viewed_at: Mapped[datetime | None]
    rated_at: Mapped[datetime | None]
    secret_hash: Mapped[str] = mapped_column(KeyText)
