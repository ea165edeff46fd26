"""The time that bookings take of resources: the one place that gives and frees it.

Each of these first locks the resources in the order of their ids, and looks at what is taken by a
statement of its own after that, whose snapshot has all that the holders before have committed.
Whoever changes a booking locks it before its resources. So nobody waits in a ring, and what was
counted still holds when it is written. An exclusion constraint alone keeps bookings apart, but lets
those who reserve several resources at once wait for each other in a ring.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from crm_api.domains.scheduling.sweeping import Taken, in_the_way, peak
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict
from crm_api.kit.ids import new_id

Seen = Callable[[Collection[UUID]], Awaitable[Collection[UUID]]]
"""Those of some bookings that the actor sees."""
SHOWN = 20
_ACTIVE = frozenset({"held", "confirmed", "checked_in", "completed"})
_LOCK = """
    SELECT id, name, kind, status, capacity, calendar_id, user_id, skills, deleted_at
    FROM resources WHERE organization_id = $1 AND id = ANY($2) ORDER BY id FOR NO KEY UPDATE
"""
# Holds that have expired take nothing, whether anybody has swept them up or not.
_LOOK = """
    WITH expired AS (
        UPDATE booking_allocations SET is_active = false
        WHERE organization_id = $1 AND resource_id = ANY($2) AND is_active
            AND hold_expires_at <= $5)
    SELECT resource_id, booking_id, starts_at, ends_at, quantity FROM booking_allocations
    WHERE organization_id = $1 AND resource_id = ANY($2) AND is_active
        AND (hold_expires_at IS NULL OR hold_expires_at > $5)
        AND ends_at > $3 AND starts_at < $4
    ORDER BY resource_id, starts_at, booking_id
"""
_TAKEN = """
    SELECT booking_id, starts_at, ends_at, quantity FROM booking_allocations
    WHERE organization_id = $1 AND resource_id = $2 AND is_active
        AND (hold_expires_at IS NULL OR hold_expires_at > $5)
        AND ends_at > $3 AND starts_at < $4
    ORDER BY starts_at, booking_id
"""
_TAKE = """
    INSERT INTO booking_allocations (organization_id, id, booking_id, resource_id, starts_at,
        ends_at, quantity, is_exclusive, is_active, hold_expires_at)
    SELECT $1, w.id, $2, w.resource_id, $3, $4, w.quantity, w.is_exclusive, true, $5
    FROM unnest($6::uuid[], $7::uuid[], $8::integer[], $9::boolean[])
        AS w (id, resource_id, quantity, is_exclusive)
    ORDER BY w.resource_id
"""
_DROP = "DELETE FROM booking_allocations WHERE organization_id = $1 AND booking_id = ANY($2)"
_KEEP = """
    UPDATE booking_allocations SET hold_expires_at = $3
    WHERE organization_id = $1 AND booking_id = $2 AND is_active RETURNING id
"""
# Those in the bin have no time of any, and want it back when they are restored.
_RESOURCES_OF = """
    SELECT resource_id FROM booking_allocations
    WHERE organization_id = $1 AND booking_id = ANY($2)
    UNION
    SELECT (r ->> 'resource_id')::uuid FROM bookings b, jsonb_array_elements(b.resources) r
    WHERE b.organization_id = $1 AND b.id = ANY($2) AND b.deleted_at IS NOT NULL
"""
_ANY_OF = """
    SELECT 1 AS one FROM booking_allocations
    WHERE organization_id = $1 AND resource_id = $2 LIMIT 1
"""
_SHARE = """
    UPDATE booking_allocations SET is_exclusive = $3
    WHERE organization_id = $1 AND resource_id = $2 AND is_active AND ends_at > $4
