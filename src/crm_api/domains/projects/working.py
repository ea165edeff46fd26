"""What projects give users to do: tasks and milestones of the plan, and what is to be delivered."""

from collections.abc import Mapping
from typing import Any

from crm_api.domains.projects.delivering import DeliverableService
from crm_api.domains.projects.tasks import ProjectTaskService
from crm_api.kit.work import Asked, Item, Workload, between, listed

_OPEN = {"project": {"status": {"in": ["planned", "active"]}}}


def _mine(asked: Asked) -> dict[str, Any]:
    """What is the user's, and what is nobody's of the projects that are."""
    me = {"eq": str(asked.user_id)}
    nobodys = {"owner_id": {"is_null": True}, "project": {"owner_id": me}}
    return {"or": [{"owner_id": me}, nobodys]}


def _tasks(asked: Asked) -> Mapping[str, Any]:
    return {
        **_OPEN,
        **_mine(asked),
        "kind": {"in": ["task", "milestone"]},
        "percent": {"lt": 100},
        **between(asked, "finishes_at"),
    }


def _promised(asked: Asked) -> Mapping[str, Any]:
    return {
        **_OPEN,
        **_mine(asked),
        "status": {"in": ["draft", "rejected"]},
        **between(asked, "due_on", by_day=True),
    }


def _task(_asked: Asked, row: Any) -> Item:
    return Item(
        entity="project_task",
        id=row.id,
        title=row.name or "",
        kind="milestone" if row.kind == "milestone" else "project_task",
        due_at=row.finishes_at,
        version=row.version,
        updated_at=row.updated_at,
        links={"project_id": row.project_id},
    )


def _deliverable(_asked: Asked, row: Any) -> Item:
    return Item(
        entity="deliverable",
        id=row.id,
        title=row.name or "",
        kind="deliverable",
        day=row.due_on,
        version=row.version,
        updated_at=row.updated_at,
        links={"project_id": row.project_id},
    )


WORK = (
    Workload(
        "projects.tasks",
        ProjectTaskService.area,
        listed(
            ProjectTaskService,
            _tasks,
            _task,
            sort="finishes_at",
            fields=("kind", "name", "project_id", "finishes_at"),
        ),
    ),
    Workload(
        "projects.deliverables",
        DeliverableService.area,
        listed(
            DeliverableService,
            _promised,
            _deliverable,
            sort="due_on",
            fields=("name", "project_id", "due_on"),
        ),
    ),
)
