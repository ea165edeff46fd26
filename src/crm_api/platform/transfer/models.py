"""The tables of imports and the mistakes in their files."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Base, Entity, KeyText
from crm_api.kit.db.columns import foreign_key, one_of, ordered, referring

ImportStatus = Literal[
    "uploaded",
    "validating",
    "validated",
    "running",
    "completed",
    "reverting",
    "reverted",
    "failed",
    "cancelled",
]


class Import(Entity):
    """A file of records, and how far it has got."""

    __tablename__ = "imports"
    __table_args__ = (
        one_of("status", ImportStatus),
        *ordered("imports", "created_at"),
        referring("imports", "owner_id", optional=True),
    )
    entity = "import"

    target: Mapped[str] = mapped_column(KeyText)
    filename: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    stored_as: Mapped[str] = mapped_column(KeyText)
    status: Mapped[str] = mapped_column(KeyText)
    format: Mapped[dict[str, Any]]
    mapping: Mapped[list[dict[str, Any]]]
    options: Mapped[dict[str, Any]]
    rows: Mapped[int]
    position: Mapped[int] = mapped_column(default=0)
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    job_id: Mapped[UUID | None]
    failure: Mapped[dict[str, Any] | None]
    validated_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    undone: Mapped[dict[str, Any] | None]
    undone_to: Mapped[int | None] = mapped_column(BigInteger)
    """Events of the import from this one on are dealt with; undoing walks backwards."""
    file_removed_at: Mapped[datetime | None]


class ImportFault(Base):
    """One mistake in one row of a file."""

    __tablename__ = "import_faults"
    __table_args__ = (foreign_key("import_id", "imports"),)

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    row: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    column: Mapped[str | None]
    code: Mapped[str] = mapped_column(KeyText)
    message: Mapped[str]
    value: Mapped[str | None]
    cells: Mapped[list[str] | None]
    """The row itself, with the first of its mistakes only."""
