"""Agendas and the ranked queue of users."""

from dataclasses import asdict
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from crm_api.domains.work.gathering import Workloads, days_of
from crm_api.domains.work.ranking import ranked
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.errors import Invalid
from crm_api.kit.schema import EARLIEST, LATEST
from crm_api.kit.work import Asked, Item

AREA = "work"
MOST_AGENDA_DAYS = 366
HORIZON = timedelta(days=14)
"""What is due later is not in the queue yet."""
_LINKS = ("company_id", "contact_id", "deal_id")


class WorkService:
    """What a user has to do, as far as whoever asks may see it."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def agenda(
        self, first: date | None, last: date | None, user_id: UUID | None = None
    ) -> dict[str, Any]:
        """What is planned and due from one day to another, where the user is.

        Without days the week that begins today. Raises `Invalid` for days out of order, for more
        than a year, or far from any.
        """
        self.tx.actor.need_scope(f"{AREA}:read")
        for name, day in (("from", first), ("to", last)):
            if day is not None and not EARLIEST.date() <= day < LATEST.date():
                message = "A date lies between the years 1900 and 2200."
                raise Invalid.parameter(name, "out_of_range", message)
        async with at_one_moment(self.tx) as reader:
            loads = Workloads(reader)
            whose, zone = await loads.whose(user_id)
            first = first or reader.now.astimezone(zone).date()
            last = last or first + timedelta(days=6)
            if last < first:
                raise Invalid.parameter("to", "before_from", "It is no earlier than `from`.")
            if (last - first).days >= MOST_AGENDA_DAYS:
                message = f"At most {MOST_AGENDA_DAYS} days."
                raise Invalid.parameter("to", "too_long", message)
            since, until = days_of(first, last, zone)
            found = await loads.agenda(Asked(whose, zone, reader.now, until, since))
        return {
            "user_id": whose,
            "time_zone": zone.key,
            "first_day": first,
            "last_day": last,
            "data": [_shown(name, item) for name, item in found.items],
            "left_off": found.left_off,
        }

    async def next(self, limit: int, user_id: UUID | None = None) -> dict[str, Any]:
        """What to do next, by the points of `ranking.py`; due within a fortnight, or undated."""
        self.tx.actor.need_scope(f"{AREA}:read")
        async with at_one_moment(self.tx) as reader:
            loads = Workloads(reader)
            whose, zone = await loads.whose(user_id)
            now = reader.now
            found = await loads.open(Asked(whose, zone, now, now + HORIZON))
        order = ranked(found.items, now, zone)
        data = [
            {
                **_shown(one.workload, one.item),
                "rank": place,
                "score": one.score,
                "reasons": [asdict(reason) for reason in one.reasons],
            }
            for place, one in enumerate(order[:limit], start=1)
        ]
        return {
            "user_id": whose,
            "time_zone": zone.key,
            "data": data,
            "total": len(order),
            "left_off": found.left_off,
        }


def _shown(workload: str, item: Item) -> dict[str, Any]:
    return {
        "record": {"target": item.entity, "record_id": item.id},
        "workload": workload,
        "kind": item.kind,
        "title": item.title,
        "priority": item.priority,
        "all_day": item.starts_at is None and item.due_at is None and item.day is not None,
        "day": item.day,
        "starts_at": item.starts_at,
        "ends_at": item.ends_at,
        "due_at": item.due_at,
        "location": item.location,
        "is_open": item.is_open,
        **{name: item.links.get(name) for name in _LINKS},
    }
