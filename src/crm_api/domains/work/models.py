"""The table of the secret addresses at which calendars read agendas."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import KeyText, TenantRow


class CalendarFeed(TenantRow):
    """The address at which the agenda of a user is read; there is one of each."""

    __tablename__ = "calendar_feeds"
    __table_args__ = (
        Index(
            "uq_calendar_feeds_organization_id_user_id", "organization_id", "user_id", unique=True
        ),
    )

    user_id: Mapped[UUID]
    secret_hash: Mapped[str] = mapped_column(KeyText)
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
