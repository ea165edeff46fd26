"""The rules of number sequences."""

from datetime import date
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.service import values_of
from crm_api.kit.errors import Conflict
from crm_api.kit.schema import Create
from crm_api.platform.numbering.models import NumberSequence
from crm_api.platform.numbering.repository import NumberSequences
from crm_api.platform.numbering.schemas import NumberSequenceCreate, NumberSequenceUpdate


class NumberSequenceService(NamedService[NumberSequence]):
    """The running numbers of documents."""

    repository = NumberSequences
    area = "number_sequences"
    plural = "number_sequences"
    create_shape = NumberSequenceCreate
    update_shape = NumberSequenceUpdate
    records: NumberSequences

    async def create(self, data: Create) -> Any:
        """A new sequence; its first period begins with its first number."""
        self.tx.actor.require(f"{self.area}:write")
        return self.add({**await self.prepare(values_of(data), None), "period": None})

    async def take(self, id: UUID, on: date | None = None) -> dict[str, Any]:
        """The next number, which nobody else gets and which comes back if this is rolled back.

        Others who take from the sequence wait for the commit: take it as the last thing before.
        Raises `Conflict` for a day before the sequence's present year or month, whose numbers
        are complete.
        """
        self.tx.actor.require(f"{self.area}:write")
        current = await self.locked(id)
        day = on or self.tx.now.astimezone(ZoneInfo(self.tx.actor.time_zone)).date()
        period = _period(current.restarts, day)
        if current.period is not None and period is not None and period < current.period:
            raise Conflict(f"The sequence is in {current.period} already.", code="period_closed")
        anew = current.period is not None and period != current.period
        number = 1 if anew else current.next_number
        text = current.pattern.format(
            number=number, year=f"{day:%Y}", month=f"{day:%m}", day=f"{day:%d}"
        )
        taken = {"number": number, "text": text, "on": day}
        values = {"next_number": number + 1, "period": period}
        await self.change(current, values, verb="taken", told=taken)
        return taken

    async def take_for(self, key: str, on: date | None = None) -> dict[str, Any]:
        """The next number of the sequence that goes by a key."""
        return await self.take(await self.records.id_of(key), on)


def _period(restarts: str, day: date) -> str | None:
    return {"never": None, "year": f"{day:%Y}", "month": f"{day:%Y-%m}"}[restarts]
