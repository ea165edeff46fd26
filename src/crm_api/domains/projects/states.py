"""Where a project may go from where it stands, and what stands in the way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crm_api.domains.projects.models import Project, ProjectStatus
from crm_api.domains.projects.schemas import ProjectVerb
from crm_api.kit.crud.transitions import not_for
from crm_api.kit.errors import Fault, WrongState


@dataclass(frozen=True)
class Way:
    """From where an action leads whereto, and how its event is called."""

    before: frozenset[str]
    after: ProjectStatus
    event: str


def _way(before: str, after: ProjectStatus, event: str) -> Way:
    return Way(frozenset(before.split()), after, event)


WAYS: Mapping[ProjectVerb, Way] = {
    "start": _way("planned", "active", "started"),
    "hold": _way("active", "on_hold", "held"),
    "resume": _way("on_hold", "active", "resumed"),
    "complete": _way("active", "completed", "completed"),
    "reopen": _way("completed", "active", "reopened"),
    "accept": _way("completed", "accepted", "accepted"),
    "cancel": _way("planned active on_hold", "cancelled", "cancelled"),
}
CLOSED = frozenset({"completed", "accepted", "cancelled"})
_CLOSING = frozenset({"complete", "accept"})


def need_way(project: Project, verb: ProjectVerb) -> Way:
    """The way that an action leads; raises `WrongState` where it is not for this status."""
    way = WAYS[verb]
    if project.status not in way.before:
        allowed = [name for name, one in WAYS.items() if project.status in one.before]
        raise not_for("project", project.status, verb, allowed)
    return way


def need_open(project: Project) -> None:
    """Raise `WrongState` where nothing of a project changes any more."""
    if project.status in CLOSED:
        message = f"The project is {project.status}."
        raise WrongState(
            message,
            code="project_closed",
            faults=[Fault("project_closed", message, "/project_id")],
            details={"project_status": project.status},
        )


def in_the_way(
    verb: ProjectVerb, tasks: Sequence[Mapping[str, Any]], promised: Sequence[Mapping[str, Any]]
) -> list[Fault]:
    """Everything that keeps a project from being closed, by its tasks and deliverables."""
    if verb not in _CLOSING:
        return []
    faults = [
        Fault("open_task", f"{row['name']}: {row['percent']} % done.", "/tasks")
        for row in tasks
        if row["kind"] == "task" and row["percent"] < 100
    ]
    faults += [
        Fault("not_accepted", f"{row['name']}: {row['status']}.", "/deliverables")
        for row in promised
        if row["status"] != "accepted" and (row["is_mandatory"] or row["status"] == "submitted")
    ]
    for row in tasks:
        if row["billing_percent"] is not None and row["billed_at"] is None:
            state = "not accepted" if row["accepted_at"] is None else "due, and not billed"
            faults.append(Fault("open_billing", f"{row['name']}: {state}.", "/billing"))
    return faults
