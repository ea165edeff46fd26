"""The table of merges."""

from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import referring

MergeStatus = Literal["done", "undone"]
_LISTED = ", ".join(f"'{name}'" for name in get_args(MergeStatus))


class Merge(Entity):
    """One merge; what it changed stands in the events that it caused (ADR-0003)."""

    __tablename__ = "merges"
    __table_args__ = (
        CheckConstraint(f"status IN ({_LISTED})", name="status"),
        Index("ix_merges_created", "organization_id", "created_at", "id"),
        Index("ix_merges_winner", "organization_id", "winner_id"),
        referring("merges", "owner_id", optional=True),
    )
    entity = "merge"

    target: Mapped[str] = mapped_column(KeyText)
    winner_id: Mapped[UUID]
    loser_ids: Mapped[list[str]]
    status: Mapped[str] = mapped_column(KeyText)
    fields: Mapped[list[dict[str, Any]]]
    moved: Mapped[dict[str, Any]]
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[UUID | None]
