"""Giving what has become free to those who wait for it: by following what happens.

What is made of events and the place in the feed are one transaction: killed in the middle, nothing
was offered. One worker at a time reads for an organization; it locks the entries in the order of
their ids, then all of their resources in the order of theirs, and only then offers in turn.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from crm_api.domains.scheduling.allocating import Allocations
from crm_api.domains.scheduling.busy import busy_between
from crm_api.domains.scheduling.fitting import Wanted, earliest_fit
from crm_api.domains.scheduling.schemas import BookedFields, BookingCreate
from crm_api.domains.scheduling.service import BookingService
from crm_api.domains.scheduling.sweeping import Taken
from crm_api.domains.scheduling.waitlist import WaitlistService
from crm_api.domains.scheduling.waitlist_models import WaitlistEntry, WaitlistState
from crm_api.kit.crud.feed import Feed
from crm_api.kit.crud.owners import hand_down
from crm_api.kit.crud.places import FeedPlace
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError, Unavailable
from crm_api.kit.rounds import Rounds
from crm_api.platform.calendars.service import calendars_at

STRETCH = 200
_ANSWERS = {"booking.confirmed", "booking.expired", "booking.cancelled", "booking.deleted"}
_FREEING = {
    *("booking.expired", "booking.cancelled", "booking.deleted", "booking.no_show"),
    *("booking.rescheduled", "booking.purged"),
}
_RESOURCES = {"resource.updated", "resource.restored"}
_ENTRIES = {
    *("waitlist_entry.created", "waitlist_entry.updated", "waitlist_entry.restored"),
    "waitlist_entry.reopened",
}
_BOOKED_OF = "SELECT id, resources FROM bookings WHERE organization_id = $1 AND id = ANY($2)"
_ENDS: Mapping[str, str] = {
    "confirmed": "booked",
    "checked_in": "booked",
    "completed": "booked",
    "expired": "expired",
    "cancelled": "cancelled",
    "deleted": "cancelled",
    "no_show": "booked",
}


class Promotions(Rounds):
    """Offers what becomes free to those who wait, for each organization."""

    sql = "SELECT id AS organization_id, id FROM crm_organizations_with_waitlist_news($1) AS id"

    async def attend(self, tx: Tx, id: UUID) -> bool:
        """Take up what is new to an organization."""
        del id
        await tx.learned.learn()
        tx.actor.require("bookings:write")
        return await Promoter(tx).take_up()


class Promoter:
    """Reads a stretch of the feed, and offers what it tells to be free."""

    def __init__(self, tx: Tx) -> None:
        self.tx, self.place = tx, FeedPlace(tx, WaitlistState.__tablename__)
        self.entries, self.bookings = WaitlistService(tx), BookingService(tx)
        self.allocations = Allocations(tx)

    async def take_up(self) -> bool:
        """Heed what is new; whether there may be more at once."""
        start = await self.place.lock()
        if start is None:
            return False
        topics = sorted(_ANSWERS | _FREEING | _RESOURCES | _ENTRIES)
        stretch = await Feed(self.tx, {}).stretch(start, STRETCH, types=topics)
        records, freed = self.entries.records, await self._freed(stretch.rows)
        offered = await records.offered(_of(stretch.rows, _ANSWERS))
        turns = await records.waiting(freed, _of(stretch.rows, _ENTRIES))
        # All of them at once, in one order.
        found = {one.id: one for one in await records.locked([*offered, *turns])}
        for id, status in offered.items():
            await self._settle(found.get(id), status)
        await self._promote([found[id] for id in turns if id in found])
        await self.place.move(stretch.end)
        return not stretch.whole

    async def _settle(self, entry: WaitlistEntry | None, status: str) -> None:
        """Have an entry be done whose offer has been taken or let go."""
        end = _ENDS.get(status)
        if entry is not None and entry.status == "offered" and end is not None:
            values = {"status": end, "decided_at": self.tx.now}
            await self.entries.change(entry, values, verb=end)

    async def _freed(self, rows: Sequence[Any]) -> set[UUID] | None:
        """The resources of which something may be free; None, where that is not known any more."""
        freed = set(_of(rows, _RESOURCES))
        ids = set(_of(rows, _FREEING))
        if not ids:
            return freed
        found = await self.tx.fetch(_BOOKED_OF, self.tx.organization_id, list(ids))
        if len(found) < len(ids):
            return None
        for row in found:
            freed |= _ids(decode(row["resources"]))
        for row in rows:
            if row["type"] in _FREEING:
                freed |= _ids(decode(row["previous"] or b"{}").get("resources") or ())
        return freed

    async def _promote(self, entries: Sequence[WaitlistEntry]) -> None:
        """Offer to those who wait, in turn, what is free."""
        turns = [one for one in entries if one.status == "waiting"]
        resources = await self.allocations.lock(
            id for entry in turns for id in _ids(entry.resources)
        )
        for entry in turns:
            try:
                async with self.tx.atomic():
                    await self._offer(entry, resources)
            except Unavailable:
                raise
            except CrmError:
                # What stands in the way of one is not the others' trouble.
                continue

    async def _offer(self, entry: WaitlistEntry, resources: Mapping[UUID, Any]) -> None:
        """Hold the first time that is free for an entry, if there is one."""
        start = max(entry.window_starts_at, _next_minute(self.tx.now))
        length = timedelta(minutes=entry.duration_minutes)
        if start + length > entry.window_ends_at:
            return
        wanted = {
            UUID(str(one["resource_id"])): one
            for one in entry.resources
            if _is_bookable(resources.get(UUID(str(one["resource_id"]))))
        }
        if entry.match == "all" and len(wanted) < len(entry.resources):
            return
        known = await self._known(wanted, resources, start, entry.window_ends_at)
        sets = [list(wanted)] if entry.match == "all" else [[id] for id in wanted]
        best: tuple[datetime, list[UUID]] | None = None
        for ids in sets:
            those = [known[id] for id in ids]
            at = earliest_fit(those, start, entry.window_ends_at, length)
            if at is not None and (best is None or at < best[0]):
                best = at, ids
        if best is None:
            return
        await self._hold(entry, best[0], best[0] + length, [wanted[id] for id in best[1]])

    async def _known(
        self,
        wanted: Mapping[UUID, Mapping[str, Any]],
        resources: Mapping[UUID, Any],
        start: datetime,
        end: datetime,
    ) -> dict[UUID, Wanted]:
        """What there is of resources in a window."""
        taken = await self.allocations.look(sorted(wanted), start, end)
        for id, spans in (await busy_between(self.tx, sorted(wanted), start, end)).items():
            whole = resources[id]["capacity"]
            away = (Taken(*span, whole) for span in spans)
            taken[id] = sorted([*taken.get(id, ()), *away], key=lambda one: one.starts_at)
        ids = {resources[id]["calendar_id"] for id in wanted} - {None}
        calendars = await calendars_at(self.tx, ids, start) if ids else {}
        opens = {id: list(calendar.spans(start, end)) for id, calendar in calendars.items()}
        return {
            id: Wanted(
                resources[id]["capacity"] - one["quantity"],
                taken.get(id, ()),
                opens.get(resources[id]["calendar_id"]),
            )
            for id, one in wanted.items()
        }

    async def _hold(
        self,
        entry: WaitlistEntry,
        start: datetime,
        end: datetime,
        booked: Sequence[Mapping[str, Any]],
    ) -> None:
        until = self.tx.now + timedelta(minutes=entry.offer_minutes)
        made = await self.bookings.create(
            BookingCreate(
                title=entry.title,
                description=entry.description,
                booking_type_id=None,
                starts_at=start,
                duration=None,
                ends_at=end,
                buffer_before=0,
                buffer_after=0,
                ignores_calendars=False,
                resources=[BookedFields.model_validate(one) for one in booked],
                hold_expires_at=until,
                company_id=entry.company_id,
                contact_id=entry.contact_id,
                deal_id=entry.deal_id,
                case_id=None,
                reserved_for=None,
                owner_id=hand_down(self.tx, entry.owner_id),
            )
        )
        values = {"status": "offered", "booking_id": made.id, "offered_at": self.tx.now}
        await self.entries.change(entry, values | {"decided_at": self.tx.now}, verb="offered")


def _of(rows: Sequence[Any], types: set[str]) -> list[UUID]:
    return list(dict.fromkeys(row["record_id"] for row in rows if row["type"] in types))


def _ids(booked: Sequence[Mapping[str, Any]]) -> set[UUID]:
    return {UUID(str(one["resource_id"])) for one in booked}


def _is_bookable(resource: Any) -> bool:
    return (
        resource is not None and resource["deleted_at"] is None and resource["status"] == "active"
    )


def _next_minute(at: datetime) -> datetime:
    whole = at.replace(second=0, microsecond=0)
    return whole if whole == at else whole + timedelta(minutes=1)
