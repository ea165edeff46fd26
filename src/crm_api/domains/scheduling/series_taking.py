"""The time that all occurrences of a recurring booking take: looked at and taken at once."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from crm_api.domains.scheduling.allocating import SHOWN, Allocations, Place, Seen
from crm_api.domains.scheduling.busy import busy_between
from crm_api.domains.scheduling.expanding import Occurrence
from crm_api.domains.scheduling.sweeping import Taken, in_the_way
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict
from crm_api.kit.ids import new_id
from crm_api.platform.calendars.service import calendars_at

# Without a lock: what is shown may be gone when it is wanted.
_RESOURCES = """
    SELECT id, name, kind, status, capacity, calendar_id, deleted_at FROM resources
    WHERE organization_id = $1 AND id = ANY($2)
"""
_GLANCE = """
    SELECT resource_id, booking_id, starts_at, ends_at, quantity FROM booking_allocations
    WHERE organization_id = $1 AND resource_id = ANY($2) AND is_active
        AND (hold_expires_at IS NULL OR hold_expires_at > $5)
        AND ends_at > $3 AND starts_at < $4
    ORDER BY resource_id, starts_at, booking_id
"""
_TAKE = """
    INSERT INTO booking_allocations (organization_id, id, booking_id, resource_id, starts_at,
        ends_at, quantity, is_exclusive, is_active, hold_expires_at)
    SELECT $1, w.id, w.booking_id, w.resource_id, w.starts_at, w.ends_at, w.quantity,
        w.is_exclusive, true, NULL
    FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[], $6::timestamptz[],
            $7::integer[], $8::boolean[])
        AS w (id, booking_id, resource_id, starts_at, ends_at, quantity, is_exclusive)
    ORDER BY w.resource_id, w.starts_at
