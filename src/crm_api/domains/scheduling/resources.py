"""The rules of resources, and what is free of them."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from crm_api.domains.scheduling.allocating import Allocations
from crm_api.domains.scheduling.busy import busy_between
from crm_api.domains.scheduling.messages import find_conflicts_later
from crm_api.domains.scheduling.models import Resource
from crm_api.domains.scheduling.repository import BOOKINGS, Resources
from crm_api.domains.scheduling.schemas import ResourceCreate, ResourceUpdate
from crm_api.domains.scheduling.sweeping import Taken, levels
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import at_one_moment
from crm_api.kit.errors import Blocked, Invalid
from crm_api.kit.query.kinds import kinds_of
from crm_api.platform.calendars.schemas import Window
from crm_api.platform.calendars.service import calendars_at

_FITTING = frozenset({"status", "calendar_id", "deleted_at"})


class ResourceService(NamedService[Resource]):
    """Whose time can be booked."""

    repository = Resources
    area = "resources"
    plural = "resources"
    personal = Impersonal("What can be booked; a person among it is a user.")
    create_shape = ResourceCreate
    update_shape = ResourceUpdate
    records: Resources

    async def prepare(self, values: dict[str, Any], current: Resource | None) -> dict[str, Any]:
        """Only a person is a user; a capacity holds what is booked."""
        values = await super().prepare(values, current)
        if "skills" in values:
            values["skills"] = decode(encode(values["skills"] or []))
        kind = values.get("kind", None if current is None else current.kind)
        user = values.get("user_id", None if current is None else current.user_id)
        if user is not None and kind != "person":
            raise Invalid.at("/user_id", "not_a_person", "Only a person is a user.")
        if current is not None:
            await self._resize(current, values.get("capacity", current.capacity))
        return values

    async def put_back(self, record: Resource, values: dict[str, Any]) -> Any:
        """What an undo takes back holds what is booked by now."""
        await self._resize(record, values.get("capacity", record.capacity))
        return await super().put_back(record, values)

    async def _resize(self, current: Resource, capacity: int) -> None:
        if capacity != current.capacity:
            await Allocations(self.tx).resize(current.id, capacity)

    async def change(
        self,
        current: Resource,
        values: Mapping[str, Any],
        *,
        verb: str = "updated",
        told: Mapping[str, Any] | None = None,
    ) -> Any:
        """Bookings of what is bookable no more, or at other times, are told of it."""
        if any(getattr(current, name) != values[name] for name in _FITTING & values.keys()):
            find_conflicts_later(self.tx)
        return await super().change(current, values, verb=verb, told=told)

    async def check_purge(self, current: Resource) -> None:
        """What was booked is not gone from under its bookings."""
        if await Allocations(self.tx).has_any(current.id):
            raise Blocked("There are bookings of it.", code="resource_booked")

    async def availability(self, id: UUID, window: Window) -> dict[str, Any]:
        """What is free of a resource in a window, and what is taken."""
        self.need("read")
        start, end = window.start, window.end
        async with at_one_moment(self.tx) as reader:
            found = await ResourceService(reader).records.get(id)
            taken = await Allocations(reader).taken(id, start, end)
            elsewhere = (await busy_between(reader, [id], start, end)).get(id, ())
        taken += [Taken(opens, closes, found.capacity) for opens, closes in elsewhere]
        open_spans = [(start, end)]
        if found.calendar_id is not None:
            calendar = (await calendars_at(self.tx, [found.calendar_id], start))[found.calendar_id]
            open_spans = list(calendar.spans(start, end))
        free = [
            {
                "start": level.starts_at,
                "end": level.ends_at,
                "quantity": found.capacity - level.quantity,
            }
            for opens, closes in open_spans
            for level in levels(taken, opens, closes)
            if level.quantity < found.capacity
        ]
        busy = await self._told_busy(taken)
        return {"capacity": found.capacity, "free": free, "busy": busy}

    async def _told_busy(self, taken: list[Taken]) -> list[dict[str, Any]]:
        ids = {one.booking_id for one in taken if one.booking_id is not None}
        may = self.tx.actor.holds("bookings:read")
        seen = await kinds_of(self.tx, [BOOKINGS], list(ids)) if may else {}
        return [
            {
                "start": one.starts_at,
                "end": one.ends_at,
                "quantity": one.quantity,
                "booking_id": one.booking_id if one.booking_id in seen else None,
            }
            for one in taken
        ]
