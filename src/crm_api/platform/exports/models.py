"""The table of exports."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import one_of, ordered, referring

Format = Literal["csv", "ndjson", "xlsx"]


class Export(Entity):
    """What was asked for, and the file that came of it; how far it is, its job tells."""

    __tablename__ = "exports"
    __table_args__ = (
        one_of("format", Format),
        *ordered("exports", "created_at"),
        referring("exports", "owner_id", optional=True),
    )
    entity = "export"

    target: Mapped[str] = mapped_column(KeyText)
    format: Mapped[str] = mapped_column(KeyText)
    filters: Mapped[list[dict[str, Any]]]
    sort: Mapped[list[str]]
    fields: Mapped[list[str]]
    deleted: Mapped[str | None] = mapped_column(KeyText)
    delimiter: Mapped[str] = mapped_column(KeyText)
    bom: Mapped[bool]
    filename: Mapped[str]
    job_id: Mapped[UUID]
    rows: Mapped[int | None] = mapped_column(BigInteger)
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    stored_as: Mapped[str | None] = mapped_column(KeyText)
    finished_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
