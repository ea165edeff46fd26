"""Deals that their owners are told of by themselves: each for each cause once."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from crm_api.domains.deals.models import Deal
from crm_api.domains.deals.service import DealService

ROTTING, OVERDUE = "deal.rotting", "deal.overdue"


async def tell_rotting(service: DealService, deal: Deal, _today: date) -> None:
    """Tell that a deal, which is locked, has stood in its stage for too long; once for a stay."""
    now = service.tx.now
    if deal.status != "open" or deal.rots_at is None or deal.rots_at > now:
        return
    told = {"stage_id": deal.stage_id, "days_in_stage": (now - deal.stage_entered_at).days}
    await _tell(service, deal, ROTTING, deal.stage_entered_at.isoformat(), told)


async def tell_overdue(service: DealService, deal: Deal, today: date) -> None:
    """Tell that the day on which a deal was to be decided, which is locked, is over; once for it."""
    last = deal.closes_on
    if deal.status != "open" or last is None or last >= today:
        return
    told = {"closes_on": last.isoformat(), "days_overdue": (today - last).days}
    await _tell(service, deal, OVERDUE, last.isoformat(), told)


async def _tell(
    service: DealService, deal: Deal, topic: str, mark: str, told: Mapping[str, Any]
) -> None:
    if await service.records.mark(deal.id, topic.partition(".")[2], mark):
        service.tx.record(
            topic,
            entity=Deal.entity,
            record_id=deal.id,
            version=deal.version,
            data=dict(told),
        )
