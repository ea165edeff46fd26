"""What there is to do, asked of every workload; and whose it is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_api.domains.work.ranking import midnight
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden, NotFound
from crm_api.kit.work import MOST, Asked, Item, Workload

_USER = """
    SELECT u.id, coalesce(u.time_zone, o.time_zone) AS time_zone
    FROM users u JOIN organizations o ON o.id = u.organization_id
    WHERE u.organization_id = $1 AND u.id = $2 AND u.deleted_at IS NULL
"""


@dataclass
class Gathered:
    """Items with the names of their workloads, and which of these have more."""

    items: list[tuple[str, Item]] = field(default_factory=list[tuple[str, Item]])
    left_off: list[str] = field(default_factory=list[str])


class Workloads:
    """All that parts of the product know of; told by the registry."""

    known: ClassVar[Sequence[Workload]] = ()

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def whose(self, user_id: UUID | None) -> tuple[UUID, ZoneInfo]:
        """The user who is meant, without a name the one who asks, and their time zone.

        Of others no more is seen than of their records anywhere. Raises `NotFound`, `Forbidden`.
        """
        access = self.tx.actor.access
        wanted = user_id or (access and access.user_id)
        if wanted is None:
            raise Forbidden("Users have work to do, not programs.", code="no_user")
        rows = await self.tx.fetch(_USER, self.tx.organization_id, wanted)
        if not rows:
            raise NotFound(f"There is no user {wanted}.")
        return wanted, ZoneInfo(rows[0]["time_zone"])

    async def agenda(self, asked: Asked) -> Gathered:
        """What is on the agenda in a time that has a beginning, in its order."""
        found = await self._load([load for load in self.known if load.agenda], asked)
        assert asked.since is not None
        kept = [
            (name, item)
            for name, item in found.items
            if _is_within(item, asked.since, asked.until, asked.zone)
        ]
        found.items = sorted(kept, key=lambda one: _place(one[1], asked.zone))
        return found

    async def open(self, asked: Asked) -> Gathered:
        """What is to be done by then, whenever it was due."""
        found = await self._load([load for load in self.known if load.queue], asked)
        found.items = [(name, item) for name, item in found.items if item.is_open]
        return found

    async def _load(self, loads: Sequence[Workload], asked: Asked) -> Gathered:
        found = Gathered()
        for load in loads:
            # Of what is switched off, or not for the actor, there is nothing.
            if not self.tx.actor.covers(f"{load.area}:read"):
                continue
            items = await load.load(self.tx, asked)
            found.items += [(load.name, item) for item in items[:MOST]]
            if len(items) > MOST:
                found.left_off.append(load.name)
        return found


def days_of(first: date, last: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From when to when some days last somewhere, the last one included."""
    return midnight(first, zone), midnight(last + timedelta(days=1), zone)


def _is_within(item: Item, since: datetime, until: datetime, zone: ZoneInfo) -> bool:
    begins, ends = _span(item, zone)
    if begins is None or ends is None:
        return False
    return begins < until and (ends > since or begins >= since)


def _span(item: Item, zone: ZoneInfo) -> tuple[datetime | None, datetime | None]:
    if item.starts_at is not None:
        return item.starts_at, item.ends_at or item.starts_at
    if item.due_at is not None:
        return item.due_at, item.due_at
    if item.day is None:
        return None, None
    return midnight(item.day, zone), midnight(item.day + timedelta(days=1), zone)


def _place(item: Item, zone: ZoneInfo) -> tuple[date, int, str, str, str]:
    begins, _ = _span(item, zone)
    assert begins is not None
    moment = item.starts_at or item.due_at
    day = begins.astimezone(zone).date()
    clock = "" if moment is None else begins.isoformat()
    return day, int(moment is not None), clock, item.kind, str(item.id)
