"""The secret addresses at which calendars read the bookings of resources."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from crm_api.domains.scheduling.documents import Meeting, feed
from crm_api.domains.scheduling.repository import BOOKINGS
from crm_api.domains.scheduling.resources import ResourceService
from crm_api.domains.scheduling.times_models import ResourceFeed
from crm_api.kit.actor import Actor, missing_right
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import NotFound
from crm_api.kit.query.visibility import ALL, sight_of
from crm_api.kit.secret_links import SecretLinks, nothing_there

PAST, AHEAD = timedelta(days=31), timedelta(days=366)
MOST = 2000
_OPENING = """
    SELECT f.secret_hash, f.resource_id FROM resource_feeds f
    WHERE f.organization_id = $1 AND f.id = $2
"""
LINKS = SecretLinks("bookings", "resource feed", _OPENING)
_OF = """
    SELECT created_at, last_used_at, tells_titles FROM resource_feeds
    WHERE organization_id = $1 AND resource_id = $2
"""
_FORGET = "DELETE FROM resource_feeds WHERE organization_id = $1 AND resource_id = ANY($2)"
_NAMED = """
    SELECT r.name, f.tells_titles FROM resource_feeds f
    JOIN resources r ON r.organization_id = $1 AND r.id = f.resource_id
    WHERE f.organization_id = $1 AND f.id = $2 AND r.deleted_at IS NULL
"""
_BOOKED = """
    SELECT b.id, b.title, b.status, b.starts_at, b.ends_at, b.sequence, b.created_at, b.updated_at
    FROM booking_allocations a
    JOIN bookings b ON b.organization_id = $1 AND b.id = a.booking_id
    WHERE a.organization_id = $1 AND a.resource_id = $2 AND a.is_active
        AND (a.hold_expires_at IS NULL OR a.hold_expires_at > $3)
        AND a.ends_at > $4 AND a.starts_at < $5
    ORDER BY b.starts_at, b.id LIMIT $6
"""
_USED = """
    UPDATE resource_feeds SET last_used_at = now()
    WHERE organization_id = $1 AND id = $2
        AND (last_used_at IS NULL OR last_used_at < now() - interval '1 hour')
"""


class ResourceFeeds:
    """The feeds of resources; each has one at the most."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.resources = ResourceService(tx)

    async def get(self, id: UUID) -> dict[str, Any]:
        """That there is one, and when it was used last; raises `NotFound`."""
        self.resources.need("read")
        await self.resources.records.row(id)
        rows = await self.tx.fetch(_OF, self.tx.organization_id, id)
        if not rows:
            raise NotFound("There is no calendar feed.", code="no_calendar_feed")
        return dict(rows[0])

    async def make(self, id: UUID, *, tells_titles: bool) -> dict[str, Any]:
        """A new address, told this once; one that was there opens nothing any more.

        To tell what bookings are called takes the right to read all of them.
        """
        self.resources.need("update")
        if tells_titles and sight_of(self.tx.actor, BOOKINGS) != ALL:
            raise missing_right("bookings:read")
        self.tx.confidential = True
        # Of two at once the later one's address holds.
        await self.resources.records.get(id, lock=True)
        own = self.tx.organization_id
        await self.tx.write(_FORGET, own, [id])
        feed_id, token, hashed = LINKS.make(self.tx.database, own)
        told = {"created_at": self.tx.now, "last_used_at": None, "tells_titles": tells_titles}
        row = {"id": feed_id, "resource_id": id, "secret_hash": hashed, **told}
        self.tx.insert(ResourceFeed, row)
        return {**told, "token": token, "path": f"/public/resource-feeds/{token}.ics"}

    async def revoke(self, id: UUID) -> None:
        """Have the address open nothing any more; without one nothing happens."""
        self.resources.need("update")
        await self.resources.records.get(id, lock=True)
        await self.tx.write(_FORGET, self.tx.organization_id, [id])


async def feed_actor(
    database: Database, token: str, address: str | None
) -> tuple[Actor, UUID, UUID]:
    """Who reads what a token opens, the feed's id and the resource's.

    Raises `NotFound`, `TooMany`.
    """
    organization_id, id, row = await LINKS.open(database, token, address)
    scopes = frozenset({"resources:read", "bookings:read"})
    return Actor(organization_id, "system", id, scopes), id, row["resource_id"]


async def feed_of(tx: Tx, id: UUID, resource_id: UUID) -> tuple[bytes, str]:
    """The bookings of a resource as a document, with its entity tag; raises `NotFound`."""
    own = tx.organization_id
    rows = await tx.fetch(_NAMED, own, id)
    if not rows:
        raise nothing_there()
    await tx.write(_USED, own, id)
    between = (tx.now - PAST, tx.now + AHEAD)
    found = await tx.fetch(_BOOKED, own, resource_id, tx.now, *between, MOST)
    name, tells = rows[0]["name"], rows[0]["tells_titles"]
    document = feed(name, [_meeting(one, tells_titles=tells) for one in found])
    return document, f'"{hashlib.sha256(document).hexdigest()[:32]}"'


def _meeting(row: Any, *, tells_titles: bool) -> Meeting:
    meeting = Meeting(**dict(row))
    return meeting if tells_titles else replace(meeting, title="Busy")


async def forget_resource_feeds(tx: Tx, entity: str, ids: Sequence[UUID]) -> None:
    """Destroy the addresses of resources that were destroyed."""
    if entity == "resource":
        await tx.write(_FORGET, tx.organization_id, list(ids))
