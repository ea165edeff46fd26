"""What cases give users to do."""

from collections.abc import Mapping
from typing import Any

from crm_api.domains.cases.service import CaseService
from crm_api.kit.work import Asked, Fact, Item, Workload, between, listed

_ESCALATED = Fact("escalated", 15, "It is escalated.")
_LATE = Fact("sla_breached", 15, "A deadline of its policy was missed.")
_NEW = Fact("not_begun", 5, "Nobody has begun with it.")


def _open(asked: Asked) -> Mapping[str, Any]:
    return {
        "owner_id": {"eq": str(asked.user_id)},
        # While the customer is to answer, nobody else is.
        "status": {"in": ["new", "assigned", "in_progress"]},
        **between(asked, "next_due_at", undated=True),
    }


def _item(_asked: Asked, row: Any) -> Item:
    told = (
        (row.is_escalated, _ESCALATED),
        (row.sla_state == "breached", _LATE),
        (row.status in {"new", "assigned"}, _NEW),
    )
    facts = tuple(fact for is_so, fact in told if is_so)
    return Item(
        entity="case",
        id=row.id,
        title=f"{row.number or ''}: {row.subject or ''}".strip(": "),
        kind="sla" if row.next_due_at is not None else "case",
        due_at=row.next_due_at,
        priority=row.priority or "normal",
        facts=facts,
        version=row.version,
        updated_at=row.updated_at,
        links={"company_id": row.company_id, "contact_id": row.contact_id},
    )


WORK = (
    Workload(
        "cases.open",
        CaseService.area,
        listed(
            CaseService,
            _open,
            _item,
            sort="next_due_at",
            fields=(
                *("number", "subject", "status", "priority", "is_escalated", "next_due_at"),
                "sla_state",
                *("company_id", "contact_id"),
            ),
        ),
    ),
)
