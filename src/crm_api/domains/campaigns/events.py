"""What becomes of campaigns at a time of their own."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from crm_api.kit.messages import Lane, Message


@dataclass(frozen=True)
class LaunchDue(Message):
    """Launch a campaign whose time has come, if that is still its time."""

    kind: ClassVar[str] = "campaigns.launch_due"
    lane: ClassVar[Lane] = "interactive"
    campaign_id: UUID
    launch_at: str
    """In ISO 8601: one that is scheduled anew is launched by another job."""


@dataclass(frozen=True)
class DecideExperiment(Message):
    """Look whether an experiment can be decided, and again a day later if not."""

    kind: ClassVar[str] = "campaigns.decide"
    campaign_id: UUID
    look: int
    """Which of the planned looks it is, from 0."""