"""
OUTSIDE_WORKING_TIME = "outside_working_time"
BUSY_ELSEWHERE = "busy_elsewhere"
TAKEN = "resource_taken"


@dataclass(frozen=True)
class Clash:
    """Why an occurrence cannot be had."""

    code: str
    taken: tuple[tuple[UUID, Taken], ...] = ()


class SeriesTaking:
    """What occurrences would take, and whether they may."""

    def __init__(self, tx: Tx) -> None:
        self.tx, self.allocations = tx, Allocations(tx)

    async def resources(self, ids: Sequence[UUID]) -> dict[UUID, Any]:
        """What resources are now, whoever asks, without a lock."""
        rows = await self.tx.fetch(_RESOURCES, self.tx.organization_id, list(ids))
        return {row["id"]: row for row in rows}

    async def clashes(
        self,
        occurrences: Sequence[Occurrence],
        values: Mapping[str, Any],
        resources: Mapping[UUID, Any],
        *,
        locked: bool,
    ) -> dict[str, Clash]:
        """Which occurrences cannot be had, by their keys; also because of each other.

        `locked` resources are looked at for good. Those that were refused stand in nobody's way.
        """
        wanted = {one.key: place_at(one, values) for one in occurrences}
        places = list(wanted.values())
        span = min(p.starts_at for p in places), max(p.ends_at for p in places)
        look = self.allocations.look if locked else self._glance
        taken = await look(places[0].ids, *span)
        found = await self._outside(occurrences, values, resources)
        inside = {key: place for key, place in wanted.items() if key not in found}
        rooms = {id: resources[id]["capacity"] for id in places[0].ids}
        return found | dict(_clashing(inside, rooms, taken))

    async def _glance(
        self, ids: Sequence[UUID], start: datetime, end: datetime
    ) -> dict[UUID, list[Taken]]:
        own = self.tx.organization_id
        found: dict[UUID, list[Taken]] = {}
        for row in await self.tx.fetch(_GLANCE, own, list(ids), start, end, self.tx.now):
            taken = Taken(row["starts_at"], row["ends_at"], row["quantity"], row["booking_id"])
            found.setdefault(row["resource_id"], []).append(taken)
        return found

    async def _outside(
        self,
        occurrences: Sequence[Occurrence],
        values: Mapping[str, Any],
        resources: Mapping[UUID, Any],
    ) -> dict[str, Clash]:
        """Those outside the working time of a resource, or in which one is busy elsewhere."""
        if values["ignores_calendars"]:
            return {}
        booked = [resources[UUID(str(one["resource_id"]))] for one in values["resources"]]
        away = await self._away(occurrences, [row["id"] for row in booked])
        ids = {row["calendar_id"] for row in booked if row["calendar_id"] is not None}
        if not ids:
            return away
        calendars = await calendars_at(self.tx, ids, occurrences[0].starts_at)
        return away | {
            one.key: Clash(OUTSIDE_WORKING_TIME)
            for one in occurrences
            if any(
                list(calendars[id].spans(one.starts_at, one.ends_at))
                != [(one.starts_at, one.ends_at)]
                for id in ids
            )
        }

    async def _away(
        self, occurrences: Sequence[Occurrence], ids: Sequence[UUID]
    ) -> dict[str, Clash]:
        first = min(one.starts_at for one in occurrences)
        last = max(one.ends_at for one in occurrences)
        found = await busy_between(self.tx, ids, first, last)
        spans = sorted(span for own in found.values() for span in own)
        return {
            one.key: Clash(BUSY_ELSEWHERE)
            for one in occurrences
            if any(opens < one.ends_at and closes > one.starts_at for opens, closes in spans)
        }

    async def take(self, places: Mapping[UUID, Place], resources: Mapping[UUID, Any]) -> None:
        """Give bookings their time of resources, which are locked and known to be free."""
        rows = [
            (new_id(), booking_id, id, place.starts_at, place.ends_at, quantity)
            for booking_id, place in places.items()
            for id, quantity in place.quantities
        ]
        columns = [list(column) for column in zip(*rows, strict=True)]
        exclusive = [resources[row[2]]["capacity"] == 1 for row in rows]
        await self.tx.write(_TAKE, self.tx.organization_id, *columns, exclusive)

    async def told(
        self, occurrences: Sequence[Occurrence], clashes: Mapping[str, Clash], seen: Seen
    ) -> list[dict[str, Any]]:
        """Occurrences and what they clash with, as whoever asks may know it."""
        shown = {key: clash.taken[:SHOWN] for key, clash in clashes.items()}
        ids = {t.booking_id for taken in shown.values() for _, t in taken} - {None}
        visible = await seen([id for id in ids if id is not None])
        return [
            {
                "occurrence": one.key,
                "starts_at": one.starts_at,
                "ends_at": one.ends_at,
                "code": clashes[one.key].code if one.key in clashes else None,
                "conflicts": [
                    {
                        "resource_id": id,
                        "start": taken.starts_at,
                        "end": taken.ends_at,
                        "quantity": taken.quantity,
                        "booking_id": taken.booking_id if taken.booking_id in visible else None,
                    }
                    for id, taken in shown.get(one.key, ())
                ],
            }
            for one in occurrences
        ]

    async def refusal(
        self, occurrences: Sequence[Occurrence], clashes: Mapping[str, Clash], seen: Seen
    ) -> Conflict:
        """The error that names the occurrences that cannot be had."""
        bad = [one for one in occurrences if one.key in clashes]
        message = f"{len(bad)} of {len(occurrences)} occurrences cannot be had."
        details = {
            "clashes": len(bad),
            "occurrences": await self.told(bad[:SHOWN], clashes, seen),
        }
        return Conflict(message, code="occurrences_taken", details=details)


def place_at(one: Occurrence, values: Mapping[str, Any]) -> Place:
    """What an occurrence takes by the columns of its series."""
    booked = ((UUID(str(each["resource_id"])), each["quantity"]) for each in values["resources"])
    return Place(
        one.starts_at - timedelta(minutes=values["buffer_before"]),
        one.ends_at + timedelta(minutes=values["buffer_after"]),
        tuple(sorted(booked)),
        None,
    )


def _clashing(
    wanted: Mapping[str, Place], rooms: Mapping[UUID, int], taken: Mapping[UUID, list[Taken]]
) -> Iterator[tuple[str, Clash]]:
    """The occurrences, which are in order, that do not fit in with what is taken."""
    timelines = {id: _Timeline(taken.get(id, ())) for id in rooms}
    for key, place in wanted.items():
        found: list[tuple[UUID, Taken]] = []
        for id, quantity in place.quantities:
            near = timelines[id].near(place)
            blocking = in_the_way(near, place.starts_at, place.ends_at, rooms[id] - quantity)
            found += [(id, one) for one in blocking]
        if found:
            yield key, Clash(TAKEN, tuple(found))
            continue
        for id, quantity in place.quantities:
            timelines[id].add(Taken(place.starts_at, place.ends_at, quantity))


class _Timeline:
    """What is taken of a resource, gone through once for places that come in order."""

    def __init__(self, taken: Sequence[Taken]) -> None:
        self._ahead = sorted(taken, key=_start)
        self._next, self._live = 0, list[Taken]()

    def near(self, place: Place) -> list[Taken]:
        """What a place may meet."""
        while self._next < len(self._ahead) and _start(self._ahead[self._next]) < place.ends_at:
            self._live.append(self._ahead[self._next])
            self._next += 1
        self._live = [one for one in self._live if one.ends_at > place.starts_at]
        return self._live

    def add(self, one: Taken) -> None:
        """What is taken besides."""
        self._live.append(one)


_start: Callable[[Taken], datetime] = lambda one: one.starts_at  # noqa: E731
