"""The tables of leads, of the pools and rules that share them out, and of who had which."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Base, Entity, KeyText
from crm_api.kit.db.columns import Described, Named, foreign_key, one_of, ordered, referring
from crm_api.kit.points import Reachable

LeadStatus = Literal[
    "new", "assigned", "working", "qualified", "converted", "disqualified", "recycled"
]
Strategy = Literal["round_robin", "least_loaded", "performance", "queue"]
RuleTarget = Literal["pool", "user", "existing_owner", "previous_owner", "territory"]
AssignmentKind = Literal["rule", "owner", "claim", "manual", "plan", "escalation"]
ScoreCategory = Literal["fit", "engagement", "negative"]
Band = Literal["hot", "warm", "cool", "cold"]
PlanStatus = Literal["planning", "planned", "committed", "done"]
PlanStrategy = Literal["pool", "optimal"]
AssignmentEnd = Literal["returned", "recalled", "reassigned", "closed"]


class Lead(Named, Reachable, Described, Entity):
    """Somebody who may become a customer.

    What it refers to of people has no foreign keys: it is a person itself, who is erased with the
    contact that it became, and stays when a contact that it may be is erased.
    """

    __tablename__ = "leads"
    __table_args__ = (
        foreign_key("matched_company_id", "companies"),
        foreign_key("company_id", "companies"),
        foreign_key("deal_id", "deals"),
        foreign_key("pool_id", "lead_pools"),
        one_of("status", LeadStatus),
        CheckConstraint("employees >= 0", name="employees"),
        CheckConstraint(
            "status NOT IN ('disqualified', 'recycled') OR status_reason IS NOT NULL",
            name="status_reason",
        ),
        CheckConstraint("(status = 'converted') = (converted_at IS NOT NULL)", name="converted"),
        CheckConstraint("waits_since IS NULL OR owner_id IS NULL", name="waits_since"),
        one_of("band", Band),
        CheckConstraint("probability BETWEEN 0 AND 100", name="probability"),
        *ordered("leads", "created_at", "updated_at", "sort_name", "score", "probability"),
        *(
            referring("leads", name, optional=True)
            for name in (
                *("matched_contact_id", "matched_company_id", "contact_id", "company_id"),
                *("deal_id", "pool_id", "owner_id"),
            )
        ),
        Index("ix_leads_status", "organization_id", "status", "id"),
        Index(
            "ix_leads_waiting",
            "organization_id",
            "id",
            postgresql_where=text("waits_since IS NOT NULL AND deleted_at IS NULL"),
        ),
        Index(
            "ix_leads_queued",
            "organization_id",
            "pool_id",
            text("score DESC NULLS LAST"),
            "waits_since",
            "id",
            postgresql_where=text("unassigned_reason = 'queued' AND deleted_at IS NULL"),
        ),
        Index(
            "ix_leads_due",
            "due_at",
            postgresql_where=text("due_at IS NOT NULL AND deleted_at IS NULL"),
        ),
    )
    entity = "lead"

    first_name: Mapped[str | None] = mapped_column(KeyText)
    last_name: Mapped[str | None] = mapped_column(KeyText)
    title: Mapped[str | None] = mapped_column(KeyText)
    company_name: Mapped[str | None] = mapped_column(KeyText)
    website: Mapped[str | None]
    industry: Mapped[str | None] = mapped_column(KeyText)
    employees: Mapped[int | None]
    region: Mapped[str | None] = mapped_column(KeyText)
    postal_code: Mapped[str | None] = mapped_column(KeyText)
    skills: Mapped[list[str]]
    campaign: Mapped[str | None] = mapped_column(KeyText)
    medium: Mapped[str | None] = mapped_column(KeyText)
    referrer: Mapped[str | None] = mapped_column(KeyText)
    utm: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(KeyText)
    status_reason: Mapped[str | None] = mapped_column(KeyText)
    fit_score: Mapped[int | None]
    engagement_score: Mapped[int | None]
    negative_score: Mapped[int | None]
    score: Mapped[int | None]
    band: Mapped[str | None] = mapped_column(KeyText)
    grade: Mapped[str | None] = mapped_column(KeyText)
    probability: Mapped[int | None]
    matched_contact_id: Mapped[UUID | None]
    matched_company_id: Mapped[UUID | None]
    candidates: Mapped[list[dict[str, Any]]]
    contact_id: Mapped[UUID | None]
    company_id: Mapped[UUID | None]
    deal_id: Mapped[UUID | None]
    converted_at: Mapped[datetime | None]
    pool_id: Mapped[UUID | None]
    assigned_at: Mapped[datetime | None]
    respond_by: Mapped[datetime | None]
    responded_at: Mapped[datetime | None]
    # Since when it is to be given to somebody, and why nobody has it.
    waits_since: Mapped[datetime | None]
    unassigned_reason: Mapped[str | None] = mapped_column(KeyText)
    hops: Mapped[int]
    recycled_at: Mapped[datetime | None]
    # Not shown: when it is to be looked at again, and how it was decided that nobody can have it.
    due_at: Mapped[datetime | None]
    decision: Mapped[dict[str, Any]]
    # Not shown either: what its conversion made, and where it stood before.
    made: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))


class LeadPool(Named, Entity):
    """Representatives who share leads."""

    __tablename__ = "lead_pools"
    __table_args__ = (
        foreign_key("calendar_id", "working_calendars"),
        foreign_key("fallback_pool_id", "lead_pools"),
        foreign_key("manager_id", "users"),
        one_of("strategy", Strategy),
        CheckConstraint("fallback_pool_id <> id", name="not_its_own_fallback"),
        CheckConstraint("response_minutes > 0", name="response_minutes"),
        CheckConstraint("max_hops >= 0", name="max_hops"),
        CheckConstraint("exploration BETWEEN 1 AND 100", name="exploration"),
        *ordered("lead_pools", "created_at", "updated_at", "sort_name"),
        referring("lead_pools", "calendar_id", optional=True),
        referring("lead_pools", "fallback_pool_id", optional=True),
        referring("lead_pools", "manager_id", optional=True),
        referring("lead_pools", "owner_id", optional=True),
    )
    entity = "lead_pool"

    is_active: Mapped[bool]
    strategy: Mapped[str] = mapped_column(KeyText)
    exploration: Mapped[int]
    members: Mapped[list[dict[str, Any]]]
    calendar_id: Mapped[UUID | None]
    response_minutes: Mapped[int | None]
    max_hops: Mapped[int]
    manager_id: Mapped[UUID | None]
    fallback_pool_id: Mapped[UUID | None]
    description: Mapped[str | None]
    # Whose turn it is: the credit of each member, changed under the lock of this row; and what
    # weights they have earned.
    turns: Mapped[dict[str, Any]]


class LeadRule(Named, Entity):
    """Where certain leads go."""

    __tablename__ = "lead_rules"
    __table_args__ = (
        foreign_key("pool_id", "lead_pools"),
        foreign_key("user_id", "users"),
        one_of("target", RuleTarget),
        CheckConstraint("(target = 'pool') = (pool_id IS NOT NULL)", name="pool_id"),
        CheckConstraint("(target = 'user') = (user_id IS NOT NULL)", name="user_id"),
        CheckConstraint(
            "response_minutes IS NULL OR (response_minutes > 0 AND target <> 'pool')",
            name="response_minutes",
        ),
        *ordered("lead_rules", "created_at", "updated_at", "sort_name", "position"),
        referring("lead_rules", "pool_id", optional=True),
        referring("lead_rules", "user_id", optional=True),
        referring("lead_rules", "owner_id", optional=True),
    )
    entity = "lead_rule"

    position: Mapped[int]
    is_active: Mapped[bool]
    filter: Mapped[dict[str, Any]]
    target: Mapped[str] = mapped_column(KeyText)
    pool_id: Mapped[UUID | None]
    user_id: Mapped[UUID | None]
    response_minutes: Mapped[int | None]
    description: Mapped[str | None]


class Territory(Named, Entity):
    """A part of the market, below others, and where its leads go."""

    __tablename__ = "territories"
    __table_args__ = (
        foreign_key("parent_id", "territories"),
        foreign_key("pool_id", "lead_pools"),
        foreign_key("user_id", "users"),
        CheckConstraint("parent_id <> id", name="not_its_own_parent"),
        CheckConstraint("pool_id IS NULL OR user_id IS NULL", name="pool_or_user"),
        *ordered("territories", "created_at", "updated_at", "sort_name", "position"),
        *(
            referring("territories", name, optional=True)
            for name in ("parent_id", "pool_id", "user_id", "owner_id")
        ),
    )
    entity = "territory"

    parent_id: Mapped[UUID | None]
    position: Mapped[int]
    is_active: Mapped[bool]
    countries: Mapped[list[str]]
    regions: Mapped[list[str]]
    postal_prefixes: Mapped[list[str]]
    postal_ranges: Mapped[list[dict[str, Any]]]
    industries: Mapped[list[str]]
    # Ids without foreign keys: what is destroyed fits no lead any more.
    company_ids: Mapped[list[str]]
    pool_id: Mapped[UUID | None]
    user_id: Mapped[UUID | None]
    description: Mapped[str | None]


class LeadAssignment(Entity):
    """A time that somebody has, or had, a lead; a lead has one that is open at the most."""

    __tablename__ = "lead_assignments"
    __table_args__ = (
        foreign_key("lead_id", "leads"),
        foreign_key("pool_id", "lead_pools"),
        foreign_key("rule_id", "lead_rules"),
        one_of("kind", AssignmentKind),
        one_of("ended_as", AssignmentEnd),
        CheckConstraint("(ended_at IS NULL) = (ended_as IS NULL)", name="ended"),
        *ordered("lead_assignments", "created_at"),
        referring("lead_assignments", "lead_id"),
        referring("lead_assignments", "rule_id", optional=True),
        Index("ix_lead_assignments_user", "organization_id", "user_id", "created_at"),
        Index("ix_lead_assignments_pool", "organization_id", "pool_id", "created_at"),
        Index(
            "uq_lead_assignments_open",
            "organization_id",
            "lead_id",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
    )
    entity = "lead_assignment"

    lead_id: Mapped[UUID]
    user_id: Mapped[UUID]
    pool_id: Mapped[UUID | None]
    rule_id: Mapped[UUID | None]
    kind: Mapped[str] = mapped_column(KeyText)
    reason: Mapped[str | None] = mapped_column(KeyText)
    respond_by: Mapped[datetime | None]
    responded_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_as: Mapped[str | None] = mapped_column(KeyText)
    end_reason: Mapped[str | None] = mapped_column(KeyText)
    hop: Mapped[int]
    decision: Mapped[dict[str, Any]]

    @property
    def is_planned(self) -> bool:
        """Whether a plan or list gave it, or the pool of one had the manager have it."""
        return self.kind == "plan" or (self.kind == "escalation" and self.rule_id is None)


class LeadPlan(Entity):
    """Who would get which of certain leads of a pool, and whether that was done."""

    __tablename__ = "lead_plans"
    __table_args__ = (
        foreign_key("pool_id", "lead_pools"),
        one_of("status", PlanStatus),
        one_of("strategy", PlanStrategy),
        CheckConstraint(
            "(status IN ('planning', 'planned')) = (committed_at IS NULL)", name="committed_at"
        ),
        *ordered("lead_plans", "created_at"),
        referring("lead_plans", "pool_id"),
    )
    entity = "lead_plan"

    pool_id: Mapped[UUID]
    status: Mapped[str] = mapped_column(KeyText)
    strategy: Mapped[str] = mapped_column(KeyText)
    filter: Mapped[dict[str, Any]]
    lead_count: Mapped[int]
    planned_count: Mapped[int]
    given_count: Mapped[int]
    skipped_count: Mapped[int]
    fairness: Mapped[dict[str, Any]]
    left: Mapped[dict[str, Any]]
    job_id: Mapped[UUID | None]
    committed_at: Mapped[datetime | None]
    # Not shown: what all of it was reckoned from. What spoke against whom is in its grounds.
    input_hash: Mapped[str] = mapped_column(KeyText)


class LeadPlanSlice(Base):
    """Some of the leads of a plan with whom they go to, in the order of the choices.

    `items` holds lists of the same length: `leads`, their `versions`, `pools` and `places` of
    members among the grounds of the plan, the number of the `grounds`, and the `outcomes`.
    """

    __tablename__ = "lead_plan_slices"
    __table_args__ = (foreign_key("plan_id", "lead_plans"),)

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    plan_id: Mapped[UUID] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)
    items: Mapped[dict[str, Any]]


class LeadGrounds(Base):
    """What many decisions have in common: the members of pools, and what spoke against whom.

    `told` is as `Sharing.told` has it; the grounds of a plan have its id.
    """

    __tablename__ = "lead_grounds"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    told: Mapped[dict[str, Any]]
