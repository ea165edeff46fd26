"""What the audit trail looks like from outside."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from crm_api.kit.query.page import MAX_LIMIT
from crm_api.kit.schema import Schema, Shape

Key = Annotated[str, Field(min_length=1, max_length=100)]
ActorKind = Literal["key", "user", "app", "system"]


class AuditEventOut(Shape):
    """One thing that happened, and who did it."""

    id: UUID
    type: str = Field(examples=["contact.updated"])
    occurred_at: datetime
    entity: str = Field(description="What it is about; `read` for the reading of watched fields.")
    record_id: UUID
    version: int = Field(description="The record's version after it.")
    actor_kind: ActorKind
    actor_id: UUID | None
    request_id: str | None
    cause_id: UUID | None = Field(description="The import, export or job that did it.")
    data: dict[str, Any] | None = Field(
        description="The values after, where you may read such records; else null."
    )
    previous: dict[str, Any] | None = Field(description="The values before, of what changed.")


class AuditQuery(Schema):
    """A request for events whose filter is too rich for a query string."""

    filter: dict[str, Any] = Field(
        default_factory=dict,
        description="The filter language.",
        examples=[{"actor_id": {"eq": "@me"}, "occurred_at": {"gte": "@now-1d"}}],
    )
    sort: list[Key] = Field(default_factory=list, max_length=4, examples=[["-occurred_at"]])
    limit: int = Field(50, ge=1, le=MAX_LIMIT)
    cursor: Annotated[str, Field(max_length=2000)] | None = None
    count: Literal["exact", "estimate"] | None = None


class VerificationOut(Shape):
    """How the trail was found the last time that somebody had it verified."""

    at: datetime
    actor_kind: ActorKind
    actor_id: UUID | None
    is_whole: bool
    position: int = Field(description="How far it went.")
    events: int
    breaks: int = Field(description="How many places are not as they were sealed.")


class AuditStatusOut(Shape):
    """How far the events are sealed."""

    form: str = Field(description="How hashes are made.")
    position: int = Field(description="The number of sealed events.")
    hash: str | None = Field(description="The head of the chain; keep it elsewhere.")
    anchors: int
    sealed_at: datetime | None
    pending: int = Field(description="Events that wait for their seal, counted up to 100,000.")
    lag_s: float = Field(description="How long the first of them has waited.")
    verified: VerificationOut | None


class WatchedFields(Schema):
    """Fields of a kind of record whose readings are written down."""

    entity: Key = Field(examples=["contact"])
    fields: list[Key] = Field(
        min_length=1,
        max_length=100,
        description="Names of fields, `custom.<name>`, or `*` for any of the record.",
        examples=[["birth_date", "custom.tax_number"]],
    )


class AuditSettings(Schema):
    """What is written down beside changes."""

    reads: list[WatchedFields] = Field(
        default_factory=list[WatchedFields],
        max_length=100,
        description="Each reading of these is an event `<entity>.read`.",
    )


class AuditExportInput(Schema):
    """Which stretch of the trail is written to a file; all that is sealed, unless it says less."""

    after: int = Field(0, ge=0, le=2**53, description="Begin behind this position.")
    until: int | None = Field(None, ge=1, le=2**53, description="End at this position.")


class JobStarted(Shape):
    """The job that was asked for."""

    job_id: UUID
