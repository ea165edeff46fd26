"""The table of number sequences."""

from typing import Literal

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import Named, one_of, ordered

Period = Literal["never", "year", "month"]


class NumberSequence(Named, Entity):
    """Running numbers of one kind of document."""

    __tablename__ = "number_sequences"
    __table_args__ = (
        one_of("restarts", Period),
        CheckConstraint("next_number > 0", name="next_number"),
        *ordered("number_sequences", "created_at", "sort_name"),
        Index(
            "uq_number_sequences_organization_id_key",
            "organization_id",
            "key",
            unique=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )
    entity = "number_sequence"

    key: Mapped[str] = mapped_column(KeyText)
    pattern: Mapped[str] = mapped_column(KeyText)
    restarts: Mapped[str] = mapped_column(KeyText)
    period: Mapped[str | None] = mapped_column(KeyText)
    next_number: Mapped[int]
