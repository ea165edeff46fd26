"""A deal becomes several, and what they may bring stays what it was."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_api.domains.deals.models import Deal
from crm_api.domains.deals.parties import DealPart, DealParting
from crm_api.domains.deals.people import DealContactService
from crm_api.domains.deals.repository import Ground
from crm_api.domains.deals.service import DealService, Step
from crm_api.domains.deals.states import need_status
from crm_api.kit.crud.owners import hand_down
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError, Invalid, WrongState
from crm_api.kit.money import shown_amount

_COPIED = (
    *("company_id", "contact_id", "currency", "pipeline_id", "stage_id", "closes_on"),
    *("next_step", "next_step_on", "probability_override", "forecast_override", "checked"),
    *("tags", "source", "description", "owner_id"),
)
# As they are, whoever of them is there by now.
_KEPT = (
    *("competitors", "competitor_ids", "competitor_id", "splits"),
    *("stage_entered_at", "rots_at"),
)


class DealSplitting:
    """Takes deals off another one, whose lock is held, so that nobody takes the same twice."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.deals, self.people = DealService(tx), DealContactService(tx)

    async def split(
        self, id: UUID, data: DealParting, expected: int | None = None
    ) -> dict[str, Any]:
        """New deals in the same stage; the deal is reduced by their amounts, exactly.

        Returns `deal` and `parts`. Raises `Invalid` where the parts are more than there is, and
        `Forbidden` for those from whom amounts are hidden.
        """
        self.deals.need("update")
        self.deals.need("create")
        # Who may not set amounts neither changes one this way nor is told what there is.
        self.deals.guard.fields(["amount"])
        # Before the deal, as for whoever is put into a column.
        if (stage_id := await self.deals.records.stage_of(id)) is not None:
            await self.deals.records.lock_column(stage_id)
        current = await self.deals.locked(id, expected)
        need_status(current, "split")
        left = _left(current, data)
        stage = await self.deals.stages.ground(current.stage_id)
        if stage is None:
            raise WrongState("Its pipeline is in the bin.", code="pipeline_in_bin")
        if stage["is_archived"]:
            raise WrongState("The pipeline takes no new deals.", code="archived")
        people = await self.people.records.of(id)
        parts: list[Any] = []
        for place, part in enumerate(data.parts):
            try:
                parts.append(await self._taken(current, part, stage))
            except CrmError as error:
                raise error.under(f"/parts/{place}") from None
        for part in parts:
            self.people.copy(people, part.id)
        values = await self.deals.prepare({"amount": left}, current)
        told = {"parts": [part.id for part in parts]}
        shown = await self.deals.change(current, values, verb="split", told=told)
        return {
            "deal": await self.deals.told(shown),
            "parts": [await self.deals.told(part) for part in parts],
        }

    async def _taken(self, current: Deal, part: DealPart, stage: Ground) -> Any:
        """A new deal that stands where the other one does, for as long."""
        values = {**_begun(columns_of(current)), **part.model_dump(exclude_none=True)}
        values["custom"] = self.deals.custom_of(current)
        hand_down(self.tx, current.owner_id)
        await self.deals.guard.owner_of({"owner_id": values["owner_id"]}, "create")
        values = await self.deals.prepare(values, None)
        await self.deals.admit(values, None)
        own = {name: getattr(current, name) for name in _KEPT}
        own["origin_id"] = current.id
        made = self.deals.add({**values, **self.deals.begins_with, **own})
        self.deals.moves.note(made, Step(stage, "split", {}))
        return made


def _begun(source: Mapping[str, Any]) -> dict[str, Any]:
    """What a new deal has of another one, besides its name and amount."""
    own: dict[str, Any] = {
        "external_ids": {},
        "closed_at": None,
        "loss_reason_id": None,
        "competitor_id": None,
        "lines": [],
        "amount_mode": "manual",
        # Made once, they are kept by the deal for which they were.
        "promises": [],
    }
    return {**{name: source[name] for name in _COPIED}, **own}


def _left(current: Deal, data: DealParting) -> Decimal:
    """What is left of a deal; raises `Invalid` where that is less than nothing."""
    if current.amount_mode == "lines":
        message = "The amount is what the lines come to; with `amount_mode` `manual` it is split."
        raise Invalid.at("/parts", "amount_of_lines", message)
    if current.amount is None:
        raise Invalid.at("/parts", "no_amount", "The deal has no amount to take something off.")
    taken = sum((part.amount for part in data.parts), Decimal(0))
    if taken > current.amount:
        there = shown_amount(current.amount)
        message = f"The parts make {shown_amount(taken)}, and there is {there}."
        raise Invalid.at("/parts", "too_much", message)
    return current.amount - taken
