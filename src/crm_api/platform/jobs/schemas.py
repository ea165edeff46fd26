"""What a job looks like from outside."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

JobStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class ProgressOut(BaseModel):
    """How far it is."""

    done: int
    total: int | None = Field(description="Null while it is not known.")


class JobOut(BaseModel):
    """Work in the background."""

    id: UUID
    kind: str = Field(examples=["imports.run"])
    status: JobStatus
    progress: ProgressOut
    attempts: int
    cancel_requested: bool
    result: dict[str, Any] | None
    error: dict[str, Any] | None = Field(description="A problem document.")
    created_at: datetime
    created_by: UUID | None
    started_at: datetime | None
    finished_at: datetime | None


class JobPage(BaseModel):
    """A page of jobs, newest first."""

    data: list[JobOut]
    next_cursor: str | None
