"""What goes on between two days: campaigns, and what parts above add to them."""

from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any

from crm_api.domains.campaigns.repository import CAMPAIGNS
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden, Invalid
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.visibility import among, sight_of

Item = dict[str, Any]
Source = Callable[[Tx, date, date], Awaitable[list[Item]]]
"""What goes on between two days, as `CalendarItem`s that the actor sees."""
SOURCES: list[Source] = []
LONGEST = 366
# Without days of its own a campaign is where it was launched, or is to be.
_CAMPAIGNS = """
    SELECT id, kind, name, status, channel, purpose, begins AS starts_on, ends AS ends_on FROM (
        SELECT c.id, c.level AS kind, c.name, c.status, c.channel, c.purpose, d.begins,
            greatest(d.begins, coalesce(
                (c.ended_at AT TIME ZONE $4)::date, c.ends_on, d.begins)) AS ends
        FROM campaigns c CROSS JOIN LATERAL (
            SELECT coalesce(c.starts_on, (coalesce(c.launched_at, c.launch_at)
                AT TIME ZONE $4)::date) AS begins) d
        WHERE c.organization_id = $1 AND c.deleted_at IS NULL) shown
    WHERE begins <= $3 AND ends >= $2
    ORDER BY begins, id
"""
_TOLD = frozenset(
    {"level", "name", "status", "channel", "starts_on", "ends_on", "launch_at", "launched_at"}
    | {"ended_at"}
)


def need_span(since: date, until: date) -> None:
    """Raise `Invalid` where two days are in the wrong order, or far apart."""
    if until < since:
        raise Invalid.parameter("to", "before_start", "It ends before it begins.")
    if (until - since).days >= LONGEST:
        raise Invalid.parameter("to", "too_long", f"At most {LONGEST} days.")


async def seen_of(tx: Tx, listing: Listing, told: frozenset[str], rows: list[Any]) -> list[Item]:
    """Those of some rows whose records the actor sees; raises `Forbidden`."""
    tx.actor.require(f"{listing.area}:read")
    if not tx.actor.hidden(listing.entity).isdisjoint(told):
        raise Forbidden("What calendars tell is hidden from you.", code="hidden_field")
    seen = await among(tx, listing, sight_of(tx.actor, listing), [row["id"] for row in rows])
    return [dict(row) for row in rows if row["id"] in seen]


async def campaigns_between(tx: Tx, since: date, until: date) -> list[Item]:
    """The campaigns that the actor sees, each with its days."""
    zone = tx.actor.time_zone
    rows = await tx.fetch(_CAMPAIGNS, tx.organization_id, since, until, zone)
    return await seen_of(tx, CAMPAIGNS, _TOLD, list(rows))


async def calendar_of(tx: Tx, since: date, until: date) -> dict[str, Any]:
    """What goes on, and on which days."""
    need_span(since, until)
    items = await campaigns_between(tx, since, until)
    for source in SOURCES:
        items += await source(tx, since, until)
    items = sorted(items, key=lambda one: (one["starts_on"], str(one["id"])))
    names = ("kind", "id", "name", "status", "channel", "starts_on", "ends_on")
    days = [since + timedelta(days=n) for n in range((until - since).days + 1)]
    return {
        "items": [{name: one[name] for name in names} for one in items],
        "days": [
            {"day": day, "ids": ids}
            for day in days
            if (ids := [o["id"] for o in items if _on(o, day)])
        ],
    }


def _on(one: Item, day: date) -> bool:
    return one["starts_on"] <= day and (one["ends_on"] is None or day <= one["ends_on"])