"""


@dataclass(frozen=True)
class Place:
    """The time that a booking takes, buffers included, and how much of what."""

    starts_at: datetime
    ends_at: datetime
    quantities: tuple[tuple[UUID, int], ...]
    expires_at: datetime | None

    @property
    def ids(self) -> list[UUID]:
        """The resources, in order."""
        return [id for id, _ in self.quantities]

    def moved_to(self, other: "Place") -> bool:
        """Whether more than the end of a hold is different."""
        return replace(self, expires_at=None) != replace(other, expires_at=None)


def place_of(values: Mapping[str, Any]) -> Place | None:
    """What a booking with these columns takes; None where it takes nothing."""
    if values["deleted_at"] is not None or values["status"] not in _ACTIVE:
        return None
    booked = ((UUID(str(one["resource_id"])), one["quantity"]) for one in values["resources"])
    return Place(
        values["starts_at"] - timedelta(minutes=values["buffer_before"]),
        values["ends_at"] + timedelta(minutes=values["buffer_after"]),
        tuple(sorted(booked)),
        values["hold_expires_at"] if values["status"] == "held" else None,
    )


class Allocations:
    """The time that bookings of an organization take."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def lock(self, ids: Iterable[UUID]) -> dict[UUID, Any]:
        """Lock resources, in the bin or not, whoever asks; returns what they are now, by id."""
        wanted = sorted(set(ids))
        rows = await self.tx.write(_LOCK, self.tx.organization_id, wanted) if wanted else []
        return {row["id"]: row for row in rows}

    async def lock_of(self, booking_ids: Sequence[UUID]) -> None:
        """Lock the resources of several bookings, which are locked, before any is changed."""
        rows = await self.tx.fetch(_RESOURCES_OF, self.tx.organization_id, list(booking_ids))
        await self.lock(row["resource_id"] for row in rows)

    async def take(
        self, booking_id: UUID, place: Place, resources: Mapping[UUID, Any], seen: Seen
    ) -> None:
        """Give a booking its time of all resources, which are locked; raises `Conflict`."""
        tx, own = self.tx, self.tx.organization_id
        found = await self.look(place.ids, place.starts_at, place.ends_at)
        clashes: list[tuple[UUID, Taken]] = []
        for id, quantity in place.quantities:
            room = resources[id]["capacity"] - quantity
            blocking = in_the_way(found.get(id, ()), place.starts_at, place.ends_at, room)
            clashes += [(id, one) for one in blocking]
        if clashes:
            raise await _taken(clashes, seen)
        columns = zip(*place.quantities, strict=True)
        ids, quantities = (list(column) for column in columns)
        exclusive = [resources[id]["capacity"] == 1 for id in ids]
        new = [new_id() for _ in ids]
        where = (booking_id, place.starts_at, place.ends_at, place.expires_at)
        await tx.write(_TAKE, own, *where, new, ids, quantities, exclusive)

    async def look(
        self, ids: Sequence[UUID], start: datetime, end: datetime
    ) -> dict[UUID, list[Taken]]:
        """What is taken of resources, which are locked; holds that are over end with that."""
        own = self.tx.organization_id
        found: dict[UUID, list[Taken]] = {}
        for row in await self.tx.write(_LOOK, own, list(ids), start, end, self.tx.now):
            taken = Taken(row["starts_at"], row["ends_at"], row["quantity"], row["booking_id"])
            found.setdefault(row["resource_id"], []).append(taken)
        return found

    async def free(self, booking_ids: Sequence[UUID]) -> None:
        """Have bookings take nothing any more; their resources are locked."""
        await self.tx.write(_DROP, self.tx.organization_id, list(booking_ids))

    async def keep(self, booking_id: UUID, place: Place) -> None:
        """Have what is held be held until another instant, or for good; raises `Conflict`.

        It is not enough that the hold looks current: whoever came after its end has taken it away.
        """
        rows = await self.tx.write(_KEEP, self.tx.organization_id, booking_id, place.expires_at)
        if len(rows) != len(place.quantities):
            raise hold_expired()

    async def resize(self, resource_id: UUID, capacity: int) -> None:
        """Have a resource, which is locked, have another capacity; raises `Conflict`.

        What is booked from now on must fit in; what is over stays as it was.
        """
        tx, own = self.tx, self.tx.organization_id
        end = datetime.max.replace(tzinfo=tx.now.tzinfo)
        rows = await tx.write(_LOOK, own, [resource_id], tx.now, end, tx.now)
        taken = [Taken(row["starts_at"], row["ends_at"], row["quantity"]) for row in rows]
        start = min((one.starts_at for one in taken), default=tx.now)
        most = peak(taken, start, max((one.ends_at for one in taken), default=tx.now))
        if most > capacity:
            message = f"So much as {most} of it is booked at once."
            raise Conflict(message, code="capacity_booked", details={"booked": most})
        await tx.write(_SHARE, own, resource_id, capacity == 1, tx.now)

    async def taken(self, resource_id: UUID, start: datetime, end: datetime) -> list[Taken]:
        """What is taken of a resource in a window, whoever asks."""
        args = (self.tx.organization_id, resource_id, start, end, self.tx.now)
        rows = await self.tx.fetch(_TAKEN, *args)
        return [
            Taken(row["starts_at"], row["ends_at"], row["quantity"], row["booking_id"])
            for row in rows
        ]

    async def has_any(self, resource_id: UUID) -> bool:
        """Whether a resource was ever booked by what is not gone for good."""
        return bool(await self.tx.fetch(_ANY_OF, self.tx.organization_id, resource_id))


async def _taken(clashes: Sequence[tuple[UUID, Taken]], seen: Seen) -> Conflict:
    shown = clashes[:SHOWN]
    visible = await seen({one.booking_id for _, one in shown if one.booking_id is not None})
    conflicts = [
        {
            "resource_id": id,
            "start": one.starts_at,
            "end": one.ends_at,
            "quantity": one.quantity,
            "booking_id": one.booking_id if one.booking_id in visible else None,
        }
        for id, one in shown
    ]
    message = "What is to be booked is taken at that time."
    return Conflict(message, code="resource_taken", details={"conflicts": conflicts})


def hold_expired() -> Conflict:
    """The error for a hold whose time is over."""
    return Conflict("The hold has expired; its time is free again.", code="hold_expired")


async def forget_allocations(tx: Tx, entity: str, ids: Sequence[UUID]) -> None:
    """Bookings that are gone for good take nothing, and are not remembered."""
    if entity == "booking":
        await Allocations(tx).free(ids)
