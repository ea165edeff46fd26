"""The tables of pipelines, their stages, deals and how these moved."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import Described, Named, foreign_key, one_of, ordered, referring
from crm_api.kit.money import AmountType

Graph = Literal["strict", "forward_only", "free"]
StageKind = Literal["open", "won", "lost"]
OpenCategory = Literal["pipeline", "best_case", "commit", "omitted"]
ForecastCategory = Literal["pipeline", "best_case", "commit", "omitted", "closed"]
AmountMode = Literal["manual", "lines"]
NextStepPolicy = Literal["off", "moves", "writes"]
WinNeeds = Literal["nothing", "accepted_quote"]
DealVerb = Literal["moved", "won", "lost", "reopened", "split"]
BuyingRole = Literal[
    "champion", "economic_buyer", "decision_maker", "technical", "user", "blocker", "coach"
]
Sentiment = Literal["positive", "neutral", "negative"]
CompetitorStatus = Literal["active", "won", "lost", "withdrawn"]
SplitKind = Literal["revenue", "overlay"]
_LIVING = text("deleted_at IS NULL")
_OPEN = text("status = 'open' AND deleted_at IS NULL")


def _percent(column: str) -> CheckConstraint:
    return CheckConstraint(f"{column} BETWEEN 0 AND 100", name=column)


class Pipeline(Named, Entity):
    """A way that deals go, by its stages."""

    __tablename__ = "pipelines"
    __table_args__ = (
        one_of("graph", Graph),
        one_of("next_step_policy", NextStepPolicy),
        one_of("win_needs", WinNeeds),
        CheckConstraint("NOT (is_default AND is_archived)", name="default_is_open"),
        *ordered("pipelines", "created_at", "updated_at", "sort_name"),
        Index(
            "uq_pipelines_organization_id_key",
            "organization_id",
            "key",
            unique=True,
            postgresql_where=text("deleted_at IS NULL AND key IS NOT NULL"),
        ),
        Index(
            "uq_pipelines_organization_id_is_default",
            "organization_id",
            unique=True,
            postgresql_where=text("is_default AND deleted_at IS NULL"),
        ),
    )
    entity = "pipeline"

    key: Mapped[str | None] = mapped_column(KeyText)
    description: Mapped[str | None]
    currency: Mapped[str | None] = mapped_column(KeyText)
    graph: Mapped[str] = mapped_column(KeyText)
    next_step_policy: Mapped[str] = mapped_column(KeyText)
    win_needs: Mapped[str] = mapped_column(KeyText)
    reopen_needs_reason: Mapped[bool]
    is_default: Mapped[bool]
    is_archived: Mapped[bool]
    wanted_roles: Mapped[list[str]]


class Stage(Named, Entity):
    """Where a deal stands on the way of its pipeline."""

    __tablename__ = "stages"
    __table_args__ = (
        foreign_key("pipeline_id", "pipelines"),
        one_of("kind", StageKind),
        one_of("forecast_category", ForecastCategory),
        _percent("probability"),
        CheckConstraint("rotting_days > 0", name="rotting_days"),
        CheckConstraint("wip_limit > 0", name="wip_limit"),
        *ordered("stages", "created_at", "updated_at", "sort_name", "position"),
        Index("ix_stages_pipeline", "organization_id", "pipeline_id", "position", "id"),
        Index(
            "uq_stages_organization_id_won",
            "organization_id",
            "pipeline_id",
            unique=True,
            postgresql_where=text("kind = 'won' AND deleted_at IS NULL"),
        ),
        # What a deal refers to, so that its stage is one of its pipeline.
        Index(
            "uq_stages_organization_id_pipeline_id",
            "organization_id",
            "pipeline_id",
            "id",
            unique=True,
        ),
    )
    entity = "stage"

    pipeline_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(KeyText)
    position: Mapped[int]
    probability: Mapped[int]
    forecast_category: Mapped[str] = mapped_column(KeyText)
    rotting_days: Mapped[int | None]
    required_fields: Mapped[list[str]]
    entry_criteria: Mapped[dict[str, Any]]
    exit_criteria: Mapped[dict[str, Any]]
    checklist: Mapped[list[dict[str, Any]]]
    required_artefacts: Mapped[list[str]]
    approval_purpose: Mapped[str | None] = mapped_column(KeyText)
    wip_limit: Mapped[int | None]
    required_roles: Mapped[list[str]]


class LossReason(Named, Entity):
    """Why deals are lost."""

    __tablename__ = "loss_reasons"
    __table_args__ = (
        *ordered("loss_reasons", "created_at", "updated_at", "sort_name", "position"),
        Index(
            "uq_loss_reasons_organization_id_key",
            "organization_id",
            "key",
            unique=True,
            postgresql_where=text("deleted_at IS NULL AND key IS NOT NULL"),
        ),
    )
    entity = "loss_reason"

    key: Mapped[str | None] = mapped_column(KeyText)
    description: Mapped[str | None]
    position: Mapped[int]
    is_active: Mapped[bool]
    asks_competitor: Mapped[bool]


class Deal(Named, Described, Entity):
    """Something that may be sold."""

    __tablename__ = "deals"
    __table_args__ = (
        foreign_key("company_id", "companies"),
        foreign_key("contact_id", "contacts"),
        foreign_key("loss_reason_id", "loss_reasons"),
        foreign_key("competitor_id", "companies"),
        foreign_key("origin_id", "deals"),
        foreign_key("pipeline_id", "pipelines"),
        ForeignKeyConstraint(
            ["organization_id", "pipeline_id", "stage_id"],
            ["stages.organization_id", "stages.pipeline_id", "stages.id"],
            name="fk_deals_organization_id_stage_id",
        ),
        one_of("status", StageKind),
        one_of("amount_mode", AmountMode),
        one_of("forecast_category", ForecastCategory),
        _percent("probability"),
        _percent("probability_override"),
        CheckConstraint("(status = 'open') = (closed_at IS NULL)", name="closed_at"),
        CheckConstraint("(status = 'lost') = (loss_reason_id IS NOT NULL)", name="loss_reason_id"),
        *ordered(
            "deals", "created_at", "updated_at", "sort_name", "closes_on", "amount", "base_amount"
        ),
        referring("deals", "company_id", optional=True),
        referring("deals", "contact_id", optional=True),
        referring("deals", "loss_reason_id", optional=True),
        referring("deals", "competitor_id", optional=True),
        referring("deals", "origin_id", optional=True),
        referring("deals", "owner_id", optional=True),
        Index("ix_deals_status", "organization_id", "status", "id"),
        # What is looked for every day: open deals that stand too long, or whose day is over.
        Index("ix_deals_rots_at", "rots_at", postgresql_where=_OPEN),
        Index("ix_deals_overdue", "closes_on", postgresql_where=_OPEN),
        # The columns of a board, in their order.
        Index("ix_deals_stage", "organization_id", "stage_id", "rank", "id"),
        Index("ix_deals_pipeline", "organization_id", "pipeline_id", "stage_id"),
    )
    entity = "deal"

    company_id: Mapped[UUID | None]
    contact_id: Mapped[UUID | None]
    pipeline_id: Mapped[UUID]
    stage_id: Mapped[UUID]
    status: Mapped[str] = mapped_column(KeyText)
    amount: Mapped[Decimal | None] = mapped_column(AmountType)
    amount_mode: Mapped[str] = mapped_column(KeyText)
    lines: Mapped[list[dict[str, Any]]]
    one_time: Mapped[Decimal | None] = mapped_column(AmountType)
    mrr: Mapped[Decimal | None] = mapped_column(AmountType)
    tcv: Mapped[Decimal | None] = mapped_column(AmountType)
    currency: Mapped[str] = mapped_column(KeyText)
    expected_amount: Mapped[Decimal | None] = mapped_column(AmountType)
    base_amount: Mapped[Decimal | None] = mapped_column(AmountType)
    base_currency: Mapped[str] = mapped_column(KeyText)
    closes_on: Mapped[date | None]
    next_step: Mapped[str | None] = mapped_column(KeyText)
    next_step_on: Mapped[date | None]
    probability_override: Mapped[int | None]
    probability: Mapped[int]
    forecast_override: Mapped[str | None] = mapped_column(KeyText)
    forecast_category: Mapped[str] = mapped_column(KeyText)
    checked: Mapped[list[str]]
    loss_reason_id: Mapped[UUID | None]
    competitors: Mapped[list[dict[str, Any]]]
    competitor_ids: Mapped[list[str]]
    competitor_id: Mapped[UUID | None]
    splits: Mapped[list[dict[str, Any]]]
    origin_id: Mapped[UUID | None]
    promises: Mapped[list[str]] = mapped_column(default=list, server_default=text("'[]'"))
    close_comment: Mapped[str | None] = mapped_column(KeyText)
    stage_entered_at: Mapped[datetime]
    rots_at: Mapped[datetime | None]
    push_count: Mapped[int]
    closed_at: Mapped[datetime | None]
    # What was told of it by itself, so that nothing is told twice: that is no change of a deal.
    alerts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    rank: Mapped[str] = mapped_column(KeyText)


class DealContact(Entity):
    """What a person is in a deal."""

    __tablename__ = "deal_contacts"
    __table_args__ = (
        foreign_key("deal_id", "deals"),
        foreign_key("contact_id", "contacts"),
        one_of("sentiment", Sentiment),
        CheckConstraint("influence BETWEEN 1 AND 5", name="influence"),
        *ordered("deal_contacts", "created_at", "updated_at"),
        referring("deal_contacts", "deal_id"),
        referring("deal_contacts", "contact_id"),
        Index(
            "uq_deal_contacts_organization_id_contact_id",
            "organization_id",
            "deal_id",
            "contact_id",
            unique=True,
            postgresql_where=_LIVING,
        ),
    )
    entity = "deal_contact"

    deal_id: Mapped[UUID]
    contact_id: Mapped[UUID]
    roles: Mapped[list[str]]
    influence: Mapped[int | None]
    sentiment: Mapped[str | None] = mapped_column(KeyText)
    note: Mapped[str | None] = mapped_column(KeyText)


class DealMove(Entity):
    """A step of a deal from one stage to another."""

    __tablename__ = "deal_moves"
    __table_args__ = (
        foreign_key("deal_id", "deals"),
        foreign_key("from_stage_id", "stages"),
        foreign_key("to_stage_id", "stages"),
        one_of("verb", DealVerb),
        CheckConstraint("seconds >= 0", name="seconds"),
        *ordered("deal_moves", "created_at"),
        referring("deal_moves", "deal_id"),
        referring("deal_moves", "from_stage_id"),
        referring("deal_moves", "to_stage_id"),
    )
    entity = "deal_move"

    deal_id: Mapped[UUID]
    verb: Mapped[str] = mapped_column(KeyText)
    from_stage_id: Mapped[UUID]
    to_stage_id: Mapped[UUID]
    entered_at: Mapped[datetime]
    seconds: Mapped[int] = mapped_column(BigInteger)
    comment: Mapped[str | None] = mapped_column(KeyText)
