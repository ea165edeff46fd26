"""How far a request is: steps, who has agreed, and when that is enough. Needs no database."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

Step = Mapping[str, Any]
Decision = Mapping[str, Any]


def begun(specs: Sequence[Step]) -> list[dict[str, Any]]:
    """The steps of a policy as a request has them before the first one."""
    state = {
        "status": "waiting",
        "user_ids": [],
        "escalated_to": [],
        "started_at": None,
        "escalated_at": None,
        "ended_at": None,
    }
    return [{**spec, **state} for spec in specs]


def with_step(steps: Sequence[Step], place: int, **values: Any) -> list[dict[str, Any]]:
    """The steps, one of them with other values."""
    return [{**step, **values} if n == place else dict(step) for n, step in enumerate(steps)]


def decision(
    step: int,
    deed: str,
    user: UUID | None,
    at: datetime,
    *,
    principal: UUID | None = None,
    to: UUID | None = None,
    comment: str | None = None,
) -> dict[str, Any]:
    """What somebody did, as a request keeps it."""
    return {
        "step": step,
        "deed": deed,
        "user_id": None if user is None else str(user),
        "on_behalf_of": str(principal) if principal not in {None, user} else None,
        "to_user_id": None if to is None else str(to),
        "comment": comment,
        "decided_at": at.isoformat().replace("+00:00", "Z"),
    }


def principal_of(decision: Decision) -> str:
    """Who is said to have decided."""
    return decision["on_behalf_of"] or decision["user_id"]


def agreed(step: Step, place: int, decisions: Sequence[Decision]) -> bool:
    """Whether as many have agreed to a step as it takes; one to whom it was escalated is enough.

    For `count` people count and not those whom they stand in for: nobody agrees twice.
    """
    given = [d for d in decisions if d["step"] == place and d["deed"] == "approved"]
    principals = {principal_of(d) for d in given}
    if not principals.isdisjoint(step["escalated_to"]):
        return True
    asked = set(step["user_ids"])
    if step["rule"] == "all":
        return bool(asked) and asked <= principals
    people = {d["user_id"] for d in given if principal_of(d) in asked}
    return len(people) >= needed(step)


def needed(step: Step) -> int:
    """How many people it takes at least."""
    if step["rule"] == "count":
        return step["count"]
    return 1 if step["rule"] == "any" else max(1, len(step["user_ids"]))


def has_agreed(place: int, decisions: Sequence[Decision], user: UUID) -> bool:
    """Whether a person has agreed to a step already, for themselves or for somebody else."""
    return any(
        d["step"] == place and d["deed"] == "approved" and d["user_id"] == str(user)
        for d in decisions
    )
