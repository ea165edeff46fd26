"""The rules of what stands in plans: lines, commitments and costs."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from crm_api.domains.marketing_plans.models import BudgetLine, CampaignCost, MarketingCommitment
from crm_api.domains.marketing_plans.repository import (
    AREA,
    COSTS_AREA,
    BudgetLines,
    Commitments,
    Costs,
    Held,
    held_commitment,
    held_plans,
)
from crm_api.domains.marketing_plans.schemas import (
    BudgetLineCreate,
    BudgetLineUpdate,
    CampaignCostCreate,
    CampaignCostUpdate,
    MarketingCommitmentCreate,
    MarketingCommitmentUpdate,
)
from crm_api.kit.calendar import today_of
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.crud.transitions import not_for
from crm_api.kit.errors import Conflict, Invalid
from crm_api.kit.values.codes import minor_digits
from crm_api.platform.exchange.repository import ExchangeRates
from crm_api.platform.exchange.service import ExchangeService

Part = TypeVar("Part", BudgetLine, MarketingCommitment, CampaignCost)


class PartService(CrudService[Part]):
    """What stands in a month of a plan: it stays as it is once that is closed."""

    day: ClassVar[str]
    """The column that says when it is."""
    amounts: ClassVar[tuple[str, ...]]
    """What its worth depends on."""

    async def prepare(self, values: dict[str, Any], current: Part | None) -> dict[str, Any]:
        """Both where it was and where it will be are open, and its amounts are worked out."""
        values = await super().prepare(values, current)
        before: dict[str, Any] = {} if current is None else columns_of(current)
        values = await self.placed(values, before)
        whole = {**before, **values}
        plans = await held_plans(self.tx, _plans_of(before, whole))
        for one in (before, whole):
            self.need_open(one, plans)
        if current is None or any(before[name] != whole[name] for name in self.amounts):
            values |= await self.valued(whole, plans.get(whole["plan_id"]))
        return values

    async def placed(self, values: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
        """What follows from what it refers to."""
        del before
        return values

    async def valued(self, whole: Mapping[str, Any], plan: Held | None) -> dict[str, Any]:
        """Its amounts in the currencies of the plan and of the organization."""
        own = await ExchangeRates(self.tx).own_currency()
        currency = whole["currency"] or (plan.currency if plan is not None else own)
        _need_minor(whole["amount"], currency, "/amount")
        values: dict[str, Any] = {"currency": currency}
        day = min(whole[self.day], today_of(self.tx))
        values["base_amount"] = await self.at_home(whole["amount"], currency, own, day)
        values["plan_amount"] = None
        if plan is not None:
            rates = ExchangeService(self.tx)
            values["plan_amount"] = await rates.worth(whole["amount"], currency, plan.currency, day)
        return values

    async def at_home(self, amount: Decimal, currency: str, own: str, day: date) -> Decimal | None:
        """An amount in the organization's currency; None where there is no rate."""
        try:
            return await ExchangeService(self.tx).worth(amount, currency, own, day)
        except Conflict:
            return None

    def need_open(self, one: Mapping[str, Any], plans: Mapping[UUID, Held]) -> None:
        """Raise `Invalid` where the month is closed, or the plan is not there."""
        if not one or one["plan_id"] is None:
            return
        plan = plans.get(one["plan_id"])
        if plan is None:
            raise Invalid.at("/plan_id", "unknown_reference", "There is no such plan.")
        last = plan.closed_through
        if last is not None and one[self.day] <= last:
            raise Invalid.at(f"/{self.day}", "period_closed", f"All until {last} is closed.")

    async def remove(self, records: Sequence[Part]) -> None:
        """What is closed stays."""
        every = [columns_of(record) for record in records]
        plans = await held_plans(self.tx, _plans_of(*every))
        for one in every:
            self.need_open(one, plans)
        await super().remove(records)

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Take it out of the bin, unless its month is closed."""
        self.need("delete")
        current = await self.records.get(id, lock=True, deleted=True)
        if current.deleted_at is not None:
            one = columns_of(current)
            self.need_open(one, await held_plans(self.tx, _plans_of(one)))
        return await super().restore(id, expected_version=expected_version)

    async def put_back(self, record: Part, values: dict[str, Any]) -> Any:
        """What an undo takes back goes by the same rules; what is closed stays."""
        before = columns_of(record)
        whole = {**before, **values}
        plans = await held_plans(self.tx, _plans_of(before, whole))
        try:
            for one in (before, whole):
                self.need_open(one, plans)
        except Invalid:
            return self.shown_of(record)
        return await super().put_back(record, values)


class BudgetLineService(PartService[BudgetLine]):
    """What is planned for a channel, a campaign and a month."""

    repository = BudgetLines
    area = AREA
    plural = "budget_lines"
    personal = Impersonal("Amounts that are planned.")
    create_shape = BudgetLineCreate
    update_shape = BudgetLineUpdate
    day = "month"
    amounts = ("planned", "month")

    async def valued(self, whole: Mapping[str, Any], plan: Held | None) -> dict[str, Any]:
        """The month is one of the plan."""
        assert plan is not None
        month: date = whole["month"]
        if month.day != 1:
            raise Invalid.at("/month", "not_first", "A month is named by its first day.")
        if not plan.starts_on.replace(day=1) <= month <= plan.ends_on:
            raise Invalid.at("/month", "outside_plan", "The plan has no such month.")
        _need_minor(whole["planned"], plan.currency, "/planned")
        own = await ExchangeRates(self.tx).own_currency()
        day = min(month, today_of(self.tx))
        return {"base_planned": await self.at_home(whole["planned"], plan.currency, own, day)}


class MarketingCommitmentService(PartService[MarketingCommitment]):
    """What was ordered of vendors, and is drawn down by what is spent."""

    repository = Commitments
    area = COSTS_AREA
    plural = "marketing_commitments"
    personal = Impersonal("Orders of vendors.")
    create_shape = MarketingCommitmentCreate
    update_shape = MarketingCommitmentUpdate
    begins_with: ClassVar[Mapping[str, Any]] = {"status": "open"}
    day = "due_on"
    amounts = ("amount", "currency", "due_on")

    async def close(self, id: UUID, expected: int | None = None) -> Any:
        """Expect nothing more of it."""
        return await self._go(id, "close", "open", "closed", expected)

    async def reopen(self, id: UUID, expected: int | None = None) -> Any:
        """Expect the rest of it again."""
        return await self._go(id, "reopen", "closed", "open", expected)

    async def _go(self, id: UUID, verb: str, before: str, after: str, expected: int | None) -> Any:
        self.need("update")
        current = await self.locked(id, expected)
        if current.status != before:
            other = "reopen" if verb == "close" else "close"
            raise not_for("marketing_commitment", current.status, verb, [other])
        one = columns_of(current)
        self.need_open(one, await held_plans(self.tx, _plans_of(one)))
        event = "closed" if verb == "close" else "reopened"
        return await self.told(await self.change(current, {"status": after}, verb=event))

    async def put_back(self, record: MarketingCommitment, values: dict[str, Any]) -> Any:
        """What an undo takes back neither closes nor opens it."""
        return await super().put_back(record, {n: v for n, v in values.items() if n != "status"})


class CampaignCostService(PartService[CampaignCost]):
    """What was spent for campaigns and plans."""

    repository = Costs
    area = COSTS_AREA
    plural = "campaign_costs"
    personal = Impersonal("What was paid to vendors.")
    create_shape = CampaignCostCreate
    update_shape = CampaignCostUpdate
    day = "spent_on"
    amounts = ("amount", "currency", "spent_on", "plan_id")

    async def placed(self, values: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
        """It is of a plan or of a campaign, and what it draws down is open and of the plan."""
        whole = {**before, **values}
        named = whole["commitment_id"]
        if named is not None and (not before or named != before["commitment_id"]):
            found = await held_commitment(self.tx, named)
            if found is None:
                message = "There is no such commitment."
                raise Invalid.at("/commitment_id", "unknown_reference", message)
            if found["status"] != "open":
                raise Invalid.at("/commitment_id", "commitment_closed", "It is closed.")
            if whole["plan_id"] is None:
                values["plan_id"] = found["plan_id"]
            elif whole["plan_id"] != found["plan_id"]:
                raise Invalid.at("/commitment_id", "other_plan", "It is of another plan.")
        elif named is not None and whole["plan_id"] != before["plan_id"]:
            raise Invalid.at("/plan_id", "other_plan", "The commitment is of another plan.")
        if values.get("plan_id", whole["plan_id"]) is None and whole["campaign_id"] is None:
            raise Invalid.at("/campaign_id", "required", "It is of a plan or of a campaign.")
        if not whole["amount"]:
            raise Invalid.at("/amount", "zero", "Nothing was spent.")
        return values


def _plans_of(*those: Mapping[str, Any]) -> set[UUID]:
    return {one["plan_id"] for one in those if one and one["plan_id"] is not None}


def _need_minor(amount: Decimal, currency: str, pointer: str) -> None:
    digits = minor_digits(currency)
    if amount != amount.quantize(Decimal(1).scaleb(-digits)):
        message = f"Amounts in {currency} have {digits} decimals at most."
        raise Invalid.at(pointer, "too_precise", message)
