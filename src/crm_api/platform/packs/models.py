"""The table of applied packs."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import one_of, ordered

PackStatus = Literal["applied", "rolled_back"]


class PackApplication(Entity):
    """That a pack was applied, and every step of it."""

    __tablename__ = "pack_applications"
    __table_args__ = (
        one_of("status", PackStatus),
        Index("ix_pack_applications_pack", "organization_id", "pack", "id"),
        *ordered("pack_applications", "created_at"),
    )
    entity = "pack_application"

    pack: Mapped[str] = mapped_column(KeyText)
    pack_version: Mapped[int]
    status: Mapped[str] = mapped_column(KeyText)
    steps: Mapped[list[dict[str, Any]]]
    rolled_back_at: Mapped[datetime | None]
