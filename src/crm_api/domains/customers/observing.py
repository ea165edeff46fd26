"""What is seen of customers: by what and when they get in touch, and what they order.

Nobody writes it down. It is counted when it is asked for, of the points of contact that `following.py` keeps and of what
was ordered; nothing is stored, so at any moment of the past it is what was seen by then. A value
is known when there are enough observations and one stands before all others. Its confidence is the
lower bound of the Wilson score interval of its share at 95 % (Wilson 1927, JASA 22, 209-212),
in per cent: four of five is less sure than forty of fifty.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from crm_api.domains.customers.declared import Declared
from crm_api.domains.customers.models import PreferenceKey
from crm_api.domains.customers.timeline import Timeline
from crm_api.kit.customer360 import Customer
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden, ModuleClosed

Aspect = Literal["channel", "part_of_day", "weekday", "product"]
Status = Literal["known", "undecided", "insufficient_data"]
SPAN, LOOKED_AT = timedelta(days=365), 2_000
"""So far back, and at so many of the latest points of contact, is looked."""
LEAST: Mapping[Aspect, int] = {"channel": 5, "part_of_day": 5, "weekday": 8, "product": 3}
"""So many observations it takes."""
KEYS: Mapping[Aspect, PreferenceKey] = {
    "channel": "channel",
    "part_of_day": "time",
    "weekday": "time",
    "product": "product",
}
_CHANNELS: Mapping[str, str] = {
    "call": "phone",
    "email": "email",
    "message": "message",
    "letter": "post",
    **dict.fromkeys(("meeting", "visit", "demo"), "in_person"),
}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_PARTS = ((6, "night"), (12, "morning"), (17, "afternoon"), (22, "evening"), (24, "night"))
_Z = 1.959964
_INBOUND = """
    SELECT kind, date_trunc('hour', at AT TIME ZONE $6) AS hour, count(*) AS number
    FROM (
        SELECT kind, at, direction FROM touchpoint_parties
        WHERE organization_id = $1 AND party_id = $2 AND party_kind = $3
            AND at > $4 AND at <= $5 AND entity = ANY($7::text[])
        ORDER BY at DESC, touchpoint_id DESC LIMIT $8) latest
    WHERE direction = 'in' GROUP BY 1, 2
"""


class Observations:
    """What is seen of a customer, of the kinds of records that an actor may read."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def of(
        self, kind: Literal["company", "contact"], id: UUID, as_of: datetime | None = None
    ) -> list[dict[str, Any]]:
        """Each aspect with its value, how sure it is, and of how many observations."""
        rows = await self._inbound(kind, id, as_of or self.tx.now)
        channels = Counter[str]()
        for row in rows:
            if (channel := _CHANNELS.get(row["kind"] or "")) is not None:
                channels[channel] += row["number"]
        # Of one visit there may be several entries: an hour of a day counts once.
        hours: set[datetime] = {row["hour"] for row in rows}
        parts = Counter(part_of_day(at.hour) for at in hours)
        days = Counter(_WEEKDAYS[at.weekday()] for at in hours)
        return [
            seen("channel", channels, channels.total()),
            seen("part_of_day", parts, parts.total()),
            seen("weekday", days, days.total()),
            seen("product", *await self._products(kind, id, as_of)),
        ]

    async def _inbound(self, kind: str, id: UUID, until: datetime) -> Sequence[Any]:
        own, zone = self.tx.organization_id, self.tx.actor.time_zone
        entities = Timeline(self.tx).readable()
        values = (own, id, kind, until - SPAN, until, zone, entities, LOOKED_AT)
        return await self.tx.fetch(_INBOUND, *values)

    async def _products(
        self, kind: str, id: UUID, as_of: datetime | None
    ) -> tuple[Counter[str], int]:
        """In how many orders there was each product, as the actor sees them, and of how many."""
        section = next((one for one in Declared.sections if one.name == "products"), None)
        if section is None or not all(self.tx.actor.covers(f"{a}:read") for a in section.areas):
            return Counter(), 0
        companies, contacts = ((id,), ()) if kind == "company" else ((), (id,))
        try:
            data: Any = await section.load(self.tx, Customer(companies, contacts, as_of))
        except (Forbidden, ModuleClosed):
            return Counter(), 0
        named: Counter[str] = Counter()
        orders: set[Any] = set()
        for one in data or ():
            ids = set(one["order_ids"])
            named[one["name"]] += len(ids)
            orders |= ids
        return named, len(orders)


def part_of_day(hour: int) -> str:
    """What an hour belongs to: the morning begins at 6, the afternoon at 12, the evening at 17."""
    return next(name for end, name in _PARTS if hour < end)


def seen(aspect: Aspect, counted: Mapping[str, int], sample: int) -> dict[str, Any]:
    """What some counts come to, of so many observations."""
    found: dict[str, Any] = {
        "aspect": aspect,
        "key": KEYS[aspect],
        "status": "insufficient_data",
        "value": None,
        "confidence": None,
        "sample": sample,
        "least": LEAST[aspect],
    }
    if sample < LEAST[aspect]:
        return found
    (value, most), *others = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    if others and others[0][1] == most:
        return {**found, "status": "undecided"}
    return {**found, "status": "known", "value": value, "confidence": confidence(most, sample)}


def confidence(most: int, sample: int) -> int:
    """The lower bound of the Wilson score interval of a share at 95 %, in per cent."""
    share, square = most / sample, _Z * _Z
    spread = _Z * math.sqrt(share * (1 - share) / sample + square / (4 * sample * sample))
    return math.floor(100 * (share + square / (2 * sample) - spread) / (1 + square / sample))
