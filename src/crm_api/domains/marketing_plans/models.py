"""The tables of marketing plans, of their budgets, and of what was spent."""

from datetime import date
from decimal import Decimal
from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.domains.campaigns.models import Kind
from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import Named, foreign_key, one_of, ordered, referring
from crm_api.kit.money import AmountType

CommitmentStatus = Literal["open", "closed"]


class MarketingPlan(Named, Entity):
    """What is to be spent within some days, and what for."""

    __tablename__ = "marketing_plans"
    __table_args__ = (
        CheckConstraint("ends_on >= starts_on", name="ends_on"),
        *ordered("marketing_plans", "created_at", "updated_at", "sort_name"),
        referring("marketing_plans", "owner_id", optional=True),
    )
    entity = "marketing_plan"

    starts_on: Mapped[date]
    ends_on: Mapped[date]
    currency: Mapped[str] = mapped_column(KeyText)
    goal: Mapped[str | None] = mapped_column(KeyText)
    description: Mapped[str | None]
    closed_through: Mapped[date | None]
    """The last day of the months that are closed."""


class BudgetLine(Entity):
    """What is planned for a channel, a campaign and a month."""

    __tablename__ = "budget_lines"
    __table_args__ = (
        foreign_key("plan_id", "marketing_plans"),
        foreign_key("campaign_id", "campaigns"),
        one_of("channel", Kind),
        CheckConstraint("extract(day FROM month) = 1", name="month"),
        CheckConstraint("planned >= 0", name="planned"),
        *ordered("budget_lines", "created_at", "updated_at"),
        referring("budget_lines", "plan_id"),
        referring("budget_lines", "campaign_id", optional=True),
        referring("budget_lines", "owner_id", optional=True),
        Index(
            "uq_budget_lines_place",
            *("organization_id", "plan_id", "channel", "campaign_id", "month"),
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=text("deleted_at IS NULL"),
        ),
    )
    entity = "budget_line"

    plan_id: Mapped[UUID]
    campaign_id: Mapped[UUID | None]
    channel: Mapped[str] = mapped_column(KeyText)
    month: Mapped[date]
    planned: Mapped[Decimal] = mapped_column(AmountType)
    base_planned: Mapped[Decimal | None] = mapped_column(AmountType)
    note: Mapped[str | None] = mapped_column(KeyText)


class MarketingCommitment(Entity):
    """What was ordered of a vendor, and is drawn down by what is spent."""

    __tablename__ = "marketing_commitments"
    __table_args__ = (
        foreign_key("plan_id", "marketing_plans"),
        foreign_key("campaign_id", "campaigns"),
        one_of("channel", Kind),
        one_of("status", CommitmentStatus),
        CheckConstraint("amount > 0", name="amount"),
        *ordered("marketing_commitments", "created_at", "updated_at", "due_on"),
        referring("marketing_commitments", "plan_id"),
        referring("marketing_commitments", "campaign_id", optional=True),
        referring("marketing_commitments", "owner_id", optional=True),
    )
    entity = "marketing_commitment"

    plan_id: Mapped[UUID]
    campaign_id: Mapped[UUID | None]
    channel: Mapped[str] = mapped_column(KeyText)
    due_on: Mapped[date]
    vendor: Mapped[str] = mapped_column(KeyText)
    document: Mapped[str | None] = mapped_column(KeyText)
    note: Mapped[str | None] = mapped_column(KeyText)
    amount: Mapped[Decimal] = mapped_column(AmountType)
    currency: Mapped[str] = mapped_column(KeyText)
    plan_amount: Mapped[Decimal] = mapped_column(AmountType)
    base_amount: Mapped[Decimal | None] = mapped_column(AmountType)
    status: Mapped[str] = mapped_column(KeyText)


class CampaignCost(Entity):
    """What was spent for a campaign, or for a plan."""

    __tablename__ = "campaign_costs"
    __table_args__ = (
        foreign_key("plan_id", "marketing_plans"),
        foreign_key("campaign_id", "campaigns"),
        foreign_key("commitment_id", "marketing_commitments"),
        one_of("channel", Kind),
        CheckConstraint("amount <> 0", name="amount"),
        CheckConstraint("plan_id IS NOT NULL OR campaign_id IS NOT NULL", name="place"),
        CheckConstraint("commitment_id IS NULL OR plan_id IS NOT NULL", name="commitment"),
        CheckConstraint("(plan_id IS NULL) = (plan_amount IS NULL)", name="plan_amount"),
        *ordered("campaign_costs", "created_at", "updated_at", "spent_on"),
        referring("campaign_costs", "plan_id", optional=True),
        referring("campaign_costs", "campaign_id", optional=True),
        referring("campaign_costs", "commitment_id", optional=True),
        referring("campaign_costs", "owner_id", optional=True),
    )
    entity = "campaign_cost"

    plan_id: Mapped[UUID | None]
    campaign_id: Mapped[UUID | None]
    commitment_id: Mapped[UUID | None]
    channel: Mapped[str] = mapped_column(KeyText)
    spent_on: Mapped[date]
    vendor: Mapped[str | None] = mapped_column(KeyText)
    document: Mapped[str | None] = mapped_column(KeyText)
    note: Mapped[str | None] = mapped_column(KeyText)
    amount: Mapped[Decimal] = mapped_column(AmountType)
    currency: Mapped[str] = mapped_column(KeyText)
    plan_amount: Mapped[Decimal | None] = mapped_column(AmountType)
    base_amount: Mapped[Decimal | None] = mapped_column(AmountType)
