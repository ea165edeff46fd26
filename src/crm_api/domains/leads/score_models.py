"""The tables of scores: rules with points, models that are learned, and what these say of leads."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Float, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.domains.leads.models import ScoreCategory
from crm_api.kit.crud.places import Place
from crm_api.kit.db.base import Base, Entity, KeyText
from crm_api.kit.db.columns import Named, one_of, ordered, referring

ModelKind = Literal["logistic", "naive_bayes"]
ModelStatus = Literal["training", "insufficient_data", "draft", "shadow", "active", "retired"]


class LeadScoreRule(Named, Entity):
    """How many points leads get that pass a filter, once or for each of certain events."""

    __tablename__ = "lead_score_rules"
    __table_args__ = (
        one_of("category", ScoreCategory),
        CheckConstraint("points BETWEEN -100 AND 100", name="points"),
        CheckConstraint("category <> 'negative' OR points <= 0", name="negative"),
        CheckConstraint("cap IS NULL OR (cap BETWEEN 1 AND 100 AND event IS NOT NULL)", name="cap"),
        CheckConstraint("half_life_days BETWEEN 1 AND 3650", name="half_life_days"),
        CheckConstraint(
            "decays_by IS NULL OR (half_life_days IS NOT NULL AND event IS NULL)", name="decays_by"
        ),
        *ordered("lead_score_rules", "created_at", "updated_at", "sort_name"),
        referring("lead_score_rules", "owner_id", optional=True),
    )
    entity = "lead_score_rule"

    category: Mapped[str] = mapped_column(KeyText)
    points: Mapped[int]
    is_active: Mapped[bool]
    filter: Mapped[dict[str, Any]]
    event: Mapped[dict[str, Any] | None]
    cap: Mapped[int | None]
    half_life_days: Mapped[int | None]
    decays_by: Mapped[str | None] = mapped_column(KeyText)
    description: Mapped[str | None]


class LeadScoreModel(Named, Entity):
    """What past leads have taught of how probable it is that one is converted."""

    __tablename__ = "lead_score_models"
    __table_args__ = (
        one_of("kind", ModelKind),
        one_of("status", ModelStatus),
        CheckConstraint("window_days BETWEEN 30 AND 3650", name="window_days"),
        CheckConstraint("stale_days BETWEEN 1 AND 3650", name="stale_days"),
        *ordered("lead_score_models", "created_at", "updated_at", "sort_name"),
        referring("lead_score_models", "owner_id", optional=True),
        # One is active at the most, and one beside it on trial.
        Index(
            "uq_lead_score_models_in_use",
            "organization_id",
            "status",
            unique=True,
            postgresql_where=text("status IN ('shadow', 'active') AND deleted_at IS NULL"),
        ),
    )
    entity = "lead_score_model"

    kind: Mapped[str] = mapped_column(KeyText)
    window_days: Mapped[int]
    stale_days: Mapped[int | None]
    description: Mapped[str | None]
    status: Mapped[str] = mapped_column(KeyText)
    trained_from: Mapped[datetime | None]
    trained_to: Mapped[datetime | None]
    converted_count: Mapped[int | None]
    lost_count: Mapped[int | None]
    metrics: Mapped[dict[str, Any]]
    job_id: Mapped[UUID | None]
    activated_at: Mapped[datetime | None]
    # Not shown as they are: what each value of each fact adds to the logarithm of the odds.
    weights: Mapped[dict[str, Any]]


class LeadPrediction(Base):
    """What a model in use says of a lead, and why; of a lead that has ended, what it said last."""

    __tablename__ = "lead_predictions"
    __table_args__ = (
        Index("ix_lead_predictions_model", "organization_id", "model_id"),
        CheckConstraint("probability BETWEEN 0 AND 1", name="probability"),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    lead_id: Mapped[UUID] = mapped_column(primary_key=True)
    model_id: Mapped[UUID] = mapped_column(primary_key=True)
    probability: Mapped[float] = mapped_column(Float(53))
    factors: Mapped[list[dict[str, Any]]]
    input_hash: Mapped[str] = mapped_column(KeyText)
    predicted_at: Mapped[datetime]


class LeadScoreState(Base, Place):
    """How far the feed was read for the scores of an organization, and when they last aged."""

    __tablename__ = "lead_score_states"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    aged_on: Mapped[date | None]
