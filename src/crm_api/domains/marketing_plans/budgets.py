"""What is planned, committed and spent of a plan, rolled up."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, TypeVar
from uuid import UUID

from crm_api.domains.marketing_plans.entries import (
    BudgetLineService,
    CampaignCostService,
    MarketingCommitmentService,
)
from crm_api.domains.marketing_plans.repository import Plans
from crm_api.domains.marketing_plans.service import MarketingPlanService
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.errors import Forbidden
from crm_api.kit.money import SCALE, shown_amount
from crm_api.platform.exchange.repository import ExchangeRates

T = TypeVar("T")
_PARTS = ("planned", "committed", "actual")
_TOLD = frozenset(
    {
        *("campaign_id", "channel", "month", "due_on", "spent_on", "plan_id", "commitment_id"),
        *("planned", "base_planned", "amount", "plan_amount", "base_amount", "status"),
        *("currency", "closed_through"),
    }
)
_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Figures:
    """Amounts of one place, or of several; in the organization's currency as far as known."""

    planned: Decimal
    committed: Decimal
    actual: Decimal
    base: Mapping[str, Decimal | None]

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Figures":
        """Those of a row of the database."""
        base = {name: _amount(row[f"base_{name}"]) for name in _PARTS}
        planned, committed, actual = (_amount(row[name]) or Decimal(0) for name in _PARTS)
        return cls(planned, committed, actual, base)

    def __add__(self, other: "Figures") -> "Figures":
        """Both together; what is not known of one is not known of both."""
        base = {name: _both(self.base[name], other.base[name]) for name in _PARTS}
        return Figures(
            self.planned + other.planned,
            self.committed + other.committed,
            self.actual + other.actual,
            base,
        )

    def shown(self) -> dict[str, Any]:
        """With what differs from the plan."""
        variance = self.planned - self.actual
        percent = None
        if self.planned:
            percent = float((variance * 100 / self.planned).quantize(_CENT, ROUND_HALF_UP))
        base = {f"base_{name}": self.base[name] for name in _PARTS}
        return {
            "planned": shown_amount(self.planned),
            "committed": shown_amount(self.committed),
            "actual": shown_amount(self.actual),
            "variance": shown_amount(variance),
            "variance_percent": percent,
            "available": shown_amount(variance - self.committed),
            **{name: None if one is None else shown_amount(one) for name, one in base.items()},
        }


NOTHING = Figures(Decimal(0), Decimal(0), Decimal(0), dict.fromkeys(_PARTS, Decimal(0)))


def _amount(parts: str | None) -> Decimal | None:
    return None if parts is None else Decimal(parts) / SCALE


def _both(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one + other


async def budget_of(tx: Tx, id: UUID) -> dict[str, Any]:
    """What of a plan is planned, committed and spent; raises `Forbidden` where that is hidden."""
    services = (
        *(MarketingPlanService(tx), BudgetLineService(tx)),
        *(MarketingCommitmentService(tx), CampaignCostService(tx)),
    )
    for service in services:
        service.need("read")
        if service.guard.hidden & _TOLD:
            raise Forbidden("The budgets of plans are hidden from you.", code="hidden_field")
    async with at_one_moment(tx) as reader:
        plans = Plans(reader)
        plan = await plans.get(id)
        rows = [(dict(row), Figures.of(row)) for row in await plans.figures(id)]
        used = {row["campaign_id"] for row, _ in rows} - {None}
        above = await plans.above(used)
        own = await ExchangeRates(reader).own_currency()
    last = plan.closed_through
    return {
        "currency": plan.currency,
        "base_currency": own,
        "closed_through": last,
        "total": _sum(one for _, one in rows).shown(),
        "channels": [
            {"channel": key, **one.shown()} for key, one in _by(rows, lambda r: r["channel"])
        ],
        "months": [_month(key, one, last) for key, one in _by(rows, lambda r: r["month"])],
        "campaigns": rolled_up(rows, above),
        "rows": [
            {name: row[name] for name in ("channel", "campaign_id", "month")} | one.shown()
            for row, one in rows
        ],
    }


def _month(month: date, one: Figures, last: date | None) -> dict[str, Any]:
    return {"month": month, "is_closed": last is not None and month <= last, **one.shown()}


def _sum(those: Iterable[Figures]) -> Figures:
    return sum(those, NOTHING)


def _by(
    rows: Sequence[tuple[Mapping[str, Any], Figures]], key: Callable[[Mapping[str, Any]], T]
) -> list[tuple[T, Figures]]:
    found: dict[T, Figures] = {}
    for row, one in rows:
        found[key(row)] = found.get(key(row), NOTHING) + one
    return sorted(found.items(), key=lambda pair: str(pair[0]))


def rolled_up(
    rows: Sequence[tuple[Mapping[str, Any], Figures]], above: Mapping[UUID, UUID | None]
) -> list[dict[str, Any]]:
    """By campaign: its own, and with that of all below it; those of no campaign come first."""
    own = dict(_by(rows, lambda row: row["campaign_id"]))
    whole: dict[UUID | None, Figures] = dict.fromkeys(above, NOTHING)
    for id, one in own.items():
        place: UUID | None = id
        while True:
            whole[place] = whole.get(place, NOTHING) + one
            place = above.get(place) if place is not None else None
            if place is None:
                break
    return [
        {
            "campaign_id": id,
            "parent_id": None if id is None else above.get(id),
            "own": own.get(id, NOTHING).shown(),
            **whole[id].shown(),
        }
        for id in sorted(whole, key=lambda one: "" if one is None else str(one))
    ]
