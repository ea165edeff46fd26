"""The tables of journeys, of their versions, and of those who go through them."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.crud.places import Place
from crm_api.kit.db.base import Base, Entity, KeyText, TenantRow
from crm_api.kit.db.columns import Named, foreign_key, one_of, ordered, referring

JourneyStatus = Literal["draft", "active", "paused", "stopped"]
RunStatus = Literal["active", "paused", "succeeded", "finished", "exited", "failed"]
LeaveReason = Literal[
    "exit_rule",
    "left_segment",
    "unsubscribed",
    "held_out",
    "removed",
    "stopped",
    "error",
    "endless",
]
WaitingFor = Literal["time", "event", "journey"]
BegunBy = Literal["manual", "segment", "event", "filter", "feed"]
NodeOutcome = Literal["waiting", "done", "skipped", "failed"]
UNDER_WAY = ("active", "paused")
_UNDER_WAY = text("status IN ('active', 'paused') AND deleted_at IS NULL")


class Journey(Named, Entity):
    """A graph that people go through; what is worked on is its draft, what runs its versions."""

    __tablename__ = "journeys"
    __table_args__ = (
        one_of("status", JourneyStatus),
        CheckConstraint(
            "(status = 'draft') = (published_version IS NULL) OR status = 'stopped'",
            name="published_version",
        ),
        foreign_key("campaign_id", "campaigns"),
        *ordered("journeys", "created_at", "updated_at", "sort_name"),
        referring("journeys", "campaign_id", optional=True),
        referring("journeys", "owner_id", optional=True),
    )
    entity = "journey"

    description: Mapped[str | None]
    campaign_id: Mapped[UUID | None]
    """Whose hold-out it leaves alone, with those of the campaigns above it."""
    status: Mapped[str] = mapped_column(KeyText)
    entry: Mapped[dict[str, Any]]
    re_entry: Mapped[dict[str, Any]]
    goal: Mapped[dict[str, Any]]
    exits: Mapped[dict[str, Any]]
    nodes: Mapped[list[dict[str, Any]]]
    published_version: Mapped[int | None]
    actor: Mapped[dict[str, Any] | None]
    """Whoever published or resumed it last: it does what they may do at that moment."""
    tags: Mapped[list[str]]


class JourneyVersion(Base):
    """What was published; never changed."""

    __tablename__ = "journey_versions"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    journey_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    definition: Mapped[dict[str, Any]]
    published_at: Mapped[datetime]
    published_by: Mapped[UUID | None]


class JourneyState(Place, Base):
    """How far the feed has been read for the journeys of an organization."""

    __tablename__ = "journey_states"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)


class JourneyRun(Entity):
    """Somebody who goes through a journey, and where they stand in it."""

    __tablename__ = "journey_runs"
    __table_args__ = (
        foreign_key("journey_id", "journeys"),
        foreign_key("contact_id", "contacts"),
        one_of("target", Literal["contact"]),
        one_of("status", RunStatus),
        one_of("leave_reason", LeaveReason),
        one_of("waiting_for", WaitingFor),
        one_of("begun_by", BegunBy),
        CheckConstraint(
            "(status IN ('exited', 'failed')) = (leave_reason IS NOT NULL)", name="reason_of_end"
        ),
        CheckConstraint("(status IN ('active', 'paused')) = (ended_at IS NULL)", name="ended_at"),
        CheckConstraint("status = 'active' OR next_at IS NULL", name="next_at"),
        *ordered("journey_runs", "created_at", "updated_at", "next_at"),
        referring("journey_runs", "journey_id"),
        referring("journey_runs", "contact_id"),
        referring("journey_runs", "owner_id", optional=True),
        # At once nobody is in a journey twice, however fast two have them enter.
        Index(
            "uq_journey_runs_organization_id_contact_id",
            "organization_id",
            "journey_id",
            "contact_id",
            unique=True,
            postgresql_where=_UNDER_WAY,
        ),
        # What the stepper looks for all the time.
        Index(
            "ix_journey_runs_due",
            "next_at",
            postgresql_where=text(
                "status = 'active' AND next_at IS NOT NULL AND deleted_at IS NULL"
            ),
        ),
    )
    entity = "journey_run"

    target: Mapped[str] = mapped_column(KeyText)
    """Always `contact`: by it, whoever does not see the contact does not see this either."""
    journey_id: Mapped[UUID]
    contact_id: Mapped[UUID]
    note: Mapped[str | None] = mapped_column(KeyText)
    begun_by: Mapped[str] = mapped_column(KeyText)
    status: Mapped[str] = mapped_column(KeyText)
    leave_reason: Mapped[str | None] = mapped_column(KeyText)
    leave_detail: Mapped[str | None] = mapped_column(KeyText)
    journey_version: Mapped[int | None]
    """None, as the node, till a draft is published."""
    node: Mapped[str | None] = mapped_column(KeyText)
    """The one that is next, or at which they wait."""
    node_since: Mapped[datetime | None]
    round: Mapped[int] = mapped_column(SmallInteger)
    """How many nodes were gone through."""
    next_at: Mapped[datetime | None]
    """When somebody looks at it again; `wakes_at` is when its wait is over."""
    wakes_at: Mapped[datetime | None]
    waiting_for: Mapped[str | None] = mapped_column(KeyText)
    results: Mapped[dict[str, Any]]
    ended_at: Mapped[datetime | None]


class JourneyStep(TenantRow):
    """A node that was gone through, once in each round."""

    __tablename__ = "journey_steps"
    __table_args__ = (
        one_of("outcome", NodeOutcome),
        Index(
            "uq_journey_steps_organization_id_round",
            "organization_id",
            "run_id",
            "round",
            unique=True,
        ),
        Index("ix_journey_steps_node", "organization_id", "journey_id", "version", "node"),
    )

    journey_id: Mapped[UUID]
    version: Mapped[int]
    run_id: Mapped[UUID]
    round: Mapped[int] = mapped_column(SmallInteger)
    node: Mapped[str] = mapped_column(KeyText)
    type: Mapped[str] = mapped_column(KeyText)
    outcome: Mapped[str] = mapped_column(KeyText)
    arm: Mapped[str | None] = mapped_column(KeyText)
    """The way that was taken out of it."""
    result: Mapped[dict[str, Any]]
    entered_at: Mapped[datetime]
    left_at: Mapped[datetime | None]
