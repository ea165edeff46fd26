"""The rules of number sequences."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit.calendar import today_of
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.errors import Blocked, Conflict, Invalid
from crm_api.platform.numbering.models import NumberSequence
from crm_api.platform.numbering.repository import NumberSequences
from crm_api.platform.numbering.schemas import NumberSequenceCreate, NumberSequenceUpdate

_APART: Mapping[str, tuple[str, ...]] = {
    "never": (),
    "year": ("year",),
    "month": ("year", "month"),
}
"""What a pattern needs so that the periods of a sequence have numbers apart."""
_AHEAD = timedelta(days=31)


class NumberSequenceService(NamedService[NumberSequence]):
    """The running numbers of documents."""

    repository = NumberSequences
    area = "number_sequences"
    plural = "number_sequences"
    personal = Impersonal("The organization's own numbers.")
    create_shape = NumberSequenceCreate
    update_shape = NumberSequenceUpdate
    # Its first period begins with its first number.
    begins_with: ClassVar[Mapping[str, Any]] = {"period": None}
    records: NumberSequences

    async def prepare(
        self, values: dict[str, Any], current: NumberSequence | None
    ) -> dict[str, Any]:
        """Its numbers stay apart: those of its periods, and those of one that had its key before."""
        values = await super().prepare(values, current)
        if current is None or not values.keys().isdisjoint({"pattern", "restarts"}):
            restarts = values.get("restarts") or getattr(current, "restarts", "never")
            _need_periods(values.get("pattern") or getattr(current, "pattern", ""), restarts)
        if current is None:
            await self._need_no_former(values["key"])
        return values

    async def _need_no_former(self, key: str) -> None:
        """Raise `Conflict` where the numbers of a sequence in the bin would be given again."""
        former = (await self.records.former()).get(key)
        if former is not None:
            message = "A sequence of this key in the bin has given numbers; restore it."
            raise Conflict(message, code="sequence_in_bin", details={"record_id": str(former)})

    async def take(self, id: UUID, on: date | None = None) -> dict[str, Any]:
        """The next number, which nobody else gets and which comes back if this is rolled back.

        Others who take from the sequence wait for the commit: take it as the last thing before.
        Raises `Conflict` for a day before the sequence's present year or month, whose numbers
        are complete, and `Invalid` for one too far ahead, which would end the present one.
        """
        self.tx.actor.require(f"{self.area}:write")
        if on is not None and on > today_of(self.tx) + _AHEAD:
            message = f"A number is taken for a day at most {_AHEAD.days} days ahead."
            raise Invalid.at("/on", "too_far_ahead", message)
        return await self._take(await self.locked(id), on)

    async def _take(self, current: NumberSequence, on: date | None) -> dict[str, Any]:
        day = on or today_of(self.tx)
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

    async def give(
        self, key: str, on: date | None = None, *, begins: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The next number for what the product does of its own accord, whoever asks for that.

        As `give_many`.
        """
        return (await self.give_many(key, 1, on, begins=begins))[0]

    async def give_many(
        self, key: str, count: int, on: date | None = None, *, begins: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """The next numbers, as many as that, by one lock.

        Where there is no such sequence it begins with these values. Raises `Conflict` where it is
        in the bin: another one would give its numbers again.
        """
        current = await self.records.of_key(key)
        if current is None:
            await self.records.lock_keys("key", [key])
            current = await self.records.of_key(key)
        if current is None:
            made = {"key": key, "custom": {}, "external_ids": {}, **self.begins_with, **begins}
            id = self.add(self.derive(made, None)).id
            current = await self.records.get(id, lock=True)
        if current.deleted_at is not None:
            message = f"The number sequence {key} is in the bin."
            raise Conflict(message, code="sequence_in_bin")
        return [await self._take(current, on) for _ in range(count)]

    async def check_purge(self, current: NumberSequence) -> None:
        """A sequence that has given a number stays, since another would give that one again."""
        if await self.records.has_given(current.id):
            raise Blocked("It has given numbers, which stay taken.", code="numbers_given")
        await super().check_purge(current)


def _need_periods(pattern: str, restarts: str) -> None:
    """Raise `Invalid` where the numbers of one period would be those of another one again."""
    for part in _APART[restarts]:
        if f"{{{part}}}" not in pattern:
            message = f"Numbers that begin anew each {restarts} have {{{part}}} in them."
            raise Invalid.at("/pattern", "repeats_numbers", message)


def _period(restarts: str, day: date) -> str | None:
    return {"never": None, "year": f"{day:%Y}", "month": f"{day:%Y-%m}"}[restarts]
