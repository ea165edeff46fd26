"""What a new project has of its templates."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_api.domains.projects.models import ProjectTemplate
from crm_api.domains.projects.schemas import ProjectTaskCreate
from crm_api.kit.crud.plain import values_of
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.ids import new_id
from crm_api.kit.working_time import MINUTE, WorkingTime, instant_of, ticks_of

Item = Mapping[str, Any]
_NO_TASK: Item = {"kind": "phase"}
_NO_PHASE: Item = {"kind": "task"}


def items_of(templates: Sequence[ProjectTemplate]) -> list[Item]:
    """The tasks of some templates in their order; of two with a key the first has its say."""
    found: dict[str, Item] = {}
    for template in templates:
        for item in template.tasks:
            found.setdefault(item["key"], item)
    return list(found.values())


def tasks_of(
    items: Sequence[Item], project_id: UUID, start: datetime, time: WorkingTime
) -> list[dict[str, Any]]:
    """The tasks of a project as values to be stored, without when they are.

    Offsets are from `start`, in working time. Raises `Invalid` where the shares of the revenue
    that fall due are more than 100 % together.
    """
    if sum(Decimal(item["billing_percent"] or 0) for item in items) > 100:
        message = "The milestones of its templates share out more than 100 %."
        raise Invalid.at("/template_ids", "over_100_percent", message)
    ids = {item["key"]: new_id() for item in items}
    begin = time.begin(ticks_of(start)) if items else 0
    found: list[dict[str, Any]] = []
    for position, item in enumerate(items):
        offset = item["offset_minutes"]
        shown = {name: item[name] for name in ("key", "name", "kind", "minutes", "role")}
        body = {
            **shown,
            "project_id": project_id,
            "position": position,
            "description": item["description"],
            "estimate_minutes": item["estimate_minutes"],
            "checklist": item["checklist"],
            "billing_percent": item["billing_percent"],
            "parent_id": ids.get(item["parent"]),
            "constraint_kind": "snet" if offset else "asap",
            "constraint_at": instant_of(time.shift(begin, offset * MINUTE)) if offset else None,
            "dependencies": [
                {"task_id": ids[link["key"]], "kind": link["kind"], "lag": link["lag"]}
                for link in item["dependencies"]
                if link["key"] in ids
            ],
        }
        values = values_of(ProjectTaskCreate.model_validate(body))
        found.append({**values, "id": ids[item["key"]]})
    return found


def check_items(items: Sequence[Item]) -> None:
    """Raise `Invalid` where the tasks of a template do not fit together."""
    by_key = {item["key"]: item for item in items}
    faults = [
        Fault(code, message, f"/tasks/{place}{at}")
        for place, item in enumerate(items)
        for code, message, at in (*_misplaced(item, by_key), *_of_kind(item))
    ]
    if faults:
        raise Invalid("The tasks of the template do not fit together.", faults=faults)


def _misplaced(item: Item, by_key: Mapping[str, Item]) -> Iterable[tuple[str, str, str]]:
    """What of that a task refers to is not there, or leads back to it."""
    for number, link in enumerate(item["dependencies"]):
        if by_key.get(link["key"], _NO_TASK)["kind"] == "phase":
            at = f"/dependencies/{number}/key"
            yield "unknown_reference", "There is no such task.", at
    above: str | None = item["parent"]
    seen = set[str]()
    if above is not None and by_key.get(above, _NO_PHASE)["kind"] != "phase":
        yield "unknown_reference", "There is no such phase.", "/parent"
    while above is not None and above in by_key and above not in seen:
        seen.add(above)
        above = by_key[above]["parent"]
    if item["key"] in seen:
        yield "hierarchy_cycle", "A phase cannot stand below itself.", "/parent"


def _of_kind(item: Item) -> Iterable[tuple[str, str, str]]:
    """What is not for tasks of such a kind."""
    kind, minutes, wrong = item["kind"], item["minutes"], "not_for_its_kind"
    if kind == "task" and minutes == 0:
        yield wrong, "A task takes time.", "/minutes"
    if kind != "task" and minutes:
        yield wrong, f"A {kind} takes no time of its own.", "/minutes"
    if kind == "phase" and (item["dependencies"] or item["offset_minutes"]):
        yield wrong, "A phase is planned by what is in it.", ""
    if kind != "milestone" and item["billing_percent"] is not None:
        yield wrong, "Shares of the revenue fall due with milestones.", "/billing_percent"
