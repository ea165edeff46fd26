"""Rules with their versions, and their runs with every step."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.crud.places import Place
from crm_api.kit.db.base import Base, Entity, Json, KeyText, TenantRow
from crm_api.kit.db.columns import Named, one_of, ordered

Status = Literal["draft", "active", "paused"]
PausedReason = Literal["switched_off", "deleted", "rights_lost", "outdated"]
RunStatus = Literal["queued", "running", "waiting", "succeeded", "failed", "cancelled", "stopped"]
StepOutcome = Literal["done", "skipped", "waiting", "failed"]
UNDER_WAY = ("queued", "running", "waiting")


class Automation(Named, Entity):
    """A rule: what is worked on is its draft, what runs are its published versions."""

    __tablename__ = "automations"
    __table_args__ = (
        one_of("status", Status),
        *ordered("automations", "created_at", "sort_name"),
    )
    entity = "automation"

    description: Mapped[str | None]
    trigger: Mapped[dict[str, Any]]
    condition: Mapped[dict[str, Any]]
    steps: Mapped[list[dict[str, Any]]]
    status: Mapped[str] = mapped_column(KeyText, default="draft")
    paused_reason: Mapped[str | None] = mapped_column(KeyText)
    published_version: Mapped[int | None]
    target: Mapped[str | None] = mapped_column(KeyText)
    """The kind of record that runs of the published version are about."""
    actor: Mapped[dict[str, Any] | None]
    """Whoever published or resumed it last: it does what they may do at that moment."""
    hook_id: Mapped[UUID | None]
    """Names the address that begins runs; another one, and the former leads nowhere."""


class AutomationVersion(Base):
    """What was published; never changed."""

    __tablename__ = "automation_versions"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    automation_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    trigger: Mapped[dict[str, Any]]
    condition: Mapped[dict[str, Any]]
    steps: Mapped[list[dict[str, Any]]]
    published_at: Mapped[datetime]
    published_by: Mapped[UUID | None]


class AutomationState(Place, Base):
    """How far an active rule is; apart from it, so that it keeps its version."""

    __tablename__ = "automation_states"
    __table_args__ = (
        Index("ix_automation_states_next", "next_at", postgresql_where=text("next_at IS NOT NULL")),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    automation_id: Mapped[UUID] = mapped_column(primary_key=True)
    listens: Mapped[bool]
    """Whether events begin its runs."""
    since: Mapped[datetime | None]
    next_at: Mapped[datetime | None]
    """When its time comes, and when it came last, if time begins its runs."""
    turns: Mapped[int] = mapped_column(server_default=text("0"))
    """How often somebody's turn has come."""


class AutomationRun(TenantRow):
    """One run of a version, for one event, record or call."""

    __tablename__ = "automation_runs"
    __table_args__ = (
        one_of("status", RunStatus),
        Index("uq_automation_runs_key", "organization_id", "automation_id", "key", unique=True),
        Index("ix_automation_runs_log", "organization_id", "automation_id", "id"),
        Index(
            "ix_automation_runs_record",
            "organization_id",
            "record_id",
            postgresql_where=text("record_id IS NOT NULL"),
        ),
        Index(
            "ix_automation_runs_under_way",
            "organization_id",
            "job_id",
            postgresql_where=text("status IN ('queued', 'running', 'waiting')"),
        ),
        Index("ix_automation_runs_age", "finished_at"),
    )

    automation_id: Mapped[UUID]
    version: Mapped[int]
    key: Mapped[str] = mapped_column(KeyText)
    """What it is for: of all runs of a rule only one has it."""
    entity: Mapped[str | None] = mapped_column(KeyText)
    record_id: Mapped[UUID | None]
    event_id: Mapped[UUID | None]
    depth: Mapped[int] = mapped_column(SmallInteger)
    """How many runs lie between it and what somebody did."""
    actor: Mapped[dict[str, Any] | None]
    """Who asked for it, if somebody did: it then acts for them, else for the rule's actor."""
    status: Mapped[str] = mapped_column(KeyText)
    place: Mapped[list[Any] | None] = mapped_column(Json)
    """The way to the next step."""
    steps_taken: Mapped[int]
    results: Mapped[dict[str, Any]]
    input: Mapped[dict[str, Any] | None]
    job_id: Mapped[UUID]
    """The job that may take its next step; any other has nothing to do with it any more."""
    wake_at: Mapped[datetime | None]
    error: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class AutomationStep(Base):
    """One step of a run that was taken, and what came of it."""

    __tablename__ = "automation_steps"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    place: Mapped[str] = mapped_column(KeyText)
    """Its pointer in the version."""
    action: Mapped[str] = mapped_column(KeyText)
    name: Mapped[str | None] = mapped_column(KeyText)
    outcome: Mapped[str] = mapped_column(KeyText)
    result: Mapped[dict[str, Any]]
    error: Mapped[dict[str, Any] | None]
    taken_at: Mapped[datetime]
