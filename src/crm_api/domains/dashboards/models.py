"""The table of dashboards."""

from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from crm_api.domains.reports.models import Sharing
from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import Named, one_of, ordered, referring


class Dashboard(Named, Entity):
    """Several reports and metrics on one page."""

    __tablename__ = "dashboards"
    __table_args__ = (
        one_of("sharing", Sharing),
        *ordered("dashboards", "created_at", "updated_at", "sort_name"),
        referring("dashboards", "owner_id", optional=True),
    )
    entity = "dashboard"

    description: Mapped[str | None]
    tiles: Mapped[list[dict[str, Any]]]
    parameters: Mapped[list[dict[str, Any]]]
    sharing: Mapped[str] = mapped_column(KeyText)
