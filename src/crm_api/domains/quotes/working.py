"""What quotes give users to do: those that expire, and those that nobody has answered."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from crm_api.domains.quotes.service import QuoteService
from crm_api.kit.work import Asked, Fact, Item, Kind, Workload, between, listed

WAITING_DAYS = 7
"""So long after it was sent whoever owns a quote asks what became of it."""
_FIELDS = ("name", "number", "company_id", "contact_id", "deal_id", "valid_until", "sent_at")
_UNANSWERED = Fact("unanswered", 0, f"It was sent over {WAITING_DAYS} days ago.")


def _mine(asked: Asked) -> dict[str, Any]:
    return {"owner_id": {"eq": str(asked.user_id)}, "status": {"in": ["sent", "viewed"]}}


def _expiring(asked: Asked) -> Mapping[str, Any]:
    # What is over is not open any more, or will not be in a moment.
    first = max(asked.today, asked.first_day or asked.today)
    window = between(asked, "valid_until", by_day=True)["valid_until"]
    return {**_mine(asked), "valid_until": {**window, "gte": first.isoformat()}}


def _waiting(asked: Asked) -> Mapping[str, Any]:
    since = asked.now - timedelta(days=WAITING_DAYS)
    return {**_mine(asked), "sent_at": {"lte": since.isoformat()}}


def _item(row: Any, kind: Kind, **more: Any) -> Item:
    links = {name: getattr(row, name) for name in ("company_id", "contact_id", "deal_id")}
    return Item(
        entity="quote",
        id=row.id,
        title=row.name or row.number or "",
        kind=kind,
        version=row.version,
        updated_at=row.updated_at,
        links=links,
        **more,
    )


WORK = (
    Workload(
        "quotes.expiring",
        QuoteService.area,
        listed(
            QuoteService,
            _expiring,
            lambda _, row: _item(row, "quote_expiring", day=row.valid_until),
            sort="valid_until",
            fields=_FIELDS,
        ),
    ),
    Workload(
        "quotes.waiting",
        QuoteService.area,
        listed(
            QuoteService,
            _waiting,
            lambda _, row: _item(row, "quote_waiting", facts=(_UNANSWERED,)),
            sort="updated_at",
            fields=_FIELDS,
        ),
        agenda=False,
    ),
)
