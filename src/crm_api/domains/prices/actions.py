"""What is done with whole price lists: scheduling, activating, ending, copying, adjusting them."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from crm_api.domains.prices.adjusting import adjusted_price, adjusted_tier
from crm_api.domains.prices.events import AdjustRules, CheckPriceList, CopyRules
from crm_api.domains.prices.models import PriceList, PriceRule
from crm_api.domains.prices.repository import PriceRules
from crm_api.domains.prices.schemas import Activation, AdjustInput, PriceListCloneInput
from crm_api.domains.prices.service import PriceListService, PriceRuleService
from crm_api.kit.calendar import today_of
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid, WrongState
from crm_api.kit.messages import Message
from crm_api.kit.money import shown_amount
from crm_api.kit.values.names import sort_key

_STRETCH = _TOLD = 1_000
MOST_RULES = 10_000
"""More of them are copied and adjusted by a job."""
_OWN = frozenset(
    {"id", "version", "created_at", "updated_at", "created_by", "updated_by", "deleted_at",
     "deleted_by", "external_ids"}
)  # fmt: skip


class ListActions:
    """The use cases of one price list beyond those of any record."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.lists, self.rules = PriceListService(tx), PriceRuleService(tx)

    async def schedule(self, id: UUID, data: Activation, expected: int | None = None) -> Any:
        """Have a draft count from a day to come on."""
        self.lists.need("update")
        current = await self.lists.locked(id, expected)
        _need_state(current, {"draft", "scheduled"}, "scheduled")
        first = data.valid_from or current.valid_from
        if first is None or first <= self.today:
            raise Invalid.at(
                "/valid_from", "not_in_future", "A list is scheduled for a day to come."
            )
        return await self._move(current, "scheduled", first)

    async def activate(self, id: UUID, data: Activation, expected: int | None = None) -> Any:
        """Have a list count from today on, or from the day that was named."""
        self.lists.need("update")
        current = await self.lists.locked(id, expected)
        _need_state(current, {"draft", "scheduled", "expired"}, "activated")
        first = data.valid_from
        if first is None:
            first = current.valid_from
            first = self.today if first is not None and first > self.today else first
        if first is not None and first > self.today:
            raise Invalid.at("/valid_from", "in_future", "Schedule it for a day to come.")
        if current.valid_to is not None and current.valid_to < self.today:
            raise Invalid.at(
                "/valid_to", "ended", "Its last day is over; give it another one first."
            )
        return await self._move(current, "activated", first)

    async def expire(self, id: UUID, expected: int | None = None) -> Any:
        """Have a list count no more from today on; for days before, it still does.

        One that has not counted on any day before is a draft again.
        """
        self.lists.need("update")
        current = await self.lists.locked(id, expected)
        _need_state(current, {"active", "scheduled"}, "expired")
        yesterday = self.today - timedelta(days=1)
        last = min(current.valid_to or yesterday, yesterday)
        if current.valid_from is not None and current.valid_from > last:
            return await self.lists.told(await self.lists.change(current, {"status": "draft"}))
        values = {"status": "expired", "valid_to": last}
        return await self.lists.told(await self.lists.change(current, values, verb="expired"))

    async def check(self, id: UUID) -> UUID:
        """Have prices looked for that seem wrong; the id of the job that does."""
        for area in ("prices", "products"):
            self.tx.actor.require(f"{area}:read")
        await self.lists.records.get(id)
        # One for each who asks: it looks with their eyes.
        return self.tx.enqueue(CheckPriceList(id))

    async def clone(self, id: UUID, data: PriceListCloneInput) -> dict[str, Any]:
        """A draft with the same rules."""
        self.lists.need("create")
        source = await self.lists.records.get(id)
        kept = {n: v for n, v in columns_of(source).items() if n not in _OWN}
        own: dict[str, Any] = {
            "name": data.name,
            "sort_name": sort_key(data.name),
            "status": "draft",
            "currency": data.currency or source.currency,
            "custom": self.lists.custom_of(source),
            "external_ids": {},
        }
        made = self.lists.add({**kept, **own})
        many = await PriceRules(self.tx).more_than(MOST_RULES, id, None, fixed=False)
        if many is not None:
            job = self._begin(CopyRules(id, made.id, many[1]))
            return {"price_list_id": made.id, "rules": many[0], "job_id": job}
        count, after = 0, None
        while (found := await self.copy(id, made.id, after)) is not None:
            after, count = found[0], count + found[1]
        return {"price_list_id": made.id, "rules": count, "job_id": None}

    async def copy(
        self, source: UUID, target: UUID, after: UUID | None, until: UUID | None = None
    ) -> tuple[UUID, int] | None:
        """Copy the next rules; the last of them and how many, or None at the end."""
        self.lists.need("create")
        stretch = await PriceRules(self.tx).of_list(source, after, _STRETCH, until)
        for rule in stretch:
            own = {**_copied(rule, source, target), "custom": self.rules.custom_of(rule)}
            self.rules.add(own)
        return (stretch[-1].id, len(stretch)) if stretch else None

    async def adjust(self, id: UUID, data: AdjustInput) -> dict[str, Any]:
        """Change every fixed price of a list by so many percent; of very many, by a job."""
        self.rules.need("update")
        self.rules.guard.fields(["unit_price", "tiers"])
        await self.lists.locked(id)
        targets = await self._targets(data)
        if targets == []:
            raise Invalid.at("/category_id", "unknown_reference", "There is no such category.")
        many = await PriceRules(self.tx).more_than(MOST_RULES, id, targets, fixed=True)
        if many is not None:
            first = await PriceRules(self.tx).fixed(id, targets, None, _TOLD)
            told = [moved for rule in first if (moved := _told(rule, data)) is not None]
            job = self._begin(AdjustRules(id, many[1], data.model_dump(mode="json")))
            return {"changed": 0, "prices": told, "job_id": job}
        told: list[dict[str, Any]] = []
        changed, after = 0, None
        while (found := await self.adjust_some(id, data, after)) is not None:
            after, changed = found[0], changed + found[1]
            told += found[2][: _TOLD - len(told)]
        return {"changed": changed, "prices": told, "job_id": None}

    async def adjust_some(
        self, id: UUID, data: AdjustInput, after: UUID | None, until: UUID | None = None
    ) -> tuple[UUID, int, list[dict[str, Any]]] | None:
        """Adjust the next rules; None at the end.

        The last of them, how many were changed, and what became of prices.
        """
        self.rules.need("update")
        targets = await self._targets(data)
        stretch = await PriceRules(self.tx).fixed(id, targets, after, _STRETCH, until)
        told: list[dict[str, Any]] = []
        changed = 0
        for rule in stretch:
            moved, version = _told(rule, data), rule.version
            await self.rules.change(rule, _adjustment(rule, data))
            changed += rule.version != version
            if moved is not None:
                told.append(moved)
        return (stretch[-1].id, changed, told) if stretch else None

    async def _targets(self, data: AdjustInput) -> list[UUID] | None:
        if data.category_id is None:
            return None
        return await PriceRules(self.tx).targets_below(data.category_id)

    def _begin(self, message: Message) -> UUID | None:
        # What is only tried out leaves no job.
        job = self.tx.enqueue(message)
        return None if self.tx.dry_run else job

    async def _move(self, current: PriceList, verb: str, first: date | None) -> Any:
        if first is not None and current.valid_to is not None and current.valid_to < first:
            raise Invalid.at("/valid_from", "ends_before_start", "It ends before that day.")
        status = "active" if verb == "activated" else verb
        values = {"status": status, "valid_from": first}
        return await self.lists.told(await self.lists.change(current, values, verb=verb))

    @property
    def today(self) -> date:
        """The day that it is in the organization's time zone."""
        return today_of(self.tx)


def _need_state(current: PriceList, allowed: set[str], verb: str) -> None:
    if current.status not in allowed:
        raise WrongState(f"A list that is {current.status} cannot be {verb}.")


def _adjustment(rule: PriceRule, data: AdjustInput) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if rule.unit_price is not None:
        values["unit_price"] = adjusted_price(rule.unit_price, data)
    if rule.tiers:
        values["tiers"] = [adjusted_tier(tier, data) for tier in rule.tiers]
    return values


def _told(rule: PriceRule, data: AdjustInput) -> dict[str, Any] | None:
    """What becomes of the price of a rule; None where it stays."""
    before = rule.unit_price
    if before is None or (after := adjusted_price(before, data)) == before:
        return None
    return {
        "price_rule_id": rule.id,
        "before": shown_amount(before),
        "after": shown_amount(after),
    }


def _copied(rule: PriceRule, source: UUID, target: UUID) -> dict[str, Any]:
    values = {n: v for n, v in columns_of(rule).items() if n not in _OWN}
    own = target if rule.target_id == source else rule.target_id
    return {**values, "price_list_id": target, "target_id": own, "external_ids": {}}
