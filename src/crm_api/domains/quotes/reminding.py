"""Quotes that their owners are reminded of: each version once."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from crm_api.domains.quotes.models import Quote
from crm_api.domains.quotes.service import QuoteService
from crm_api.domains.quotes.settings import settings_of
from crm_api.domains.quotes.states import is_over

EXPIRING, UNVIEWED = "quote.expiring", "quote.unviewed"


async def remind_of_end(service: QuoteService, quote: Quote, today: date) -> None:
    """Tell that the last day of a quote is near, which is locked."""
    days, last = settings_of(service.tx).expiring_days, quote.valid_until
    if days is None or last is None or quote.status not in {"sent", "viewed"}:
        return
    left = (last - today).days
    if 0 <= left <= days:
        told = {"revision": quote.revision, "valid_until": last.isoformat(), "days_left": left}
        await _tell(service, quote, EXPIRING, told)


async def remind_of_silence(service: QuoteService, quote: Quote, today: date) -> None:
    """Tell that nobody has looked at a quote since it was sent, which is locked."""
    days = settings_of(service.tx).unviewed_days
    if days is None or quote.status != "sent" or quote.sent_at is None:
        return
    passed = service.tx.now - quote.sent_at
    if not is_over(quote.valid_until, today) and passed >= timedelta(days=days):
        told = {"revision": quote.revision, "days_unviewed": passed.days}
        await _tell(service, quote, UNVIEWED, told)


async def _tell(service: QuoteService, quote: Quote, topic: str, told: Mapping[str, Any]) -> None:
    alert = topic.partition(".")[2]
    if await service.records.mark(quote.id, alert, str(quote.revision)):
        service.tx.record(
            topic,
            entity=Quote.entity,
            record_id=quote.id,
            version=quote.version,
            data=dict(told),
        )
