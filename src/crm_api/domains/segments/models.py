"""The tables of what people did, of segments, and of who belongs to them since when."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from crm_api.kit.crud.places import Place
from crm_api.kit.db.base import Base, Entity, KeyText
from crm_api.kit.db.columns import Named, one_of, ordered, referring

SegmentKind = Literal["dynamic", "static", "snapshot", "suppression"]
SegmentTarget = Literal["contact", "company"]
Reason = Literal["filter", "hand", "snapshot", "reconciled", "merged"]


class BehaviourEvent(Entity):
    """Something that a contact did; written by `POST /v1/events/track` alone."""

    __tablename__ = "behaviour_events"
    __table_args__ = (
        *ordered("behaviour_events", "created_at"),
        # Did they, how often, when last: one descent of the index for each contact. What was taken
        # back is known by the indexes, so that nothing is looked up behind them.
        Index(
            "ix_behaviour_events_contact",
            *("organization_id", "contact_id", "name", "occurred_at"),
            postgresql_include=["deleted_at"],
        ),
        # Who did, of all: for what few do.
        Index(
            "ix_behaviour_events_name",
            *("organization_id", "name", "occurred_at", "contact_id"),
            postgresql_include=["deleted_at"],
        ),
        Index(
            "uq_behaviour_events_client_id",
            "organization_id",
            "client_id",
            unique=True,
            postgresql_where=text("client_id IS NOT NULL"),
        ),
        Index(
            "ix_behaviour_events_moved_from",
            "organization_id",
            "moved_from",
            postgresql_where=text("moved_from IS NOT NULL"),
        ),
    )
    entity = "behaviour_event"

    contact_id: Mapped[UUID]
    name: Mapped[str] = mapped_column(KeyText)
    occurred_at: Mapped[datetime]
    properties: Mapped[dict[str, Any]]
    source: Mapped[str | None] = mapped_column(KeyText)
    client_id: Mapped[str | None] = mapped_column(KeyText)
    """What the client calls it: what was told twice is there once."""
    moved_from: Mapped[UUID | None]
    """Who did it, before they were merged into somebody else."""


class Segment(Named, Entity):
    """A part of the audience."""

    __tablename__ = "segments"
    __table_args__ = (
        one_of("kind", SegmentKind),
        one_of("target", SegmentTarget),
        CheckConstraint("kind <> 'static' OR filter = '{}'", name="static"),
        *ordered("segments", "created_at", "updated_at", "sort_name"),
        referring("segments", "owner_id", optional=True),
    )
    entity = "segment"

    kind: Mapped[str] = mapped_column(KeyText)
    target: Mapped[str] = mapped_column(KeyText)
    description: Mapped[str | None]
    filter: Mapped[dict[str, Any]]
    is_active: Mapped[bool]
    tags: Mapped[list[str]]


class SegmentMember(Base):
    """That a record belonged to a segment for a time; never overwritten, only ended."""

    __tablename__ = "segment_members"
    __table_args__ = (
        Index(
            "uq_segment_members_open",
            "organization_id",
            "segment_id",
            "record_id",
            unique=True,
            postgresql_where=text("left_at IS NULL"),
        ),
        Index("ix_segment_members_record", "organization_id", "record_id"),
        CheckConstraint("left_at >= entered_at", name="left_at"),
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    segment_id: Mapped[UUID] = mapped_column(primary_key=True)
    record_id: Mapped[UUID] = mapped_column(primary_key=True)
    entered_at: Mapped[datetime] = mapped_column(primary_key=True)
    left_at: Mapped[datetime | None]
    entered_by: Mapped[str] = mapped_column(KeyText)
    left_by: Mapped[str | None] = mapped_column(KeyText)


class SegmentOverride(Base):
    """That somebody put a record into a segment, or took it out, whatever the filter says."""

    __tablename__ = "segment_overrides"
    __table_args__ = (Index("ix_segment_overrides_record", "organization_id", "record_id"),)

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    segment_id: Mapped[UUID] = mapped_column(primary_key=True)
    record_id: Mapped[UUID] = mapped_column(primary_key=True)
    is_member: Mapped[bool]
    at: Mapped[datetime]
    actor_id: Mapped[UUID | None]


class SegmentStanding(Base):
    """How a segment fares: when all of it was looked at last, and what that found."""

    __tablename__ = "segment_standings"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    segment_id: Mapped[UUID] = mapped_column(primary_key=True)
    size: Mapped[int]
    refreshed_at: Mapped[datetime | None]
    """When all records were compared last."""
    reconciled_at: Mapped[datetime | None]
    """When that was done by night, to find what was missed."""
    drift_entered: Mapped[int]
    drift_left: Mapped[int]
    fault: Mapped[str | None] = mapped_column(KeyText)
    """Why it cannot be looked at: its filter does not fit any more."""


class SegmentState(Base, Place):
    """How far the feed of an organization has been read for its segments."""

    __tablename__ = "segment_states"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
