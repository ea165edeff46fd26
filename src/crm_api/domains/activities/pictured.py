"""What activities and tasks show of a customer, and which events are points of contact."""

from collections.abc import Mapping
from typing import Any

from crm_api.domains.activities.service import LOGGED
from crm_api.domains.activities.tasks import TaskService
from crm_api.kit.crud.picturing import Pictured, listed
from crm_api.kit.touchpoints import Direction, Happened, Party, Touchpoint, with_links

_PARTIES = (
    Party("contact_id", "contact"),
    Party("company_id", "company"),
    Party("deal_id", "deal"),
)
_ENDED = ("done", "cancelled")
_OPEN = Pictured(
    TaskService, {"status": {"nin": list(_ENDED)}}, lambda v: v["status"] not in _ENDED
)
_DIRECTIONS: Mapping[str, Direction] = {"inbound": "in", "outbound": "out"}


def _direction(row: Mapping[str, Any]) -> Direction | None:
    return _DIRECTIONS.get(row["direction"] or "")


def _kind(row: Mapping[str, Any]) -> str:
    return row["kind"]


def _is_with_others(happened: Happened) -> bool:
    return not happened.row["is_internal"]


TOUCHPOINTS = tuple(
    Touchpoint(
        topic,
        "sales",
        with_links(_PARTIES),
        _direction,
        at="completed_at",
        kind=_kind,
        when=_is_with_others,
    )
    for topic in (LOGGED, "activity.completed")
)
SECTIONS = (
    listed(
        "open_tasks",
        "sales",
        _OPEN,
        ("subject", "kind", "status", "priority", "due_on", "due_at", "deal_id", "owner_id"),
    ),
)
