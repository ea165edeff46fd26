"""Where a case may go from where it stands, and what stands in the way."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from crm_api.domains.cases.models import CaseStatus, Level, Priority
from crm_api.domains.cases.schemas import CaseStep, CaseVerb
from crm_api.kit.crud.transitions import Way, way
from crm_api.kit.errors import Conflict, Fault

WAYS: Mapping[CaseVerb, Way[CaseStatus]] = {
    "assign": way("new assigned in_progress waiting_customer", "assigned", "assigned"),
    "start": way("new assigned", "in_progress", "started"),
    "wait": way("assigned in_progress", "waiting_customer", "waited"),
    "resume": way("waiting_customer", "in_progress", "resumed"),
    "resolve": way("new assigned in_progress waiting_customer", "resolved", "resolved"),
    "close": way("resolved", "closed", "closed"),
    "reopen": way("resolved closed", "in_progress", "reopened"),
}
OPEN = frozenset({"new", "assigned", "in_progress", "waiting_customer"})
_RANK: Mapping[Level, int] = {"low": 0, "medium": 1, "high": 2}
_MATRIX: tuple[Priority, ...] = ("low", "low", "normal", "high", "urgent")


def customer_of(case: Mapping[str, Any]) -> Any:
    """Whose case it is: the company's, else the person's, else nobody's who is known."""
    return case["company_id"] or case["contact_id"]


def priority_of(impact: Level, urgency: Level) -> Priority:
    """By both: high and high is urgent, low and medium is low."""
    return _MATRIX[_RANK[impact] + _RANK[urgency]]


def in_the_way(case: Any, verb: CaseVerb, step: CaseStep | None) -> list[Fault]:
    """Everything that keeps an action from being done; without `step`, as it stands."""
    found: list[Fault] = []
    if verb == "assign" and step is not None and step.owner_id is None and step.team_id is None:
        found.append(Fault("assignee_needed", "It is assigned to nobody.", "/owner_id"))
    if verb == "start" and case.owner_id is None and (step is None or step.owner_id is None):
        found.append(Fault("owner_needed", "It has no owner who works on it.", "/owner_id"))
    if verb == "resolve" and (step is None or not step.resolution) and not case.resolution:
        found.append(Fault("resolution_needed", "It says not what was done.", "/resolution"))
    return found


def past_window(case: Any, now: datetime, days: int) -> list[Fault]:
    """What keeps a case that was closed too long ago from being opened again."""
    if case.status != "closed" or case.closed_at + timedelta(days=days) >= now:
        return []
    message = (
        f"It was closed more than {days} days ago: POST /v1/cases/{case.id}/follow-up makes "
        "a case that follows it up."
    )
    return [Fault("closing_window_passed", message, "/status")]


def need_window(case: Any, now: datetime, days: int) -> None:
    """Raise `Conflict` for a case that was closed too long ago to be opened again."""
    for fault in past_window(case, now, days):
        raise Conflict(fault.message, code=fault.code)
