"""The tables of schedules and alerts."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Base, Entity, KeyText
from crm_api.kit.db.columns import Named, foreign_key, one_of, ordered, referring

Sharing = Literal["private", "organization"]
Method = Literal["threshold", "anomaly"]
Season = Literal["none", "weekday"]
State = Literal["clear", "raised"]
Format = Literal["csv", "xlsx", "pdf"]
Status = Literal["pending", "sent", "skipped", "failed"]


def due(table: str) -> Index:
    """What is due next, of all organizations."""
    where = text("next_at IS NOT NULL AND deleted_at IS NULL")
    return Index(f"ix_{table}_due", "next_at", postgresql_where=where)


class ReportSchedule(Named, Entity):
    """When a saved or standard report is told to whom."""

    __tablename__ = "report_schedules"
    __table_args__ = (
        one_of("format", Format),
        one_of("sharing", Sharing),
        foreign_key("report_id", "reports"),
        CheckConstraint("num_nonnulls(report_id, standard_report) = 1", name="one_report"),
        *ordered("report_schedules", "created_at", "updated_at", "sort_name"),
        referring("report_schedules", "report_id"),
        referring("report_schedules", "owner_id", optional=True),
        due("report_schedules"),
    )
    entity = "report_schedule"

    report_id: Mapped[UUID | None]
    standard_report: Mapped[str | None] = mapped_column(KeyText)
    parameters: Mapped[dict[str, Any]]
    time_zone: Mapped[str] = mapped_column(KeyText)
    cron: Mapped[str | None] = mapped_column(KeyText)
    rule: Mapped[str | None] = mapped_column(KeyText)
    starts_on: Mapped[date]
    at: Mapped[str | None] = mapped_column(KeyText)
    recipients: Mapped[list[dict[str, Any]]]
    condition: Mapped[dict[str, Any] | None]
    actor: Mapped[dict[str, Any]]
    """Whoever wrote it last, with whose rights it is read for those who have none."""
    format: Mapped[str | None] = mapped_column(KeyText)
    is_active: Mapped[bool]
    sharing: Mapped[str] = mapped_column(KeyText)
    next_at: Mapped[datetime | None]


class Alert(Named, Entity):
    """A metric that is looked at, and when it is one to tell of."""

    __tablename__ = "alerts"
    __table_args__ = (
        one_of("method", Method),
        one_of("season", Season),
        one_of("state", State),
        one_of("sharing", Sharing),
        *ordered("alerts", "created_at", "updated_at", "sort_name"),
        referring("alerts", "owner_id", optional=True),
        due("alerts"),
    )
    entity = "alert"

    metric: Mapped[str] = mapped_column(KeyText)
    filter: Mapped[dict[str, Any]]
    days: Mapped[int | None]
    method: Mapped[str] = mapped_column(KeyText)
    comparison: Mapped[str | None] = mapped_column(KeyText)
    threshold: Mapped[Decimal | None]
    clear_at: Mapped[Decimal | None]
    sensitivity: Mapped[Decimal]
    season: Mapped[str] = mapped_column(KeyText)
    every_minutes: Mapped[int]
    cooldown_minutes: Mapped[int]
    recipients: Mapped[list[dict[str, Any]]]
    is_active: Mapped[bool]
    sharing: Mapped[str] = mapped_column(KeyText)
    state: Mapped[str] = mapped_column(KeyText)
    last_value: Mapped[Decimal | None]
    actor: Mapped[dict[str, Any]]
    """Whoever wrote it last, with whose rights the metric is read."""
    last_error: Mapped[str | None] = mapped_column(KeyText)
    checked_at: Mapped[datetime | None]
    raised_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]
    next_at: Mapped[datetime | None]


class ReportDelivery(Base):
    """What became of one occurrence for one recipient, who is told once of it."""

    __tablename__ = "report_deliveries"
    __table_args__ = (
        one_of("status", Status),
        foreign_key("schedule_id", "report_schedules", goes_with=True),
        UniqueConstraint(
            "organization_id",
            "schedule_id",
            "occurrence_at",
            "recipient",
            name="uq_report_deliveries_recipient",
        ),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    schedule_id: Mapped[UUID]
    occurrence_at: Mapped[datetime]
    recipient: Mapped[str] = mapped_column(KeyText)
    status: Mapped[str] = mapped_column(KeyText)
    reason: Mapped[str | None]
    finished_at: Mapped[datetime | None]


class AlertValue(Base):
    """What a metric was when an alert looked, which anomalies are told from."""

    __tablename__ = "alert_values"
    __table_args__ = (foreign_key("alert_id", "alerts", goes_with=True),)

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    alert_id: Mapped[UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    value: Mapped[Decimal]
