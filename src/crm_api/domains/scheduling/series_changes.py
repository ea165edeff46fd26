"""What is done with recurring bookings: with one occurrence, from one on, or with all to come.

Whoever does it locks the series, then its bookings in the order of their ids, then all resources in
the order of theirs; whoever acts on a single booking never locks its series.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from crm_api.domains.scheduling.actions import BookingActions
from crm_api.domains.scheduling.allocating import Allocations
from crm_api.domains.scheduling.expanding import (
    Expansion,
    Occurrence,
    earliest,
    expand,
    key_of,
    wall_of,
)
from crm_api.domains.scheduling.models import Booking
from crm_api.domains.scheduling.schemas import BookingReschedule
from crm_api.domains.scheduling.series import SeriesService
from crm_api.domains.scheduling.series_models import RecurringBooking
from crm_api.domains.scheduling.series_schemas import SeriesCancel, SeriesReschedule
from crm_api.domains.scheduling.series_taking import SeriesTaking, place_at
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.transitions import not_for
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, Invalid
from crm_api.kit.ids import new_id
from crm_api.kit.recurrence import instant

SERIES_EVENTS = tuple(f"recurring_booking.{verb}" for verb in ("cancelled", "rescheduled", "ended"))
_MOVABLE = frozenset({"held", "confirmed"})
_STAMPS = frozenset(
    {
        *("organization_id", "version", "created_at", "updated_at", "created_by", "updated_by"),
        *("deleted_at", "deleted_by"),
    }
)


@dataclass(frozen=True)
class _Later:
    """What of a series is still to come, from a place on."""

    expansion: Expansion
    place: int

    @property
    def keys(self) -> list[str]:
        """The keys of its occurrences."""
        return [key_of(at) for at in self.expansion.times[self.place :]]

    def ended(self, series: RecurringBooking) -> dict[str, Any]:
        """The series without it: ended with the occurrence before, of which there is one."""
        last = self.expansion.times[self.place - 1]
        gone = set(self.keys)
        return {
            "rule": self.expansion.rule.up_to(last, self.expansion.zone).text,
            "exceptions": [key for key in series.exceptions if key not in gone],
            "skipped": [one for one in series.skipped if one["occurrence"] not in gone],
        }


class SeriesActions:
    """The actions of recurring bookings."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.series = SeriesService(tx)
        self.bookings = self.series.bookings
        self.allocations = Allocations(tx)

    async def cancel(self, id: UUID, data: SeriesCancel, expected: int | None = None) -> Any:
        """Give up one occurrence, those from one on, or all that are still to come."""
        series = await self._locked(id, expected, "cancel")
        if data.scope == "this":
            booking = await self._one(series, data.occurrence)
            await BookingActions(self.tx).go(booking.id, "cancel", data.reason)
            return await self._told(series)
        later = self._later(series, data.scope, data.occurrence)
        going = [
            one
            for one in self._ahead(await self.series.locked_bookings(id), set(later.keys))
            if data.includes_detached or not one.is_detached
        ]
        ids = [one.id for one in going]
        await self.allocations.lock_of(ids)
        await self.allocations.free(ids)
        gone = {"status": "cancelled", "decided_at": self.tx.now, "cancel_reason": data.reason}
        for one in going:
            await self.bookings.write(one, gone, verb="cancelled")
        values = later.ended(series) if later.place else {}
        if data.scope == "all" or not later.place:
            values["status"] = "cancelled"
        return await self._change(series, values, "cancelled")

    async def reschedule(
        self, id: UUID, data: SeriesReschedule, expected: int | None = None
    ) -> Any:
        """Have one occurrence, those from one on, or all to come be at another time, or of others.

        Those from one on that is not the first become a series of their own, which is returned.
        """
        series = await self._locked(id, expected, "reschedule")
        if data.scope == "this":
            await self._move_one(series, data)
            return await self._told(series)
        later = self._later(series, data.scope, data.occurrence)
        bookings = await self.series.locked_bookings(id)
        columns, moved = self._columns(series, later, data)
        if not later.place:
            await self._move(bookings, columns, moved)
            kept = {name: columns[name] for name in _MOVED}
            return await self._change(series, kept, "rescheduled")
        columns |= {"id": new_id(), "parent_id": id, "external_ids": {}}
        columns["custom"] = self.series.custom_of(series)
        made = self.series.add({n: v for n, v in columns.items() if n not in _STAMPS})
        await self._move(bookings, columns, moved)
        await self._change(series, later.ended(series), "ended")
        return await self.series.told(made, new=True)

    async def _locked(self, id: UUID, expected: int | None, verb: str) -> RecurringBooking:
        self.series.need("update")
        series = await self.series.locked(id, expected)
        if series.status != "active":
            raise not_for("series", series.status, verb, [])
        return series

    async def _told(self, series: RecurringBooking) -> Any:
        return await self.series.told(self.series.shown_of(series))

    async def _change(self, series: RecurringBooking, values: dict[str, Any], verb: str) -> Any:
        return await self.series.told(await self.series.change(series, values, verb=verb))

    # One of them

    async def _one(self, series: RecurringBooking, key: str | None) -> Booking:
        if key is None:
            raise Invalid.at("/occurrence", "missing", "Say which one.")
        for booking in await self.series.locked_bookings(series.id):
            if booking.occurrence == key:
                return booking
        raise _no_such()

    async def _move_one(self, series: RecurringBooking, data: SeriesReschedule) -> None:
        booking = await self._one(series, data.occurrence)
        start, length = booking.starts_at, booking.ends_at - booking.starts_at
        if data.starts_local is not None:
            start = instant(wall_of(data.starts_local), _zone(series))
        if data.duration_minutes is not None:
            length = timedelta(minutes=data.duration_minutes)
        body = BookingReschedule(
            starts_at=start,
            ends_at=start + length,
            buffer_before=None,
            buffer_after=None,
            resources=data.resources,
            ignores_calendars=None,
        )
        await BookingActions(self.tx).reschedule(booking.id, body)

    # From one on

    def _later(self, series: RecurringBooking, scope: str, key: str | None) -> _Later:
        """What is to come from an occurrence on, or at all; raises `Invalid`, `Conflict`."""
        expansion = expand(columns_of(series))
        place = earliest(expansion.zone, expansion.times, self.tx.now)
        if scope == "following":
            if key is None:
                raise Invalid.at("/occurrence", "missing", "Say from which one on.")
            keys = [key_of(at) for at in expansion.times]
            if key not in keys:
                raise _no_such()
            place = max(place, keys.index(key))
        elif key is not None:
            message = "All that are to come need no first one."
            raise Invalid.at("/occurrence", "not_for_all", message)
        if place == len(expansion.times):
            raise Conflict("Nothing of it is still to come.", code="series_over")
        return _Later(expansion, place)

    def _ahead(self, bookings: Sequence[Booking], keys: Collection[str]) -> list[Booking]:
        """What can still be changed of what a series has booked under some keys."""
        return [
            one
            for one in bookings
            if one.occurrence in keys and one.status in _MOVABLE and one.starts_at > self.tx.now
        ]

    def _columns(
        self, series: RecurringBooking, later: _Later, data: SeriesReschedule
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """What is to come as a series of its own, and its keys by those that were.

        Raises `Invalid` where its rule would say otherwise.
        """
        expansion, keys = later.expansion, later.keys
        offset = timedelta()
        if data.starts_local is not None:
            offset = wall_of(data.starts_local) - wall_of(data.occurrence or keys[0])
        times = tuple(at + offset for at in expansion.times[later.place :])
        moved = dict(zip(keys, map(key_of, times), strict=True))
        rule = (
            expansion.rule.up_to(times[-1], expansion.zone)
            if expansion.rule.count is None
            else expansion.rule.times(len(times))
        )
        columns = columns_of(series) | {
            "rule": rule.text,
            "starts_local": key_of(times[0]),
            "exceptions": [moved[key] for key in series.exceptions if key in moved],
            "skipped": [
                {**one, "occurrence": moved[one["occurrence"]]}
                for one in series.skipped
                if one["occurrence"] in moved
            ],
        }
        if data.duration_minutes is not None:
            columns["duration_minutes"] = data.duration_minutes
        if data.resources is not None:
            columns["resources"] = decode(encode([one.model_dump() for one in data.resources]))
        columns |= self.series.settled(columns)
        if expand(columns).times != times:
            message = "Moved so far, its rule would have other days: make a new series instead."
            raise Invalid.at("/starts_local", "rule_would_change", message)
        return columns, moved

    async def _move(
        self, bookings: Sequence[Booking], columns: dict[str, Any], moved: Mapping[str, str]
    ) -> None:
        """Have what is booked be of a series, and what can still move be when that says."""
        going = {
            moved[one.occurrence]: one
            for one in self._ahead(bookings, moved)
            if one.occurrence is not None and not one.is_detached
        }
        expansion = expand(columns)
        all_of_it = expansion.occurrences(columns["duration_minutes"], frozenset())
        wanted = [one for one in all_of_it if one.key in going]
        if wanted:
            await self._retake(going, wanted, expansion, columns)
        times = {one.key: (one.starts_at, one.ends_at) for one in wanted}
        for one in bookings:
            if one.occurrence is None or one.occurrence not in moved:
                continue
            key = moved[one.occurrence]
            values: dict[str, Any] = {"series_id": columns["id"], "occurrence": key}
            verb = "updated"
            if going.get(key) is one:
                values["starts_at"], values["ends_at"] = times[key]
                values["resources"] = columns["resources"]
                if any(getattr(one, n) != values[n] for n in ("starts_at", "ends_at", "resources")):
                    values["sequence"], verb = one.sequence + 1, "rescheduled"
            await self.bookings.write(one, values, verb=verb)

    async def _retake(
        self,
        going: Mapping[str, Booking],
        wanted: Sequence[Occurrence],
        expansion: Expansion,
        columns: Mapping[str, Any],
    ) -> None:
        """Free the time of what moves, all of it, and take what it is to have instead."""
        old = [UUID(str(one["resource_id"])) for b in going.values() for one in b.resources]
        new = [UUID(str(one["resource_id"])) for one in columns["resources"]]
        await self.allocations.lock([*old, *new])
        await self.allocations.free([one.id for one in going.values()])
        planned = await self.series.fit(columns, expansion, wanted, kept=old)
        taking = SeriesTaking(self.tx)
        if planned.clashes:
            raise await taking.refusal(wanted, planned.clashes, self.bookings.seen)
        places = {going[one.key].id: place_at(one, columns) for one in wanted}
        await taking.take(places, planned.resources)


_MOVED = ("rule", "starts_local", "exceptions", "skipped", "duration_minutes", "resources")


def _zone(series: RecurringBooking) -> Any:
    return expand(columns_of(series)).zone


def _no_such() -> Invalid:
    return Invalid.at("/occurrence", "not_an_occurrence", "It has none with that local start.")
