"""What rules tell, and what they have done in the background."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from crm_api.kit.messages import Lane, Message

PUBLISHED, PAUSED, RESUMED = "automation.published", "automation.paused", "automation.resumed"
HOOK_ROTATED = "automation.hook_rotated"
RUN_FAILED, RUN_STOPPED = "automation.run_failed", "automation.run_stopped"
EVENTS = (PUBLISHED, PAUSED, RESUMED, HOOK_ROTATED, RUN_FAILED, RUN_STOPPED)


@dataclass(frozen=True)
class TakeSteps(Message):
    """Take the steps of a run, up to its end or its next wait."""

    kind: ClassVar[str] = "automations.take_steps"
    run_id: UUID


@dataclass(frozen=True)
class BeginRuns(Message):
    """Begin a run for each record that a rule is for at a moment."""

    kind: ClassVar[str] = "automations.begin_runs"
    lane: ClassVar[Lane] = "bulk"
    automation_id: UUID
    version: int
    since: str
    """The moment before this one."""
    moment: str
