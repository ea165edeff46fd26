"""The table of comments."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import foreign_key, ordered, referring


class Comment(Entity):
    """What somebody said about a record."""

    __tablename__ = "comments"
    __table_args__ = (
        foreign_key("parent_id", "comments"),
        CheckConstraint("parent_id <> id", name="not_its_own_parent"),
        *ordered("comments", "created_at"),
        Index("ix_comments_record", "organization_id", "record_id", "created_at", "id"),
        referring("comments", "parent_id", optional=True),
    )
    entity = "comment"

    target: Mapped[str] = mapped_column(KeyText)
    record_id: Mapped[UUID]
    parent_id: Mapped[UUID | None]
    """The comment that it answers, which answers none itself."""
    body: Mapped[str] = mapped_column(KeyText)
    mentions: Mapped[list[str]]
    author_id: Mapped[UUID | None]
    """The user who wrote it; None where a program did."""
    is_pinned: Mapped[bool]
    edited_at: Mapped[datetime | None]
