"""The tables of snapshots of deals, of forecasts with what was said of them, and of goals."""

from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Base, Entity, Json, KeyText, TenantRow
from crm_api.kit.db.columns import Named, foreign_key, one_of, ordered, referring
from crm_api.kit.money import AmountType

NodeKind = Literal["organization", "team", "user"]
ForecastStatus = Literal["draft", "submitted", "locked"]
Layer = Literal["system", "owner", "manager"]
PeriodKind = Literal["month", "quarter"]
GoalMetric = Literal["won_amount", "won_count", "new_deals"]
Status = Literal["open", "won", "lost"]
Category = Literal["pipeline", "best_case", "commit", "omitted", "closed"]


class DealSnapshot(Base):
    """A deal as it was on a day; amounts are whole ten-thousandths.

    It refers to nothing: what is gone from elsewhere was there on that day. Deals take their
    snapshots with them when they are purged.
    """

    __tablename__ = "deal_snapshots"
    __table_args__ = (
        one_of("status", Status),
        one_of("forecast_category", Category),
        Index("ix_deal_snapshots_deal", "organization_id", "deal_id", "day"),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    deal_id: Mapped[UUID] = mapped_column(primary_key=True)
    pipeline_id: Mapped[UUID]
    stage_id: Mapped[UUID]
    owner_id: Mapped[UUID | None]
    amount: Mapped[int | None] = mapped_column(BigInteger)
    base_amount: Mapped[int | None] = mapped_column(BigInteger)
    closes_on: Mapped[date | None]
    probability: Mapped[int]
    status: Mapped[str] = mapped_column(KeyText)
    currency: Mapped[str] = mapped_column(KeyText)
    base_currency: Mapped[str] = mapped_column(KeyText)
    forecast_category: Mapped[str] = mapped_column(KeyText)


class SnapshotDay(Base):
    """That the snapshots of a day were taken, however few deals there were."""

    __tablename__ = "deal_snapshot_days"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    taken_at: Mapped[datetime]
    deals: Mapped[int]


class Forecast(TenantRow):
    """What is expected of a period by a user, a team or the whole organization."""

    __tablename__ = "forecasts"
    __table_args__ = (
        one_of("kind", PeriodKind),
        one_of("node_kind", NodeKind),
        one_of("status", ForecastStatus),
        UniqueConstraint("organization_id", "kind", "starts_on", "node_id"),
    )

    kind: Mapped[str] = mapped_column(KeyText)
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    node_kind: Mapped[str] = mapped_column(KeyText)
    node_id: Mapped[UUID]
    status: Mapped[str] = mapped_column(KeyText)
    version: Mapped[int]
    updated_at: Mapped[datetime]
    updated_by: Mapped[UUID | None]


class ForecastEntry(TenantRow):
    """What somebody said of a forecast, or what was computed then; never changed."""

    __tablename__ = "forecast_entries"
    __table_args__ = (
        one_of("layer", Layer),
        Index("ix_forecast_entries_forecast", "organization_id", "forecast_id", "made_at"),
    )

    forecast_id: Mapped[UUID]
    layer: Mapped[str] = mapped_column(KeyText)
    commit_amount: Mapped[int] = mapped_column(BigInteger)
    best_case_amount: Mapped[int | None] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(KeyText)
    comment: Mapped[str | None]
    made_at: Mapped[datetime]
    made_by: Mapped[UUID | None]


class Goal(Named, Entity):
    """What is to be reached within some days."""

    __tablename__ = "goals"
    __table_args__ = (
        foreign_key("user_id", "users"),
        foreign_key("team_id", "teams"),
        foreign_key("pipeline_id", "pipelines"),
        one_of("metric", GoalMetric),
        CheckConstraint("target > 0", name="target"),
        CheckConstraint("user_id IS NULL OR team_id IS NULL", name="one_node"),
        CheckConstraint("ends_on >= starts_on", name="ends_after_start"),
        *ordered("goals", "created_at", "updated_at", "sort_name", "starts_on"),
        referring("goals", "owner_id", optional=True),
        referring("goals", "user_id", optional=True),
        referring("goals", "team_id", optional=True),
        referring("goals", "pipeline_id", optional=True),
    )
    entity = "goal"

    metric: Mapped[str] = mapped_column(KeyText)
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    target: Mapped[Decimal] = mapped_column(AmountType)
    user_id: Mapped[UUID | None]
    team_id: Mapped[UUID | None]
    pipeline_id: Mapped[UUID | None]
    description: Mapped[str | None]
    milestones: Mapped[list[int]] = mapped_column(Json())
    reached: Mapped[list[int]] = mapped_column(Json())
