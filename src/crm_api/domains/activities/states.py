"""Where activities and tasks may go from where they stand."""

from collections.abc import Mapping, Sequence
from typing import Any

from crm_api.domains.activities.action_schemas import ActivityVerb, TaskVerb
from crm_api.domains.activities.models import Activity, ActivityStatus, TaskStatus
from crm_api.kit.crud.transitions import Way, way
from crm_api.kit.errors import Fault, WrongState

TASK_WAYS: Mapping[TaskVerb, Way[TaskStatus]] = {
    "start": way("open waiting", "in_progress", "started"),
    "wait": way("open in_progress", "waiting", "waiting"),
    "complete": way("open in_progress waiting", "done", "completed"),
    "reopen": way("done cancelled", "open", "reopened"),
    "cancel": way("open in_progress waiting", "cancelled", "cancelled"),
}
ACTIVITY_WAYS: Mapping[ActivityVerb, Way[ActivityStatus]] = {
    "complete": way("planned", "completed", "completed"),
    "cancel": way("planned", "cancelled", "cancelled"),
    "reopen": way("cancelled", "planned", "reopened"),
}
CLOSED = frozenset({"done", "cancelled"})
BESIDE = frozenset({"owner_id", "team_id", "tags", "external_ids"})
"""What of a completed activity is not what happened, and changes without a correction."""


def need_changeable(current: Activity, values: Mapping[str, Any]) -> None:
    """Raise `WrongState` where a change would make what happened something else."""
    changed = [n for n, v in values.items() if n not in BESIDE and v != getattr(current, n)]
    if current.status == "completed" and changed:
        message = "A completed activity changes only by a correction with a reason."
        faults = [Fault("activity_completed", message, f"/{name}") for name in changed]
        raise WrongState(message, code="activity_completed", faults=faults)


def open_items(checklist: Sequence[Mapping[str, Any]], *, told: bool) -> list[Fault]:
    """What of a checklist is required and not done, by its titles where these are told."""
    return [
        Fault("open_item", f"{item['title'] if told else 'An item'}: not done.", "/checklist")
        for item in checklist
        if item["is_required"] and not item["is_done"]
    ]
