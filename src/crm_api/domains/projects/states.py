"""Where a project may go from where it stands, and what stands in the way."""

from collections.abc import Mapping, Sequence
from typing import Any

from crm_api.domains.projects.models import Project, ProjectStatus
from crm_api.domains.projects.schemas import ProjectVerb
from crm_api.kit.crud.transitions import Way, way
from crm_api.kit.errors import Fault, WrongState

WAYS: Mapping[ProjectVerb, Way[ProjectStatus]] = {
    "start": way("planned", "active", "started"),
    "hold": way("active", "on_hold", "held"),
    "resume": way("on_hold", "active", "resumed"),
    "complete": way("active", "completed", "completed"),
    "reopen": way("completed", "active", "reopened"),
    "accept": way("completed", "accepted", "accepted"),
    "cancel": way("planned active on_hold", "cancelled", "cancelled"),
}
CLOSED = frozenset({"completed", "accepted", "cancelled"})
_CLOSING = frozenset({"complete", "accept"})


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


def need_ordered(order_status: str | None) -> None:
    """Raise `WrongState` where an order was called off; without one nothing was."""
    if order_status == "cancelled":
        message = "The order is cancelled."
        details = {"order_status": order_status}
        raise WrongState(message, code="order_cancelled", details=details)


def unbilled(tasks: Sequence[Mapping[str, Any]]) -> list[Fault]:
    """The shares of a project that fell due, and that nobody has billed."""
    return [
        Fault("open_billing", f"{row['name']}: due, and not billed.", "/billing")
        for row in tasks
        if row["billing_due_at"] is not None and row["billed_at"] is None
    ]


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
