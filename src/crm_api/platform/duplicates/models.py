"""The tables of duplicates, of the rules about them, and of what their records have taught."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Base, Entity, KeyText
from crm_api.kit.db.columns import one_of, ordered

DuplicateStatus = Literal["open", "merged", "not_duplicate"]
Band = Literal["certain", "probable", "possible"]
Action = Literal["allow", "warn", "block"]


class Duplicate(Entity):
    """Two records that are probably one."""

    __tablename__ = "duplicates"
    __table_args__ = (
        one_of("status", DuplicateStatus),
        one_of("band", Band),
        CheckConstraint("first_id < second_id", name="ordered"),
        Index(
            "uq_duplicates_pair",
            "organization_id",
            "target",
            "first_id",
            "second_id",
            unique=True,
        ),
        Index("ix_duplicates_second", "organization_id", "target", "second_id"),
        Index("ix_duplicates_weight", "organization_id", "target", "status", "weight", "id"),
        *ordered("duplicates", "created_at"),
    )
    entity = "duplicate"

    target: Mapped[str] = mapped_column(KeyText)
    first_id: Mapped[UUID]
    second_id: Mapped[UUID]
    status: Mapped[str] = mapped_column(KeyText)
    band: Mapped[str] = mapped_column(KeyText)
    score: Mapped[int]
    weight: Mapped[int]
    reasons: Mapped[list[dict[str, Any]]]
    merge_id: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[UUID | None]
    seen_at: Mapped[datetime]
    """When it was last found; what a whole scan does not find again is no suggestion any more."""


class DuplicatePolicy(Entity):
    """What an organization does about duplicates of one kind of record."""

    __tablename__ = "duplicate_policies"
    __table_args__ = (
        one_of("action", Action),
        Index("uq_duplicate_policies_target", "organization_id", "target", unique=True),
    )
    entity = "duplicate_policy"

    target: Mapped[str] = mapped_column(KeyText)
    action: Mapped[str] = mapped_column(KeyText)
    certain: Mapped[int]
    probable: Mapped[int]
    possible: Mapped[int]
    unique: Mapped[list[str]]
    weights: Mapped[dict[str, Any]]
    custom_fields: Mapped[list[dict[str, Any]]]
    scan_every_hours: Mapped[int | None]


class DuplicateKnowledge(Base):
    """What the records of one kind have taught, and how far they were looked at."""

    __tablename__ = "duplicate_knowledge"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    target: Mapped[str] = mapped_column(KeyText, primary_key=True)
    fields: Mapped[dict[str, Any]]
    frequencies: Mapped[dict[str, Any]]
    rate: Mapped[float]
    records: Mapped[int]
    learnt_at: Mapped[datetime | None]
    scanned_to: Mapped[datetime | None]
    """Records that were changed before this moment have been looked at."""
    job_id: Mapped[UUID | None]
    """The scan that goes on, whose knowledge this is."""
    position: Mapped[int]
    """The rules that it is through with."""
