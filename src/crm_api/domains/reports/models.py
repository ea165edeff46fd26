"""The tables of saved reports, of what became of running them, and of tallies."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Index, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Base, Entity, KeyText
from crm_api.kit.db.columns import Named, foreign_key, one_of, ordered, referring

Sharing = Literal["private", "organization"]


class Report(Named, Entity):
    """A report that somebody has saved."""

    __tablename__ = "reports"
    __table_args__ = (
        one_of("sharing", Sharing),
        *ordered("reports", "created_at", "updated_at", "sort_name"),
        referring("reports", "owner_id", optional=True),
    )
    entity = "report"

    description: Mapped[str | None]
    definition: Mapped[dict[str, Any]]
    parameters: Mapped[list[dict[str, Any]]]
    definition_hash: Mapped[str] = mapped_column(KeyText)
    sharing: Mapped[str] = mapped_column(KeyText)
    is_certified: Mapped[bool]
    certified_by: Mapped[UUID | None]
    certified_at: Mapped[datetime | None]


class ReportRun(Entity):
    """What was asked of a job, and what came of it; how far it is, the job tells."""

    __tablename__ = "report_runs"
    __table_args__ = (
        foreign_key("report_id", "reports"),
        *ordered("report_runs", "created_at"),
        referring("report_runs", "report_id", optional=True),
        referring("report_runs", "owner_id", optional=True),
        # Whether there is a result of the same already.
        Index("ix_report_runs_asked", "organization_id", "asked_hash"),
    )
    entity = "report_run"

    report_id: Mapped[UUID | None]
    standard_report: Mapped[str | None] = mapped_column(KeyText)
    definition: Mapped[dict[str, Any]]
    """Empty where the domain computes it."""
    parameters: Mapped[dict[str, Any]]
    definition_hash: Mapped[str] = mapped_column(KeyText)
    asked_hash: Mapped[str] = mapped_column(KeyText)
    """Of all that the result hangs on but the data: the definition, moments, and who asked."""
    sight_hash: Mapped[str] = mapped_column(KeyText)
    """Of what whoever asked may see."""
    job_id: Mapped[UUID]
    watermark: Mapped[str | None] = mapped_column(KeyText)
    is_settled: Mapped[bool | None]
    """Whether nothing older than the watermark was still under way."""
    answer: Mapped[dict[str, Any] | None]
    """The result but for its rows."""
    row_count: Mapped[int | None] = mapped_column(BigInteger)
    finished_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]


class ReportRunRow(Base):
    """A row of a result."""

    __tablename__ = "report_run_rows"
    __table_args__ = (foreign_key("run_id", "report_runs", goes_with=True),)

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    row: Mapped[dict[str, Any]]


class TallyState(Base):
    """How far a tally has followed the feed; one that is not kept has no place in it."""

    __tablename__ = "tally_states"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(KeyText, primary_key=True)
    tx: Mapped[int | None] = mapped_column(BigInteger)
    seq: Mapped[int | None] = mapped_column(BigInteger)
    looked_at: Mapped[datetime]
    """When somebody looked last whether it is right, or worth being kept."""
    drift: Mapped[int | None] = mapped_column(BigInteger)
    """How many records it had wrong then."""


class TallyRecord(Base):
    """What a record counts for, as the tally knows it."""

    __tablename__ = "tally_records"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(KeyText, primary_key=True)
    record_id: Mapped[UUID] = mapped_column(primary_key=True)
    keys: Mapped[list[str | None]] = mapped_column(ARRAY(KeyText))
    amounts: Mapped[list[int | None]] = mapped_column(ARRAY(BigInteger))


class TallyCell(Base):
    """What the records of one combination of values come to: the sum of those that it knows."""

    __tablename__ = "tally_cells"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(KeyText, primary_key=True)
    grain: Mapped[int] = mapped_column(primary_key=True)
    keys: Mapped[list[str | None]] = mapped_column(ARRAY(KeyText), primary_key=True)
    records: Mapped[int] = mapped_column(BigInteger)
    amounts: Mapped[list[Decimal]] = mapped_column(ARRAY(Numeric))
    known: Mapped[list[int]] = mapped_column(ARRAY(BigInteger))
    """Of how many of them each amount is known."""
