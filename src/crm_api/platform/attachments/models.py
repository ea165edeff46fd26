"""The tables of attachments and of the files that they lead to."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText, TenantRow
from crm_api.kit.db.columns import foreign_key, ordered, referring


class StoredFile(TenantRow):
    """Bytes that are kept, or about to be: the row comes first and goes last."""

    __tablename__ = "files"
    __table_args__ = (Index("ix_files_keep", "keep_until"),)

    filename: Mapped[str | None]
    content_type: Mapped[str | None] = mapped_column(KeyText)
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    """Null until all of it has come."""
    sha256: Mapped[str | None] = mapped_column(KeyText)
    owner_id: Mapped[UUID | None]
    """Who has sent it, and may attach it."""
    created_at: Mapped[datetime]
    keep_until: Mapped[datetime]
    """From then on it is removed unless it is attached."""
    is_doomed: Mapped[bool]
    """It is being removed and can be attached no more."""


class Attachment(Entity):
    """A file of a record; several may lead to the same bytes."""

    __tablename__ = "attachments"
    __table_args__ = (
        foreign_key("file_id", "files"),
        *ordered("attachments", "created_at"),
        referring("attachments", "record_id"),
        referring("attachments", "file_id"),
        referring("attachments", "owner_id", optional=True),
        Index(
            "uq_attachments_organization_id_file_id",
            "organization_id",
            "file_id",
            "record_id",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )
    entity = "attachment"

    target: Mapped[str] = mapped_column(KeyText)
    record_id: Mapped[UUID]
    file_id: Mapped[UUID]
    filename: Mapped[str] = mapped_column(KeyText)
    content_type: Mapped[str] = mapped_column(KeyText)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(KeyText)
    description: Mapped[str | None]
