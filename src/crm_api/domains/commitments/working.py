"""What commitments give users to do."""

from collections.abc import Mapping
from typing import Any

from crm_api.domains.commitments.service import CommitmentService
from crm_api.kit.work import Asked, Fact, Item, Workload, due, listed


def _open(asked: Asked) -> Mapping[str, Any]:
    return {
        "owner_id": {"eq": str(asked.user_id)},
        "status": {"eq": "open"},
        **due(asked),
    }


def _item(_asked: Asked, row: Any) -> Item:
    return Item(
        entity="commitment",
        id=row.id,
        title=row.text or "",
        kind="commitment",
        due_at=row.due_at,
        day=row.due_on,
        zone=row.time_zone,
        version=row.version,
        updated_at=row.updated_at,
        links={name: getattr(row, name) for name in _LINKS},
        facts=(_THEIRS,) if row.promised_by == "customer" else (),
    )


_LINKS = ("company_id", "contact_id", "deal_id")
_THEIRS = Fact("promised_by_customer", -10, "It is the customer's to do.")
WORK = (
    Workload(
        "commitments.open",
        CommitmentService.area,
        listed(
            CommitmentService,
            _open,
            _item,
            sort="overdue_at",
            fields=("promised_by", "text", "due_at", "due_on", "time_zone", *_LINKS),
        ),
    ),
)
