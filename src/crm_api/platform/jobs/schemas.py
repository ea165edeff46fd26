"""What a job looks like from outside."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from crm_api.kit.messages import Lane
from crm_api.kit.schema import Shape

JobStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class ProgressOut(Shape):
    """How far it is."""

    done: int
    total: int | None = Field(description="Null while it is not known.")


class JobOut(Shape):
    """Work in the background."""

    id: UUID
    kind: str = Field(examples=["imports.run"])
    lane: Lane
    status: JobStatus
    progress: ProgressOut
    attempts: int = Field(
        description="How often it was begun, but for those times when the worker died under it."
    )
    cancel_requested: bool
    result: dict[str, Any] | None
    error: dict[str, Any] | None = Field(
        description="A problem document. Where the worker died (`crashed`), `deaths` tells how often "
        "in succession, and `done` how far it had come: at the sixth it is given up, unless it gets "
        "further in between."
    )
    created_at: datetime
    created_by: UUID | None
    run_at: datetime = Field(description="It begins then at the earliest.")
    started_at: datetime | None
    finished_at: datetime | None


class LaneStanding(Shape):
    """How far a lane is behind."""

    lane: Lane
    queued: int = Field(description="Counted up to 10,000.")
    running: int
    oldest_due_at: datetime | None
    lag_s: float = Field(description="How long the oldest job that is due waits.")


class JobsStanding(Shape):
    """How the jobs of the organization fare."""

    lanes: list[LaneStanding]
    failed: int = Field(
        description="Given up and not tried anew; `GET /v1/jobs?status=failed` lists them. "
        "Counted up to 10,000."
    )
    worker_seen_at: datetime | None = Field(
        description="When a worker, whichever, did periodic work last. More than a minute ago: "
        "none is at work."
    )


class JobPage(Shape):
    """A page of jobs, newest first."""

    data: list[JobOut]
    next_cursor: str | None
