"""What conversations give users to do: those in which a customer waits for an answer."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from crm_api.domains.conversations.service import ConversationService
from crm_api.kit.work import Asked, Fact, Item, Workload, listed

MOST_POINTS = 40
"""A point for each whole hour that somebody has waited, so many at most."""
_HOUR = timedelta(hours=1)
_PENDING = Fact("waiting", -10, "It waits for somebody else.")


def _unanswered(asked: Asked) -> Mapping[str, Any]:
    return {
        "owner_id": {"eq": str(asked.user_id)},
        "needs_answer": {"eq": True},
        "status": {"ne": "closed"},
    }


def _waited(asked: Asked, since: datetime | None) -> tuple[Fact, ...]:
    hours = 0 if since is None else (asked.now - since) // _HOUR
    if hours <= 0:
        return ()
    said = f"They have waited for {hours} hour{'' if hours == 1 else 's'}."
    return (Fact("unanswered", min(hours, MOST_POINTS), said),)


def _item(asked: Asked, row: Any) -> Item:
    return Item(
        entity="conversation",
        id=row.id,
        title=row.subject or "",
        kind="answer",
        facts=(
            *_waited(asked, row.last_inbound_at),
            *((_PENDING,) if row.status == "pending" else ()),
        ),
        version=row.version,
        updated_at=row.updated_at,
        links={"company_id": row.company_id, "contact_id": row.contact_id},
    )


WORK = (
    Workload(
        "conversations.unanswered",
        ConversationService.area,
        listed(
            ConversationService,
            _unanswered,
            _item,
            # Whoever has waited longest comes first.
            sort="last_inbound_at",
            fields=("subject", "status", "last_inbound_at", "company_id", "contact_id"),
        ),
        # They are due at no time: who waits is answered as soon as may be.
        agenda=False,
    ),
)
