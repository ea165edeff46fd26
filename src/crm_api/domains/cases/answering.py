"""What was written or said to a customer about a case answers them, wherever it was kept."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_api.domains.activities.models import Activity
from crm_api.domains.activities.service import ActivityService
from crm_api.domains.cases.service import CaseService
from crm_api.kit.db.tx import Tx

ANSWERS = ("call", "meeting", "email", "message", "visit", "letter", "demo")
"""The kinds of activities that reach a customer; notes do not."""
UNHEARD = ("no_answer", "busy", "voicemail", "left_message", "wrong_number", "no_show")
"""Outcomes of which nobody heard it."""


async def answer_cases(tx: Tx, ids: Collection[UUID]) -> None:
    """Have cases be answered by activities that were changed: those that took place, outbound."""
    found = await ActivityService(tx).records.locked(sorted(ids), everywhere=True)
    answers: dict[UUID, list[datetime]] = {}
    for one in found:
        if _reached(one):
            at: Any = one.ended_at or one.starts_at or one.completed_at
            for case in _cases_of(one):
                answers.setdefault(case, []).append(at)
    if answers:
        await CaseService(tx).respond(answers)


def _reached(one: Activity) -> bool:
    return (
        one.status == "completed"
        and one.direction == "outbound"
        and one.kind in ANSWERS
        and (one.outcome or "").lower().replace(" ", "_").replace("-", "_") not in UNHEARD
    )


def _cases_of(one: Activity) -> set[UUID]:
    return {UUID(link["record_id"]) for link in one.links if link["target"] == "case"}
