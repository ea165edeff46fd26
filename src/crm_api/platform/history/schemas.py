"""What events look like from outside."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from crm_api.kit.schema import Shape

ActorKind = Literal["key", "user", "app", "system"]


class ActorOut(Shape):
    """Who did it."""

    kind: ActorKind
    id: UUID | None


class EventOut(Shape):
    """One thing that happened to one record; what a webhook carries."""

    id: UUID
    type: str = Field(examples=["contact.updated"])
    occurred_at: datetime
    entity: str = Field(examples=["contact"])
    record_id: UUID
    version: int = Field(description="The record's version after it.")
    data: dict[str, Any] = Field(
        description="The values after: at creation all that are not null, else those that changed."
    )
    previous: dict[str, Any] | None = Field(description="The values before, of what changed.")
    actor: ActorOut
    request_id: str | None
    cause_id: UUID | None = Field(description="The import or job that did it.")


class EventPage(Shape):
    """A stretch of the feed."""

    data: list[EventOut]
    next_cursor: str = Field(description="Ask `after` this for what comes next, now or later.")


class FeedStanding(Shape):
    """How far the feed is behind what was committed."""

    oldest_held_at: datetime | None = Field(
        description="The first event that waits for an older transaction to end."
    )
    lag_s: float = Field(description="How long it waits.")


class ChangeOut(Shape):
    """One field that changed."""

    field: str
    before: Any
    after: Any


class HistoryEntry(Shape):
    """One change of a record."""

    id: UUID
    type: str
    version: int
    occurred_at: datetime
    actor: ActorOut
    request_id: str | None
    cause_id: UUID | None
    changes: list[ChangeOut]


class HistoryPage(Shape):
    """A record's changes, newest first."""

    data: list[HistoryEntry]
    next_cursor: str | None
