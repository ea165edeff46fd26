"""Snapshots of deals as they were on other days, and what is asked of them."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from support.clients import Api

_SNAPSHOT = """
    INSERT INTO deal_snapshots (organization_id, day, deal_id, pipeline_id, stage_id, owner_id,
        amount, base_amount, closes_on, probability, status, currency, base_currency,
        forecast_category)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
"""
_DAY = """
    INSERT INTO deal_snapshot_days (organization_id, day, taken_at, deals)
    VALUES ($1, $2, now(), 0) ON CONFLICT DO NOTHING
"""


def parts_of(amount: str | Decimal | None) -> int | None:
    """An amount as it is stored."""
    return None if amount is None else int(Decimal(amount) * 10_000)


async def taken(owner: Any, org: Any, day: date, deals: list[Mapping[str, Any]]) -> None:
    """Have these be the snapshots of a day: `deal_id`, `pipeline_id`, and what differs."""
    await owner.execute(_DAY, org.id, day)
    await owner.executemany(
        _SNAPSHOT,
        [
            (
                org.id,
                day,
                UUID(str(one["deal_id"])),
                UUID(str(one["pipeline_id"])),
                UUID(str(one.get("stage_id") or uuid4())),
                one.get("owner_id"),
                parts_of(one.get("amount")),
                parts_of(one.get("base_amount", one.get("amount"))),
                one.get("closes_on"),
                one.get("probability", 10),
                one.get("status", "open"),
                one.get("currency", "EUR"),
                "EUR",
                one.get("category", "pipeline"),
            )
            for one in deals
        ],
    )


async def waterfall(api: Api, pipeline_id: str, first: date, last: date, **more: Any) -> Any:
    """A waterfall, and by part its amount."""
    params = {"from": str(first), "to": str(last), **more}
    found = await api.read(f"pipelines/{pipeline_id}/waterfall", **params)
    return found, {one["part"]: Decimal(one["amount"]) for one in found["parts"]}


def total(found: Mapping[str, Any]) -> Decimal:
    """What start and all parts add up to."""
    parts = (one["sign"] * Decimal(one["amount"]) for one in found["parts"])
    return Decimal(found["start"]) + sum(parts, Decimal(0))
