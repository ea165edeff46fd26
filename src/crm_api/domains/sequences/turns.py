"""One step about to be taken with somebody: what it may refer to, and when mail may leave."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_api.domains.sequences.steps import ENTITY, PLAIN, ROOTS
from crm_api.kit.automation import Run, Situation
from crm_api.kit.calendar import Calendar, Hours
from crm_api.kit.crud.collections import service_of
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.platform.automations.timing import WEEK, later, span_of
from crm_api.platform.calendars.service import calendars_at


async def _nobody() -> int:
    return 0


def run_of(id: UUID, sequence_id: UUID, contact_id: UUID) -> Run:
    """That an enrolment of a contact goes through a sequence."""
    return Run(id, sequence_id, ENTITY, contact_id)


class Turn(Situation):
    """A step, the contact that it is taken with, and the records that go with them."""

    roots: ClassVar[frozenset[str]] = PLAIN | ROOTS.keys()

    def __init__(
        self,
        tx: Tx,
        run: Run,
        send_window: Mapping[str, Any] | None,
        *,
        deal_id: UUID | None,
        sender_id: UUID | str | None,
    ) -> None:
        super().__init__(tx, run, _nobody)
        self._window = send_window
        self.deal_id, self.sender_id = deal_id, sender_id
        self._contact: dict[str, Any] | None = None

    async def contact(self) -> dict[str, Any]:
        """The contact, as whoever acts sees them now; raises `NotFound`."""
        if self._contact is None:
            self._contact = await self.record()
        return self._contact

    async def load(self, root: str) -> dict[str, Any]:
        """The contact, their company, the deal and the sender; nothing where there is none."""
        if root == "contact":
            return {root: await self.contact()}
        if root not in ROOTS:
            return await super().load(root)
        ids = {"deal": self.deal_id, "sender": self.sender_id}
        id = (await self.contact())["company_id"] if root == "company" else ids[root]
        return {root: await self._shown(ROOTS[root], id)}

    async def _shown(self, entity: str, id: UUID | str | None) -> dict[str, Any]:
        service = service_of(self.tx, entity)
        found = {} if id is None else await service.many([UUID(str(id))])
        shown = next(iter(found.values()), None)
        if shown is None:
            # There is none: whatever is said of it is empty.
            return {"custom": {}, **dict.fromkeys(service.records.listing.shown)}
        return decode(encode(shown))

    async def zone(self) -> ZoneInfo:
        """The contact's time zone, else the organization's."""
        own = (await self.contact()).get("time_zone")
        return ZoneInfo(own) if own else await super().zone()

    async def calendar(self) -> Calendar:
        """The working calendar by the clocks of the contact."""
        found = await calendars_at(self.tx, [None], self.tx.now)
        return replace(found[None], zone=await self.zone())

    async def window(self) -> Calendar:
        """When mail may leave."""
        working, said = await self.calendar(), self._window
        if said is None or said["weekdays"] is None:
            if said is None or said["heeds_holidays"]:
                return working
            return replace(working, exceptions={})
        hours = [Hours(_minutes(said["starts_at"]), _minutes(said["ends_at"]))]
        week = tuple(hours if day in said["weekdays"] else () for day in WEEK)
        closed = {day: () for day, open_ in working.exceptions.items() if not open_}
        return Calendar(working.zone, week, closed if said["heeds_holidays"] else {})

    async def after(self, duration: str, *, is_working: bool, now: datetime) -> datetime:
        """When so much time has passed, by the clocks of the contact."""
        if not is_working:
            return later(now, duration, await self.zone())
        calendar = await self.calendar()
        if duration.endswith("d"):
            days = span_of(duration) // timedelta(days=1)
            return calendar.opening(calendar.add_days(now, days))
        return calendar.add(now, span_of(duration))


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])
