"""What campaigns cost, of the costs that are seen."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, select, type_coerce

from crm_api.domains.attribution.gathering import Days
from crm_api.domains.segments.asking import asked
from crm_api.kit.actor import hidden_field
from crm_api.kit.crud.collections import service_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import ModuleClosed, NotFound
from crm_api.kit.money import SCALE
from crm_api.kit.query.filters import parse
from crm_api.kit.reporting import of_ids

ENTITY = "campaign_cost"


@dataclass(frozen=True, slots=True)
class Cost:
    """What was spent for a campaign on a day, in the organization's currency."""

    campaign_id: UUID
    spent_on: date
    amount: Decimal


async def costs(tx: Tx, ids: Collection[UUID], days: Days) -> list[Cost] | None:
    """What campaigns cost in some days; None where costs are not kept. Raises `Forbidden`.

    What has no rate into the organization's currency counts as nothing.
    """
    try:
        service = service_of(tx, ENTITY)
        service.need("read")
    except (NotFound, ModuleClosed):
        return None
    listing = service.records.listing
    for name in sorted({"base_amount", "spent_on", "campaign_id"} & tx.actor.hidden(ENTITY)):
        raise hidden_field(f"{ENTITY}.{name}").elsewhere(parameter="id")
    model: Any = listing.model
    chosen = select(
        model.campaign_id, model.spent_on, type_coerce(model.base_amount, BigInteger()).label("n")
    )
    filter = parse(counted(ids, days), listing, tx)
    sql, values = asked(tx, listing, chosen, filter, behind=0, named="costs")
    rows = await tx.fetch(sql, *values)
    return [Cost(row["campaign_id"], row["spent_on"], Decimal(row["n"]) / SCALE) for row in rows]


def counted(ids: Collection[UUID], days: Days) -> dict[str, Any]:
    """The filter of the costs that count, of some campaigns in some days."""
    span = {op: day.isoformat() for op, day in (("gte", days.first), ("lte", days.last)) if day}
    parts: list[Any] = [of_ids(list(ids), "campaign_id"), {"base_amount": {"is_null": False}}]
    return {"and": [*parts, *([{"spent_on": span}] if span else [])]}
