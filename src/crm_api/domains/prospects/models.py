"""The tables of forms that capture leads, of what came by them, and of lists of leads."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.db.base import Entity, KeyText
from crm_api.kit.db.columns import Named, foreign_key, one_of, ordered, referring
from crm_api.kit.money import AmountType
from crm_api.platform.outreach.models import Basis

FormStatus = Literal["active", "closed"]
SubmissionStatus = Literal["pending", "accepted", "refused"]
ListStatus = Literal["open", "frozen", "split"]
MemberStatus = Literal["listed", "given", "left", "returned", "recalled"]


class LeadForm(Named, Entity):
    """What strangers fill in to become leads."""

    __tablename__ = "lead_forms"
    __table_args__ = (
        one_of("status", FormStatus),
        CheckConstraint("spam_threshold BETWEEN 1 AND 100", name="spam_threshold"),
        *ordered("lead_forms", "created_at", "updated_at", "sort_name"),
        referring("lead_forms", "owner_id", optional=True),
    )
    entity = "lead_form"

    status: Mapped[str] = mapped_column(KeyText)
    title: Mapped[str] = mapped_column(KeyText)
    introduction: Mapped[str | None] = mapped_column(KeyText)
    thank_you: Mapped[str | None] = mapped_column(KeyText)
    redirect_url: Mapped[str | None] = mapped_column(KeyText)
    language: Mapped[str | None] = mapped_column(KeyText)
    fields: Mapped[list[dict[str, Any]]]
    consents: Mapped[list[dict[str, Any]]]
    double_opt_in: Mapped[bool]
    confirm_hours: Mapped[int]
    spam_threshold: Mapped[int]
    source: Mapped[str | None] = mapped_column(KeyText)
    campaign: Mapped[str | None] = mapped_column(KeyText)
    medium: Mapped[str | None] = mapped_column(KeyText)
    description: Mapped[str | None]
    # Where it is: no secret, for everybody who sees the page sees it.
    path: Mapped[str] = mapped_column(KeyText)
    embed: Mapped[str] = mapped_column(KeyText)
    # Not shown.
    secret_hash: Mapped[str] = mapped_column(KeyText)


class LeadSubmission(Entity):
    """What somebody has sent by a form, also what was refused.

    The lead has no foreign key: it goes without asking, and what came of it with it.
    """

    __tablename__ = "lead_submissions"
    __table_args__ = (
        foreign_key("form_id", "lead_forms"),
        one_of("status", SubmissionStatus),
        CheckConstraint("spam_score BETWEEN 0 AND 100", name="spam_score"),
        *ordered("lead_submissions", "created_at"),
        referring("lead_submissions", "form_id"),
        referring("lead_submissions", "lead_id", optional=True),
        Index("ix_lead_submissions_email", "organization_id", "email_key"),
    )
    entity = "lead_submission"

    form_id: Mapped[UUID]
    status: Mapped[str] = mapped_column(KeyText)
    reasons: Mapped[list[str]]
    spam_score: Mapped[int]
    answers: Mapped[dict[str, Any]]
    consents: Mapped[list[dict[str, Any]]]
    campaign: Mapped[str | None] = mapped_column(KeyText)
    medium: Mapped[str | None] = mapped_column(KeyText)
    referrer: Mapped[str | None] = mapped_column(KeyText)
    utm: Mapped[dict[str, Any]]
    lead_id: Mapped[UUID | None]
    is_new_lead: Mapped[bool | None]
    confirm_until: Mapped[datetime | None]
    confirmed_at: Mapped[datetime | None]
    evidence: Mapped[dict[str, Any]]
    # Not shown: whom it is found by, the language of its letter, and what opens its confirmation.
    email_key: Mapped[str | None] = mapped_column(KeyText)
    language: Mapped[str | None] = mapped_column(KeyText)
    secret_hash: Mapped[str] = mapped_column(KeyText)


class ProspectList(Named, Entity):
    """Leads that are worked on together."""

    __tablename__ = "prospect_lists"
    __table_args__ = (
        foreign_key("parent_id", "prospect_lists"),
        foreign_key("pool_id", "lead_pools"),
        one_of("status", ListStatus),
        one_of("consent_basis", Basis),
        CheckConstraint("cost IS NULL OR currency IS NOT NULL", name="currency"),
        *ordered("prospect_lists", "created_at", "updated_at", "sort_name"),
        referring("prospect_lists", "parent_id", optional=True),
        referring("prospect_lists", "pool_id", optional=True),
        referring("prospect_lists", "owner_id", optional=True),
    )
    entity = "prospect_list"

    status: Mapped[str] = mapped_column(KeyText)
    consent_basis: Mapped[str | None] = mapped_column(KeyText)
    origin: Mapped[str | None] = mapped_column(KeyText)
    cost: Mapped[Decimal | None] = mapped_column(AmountType)
    currency: Mapped[str | None] = mapped_column(KeyText)
    description: Mapped[str | None]
    parent_id: Mapped[UUID | None]
    part: Mapped[str | None] = mapped_column(KeyText)
    frozen_at: Mapped[datetime | None]
    pool_id: Mapped[UUID | None]
    job_id: Mapped[UUID | None]
    runs: Mapped[int]
    member_count: Mapped[int]
    given_count: Mapped[int]
    accepted_count: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    returned_count: Mapped[int] = mapped_column(default=0, server_default=text("0"))


class ProspectMember(Entity):
    """A lead on a list, and what became of it there; by id alone, so that the lead may go."""

    __tablename__ = "prospect_members"
    __table_args__ = (
        foreign_key("list_id", "prospect_lists"),
        one_of("status", MemberStatus),
        *ordered("prospect_members", "created_at"),
        referring("prospect_members", "lead_id"),
        Index("uq_prospect_members_lead", "organization_id", "list_id", "lead_id", unique=True),
    )
    entity = "prospect_member"

    list_id: Mapped[UUID]
    lead_id: Mapped[UUID]
    status: Mapped[str] = mapped_column(KeyText)
    user_id: Mapped[UUID | None]
    outcome: Mapped[str | None] = mapped_column(KeyText)
    given_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]
    returns: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    # Not shown: the last run that looked at it.
    run: Mapped[int]
