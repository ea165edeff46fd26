"""The rules of marketing plans: their days, and which months are closed."""

from calendar import monthrange
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.marketing_plans.models import MarketingPlan
from crm_api.domains.marketing_plans.repository import AREA, Plans
from crm_api.domains.marketing_plans.schemas import (
    CloseMonths,
    MarketingPlanCreate,
    MarketingPlanUpdate,
    ReopenMonths,
)
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.errors import Invalid, WrongState
from crm_api.platform.exchange.repository import ExchangeRates

CLOSED, REOPENED = "months_closed", "months_reopened"


class MarketingPlanService(NamedService[MarketingPlan]):
    """Marketing plans: what is to be spent within some days, and what for."""

    repository = Plans
    area = AREA
    plural = "marketing_plans"
    personal = Impersonal("What is planned, with nobody's data.")
    create_shape = MarketingPlanCreate
    update_shape = MarketingPlanUpdate
    begins_with: ClassVar[Mapping[str, Any]] = {"closed_through": None}
    records: Plans

    async def prepare(self, values: dict[str, Any], current: MarketingPlan | None) -> Any:
        """It ends after it begins, and no line of it is outside of its days."""
        values = await super().prepare(values, current)
        if current is None:
            own = values["currency"]
            values["currency"] = own or await ExchangeRates(self.tx).own_currency()

        def now(name: str) -> Any:
            return values[name] if name in values else getattr(current, name)

        if now("ends_on") < now("starts_on"):
            raise Invalid.at("/ends_on", "ends_before_start", "It ends before it begins.")
        days = {n for n in ("starts_on", "ends_on") if current and now(n) != getattr(current, n)}
        if current is not None and days:
            month = await self.records.line_outside(current.id, now("starts_on"), now("ends_on"))
            if month is not None:
                name = "ends_on" if month > now("ends_on") else "starts_on"
                message = f"There is a line of {month:%Y-%m}."
                raise Invalid.at(f"/{name}", "line_outside", message)
        return values

    async def remove(self, records: Sequence[MarketingPlan]) -> None:
        """A plan with closed months stays, so that these do."""
        for record in records:
            if record.closed_through is not None:
                message = f"All until {record.closed_through} is closed."
                raise WrongState(message, code="period_closed")
        await super().remove(records)

    async def close(self, id: UUID, data: CloseMonths, expected: int | None = None) -> Any:
        """Have nothing change any more up to the end of a month."""
        self.need("update")
        current = await self.locked(id, expected)
        first = _first_of(data.month)
        last = first.replace(day=monthrange(first.year, first.month)[1])
        if current.closed_through is not None and last < current.closed_through:
            message = f"All until {current.closed_through} is closed already."
            raise Invalid.at("/month", "closed_already", message)
        if not current.starts_on.replace(day=1) <= first <= current.ends_on:
            raise Invalid.at("/month", "outside_plan", "The plan has no such month.")
        return await self.told(await self.change(current, {"closed_through": last}, verb=CLOSED))

    async def reopen(self, id: UUID, data: ReopenMonths, expected: int | None = None) -> Any:
        """Have months change again, from one on."""
        self.need("update")
        current = await self.locked(id, expected)
        first = _first_of(data.month)
        if current.closed_through is None or first > current.closed_through:
            raise Invalid.at("/month", "not_closed", "The month is not closed.")
        last = first - timedelta(days=1)
        values = {"closed_through": last if last >= current.starts_on else None}
        return await self.told(await self.change(current, values, verb=REOPENED))

    async def put_back(self, record: MarketingPlan, values: dict[str, Any]) -> Any:
        """What an undo takes back opens and closes no month, and leaves no line outside."""
        kept = {n: v for n, v in values.items() if n not in {"closed_through", "currency"}}
        days = (
            kept.get("starts_on", record.starts_on),
            kept.get("ends_on", record.ends_on),
        )
        if await self.records.line_outside(record.id, *days) is not None:
            return self.shown_of(record)
        return await super().put_back(record, kept)


def _first_of(month: date) -> date:
    if month.day != 1:
        raise Invalid.at("/month", "not_first", "A month is named by its first day.")
    return month
